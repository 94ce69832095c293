"""A node among its neighbours: arrays between those that are linked, step after step, which no crash changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simcluster.engine import Program

if TYPE_CHECKING:
    from simcluster.cluster.messages.message import Message
    from simcluster.cluster.node import Node


class Neighbourhood:
    """What a program holds that gives its neighbours an array in each step, and takes theirs; all have their own state.

    Each program lets ``answer`` run beside it (``node.spawn(neighbourhood.answer())``), and then again and again calls
    ``tell`` and does ``yield from hear``, which goes on to the next step: ``number`` says which. A program that has
    been booted anew does ``begin`` at the number that it has kept, or at 0, and does its steps again, which have to be
    the same steps.

    That is rollback and replay by the senders' logs (Johnson & Zwaenepoel, "Sender-based message logging", FTCS 1987):
    all remember what they have told since they began, so the steps of any that was down can be done again. What a log
    has lost with its node comes back when that does its own steps again: whoever is asked for more than it remembers,
    because it has begun later than at 0, has ``forgotten`` it, and its program has to begin anew at 0. A member that
    waits ``retry_s`` for a neighbour asks it to repeat what it has told since; what comes twice is taken once.

    An array of n numbers is one message of ``72 + 8·n`` bytes to each neighbour: the header, its number and itself.
    """

    def __init__(self, node: Node, neighbours: Sequence[str], name: str, retry_s: float) -> None:
        self._node, self._neighbours, self._retry_s = node, tuple(neighbours), retry_s
        self._part, self._repeat = f"{name}.part", f"{name}.repeat"
        self._told: dict[int, Any] = {}
        self._arrived: dict[tuple[int, str], Any] = {}
        self._first = self.number = 0
        self.forgotten = False

    def begin(self, number: int) -> None:
        """Go on from this step, and ask all neighbours to repeat what they have told since."""
        self._first = self.number = number
        self._told.clear()
        self._arrived.clear()
        self.forgotten = False
        for neighbour in self._neighbours:
            self._node.send(neighbour, self._repeat, number)

    def tell(self, values: NDArray[np.float64]) -> None:
        """Give all neighbours this step's array."""
        body: Any = (self.number, values)
        for neighbour in self._neighbours:
            body = self._node.send(neighbour, self._part, body).body  # frozen: the next one shares its memory
        self._told[self.number] = body

    def hear(self) -> Program:
        """Steps whose value is this step's arrays of the neighbours, in their order; they go on to the next step.

        Or ``None``, where something is ``forgotten``.
        """
        heard = []
        for neighbour in self._neighbours:
            while (self.number, neighbour) not in self._arrived:
                receive = self._node.receive(self._part)
                yield receive | self._node.timer(self._retry_s)
                if self.forgotten:
                    return None
                if not receive.triggered:
                    self._node.send(neighbour, self._repeat, self.number)
                    continue
                message: Any = receive.value
                number, values = message.body
                if number >= self.number:
                    self._arrived[number, message.source] = values
            heard.append(self._arrived[self.number, neighbour])
        self.number += 1
        self._arrived = {key: values for key, values in self._arrived.items() if key[0] >= self.number}
        return heard

    def answer(self) -> Program:
        """Repeat what neighbours ask for. Runs as long as the node's program."""
        while True:
            message: Message = yield self._node.receive(self._repeat)
            self.forgotten = self.forgotten or message.body < self._first
            for number, body in self._told.items():
                if number >= message.body:
                    self._node.send(message.source, self._part, body)
