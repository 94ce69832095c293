"""Room: the cores and the memory of one node, given to tasks in the order in which they ask."""

from __future__ import annotations

import math
from collections import deque

from simcluster.engine import Environment, Event


class Turn:
    """What a task has asked for; ``given`` happens when it has it, and is ``None`` where it has it at once."""

    __slots__ = ("cores", "given", "memory_bytes")

    def __init__(self, cores: int, memory_bytes: float) -> None:
        self.cores, self.memory_bytes = cores, memory_bytes
        self.given: Event | None = None


class Room:
    """So many cores and bytes; nobody overtakes, so that a task that needs much comes to its turn.

    But for who asks to be ``ahead``, as the tasks of a gang do: behind another task, which waits for the cores that one
    of its gang holds here, it would wait for ever.
    """

    def __init__(self, env: Environment, cores: int, memory_bytes: float | None) -> None:
        self._env, self._cores = env, cores
        self._memory_bytes = math.inf if memory_bytes is None else memory_bytes
        self._ahead: deque[Turn] = deque()
        self._waiting: deque[Turn] = deque()
        self._inside: dict[Turn, None] = {}

    def ask(self, cores: int, memory_bytes: float, ahead: bool = False) -> Turn:
        """Take so much, at once or when those before have left."""
        turn = Turn(cores, memory_bytes)
        if not self._ahead and (ahead or not self._waiting) and self._has(turn):
            self._give(turn)
        else:
            turn.given = Event(self._env)
            (self._ahead if ahead else self._waiting).append(turn)
        return turn

    def leave(self, turn: Turn) -> None:
        """Give it back, or ask no more."""
        if turn in self._inside:
            del self._inside[turn]
            self._cores += turn.cores
        else:
            (self._ahead if turn in self._ahead else self._waiting).remove(turn)
        while (waiting := self._ahead or self._waiting) and self._has(waiting[0]):
            turn = waiting.popleft()
            self._give(turn)
            assert turn.given is not None
            turn.given.succeed()

    def _give(self, turn: Turn) -> None:
        self._inside[turn] = None
        self._cores -= turn.cores

    def _has(self, turn: Turn) -> bool:
        if turn.cores > self._cores:
            return False
        if not turn.memory_bytes:
            return True
        return math.fsum([turn.memory_bytes, *(each.memory_bytes for each in self._inside)]) <= self._memory_bytes
