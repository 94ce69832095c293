"""What one member believes of all, and the news that it passes on: no clock, no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

ALIVE, SUSPECTED, FAULTY = range(3)
STATES = 3

Update = tuple[int, int, int]
"""A member by its place, the code of what is said of it, and the place of who said so first."""


def state_of(code: int) -> int:
    """Which of the states a code says.

    A code is 3 × incarnation + state, so of two the greater holds: a later incarnation before an earlier, and in one
    incarnation faulty before suspected before alive. Only a member itself begins its next incarnation.
    """
    return code % STATES


@dataclass(slots=True)
class Doubt:
    """Since when a member is suspected, and by whom, each of whom came to it by a probe of his own."""

    since_s: float
    who: list[int] = field(default_factory=list)


class Membership:
    """The beliefs of the member at ``own``, which are what is greatest of all that it has been told.

    So updates may come in any order, late, and twice. Only what differs from a first incarnation that is alive takes
    any room. ``tell`` is told the place of each member that becomes faulty, or is so no longer. An update is passed on
    ``passes`` times, in messages of at most ``most``. ``confirmations`` others may join a suspicion, and be passed on.
    """

    def __init__(
        self, own: int, passes: int, most: int, confirmations: int, buddy: bool, tell: Callable[[int, bool], object]
    ) -> None:
        self.own, self.code = own, ALIVE
        self.codes: dict[int, int] = {}
        self.doubts: dict[int, Doubt] = {}
        self._news: dict[Update, int] = {}  # how often each has been passed on
        self._passes, self._most, self._confirmations, self._tell = passes, most, confirmations, tell
        self._first = SUSPECTED if buddy else FAULTY  # from which state on a member hears first that it is in it

    def state(self, member: int) -> int:
        """What is believed of a member."""
        return state_of(self.codes.get(member, ALIVE))

    def take(self, update: Update, now_s: float) -> bool:
        """Believe what is greater than what was believed; whether it was about oneself, and had to be refuted."""
        member, code, who = update
        if member == self.own:
            return self._take_own(code)
        known = self.codes.get(member, ALIVE)
        if code > known:
            self.codes[member] = code
            self.doubts.pop(member, None)
            if state_of(code) == SUSPECTED:
                self.doubts[member] = Doubt(now_s, [who])
            self._pass_on(update)
            if (state_of(code) == FAULTY) != (state_of(known) == FAULTY):
                self._tell(member, state_of(code) == FAULTY)
        elif code == known and state_of(code) == SUSPECTED:
            doubters = self.doubts[member].who
            if who not in doubters and len(doubters) <= self._confirmations:
                doubters.append(who)
                self._news[update] = 0
        return False

    def suspect(self, member: int, now_s: float) -> None:
        """A probe of one's own has failed: suspect it, or confirm what others suspect."""
        code = self.codes.get(member, ALIVE)
        if state_of(code) != FAULTY:
            self.take((member, code - state_of(code) + SUSPECTED, self.own), now_s)

    def give_up(self, now_s: float, lasts_s: Callable[[int], float]) -> None:
        """Believe those to be faulty who are suspected for so long, by how many have confirmed it."""
        for member, doubt in list(self.doubts.items()):
            if now_s - doubt.since_s >= lasts_s(len(doubt.who) - 1):
                self.take((member, self.codes[member] + FAULTY - SUSPECTED, self.own), now_s)

    def pick(self, reader: int) -> tuple[Update, ...]:
        """What to say to a member: what it must refute, and then the news that have been said least often."""
        if not self.codes and not self._news:
            return ()
        code = self.codes.get(reader, ALIVE)
        first = ((reader, code, self.own),) if state_of(code) >= self._first else ()
        chosen = sorted(self._news, key=self._news.__getitem__)[: self._most - len(first)]
        for update in chosen:
            self._news[update] += 1
            if self._news[update] >= self._passes:
                del self._news[update]
        return (*first, *chosen)

    def everything(self) -> tuple[Update, ...]:
        """All that is believed, for somebody who has just come."""
        return tuple(self._all())

    def _all(self) -> Iterator[Update]:
        for member, code in self.codes.items():
            doubt = self.doubts.get(member)
            yield member, code, self.own if doubt is None else doubt.who[0]

    def _take_own(self, code: int) -> bool:
        if code <= self.code:
            return False
        refuted = state_of(code) != ALIVE  # else it is what one was before one's node crashed
        self.code = code - state_of(code) + STATES * refuted
        if refuted:
            self._pass_on((self.own, self.code, self.own))
        return refuted

    def _pass_on(self, update: Update) -> None:
        for old in [old for old in self._news if old[0] == update[0]]:
            del self._news[old]
        self._news[update] = 0
