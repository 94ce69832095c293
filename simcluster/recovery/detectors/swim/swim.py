"""SWIM as a detector: which fields it has, and who takes part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Literal

from pydantic import Field, model_validator

from simcluster.cluster import Cluster, Node
from simcluster.engine import NUMBER, Count, Event, Period, Positive, Program, Seconds, Spec
from simcluster.recovery.detectors.swim.lifeguard import Lifeguard
from simcluster.recovery.detectors.swim.member import Group, Member


class Swim(Spec):
    """Who watches and all peers probe each other, one in a period, and gossip tells all of them who is gone.

    A member pings another; when no acknowledgement has come in ``timeout_s`` it asks ``proxies`` others to ping it, and
    when none has come at the end of the period it suspects it. That is news, which go with pings and acknowledgements;
    whoever hears that it is suspected begins its next incarnation, which is news too, and whoever does not within
    ``suspicion_s`` is gone. What is sent in a period does not grow with the number of members. Source: Das, Gupta &
    Motivala, "SWIM: scalable weakly-consistent infection-style process group membership protocol", DSN 2002, with the
    suspicion of its section 4.2 and the turns of 4.3; and with ``lifeguard`` Dadgar, Phillips & Currey 2018.

    Unlike there, the group stays the same: who is believed to be gone is probed in its turn, but by nobody else, and so
    hears of it when it is back. Each message says the incarnation of its sender, and who has just come is told all
    that is believed. Suspicions are looked at twice in a period. A message has 72 bytes, and 12 for each piece of
    news: 64 of its head, four for its number and a flag, four for the incarnation; a request to ping four more.

    A peer takes part while its program is running. Whoever several watch is a member of as many groups. A member keeps
    of others what has befallen them, and nothing of all the rest.
    """

    kind: Literal["swim"] = "swim"
    period_s: Period = 0.1
    """T', the time between two probes by one member, by its own clock."""
    timeout_s: Positive = 0.03
    """After how long without an acknowledgement others are asked to ping."""
    proxies: Annotated[int, Field(ge=0, le=1000), NUMBER] = 3
    """k, how many are asked; drawn from all."""
    suspicion_s: Seconds = 0.3
    """How long a suspicion lasts before somebody counts as gone; 0 leaves suspicions out."""
    in_turn: bool = True
    """Whether all are probed in turn, in an order that is drawn anew each time, or each time one who is drawn."""
    news: Count = 6
    """How many pieces of news go with a message at most."""
    spread: Annotated[float, Field(gt=0, le=1000), NUMBER] = 3.0
    """λ, how often a member passes news on, in units of the logarithm of how many members there are."""
    lifeguard: Lifeguard | None = None
    """How a member allows for its own slowness, if it does."""

    @model_validator(mode="after")
    def _leaves_time_for_others(self) -> Swim:
        if not 2 * self.timeout_s < self.period_s:
            rule = f"timeout_s must be less than half a period of {self.period_s} s, for there and for a way round"
            raise ValueError(f"{rule}, got {self.timeout_s} s")
        return self

    def start(self, cluster: Cluster, program: str, watcher: str, peers: Sequence[str], over: Event) -> None:
        """Let the peers take part."""
        group = self._group(program, watcher, peers, over)
        take_part = partial(_take_part, swim=self, group=group, program=program)
        name = f"{program}.swim"
        for peer in group.members[1:]:
            cluster[peer].boot(take_part, f"{name}.{watcher}" if name in cluster[peer].programs else name)

    def run(
        self, node: Node, program: str, peers: Sequence[str], tell: Callable[[str, bool], None], over: Event
    ) -> Program:
        """Take part, and tell who is gone."""
        group = self._group(program, node.name, peers, over)
        yield from Member(node, self, group, lambda: True, tell).run()

    def _group(self, program: str, watcher: str, peers: Sequence[str], over: Event) -> Group:
        members = tuple(dict.fromkeys((watcher, *peers)))
        places = {name: place for place, name in enumerate(members)}
        return Group(f"{program}.swim.{watcher}", members, places, over)


def _take_part(node: Node, *, swim: Swim, group: Group, program: str) -> Program:
    yield from Member(node, swim, group, lambda: node.is_running(program)).run()
