"""Hedged requests: who is slow to answer is not waited for alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PrivateAttr

from simcluster.engine import NUMBER, Program, Spec
from simcluster.serving.resilience.calls.budget import AnyBudget
from simcluster.serving.resilience.calls.hedge_delays import AnyHedgeDelay, Quantile
from simcluster.serving.resilience.calls.race import race
from simcluster.serving.resilience.protocols import Latencies, Purse

if TYPE_CHECKING:
    from simcluster.serving.shard_call import ShardCall


class Hedge(Spec):
    """A call that has no answer after a ``delay`` is sent to one more replica, and the first answer counts.

    The others are given up: a server whose queue has one forgets it. Source: J. Dean and L. A. Barroso, "The tail at
    scale", CACM 56(2), 2013.
    """

    kind: Literal["hedge"] = "hedge"
    twice: ClassVar[bool] = True
    delay: AnyHedgeDelay = Quantile()
    """After how long there is one more."""
    copies: Annotated[int, Field(ge=2, le=100), NUMBER] = 2
    """How many there are at most, the first included."""
    budget: AnyBudget | None = None
    """How many hedges all calls of a front end may have together (``None``: any number)."""
    _latencies: Latencies | None = PrivateAttr(None)
    _purse: Purse | None = PrivateAttr(None)

    def refuses(self, inner: tuple[object, ...], replicas: int) -> str | None:
        """Why these policies cannot stand within it, or ``None``."""
        if any(getattr(policy, "twice", False) for policy in inner):
            return "of hedge and tied one must be there at most, for copies of copies multiply"
        return "hedge needs a second replica of each shard, got 1" if replicas < 2 else None

    def __call__(self, call: ShardCall, ask: Callable[[], Program]) -> Program:
        """The first answer of the copies."""
        if self._latencies is None:
            self._latencies = self.delay.begin()
            self._purse = self.budget.begin() if self.budget is not None else None
        if self._purse is not None:
            self._purse.earn(call.now_s)
        begin_s, delay_s = call.now_s, self._latencies.delay_s()
        if delay_s is None:
            answer = yield from ask()
        else:
            copies = [ask] * self.copies
            (answer,) = yield from race(call, copies, gap_s=delay_s, why="hedge", may=lambda: self._may(call))
        self._latencies.heard(call.now_s - begin_s)
        return answer

    def _may(self, call: ShardCall) -> bool:
        return self._purse is None or self._purse.spend(call.now_s)
