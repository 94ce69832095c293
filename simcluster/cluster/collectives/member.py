"""A member of an all-reduce: one node's end of sums over all members, which no crash and no loss changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simcluster.cluster.collectives.ring import ring
from simcluster.cluster.collectives.rounds import Algorithm, Blocks, Round
from simcluster.engine import Program
from simcluster.kernels import Call, Cost

if TYPE_CHECKING:
    from simcluster.cluster.messages.message import Message
    from simcluster.cluster.node import Node

_NOTHING: Blocks = (0, 0)
_ANYTHING = -1  # the number of no sum: whoever is asked to repeat a part of it has a newer state


class Member:
    """What a program holds that adds up arrays with its peers, one sum after the other, each with its ``number``.

    All ``members`` are nodes whose programs make one of the same arguments, let ``answer`` run beside it
    (``node.spawn(member.answer())``), and then again and again compute an array and ``yield from`` ``add_up`` of it,
    and ``advance`` with the state that they have come to: plain data, the same for all. A program that has been booted
    anew begins with the ``number`` and the state that it has kept, or the first, and may ``rejoin``.

    Nothing is acknowledged. A member that waits ``retry_s`` for a part asks for it again; its peer repeats it and what
    it has sent it since, or, when it is further on, sends its state instead, and the member goes on from there. Parts
    have the number of the sum and of the round, so one that comes twice is taken once. A member can be overtaken by one
    sum while all live, for a sum needs all of them, and by any number of sums while it is down.

    A part of n numbers is one message of ``80 + 8·n`` bytes: the header, its two numbers and what it brings.
    """

    def __init__(
        self, node: Node, members: Sequence[str], name: str, algorithm: Algorithm, retry_s: float, state: Any
    ) -> None:
        self._node, self._members, self._retry_s = node, members, retry_s
        self._place = members.index(node.name)
        self._algorithm = algorithm
        self._rounds: dict[int, tuple[Round, ...]] = {}  # by the size of the array, which is hardly ever another
        self._own = (self._place + 1) % len(members)  # the block that a ring leaves here when it is added up
        self._part, self._state, self._repeat = f"{name}.part", f"{name}.state", f"{name}.repeat"
        self._sent: dict[int, tuple[str, Any]] = {}  # of the sum that is under way, by round: to whom, and what
        self._arrived: dict[tuple[int, int], Any] = {}  # by sum and round: a peer may be ahead
        #: The blocks that came last and are in the array as they came: what is frozen is passed on without a copy.
        self._passing: tuple[tuple[Blocks, int], Any] | None = None
        self.number, self.state = 0, state

    def add_up(self, values: NDArray[np.float64]) -> Program:
        """Steps whose value is the sum of the ``values`` of all members, of any one shape, the same bits for all.

        Or ``None``: the peers have that sum already; ``number`` and ``state`` are now those of one of them.
        """
        total = np.array(values, dtype=np.float64).reshape(-1)
        self._sent.clear()
        done = yield from self._run(total, 0, len(self._rounds_of(total)))
        return total.reshape(values.shape) if done else None

    def collect(self, values: NDArray[np.float64]) -> Program:
        """Steps whose value is what all members have given, one row for each, in their order; nothing is added up.

        Or ``None``, as ``add_up``. The algorithm has to be one by which each sends nothing but its own, at once.
        """
        parts = np.zeros((len(self._members), *values.shape))
        parts[self._place] = values
        rounds = self._rounds_of(parts)
        if any(each.adds or each.sends != (self._place, self._place + 1) for each in rounds):
            raise ValueError(f"algorithm must be everyone to collect, got {_named(self._algorithm)}")
        self._sent.clear()
        self._passing = None
        for place, each in enumerate(rounds):  # none of them needs what another brings
            self._give(place, each, parts)
        for place, each in enumerate(rounds):
            if not (yield from self._take(place, each, parts)):
                return None
        return parts

    def scatter(self, values: NDArray[np.float64], turn: int = 0) -> Program:
        """Steps whose value is a block of the sum, and the place of its first row: the first half of a ring.

        Blocks are cut along the first axis of ``values``. Or ``None``, as ``add_up``; ``gather`` is to follow. Both
        may be done several times, ``turn`` after turn, as one sum with one number.
        """
        if self._algorithm is not ring:
            raise ValueError(f"algorithm must be ring to scatter and to gather, got {_named(self._algorithm)}")
        total = np.array(values, dtype=np.float64)
        if not turn:
            self._sent.clear()
        begin, half = self._half(total, turn)
        if not (yield from self._run(total, begin, begin + half)):
            return None
        here = _slice((self._own, self._own + 1), len(self._members), len(total))
        return total[here], here.start

    def gather(self, part: NDArray[np.float64], turn: int = 0) -> Program:
        """Steps whose value is what all members make of their blocks, of one shape each, in the order of blocks.

        Or ``None``, as ``add_up``.
        """
        parts = np.zeros((len(self._members), *part.shape))
        parts[self._own] = part
        begin, half = self._half(parts, turn)
        done = yield from self._run(parts, begin + half, begin + 2 * half)
        return parts if done else None

    def advance(self, state: Any) -> None:
        """The sum has been made use of, and led to ``state``."""
        self._go_to(self.number + 1, state)

    def rejoin(self) -> Program:
        """Ask the others, one after the other, until one says where they are; go on from there if that is further on.

        When nobody answers within ``retry_s`` they may be down too: then it goes on with what it has.
        """
        for other in (*self._members[self._place + 1 :], *self._members[: self._place]):
            self._node.send(other, self._repeat, (_ANYTHING, 0))
            message = yield from self._await(self._state)
            if message is not None:
                number, state = message.body
                if number > self.number:
                    self._go_to(number, state)
                return

    def answer(self) -> Program:
        """Repeat what peers ask for; whoever is behind gets the state. Runs as long as the node's program."""
        while True:
            message: Message = yield self._node.receive(self._repeat)
            number, place = message.body
            if number < self.number:
                self._node.send(message.source, self._state, (self.number, self.state))
            elif number == self.number:
                for later, (target, part) in self._sent.items():
                    if later >= place and target == message.source:  # it may have lost them all, if it was down
                        self._node.send(target, self._part, (number, later, part))

    def _run(self, array: NDArray[np.float64], first: int, behind: int) -> Program:
        """Do these rounds on ``array``; whether they were done, and no state has come instead."""
        rounds = self._rounds_of(array)
        self._passing = None
        for place in range(first, behind):
            each = rounds[place % len(rounds)]
            self._give(place, each, array)
            if not (yield from self._take(place, each, array)):
                return False
        return True

    def _give(self, place: int, each: Round, array: NDArray[np.float64]) -> None:
        if each.target is not None:
            blocks = each.sends, each.blocks
            if self._passing is not None and self._passing[0] == blocks:
                part = self._passing[1]
            else:
                part = array[_slice(*blocks, len(array))]
            target = self._members[each.target]
            sent = self._node.send(target, self._part, (self.number, place, part))
            self._sent[place] = target, sent.body[2]  # not the message, which Python would look at for cycles

    def _take(self, place: int, each: Round, array: NDArray[np.float64]) -> Program:
        if each.source is not None:
            part = yield from self._receive(place, self._members[each.source])
            if part is None:
                return False
            blocks = each.takes, each.blocks
            here = array[_slice(*blocks, len(array))]
            if each.adds:
                self._passing = None
                yield self._node.compute(_add(part, here))
            else:
                self._passing = blocks, part
                here[...] = part
        return True

    def _receive(self, place: int, source: str) -> Program:
        """The part that ``source`` sends in a round, or ``None`` when its state has come instead."""
        node, arrived, wanted = self._node, self._arrived, (self.number, place)
        while wanted not in arrived:
            receive = node.receive(self._part, self._state)
            yield receive | node.timer(self._retry_s)
            message = receive.value if receive.triggered else None
            if message is None:
                node.send(source, self._repeat, wanted)
            elif message.kind == self._part:
                number, its_place, part = message.body
                if number == self.number and its_place == place:
                    return part
                if number >= self.number:
                    arrived[number, its_place] = part
            elif message.body[0] > self.number:
                self._go_to(*message.body)
                return None
        return arrived.pop(wanted)

    def _await(self, *kinds: str) -> Program:
        """The next message of these kinds, or ``None`` after ``retry_s``."""
        receive = self._node.receive(*kinds)
        yield receive | self._node.timer(self._retry_s)
        return receive.value if receive.triggered else None

    def _go_to(self, number: int, state: Any) -> None:
        self.number, self.state = number, state
        self._sent.clear()
        self._arrived = {key: part for key, part in self._arrived.items() if key[0] >= number}

    def _rounds_of(self, array: NDArray[np.float64]) -> tuple[Round, ...]:
        found = self._rounds.get(array.nbytes)
        if found is None:
            found = self._rounds[array.nbytes] = self._algorithm(self._place, len(self._members), array.nbytes)
        return found

    def _half(self, array: NDArray[np.float64], turn: int) -> tuple[int, int]:
        """Where a turn's rounds begin, and how many of them scatter."""
        count = len(self._rounds_of(array))
        return turn * count, count // 2


def _named(algorithm: Algorithm) -> str:
    return getattr(algorithm, "__name__", repr(algorithm))


def _slice(blocks: Blocks, of: int, size: int) -> slice:
    first, behind = blocks
    return slice(size * first // of, size * behind // of)


def _add(one: NDArray[np.float64], other: NDArray[np.float64]) -> Call[NDArray[np.float64]]:
    """The sum of both in the memory of the second; which of the two comes first changes no bit."""
    return Call(lambda: np.add(one, other, out=other), Cost(flops=float(one.size), bytes=24.0 * one.size))
