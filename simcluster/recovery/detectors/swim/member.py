"""A member of a group that runs SWIM: it probes, answers, and asks for others."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simcluster.cluster import Message, Node
from simcluster.cluster.messages.message import HEADER_BYTES
from simcluster.engine import Event, Program, stream
from simcluster.recovery.detectors.swim.lifeguard import Lifeguard, suspicion_s
from simcluster.recovery.detectors.swim.membership import FAULTY, Membership, Update

if TYPE_CHECKING:
    from simcluster.recovery.detectors.swim.swim import Swim

NO_LIFEGUARD = Lifeguard(health=0, confirmations=0, patience=1.0, buddy=False)
MESSAGE_BYTES = HEADER_BYTES + 8.0
"""A number and a flag, and the incarnation of who sends it, four bytes each."""
UPDATE_BYTES = 12.0
"""A member, its incarnation and state, and who says so, four bytes each."""
ASK_BYTES = 4.0
"""Who is to be pinged."""


@dataclass(frozen=True)
class Group:
    """Those who probe each other, and what they call their messages."""

    name: str
    members: tuple[str, ...]
    places: dict[str, int]
    over: Event

    def kinds(self) -> tuple[str, str, str, str]:
        """Of a ping, of a request to ping somebody, of an acknowledgement, and of saying that none has come."""
        return f"{self.name}.ping", f"{self.name}.ping_req", f"{self.name}.ack", f"{self.name}.nack"


class Member:
    """The member on ``node``, which takes part while ``takes_part()`` says so; ``tell`` as a ``Detector``'s."""

    def __init__(
        self,
        node: Node,
        swim: Swim,
        group: Group,
        takes_part: Callable[[], bool],
        tell: Callable[[str, bool], object] | None = None,
    ) -> None:
        self._node, self._swim, self._group, self._takes_part = node, swim, group, takes_part
        self._guard, self._count = swim.lifeguard or NO_LIFEGUARD, len(group.members)
        self._own = own = group.places[node.name]
        passes = math.ceil(swim.spread * math.log(self._count + 1))
        self._known = Membership(
            own, passes, swim.news, self._guard.confirmations, self._guard.buddy,
            (lambda *_: None) if tell is None else lambda place, gone: tell(group.members[place], gone),
        )  # fmt: skip
        # A node that has crashed must not take what was meant for it before for what it asks now.
        self._generator = stream(node.cluster.seed, "swim", group.name, node.name, node.crashes)
        self._number = int(self._generator.integers(2**30))
        self._ping, self._ping_req, self._ack, self._nack = group.kinds()
        self._target, self._answered, self._fresh = own, True, True
        self._health, self._silent = 0, 0  # how bad it is; proxies that have said nothing yet
        self._relayed, self._relays = 0, dict[int, tuple[int, int]]()  # by number: who asked, and by which number
        self._turn = self._step = self._from = 0

    def run(self) -> Program:
        """Probe one member each period, until all is over."""
        node, swim, over = self._node, self._swim, self._group.over
        node.spawn(self._listen())
        yield node.timer(swim.period_s * self._generator.random())  # members do not march in step
        while not over.triggered:
            slower = 1 + self._health
            if self._count == 1 or not self._takes_part():
                self._fresh = True
                yield node.timer(swim.period_s)
                continue
            self._target, self._answered, self._silent = self._next(), False, 0
            self._number += 1
            self._send(self._ping, self._target, self._number, self._fresh)
            yield node.timer(swim.timeout_s * slower)
            if not self._answered:
                self._ask_others()
            self._give_up()
            yield node.timer((swim.period_s - swim.timeout_s) * slower)
            if self._takes_part():
                self._conclude()
                self._give_up()

    def _next(self) -> int:
        """Who is probed next: a walk in equal steps from a place that is drawn, round all members; or just drawn."""
        while True:
            if not self._swim.in_turn:
                place = int(self._generator.integers(self._count))
            else:
                if self._turn == 0:
                    self._from = int(self._generator.integers(self._count))
                    self._step = 1 + int(self._generator.integers(self._count - 1))
                    while math.gcd(self._step, self._count) > 1:
                        self._step = 1 + int(self._generator.integers(self._count - 1))
                place = (self._from + self._step * self._turn) % self._count
                self._turn = (self._turn + 1) % self._count
            if place != self._own:
                return place

    def _ask_others(self) -> None:
        """Let others ping who has not answered; not whom one knows to be gone, who is only pinged to hear of it."""
        if self._known.state(self._target) == FAULTY or self._count < 3:
            return
        drawn = self._generator.permutation(self._count)[: self._swim.proxies + 2].tolist()
        proxies = [place for place in drawn if place not in (self._own, self._target)][: self._swim.proxies]
        self._silent = len(proxies)
        for proxy in proxies:
            self._send(self._ping_req, proxy, self._number, self._target)

    def _conclude(self) -> None:
        """The period is over: what has the probe said of the other, and of oneself?"""
        worse = -1
        if not self._answered:
            if self._known.state(self._target) == FAULTY:
                return
            self._known.suspect(self._target, self._node.clock.monotonic())
            worse = 1 + self._silent
        self._worsen(worse)

    def _worsen(self, by: int) -> None:
        self._health = min(max(self._health + by, 0), self._guard.health)

    def _give_up(self) -> None:
        if self._known.doubts:
            self._known.give_up(self._node.clock.monotonic(), self._lasts_s)

    def _lasts_s(self, confirmed: int) -> float:
        least_s = self._swim.suspicion_s
        return suspicion_s(
            confirmed, min(self._guard.confirmations, self._count - 2), least_s, self._guard.patience * least_s
        )

    # What others say

    def _listen(self) -> Program:
        node, kinds, ping = self._node, self._group.kinds(), self._ping
        while True:
            message: Message = yield node.receive(*kinds)
            source = self._group.places.get(message.source)
            if source is None or not self._takes_part():
                continue
            number, code, news, *rest = message.body
            if news or code != self._known.codes.get(source, 0):
                self._learn(((source, code, source), *news))
            if message.kind == ping:
                all_of_it = self._known.everything() if rest[0] else ()
                self._send(self._ack, source, number, news=all_of_it)
            elif message.kind == self._ack:
                self._acknowledged(source, number, code)
            elif message.kind == self._ping_req:
                node.spawn(self._relay(source, number, rest[0]))
            elif number == self._number:
                self._silent -= 1

    def _learn(self, news: tuple[Update, ...]) -> None:
        now_s = self._node.clock.monotonic()
        for update in news:
            if self._known.take(update, now_s):
                self._worsen(1)

    def _acknowledged(self, source: int, number: int, code: int) -> None:
        if number == self._number:
            self._answered, self._fresh = True, False
        elif (asked := self._relays.pop(number, None)) is not None:
            self._send(self._ack, *asked, news=((source, code, source),))

    def _relay(self, asker: int, number: int, target: int) -> Program:
        """Ping somebody for somebody else, and say when no answer has come that he would have had in time."""
        self._relayed -= 1  # these have numbers below 0
        own = self._relayed
        self._relays[own] = asker, number
        self._send(self._ping, target, own, False)
        yield self._node.timer(self._swim.timeout_s)
        if own in self._relays and self._swim.lifeguard is not None:
            self._send(self._nack, asker, number)
        yield self._node.timer(self._swim.period_s - self._swim.timeout_s)
        self._relays.pop(own, None)

    def _send(self, kind: str, to: int, number: int, *rest: Any, news: tuple[Update, ...] = ()) -> None:
        said = (*news, *self._known.pick(to))
        size_bytes = MESSAGE_BYTES + UPDATE_BYTES * len(said) + (ASK_BYTES if kind == self._ping_req else 0.0)
        self._node.send(self._group.members[to], kind, (number, self._known.code, said, *rest), size_bytes=size_bytes)
