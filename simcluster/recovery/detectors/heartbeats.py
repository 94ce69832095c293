"""Failure detection by heartbeats: each peer says again and again that it lives, and silence is judged by a rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from pydantic import model_validator

from simcluster.cluster import Cluster, Node
from simcluster.engine import Count, Event, Period, Program, Spec
from simcluster.recovery.detectors.suspicion import AnySuspicion, Timeout
from simcluster.recovery.detectors.watch import WINDOW, Watch


class Heartbeats(Spec):
    """Every peer sends a heartbeat each ``period_s``; who watches looks as often whether somebody is suspected.

    A peer sends none while its program is not running: it has been killed, or has not come up yet. Who watches and was
    paused itself judges nobody before it has heard what came meanwhile.
    """

    kind: Literal["heartbeats"] = "heartbeats"
    period_s: Period = 0.1
    """The interval between heartbeats, by the peer's own clock."""
    suspicion: AnySuspicion = Timeout()
    """When silence means that somebody is gone."""
    window: Count = WINDOW
    """How many times of hearing are remembered of each peer."""

    @model_validator(mode="after")
    def _waits_for_the_next(self) -> Heartbeats:
        if isinstance(self.suspicion, Timeout) and self.suspicion.after_s <= self.period_s:
            rule = f"suspicion must wait longer than a period of {self.period_s} s"
            raise ValueError(f"{rule}, got {self.suspicion.after_s} s")
        return self

    def start(self, cluster: Cluster, program: str, watcher: str, peers: Sequence[str], over: Event) -> None:
        """Let the peers send; one that several watch has a heart for each."""
        beat = partial(_beat, detector=self, program=program, watcher=watcher, over=over)
        for peer in peers:
            heart = f"{program}.heart"
            cluster[peer].boot(beat, f"{heart}.{watcher}" if heart in cluster[peer].programs else heart)

    def run(
        self, node: Node, program: str, peers: Sequence[str], tell: Callable[[str, bool], None], over: Event
    ) -> Program:
        """Listen; whoever has not been heard yet counts as heard at the beginning."""
        watch = Watch(self.suspicion, peers, node.clock.monotonic(), tell, window=self.window)
        kind = f"{program}.heartbeat"
        beat, tick, began_s = node.receive(kind), node.timer(self.period_s), node.clock.monotonic()
        while not over.triggered:
            happened = yield beat | tick
            if beat in happened:
                watch.hear(happened[beat].source, node.clock.monotonic())
                beat = node.receive(kind)
            if tick in happened:
                now_s = node.clock.monotonic()
                if now_s < began_s + 2 * self.period_s:  # else this node has slept, and the silence may be its own
                    watch.look(now_s)
                tick, began_s = node.timer(self.period_s), now_s


def _beat(node: Node, *, detector: Heartbeats, program: str, watcher: str, over: Event) -> Program:
    while not over.triggered:
        if node.is_running(program):
            node.send(watcher, f"{program}.heartbeat")
        yield node.timer(detector.period_s)
