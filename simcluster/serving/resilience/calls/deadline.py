"""Deadlines: when nobody wants an answer any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from simcluster.cluster import TimedOut
from simcluster.engine import Period, Program, Spec
from simcluster.serving.resilience.calls.race import race

if TYPE_CHECKING:
    from simcluster.serving.shard_call import ShardCall


class DeadlinePassed(TimedOut):
    """Nobody waits for the answer any more."""

    cause = "deadline"


class Deadline(Spec):
    """A query is given up ``within_s`` of its arrival, with all that is under way for it.

    Where it is ``carried``, requests say so to the servers, whose queue passes over those that nobody waits for (gRPC's
    deadline propagation). It is a moment of simulated time: whatever a machine's own clock says.
    """

    kind: Literal["deadline"] = "deadline"
    within_s: Period
    """How long after its arrival a query is given up."""
    carried: bool = True
    """Whether servers are told."""

    @property
    def carries(self) -> bool:
        """Whether requests say more than what is asked."""
        return self.carried

    def refuses(self, inner: tuple[object, ...], replicas: int) -> str | None:
        """Why these policies cannot stand within it, or ``None``."""
        if any(isinstance(policy, Deadline) for policy in inner):
            return "deadline must stand once in resilience: that of one attempt is timeout_s"
        return None

    def __call__(self, call: ShardCall, ask: Callable[[], Program]) -> Program:
        """The answer, if it comes in time."""
        call.deadline_s = call.query.arrival_s + self.within_s
        left_s = call.deadline_s - call.now_s
        if left_s > 0:
            answered: tuple[Any] | None = yield from race(call, [ask], within_s=left_s)
            if answered is not None:
                return answered[0]
        raise DeadlinePassed(f"no answer within {self.within_s} s of the query's arrival")
