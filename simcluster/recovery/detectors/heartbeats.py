"""Failure detection by heartbeats: each peer says again and again that it lives, and silence is judged by a rule."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from simcluster.cluster import Cluster, Node
from simcluster.engine import Event, Open, Positive, Program, Spec
from simcluster.recovery.detectors.suspicion import AnySuspicion, Timeout
from simcluster.recovery.protocols import Detector


class Heartbeats(Spec):
    """Every peer sends a heartbeat each ``period_s``; who watches looks as often whether somebody is suspected.

    A heartbeat says that a node lives, not that a program on it does.
    """

    kind: Literal["heartbeats"] = "heartbeats"
    period_s: Positive = 0.1
    """The interval between heartbeats, by the peer's own clock."""
    suspicion: AnySuspicion = Timeout()
    """When silence means that somebody is gone."""
    window: Annotated[int, Field(ge=1)] = 100
    """How many times of hearing are remembered of each peer."""

    def start(self, cluster: Cluster, name: str, watcher: str, peers: Sequence[str], over: Event) -> None:
        """Let the peers send."""
        beat = partial(_beat, detector=self, kind=f"{name}.heartbeat", watcher=watcher, over=over)
        for peer in peers:
            cluster[peer].boot(beat, f"{name}.heart")

    def run(
        self, node: Node, name: str, peers: Sequence[str], tell: Callable[[str, bool], None], over: Event
    ) -> Program:
        """Listen; whoever has not been heard yet counts as heard at the beginning."""
        heard_s = {peer: deque([node.clock.monotonic()], self.window) for peer in peers}
        suspected = dict.fromkeys(peers, False)
        beat, tick = node.receive(f"{name}.heartbeat"), node.timer(self.period_s)
        while not over.triggered:
            happened = yield beat | tick
            now_s = node.clock.monotonic()
            if beat in happened:
                peer = happened[beat].source
                if peer in heard_s:
                    heard_s[peer].append(now_s)
                    if suspected[peer]:
                        suspected[peer] = False
                        tell(peer, False)
                beat = node.receive(f"{name}.heartbeat")
            if tick in happened:
                for peer in peers:
                    if not suspected[peer] and self.suspicion(heard_s[peer], now_s):
                        suspected[peer] = True
                        tell(peer, True)
                tick = node.timer(self.period_s)


def _beat(node: Node, *, detector: Heartbeats, kind: str, watcher: str, over: Event) -> Program:
    while not over.triggered:
        node.send(watcher, kind)
        yield node.timer(detector.period_s)


AnyDetector = Annotated[Detector, Open(Detector, Heartbeats)]
"""The detector above, or one's own; in a file ``kind`` says which."""
