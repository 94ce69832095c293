"""Stale information: any balancer, by a bulletin board that is brought up to date now and then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import PrivateAttr

from simcluster.cluster import Node
from simcluster.engine import Environment, Open, Period, Program, Spec
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
        self._board.env, self._board.next_s = node.env, node.env.now + self.update_s
        copies = self._board.copied(replicas)
        if (run := getattr(self.balancer, "run", None)) is not None:
            yield from run(node, name, copies)

    def heard(self, view: ReplicaView, latency_s: float | None, now_s: float) -> None:
        """A request has ended: the other balancer will hear of it."""
        heard = self._board.heard
        heard.pop(view.name, None)  # in the order of the last
        heard[view.name] = latency_s

    def __call__(self, query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
        """The choice of the other balancer."""
        board = self._board
        if board.env is not None and (now_s := board.env.now) >= board.next_s:
            board.next_s += self.update_s * (1 + (now_s - board.next_s) // self.update_s)
            board.update(getattr(self.balancer, "heard", None), now_s)
        return self.balancer(query, board.copies.of(replicas, board.copied), generator)


class _Board:
    """A copy of what the front end knows of each replica."""

    __slots__ = ("_copies", "copies", "env", "heard", "next_s")

    def __init__(self) -> None:
        self.env: Environment | None = None
        self.next_s = 0.0
        self.heard: dict[str, float | None] = {}  # since the last update
        self.copies: PerSet[tuple[ReplicaView, ...]] = PerSet()
        self._copies: dict[str, tuple[ReplicaView, ReplicaView]] = {}

    def copied(self, replicas: Sequence[ReplicaView]) -> tuple[ReplicaView, ...]:
        """The copies of these, made where there are none yet."""
        for view in replicas:
            if view.name not in self._copies:
                self._copies[view.name] = view, ReplicaView(view.name, view.zone)
                _write(*self._copies[view.name])
        return tuple(self._copies[view.name][1] for view in replicas)

    def update(self, hears: Hears | None, now_s: float) -> None:
        """Bring all copies up to date."""
        for view, copy in self._copies.values():
            _write(view, copy)
        heard, self.heard = self.heard, {}
        if hears is not None:
            for name, latency_s in heard.items():
                if name in self._copies:
                    hears(self._copies[name][1], latency_s, now_s)


def _write(view: ReplicaView, copy: ReplicaView) -> None:
    copy.outstanding, copy.suspected = view.outstanding, view.suspected
    copy.latency_s, copy.heard_s = view.latency_s, view.heard_s
