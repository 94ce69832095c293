"""Retries: a call that failed is made again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import PrivateAttr

from simcluster.cluster import UNANSWERED
from simcluster.engine import Count, Program, Spec
from simcluster.serving.resilience.calls.backoff import AnyBackoff, FullJitter
from simcluster.serving.resilience.calls.budget import AnyBudget
from simcluster.serving.resilience.protocols import Purse

if TYPE_CHECKING:
    from simcluster.serving.shard_call import ShardCall


class Retry(Spec):
    """A call is attempted up to ``attempts`` times, with a wait between them, as long as its deadline and a budget let.

    Each attempt goes to a replica that this call has not asked yet, if there is one. Who asks again after a time-out
    may have it done twice: of a service that is not ``idempotent`` only what certainly was not done is asked again.
    """

    kind: Literal["retry"] = "retry"
    attempts: Count = 3
    """How many at most, the first included."""
    backoff: AnyBackoff = FullJitter(base_s=0.05)
    """How long to wait before the next."""
    budget: AnyBudget | None = None
    """How many retries all calls of a front end may have together (``None``: any number)."""
    _purse: Purse | None = PrivateAttr(None)

    def refuses(self, inner: tuple[object, ...], replicas: int) -> str | None:
        """Why these policies cannot stand within it, or ``None``."""
        if any(isinstance(policy, Retry) for policy in inner):
            return "retry must stand once in resilience, for attempts of attempts multiply"
        return None

    def __call__(self, call: ShardCall, ask: Callable[[], Program]) -> Program:
        """Attempts until one is answered, or there may be no more."""
        if self.budget is not None and self._purse is None:
            self._purse = self.budget.begin()
        if self._purse is not None:
            self._purse.earn(call.now_s)
        attempt, waited_s = 1, 0.0
        while True:
            try:
                return (yield from ask())
            except UNANSWERED as failure:
                if attempt >= self.attempts or not (failure.definite or call.idempotent):
                    raise
                waited_s = self.backoff(attempt, waited_s, call.generator)
                if call.deadline_s is not None and call.now_s + waited_s >= call.deadline_s:
                    raise  # nobody would want the answer
                if self._purse is not None and not self._purse.spend(call.now_s):
                    raise
            if waited_s > 0:
                yield call.node.timer(waited_s)
            attempt += 1
            call.why = "retry"
