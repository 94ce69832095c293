"""A member of an all-reduce: one node's end of sums over all members, which no crash and no loss changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simcluster.cluster.collectives.rounds import Algorithm, Blocks, ring
from simcluster.engine import Program
from simcluster.kernels import Call, Cost

if TYPE_CHECKING:
    from simcluster.cluster.message import Message
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
        self._algorithm, self._rounds = algorithm, algorithm(self._place, len(members))
        self._own = (self._place + 1) % len(members)  # the block that a ring leaves here when it is added up
        self._part, self._state, self._repeat = f"{name}.part", f"{name}.state", f"{name}.repeat"
        self._sent: dict[int, Message] = {}  # of the sum that is under way, by round
        self._arrived: dict[tuple[int, int], Any] = {}  # by sum and round: a peer may be ahead
        self.number, self.state = 0, state

    def add_up(self, values: NDArray[np.float64]) -> Program:
        """Steps whose value is the sum of the ``values`` of all members, of any one shape, the same bits for all.

        Or ``None``: the peers have that sum already; ``number`` and ``state`` are now those of one of them.
        """
        total = np.array(values, dtype=np.float64).reshape(-1)
        self._sent.clear()
        done = yield from self._run(total, 0, len(self._rounds))
        return total.reshape(values.shape) if done else None

    def scatter(self, values: NDArray[np.float64], turn: int = 0) -> Program:
        """Steps whose value is a block of the sum, and the place of its first row: the first half of a ring.

        Blocks are cut along the first axis of ``values``. Or ``None``, as ``add_up``; ``gather`` is to follow. Both
        may be done several times, ``turn`` after turn, as one sum with one number.
        """
        if self._algorithm is not ring:
            raise ValueError(f"algorithm must be ring to scatter and to gather, got {self._algorithm.__name__}")
        total = np.array(values, dtype=np.float64)
        if not turn:
            self._sent.clear()
        begin, half = turn * len(self._rounds), len(self._rounds) // 2
        if not (yield from self._run(total, begin, begin + half)):
            return None
        here = self._slice((self._own, self._own + 1), len(total))
        return total[here], here.start

    def gather(self, part: NDArray[np.float64], turn: int = 0) -> Program:
        """Steps whose value is what all members make of their blocks, of one shape each, in the order of blocks.

        Or ``None``, as ``add_up``.
        """
        parts = np.zeros((len(self._members), *part.shape))
        parts[self._own] = part
        begin, half = turn * len(self._rounds), len(self._rounds) // 2
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
                for later, sent in self._sent.items():
                    if later >= place and sent.target == message.source:  # it may have lost them all, if it was down
                        self._node.send(sent.target, self._part, sent.body)

    def _run(self, array: NDArray[np.float64], first: int, behind: int) -> Program:
        """Do these rounds on ``array``; whether they were done, and no state has come instead."""
        node, members, size = self._node, self._members, len(array)
        held, part = _NOTHING, array[:0]  # what came in the last round and is now in the array as it came
        for place in range(first, behind):
            target, sends, source, takes, adds = self._rounds[place % len(self._rounds)]
            if target is not None:
                passed_on = part if sends == held else array[self._slice(sends, size)]  # a frozen one is not copied
                body = (self.number, place, passed_on)
                self._sent[place] = node.send(members[target], self._part, body)
            if source is not None:
                part = yield from self._receive(place, members[source])
                if part is None:
                    return False
                here = array[self._slice(takes, size)]
                if adds:
                    held = _NOTHING
                    yield node.compute(_add(part, here))
                else:
                    held = takes
                    here[...] = part
        return True

    def _receive(self, place: int, source: str) -> Program:
        """The part that ``source`` sends in a round, or ``None`` when its state has come instead."""
        wanted = self.number, place
        while wanted not in self._arrived:
            receive = self._node.receive(self._part, self._state)
            yield receive | self._node.timer(self._retry_s)
            message = receive.value if receive.triggered else None
            if message is None:
                self._node.send(source, self._repeat, wanted)
            elif message.kind == self._part:
                number, its_place, part = message.body
                if number >= self.number:
                    self._arrived[number, its_place] = part
            elif message.body[0] > self.number:
                self._go_to(*message.body)
                return None
        return self._arrived.pop(wanted)

    def _await(self, *kinds: str) -> Program:
        """The next message of these kinds, or ``None`` after ``retry_s``."""
        receive = self._node.receive(*kinds)
        yield receive | self._node.timer(self._retry_s)
        return receive.value if receive.triggered else None

    def _go_to(self, number: int, state: Any) -> None:
        self.number, self.state = number, state
        self._sent.clear()
        self._arrived = {key: part for key, part in self._arrived.items() if key[0] >= number}

    def _slice(self, blocks: Blocks, size: int) -> slice:
        first, behind = blocks
        return slice(size * first // len(self._members), size * behind // len(self._members))


def _add(one: NDArray[np.float64], other: NDArray[np.float64]) -> Call[NDArray[np.float64]]:
    """The sum of both in the memory of the second; which of the two comes first changes no bit."""
    return Call(lambda: np.add(one, other, out=other), Cost(flops=float(one.size), bytes=24.0 * one.size))
