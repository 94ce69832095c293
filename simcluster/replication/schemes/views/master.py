"""The master: it watches the copies, and lets a new view take the place of one in which somebody is silent."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Annotated, Any

from pydantic import Field

from simcluster.cluster import Node
from simcluster.engine import NUMBER, Event, NodeName, NotNegative, Period, Program, Spec
from simcluster.recovery import AnyDetector
from simcluster.recovery.detectors import Heartbeats, Timeout
from simcluster.replication.answers import Answers
from simcluster.replication.journal import Journal
from simcluster.replication.protocols import Replicas
from simcluster.replication.schemes.views.view import Position, View

Needed = Callable[[int], int]
"""Of how many copies of so many the master must have heard, so that one of them has all that was acknowledged."""


class Views(Spec):
    """A master on a node of its own that says who holds a copy, and whom a detector tells who is silent.

    A view is replaced at once as long as its first member lives. Else the others are fenced: they promise to take
    nothing of an older epoch, and say how far they have come; the foremost of enough of them is the first member of the
    next. While the master is down nothing changes.
    """

    master: NodeName
    """The node of the master, best one of its own."""
    detector: AnyDetector = Heartbeats(period_s=0.03, suspicion=Timeout(after_s=0.15))
    """How the master notices that a copy is silent."""
    period_s: Period = 0.05
    """How often the master says which view there is."""
    lease_s: NotNegative = 0.0
    """How long a copy that was told that its view is the last may take that for true (0: it asks each time)."""
    drift: Annotated[float, Field(ge=0, lt=1), NUMBER] = 0.01
    """By how much, at most, rates of clocks are taken to err; the master waits longer by it, and beyond it errs."""

    def start(self, replicas: Replicas, needed: Needed) -> None:
        """Boot the master."""
        replicas.cluster[self.master].boot(
            lambda node: Master(node, self, replicas, needed).run(), replicas.kind("master")
        )
        self.detector.start(
            replicas.cluster, replicas.kind("replica"), self.master, replicas.names, replicas.over
        )


class Master:
    """What the master remembers: the views since the last that all its members are known to have taken over."""

    def __init__(self, node: Node, views: Views, replicas: Replicas, needed: Needed) -> None:
        self._node, self._views, self._replicas, self._needed = node, views, replicas, needed
        self._open = [View(0, replicas.names)]
        self._suspected: dict[str, bool] = {}
        self._fenced = True  # whether somebody may refuse the last view, as nobody knows after a crash
        self._leased_s = 0.0  # until when somebody may take an older view for the last
        self._journal = Journal(node, replicas.kind("views"), lambda: [tuple(self._open)])
        self._record = node.cluster.trace.recorder("view", "epoch", "members")

    @property
    def view(self) -> View:
        """The last."""
        return self._open[-1]

    def run(self) -> Program:
        """Say which view there is, again and again, and see whether there must be another."""
        node, kind = self._node, self._replicas.kind
        for views in (yield from self._journal.restore()):
            self._open = [View(*view) for view in views]
        self._leased_s = node.clock.monotonic() + self._wait_s()  # what was promised before a crash is not known
        names, over = self._replicas.names, self._replicas.over
        node.spawn(self._journal.run())
        node.spawn(self._views.detector.run(node, kind("replica"), names, self._suspect, over))
        node.spawn(self._answer())
        while not over.triggered:
            for name in names:
                node.send(name, kind("view"), self.view)
            yield node.timer(self._views.period_s)
            yield from self._consider()

    def _suspect(self, name: str, suspected: bool) -> None:
        self._suspected[name] = suspected

    def _answer(self) -> Program:
        """Take note of views that have been taken over, and tell who asks whether his is the last."""
        node, (took, still, renew) = self._node, map(self._replicas.kind, ("taken_over", "still", "renew"))
        while True:
            message = yield node.receive(took, still, renew)
            if message.kind == still:
                last = message.body == self.view.epoch
                if last:
                    self._leased_s = max(self._leased_s, node.clock.monotonic() + self._wait_s())
                node.reply(message, last)
            elif message.kind == renew:
                self._fenced = self._fenced or message.body == self.view.epoch
            elif message.body == self.view.epoch and len(self._open) > 1:
                self._open = [self.view]
                self._journal.append(tuple(self._open))

    def _wait_s(self) -> float:
        """How long a lease lasts by this clock, if this one is fast and the holder's slow."""
        return self._views.lease_s * (1 + self._views.drift) / (1 - self._views.drift)

    def _consider(self) -> Generator[Event, Any, None]:
        view = self.view
        alive = [name for name in (*view.members, *self._replicas.names) if not self._suspected.get(name)]
        wanted = tuple(dict.fromkeys(alive))
        if not wanted or (wanted == view.members and not self._fenced):
            return
        if wanted[0] != view.first:
            first = yield from self._foremost(wanted)
            if first is None:
                return
            wanted = (first, *(name for name in wanted if name != first))
        yield from self._install(View(view.epoch + 1, wanted))

    def _install(self, view: View) -> Generator[Event, Any, None]:
        self._open = [*self._open, view]
        if self._views.lease_s:  # nobody is told that the view before is the last, from now on
            while (left_s := self._leased_s - self._node.clock.monotonic()) > 1e-9:
                yield self._node.timer(left_s)
        self._journal.append(tuple(self._open))
        yield from self._journal.durable()
        self._record(view.epoch, list(view.members))
        self._fenced = False

    def _foremost(self, alive: tuple[str, ...]) -> Generator[Event, Any, str | None]:
        """Fence those that live; of enough of each view that may have acknowledged something, the foremost."""
        kind, retry_s, self._fenced = self._replicas.kind("fence"), self._replicas.retry_s, True
        answers = Answers(self._node, alive, kind, self.view.epoch + 1, timeout_s=retry_s)
        yield answers.all()
        positions = {name: Position(*body) for name, body in answers.bodies.items()}
        for view in self._open:
            heard = len([name for name in view.members if name in positions])
            if heard < self._needed(len(view.members)):
                return None
        inside = {name: held for name, held in positions.items() if any(name in view.members for view in self._open)}
        return max(inside, key=lambda name: (inside[name], -alive.index(name)), default=None)
