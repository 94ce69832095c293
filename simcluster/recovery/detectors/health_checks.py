"""Failure detection by health checks: each peer is asked again and again, and its answers are counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from pydantic import model_validator

from simcluster.cluster import UNANSWERED, Cluster, Node
from simcluster.engine import Count, Event, Period, Program, Spec


class HealthChecks(Spec):
    """Who watches asks each peer every ``period_s``, and believes several answers in a row, or none, only.

    A peer is suspected after ``failures`` checks in a row without an answer, and no longer after ``successes`` with one
    (hysteresis): one that answers now and then does not come and go with each. It answers while its program is
    running, by a program of its own, however much it has to do.
    """

    kind: Literal["health_checks"] = "health_checks"
    period_s: Period = 0.1
    """The interval from one check to the next, by the clock of who watches."""
    timeout_s: Period = 0.05
    """How long an answer may take."""
    failures: Count = 3
    """After how many checks in a row without an answer a peer is suspected."""
    successes: Count = 2
    """After how many with one it is no longer."""

    @model_validator(mode="after")
    def _one_at_a_time(self) -> HealthChecks:
        if self.timeout_s > self.period_s:
            raise ValueError(f"timeout_s must be at most period_s = {self.period_s}, got {self.timeout_s}")
        return self

    def start(self, cluster: Cluster, program: str, watcher: str, peers: Sequence[str], over: Event) -> None:
        """Let the peers answer, whoever asks."""
        health = f"{program}.health"
        for peer in peers:
            if health not in cluster[peer].programs:
                cluster[peer].boot(partial(_answer, program=program), health)

    def run(
        self, node: Node, program: str, peers: Sequence[str], tell: Callable[[str, bool], None], over: Event
    ) -> Program:
        """Check all peers; whoever has not been checked yet is not suspected."""
        for peer in peers:
            node.spawn(self._check(node, f"{program}.health", peer, tell, over))
        yield from ()

    def _check(self, node: Node, kind: str, peer: str, tell: Callable[[str, bool], None], over: Event) -> Program:
        suspected, against = False, 0  # checks in a row that say the opposite
        while not over.triggered:
            next_check = node.timer(self.period_s)
            try:
                yield node.request(peer, kind, timeout_s=self.timeout_s)
            except UNANSWERED:
                failed = True
            else:
                failed = False
            against = against + 1 if failed != suspected else 0
            if against == (self.successes if suspected else self.failures):
                suspected, against = failed, 0
                tell(peer, suspected)
            yield next_check


def _answer(node: Node, *, program: str) -> Program:
    while True:
        asked = yield node.receive(f"{program}.health")
        if node.is_running(program):
            node.reply(asked)
