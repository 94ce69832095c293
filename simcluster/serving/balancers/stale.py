"""Stale information: any balancer, by a bulletin board that is brought up to date now and then."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import PrivateAttr

from simcluster.cluster import Node
from simcluster.engine import Environment, Event, Open, Period, Program, Spec
from simcluster.serving.balancers.locality import Locality
from simcluster.serving.balancers.power_of_choices import power_of_two_choices
from simcluster.serving.balancers.sets import PerSet
from simcluster.serving.balancers.single import FUNCTIONS, SINGLE
from simcluster.serving.protocols import Balancer, ReplicaView

Hears = Callable[[ReplicaView, float | None, float], object]


class Stale(Spec):
    """Another balancer that knows of the replicas what was true at the last of its updates, ``update_s`` apart.

    Its own choices since then it does not see either, unless it keeps count itself (periodic update: Mitzenmacher, "How
    useful is old information?", IEEE TPDS 11(1), 2000). Who is suspected, or off, it knows at once. Of several answers
    between two updates it hears the last.
    """

    kind: Literal["stale"] = "stale"
    balancer: Annotated[Balancer, Open(Balancer, *SINGLE, Locality, **FUNCTIONS)] = power_of_two_choices
    """Who chooses."""
    update_s: Period = 0.1
    """The time between updates, the first of which is when the front end comes up."""
    _board: _Board = PrivateAttr(default_factory=lambda: _Board())

    def run(self, node: Node, name: str, replicas: Sequence[ReplicaView]) -> Program:
        """The front end has come up."""
        self._board.begin(node.env, self.update_s, getattr(self.balancer, "heard", None))
        copies = self._board.copied(replicas)
        if (run := getattr(self.balancer, "run", None)) is not None:
            yield from run(node, name, copies)

    def heard(self, view: ReplicaView, latency_s: float | None, now_s: float) -> None:
        """A request has ended: the other balancer will hear of it."""
        self._board.hear(view.name, latency_s)

    def __call__(self, query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
        """The choice of the other balancer."""
        board = self._board
        board.look()
        return self.balancer(query, board.copies.of(replicas, board.copied), generator)


class _Board:
    """A copy of what the front end knows of each replica.

    What is true at an update may be another thing when somebody asks next, so it is written down then; but only where
    anything has happened since the last one, for a service that does nothing shall have no events.
    """

    __slots__ = ("_copies", "_due_s", "_env", "_heard", "_hears", "_next_s", "_update_s", "copies")

    def __init__(self) -> None:
        self.copies: PerSet[tuple[ReplicaView, ...]] = PerSet()
        self._copies: dict[str, tuple[ReplicaView, ReplicaView]] = {}
        self._heard: dict[str, float | None] = {}  # since the last update
        self._env: Environment | None = None
        self._hears: Hears | None = None
        self._update_s = math.inf
        self._next_s = math.inf
        self._due_s = 0.0  # for which update an event has been made

    def begin(self, env: Environment, update_s: float, hears: Hears | None) -> None:
        """The first update is now; ``hears`` is told of what has ended, at each of those to come."""
        self._env, self._update_s, self._hears = env, update_s, hears
        self._next_s = env.now + update_s

    def look(self) -> None:
        """Somebody chooses, so that things change."""
        if self._env is not None:
            if self._env.now >= self._next_s:  # nothing has happened since that update, or it is now
                self._update()
            self._expect()

    def hear(self, name: str, latency_s: float | None) -> None:
        """A request has ended, which changed things."""
        if self._env is not None:
            if self._env.now > self._next_s and self._due_s != self._next_s:
                self._next_s = self._following()  # nothing had happened until that update, so it changed nothing
            self._expect()
        self._heard.pop(name, None)  # in the order of the last
        self._heard[name] = latency_s

    def copied(self, replicas: Sequence[ReplicaView]) -> tuple[ReplicaView, ...]:
        """The copies of these, made where there are none yet."""
        for view in replicas:
            if view.name not in self._copies:
                self._copies[view.name] = view, ReplicaView(view.name, view.zone)
                _write(*self._copies[view.name])
        return tuple(self._copies[view.name][1] for view in replicas)

    def _expect(self) -> None:
        assert self._env is not None
        if self._due_s != self._next_s:
            self._due_s = self._next_s
            due = self._env.timeout(max(0.0, self._next_s - self._env.now))
            due.callbacks.append(partial(self._fall_due, self._next_s))

    def _fall_due(self, due_s: float, event: Event) -> None:
        if due_s == self._next_s:  # else somebody has looked at that very moment
            self._update()

    def _following(self) -> float:
        """When the first update after the present is."""
        assert self._env is not None
        missed = max(0.0, (self._env.now - self._next_s) // self._update_s)
        return self._next_s + self._update_s * (1 + missed)

    def _update(self) -> None:
        """Bring all copies up to date."""
        assert self._env is not None
        self._next_s = self._following()
        for view, copy in self._copies.values():
            _write(view, copy)
        heard, self._heard = self._heard, {}
        if self._hears is not None:
            for name, latency_s in heard.items():
                if name in self._copies:
                    self._hears(self._copies[name][1], latency_s, self._env.now)


def _write(view: ReplicaView, copy: ReplicaView) -> None:
    copy.outstanding, copy.suspected = view.outstanding, view.suspected
    copy.latency_s, copy.heard_s = view.latency_s, view.heard_s
