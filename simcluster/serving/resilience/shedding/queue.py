"""The queue before a server's cores: an order, and rules of who is turned away."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import PrivateAttr

from simcluster.engine import Open, Spec
from simcluster.serving.resilience.protocols import Shed, Shedding
from simcluster.serving.resilience.shedding.codel import CoDel, ControlledDelay
from simcluster.serving.resilience.shedding.limit import LengthLimit
from simcluster.serving.resilience.shedding.orders import AnyOrder, first_come

if TYPE_CHECKING:
    from simcluster.serving.server import Request

EXPIRED = "expired"
"""Why somebody is turned away whose deadline has passed."""

AnyShedding = Annotated[Shedding, Open(Shedding, LengthLimit, CoDel, ControlledDelay)]
"""One of the rules of shedding, or one's own; in a file ``kind`` says which."""


class ServerQueue(Spec):
    """Requests wait for a core in an ``order``, and rules of ``shedding`` may each turn one away.

    Where requests carry their deadline nothing is done for one whose deadline has passed.
    """

    kind: Literal["queue"] = "queue"
    order: AnyOrder = first_come
    """Who is next."""
    shedding: tuple[AnyShedding, ...] = ()
    """Who is turned away; the first rule that says so gives the cause."""
    _rules: list[tuple[Shed, str]] | None = PrivateAttr(None)

    def arrive(self, request: Request, waiting: deque[Request], free: int, now_s: float) -> None:
        """At the end, unless it is turned away."""
        verdicts = [(rule.arrives(len(waiting), free, now_s), cause) for rule, cause in self._begun()]
        if (cause := _first(verdicts)) is None:
            waiting.append(request)
        else:
            request.reject(cause)

    def choose(self, waiting: deque[Request], now_s: float) -> Request | None:
        """The next that is not turned away."""
        rules = self._begun()
        while waiting:
            place = self.order(waiting, now_s)
            request = waiting[place]
            del waiting[place]
            if request.deadline_s is not None and now_s >= request.deadline_s:
                request.reject(EXPIRED)
                continue
            waited_s = now_s - request.came_s
            cause = _first([(rule.begins(waited_s, len(waiting), now_s), cause) for rule, cause in rules])
            if cause is None:
                return request
            request.reject(cause)
        return None

    def _begun(self) -> list[tuple[Shed, str]]:
        if self._rules is None:
            self._rules = [(rule.begin(), rule.cause) for rule in self.shedding]
        return self._rules


def _first(verdicts: list[tuple[bool, str]]) -> str | None:
    """The cause of the first rule that turns a request away; all have been asked, for each must hear of everybody."""
    return next((cause for turned_away, cause in verdicts if turned_away), None)
