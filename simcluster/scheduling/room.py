"""Room: the cores and the memory of one node, given to tasks in the order in which they ask."""

from __future__ import annotations

import math
from collections import deque

from simcluster.engine import Environment, Event


class Turn:
    """What a task has asked for; ``given`` happens when it has it."""

    __slots__ = ("cores", "given", "memory_bytes")

    def __init__(self, given: Event, cores: int, memory_bytes: float) -> None:
        self.given, self.cores, self.memory_bytes = given, cores, memory_bytes


class Room:
    """So many cores and bytes; nobody overtakes, so that a task that needs much comes to its turn."""

    def __init__(self, env: Environment, cores: int, memory_bytes: float | None) -> None:
        self._env, self._cores = env, cores
        self._memory_bytes = math.inf if memory_bytes is None else memory_bytes
        self._waiting: deque[Turn] = deque()
        self._inside: dict[Turn, None] = {}

    def ask(self, cores: int, memory_bytes: float) -> Turn:
        """Take so much, at once or when those before have left."""
        turn = Turn(Event(self._env), cores, memory_bytes)
        self._waiting.append(turn)
        self._admit()
        return turn

    def leave(self, turn: Turn) -> None:
        """Give it back, or ask no more."""
        if turn in self._inside:
            del self._inside[turn]
            self._cores += turn.cores
        else:
            self._waiting.remove(turn)
        self._admit()

    def _admit(self) -> None:
        while self._waiting:
            turn = self._waiting[0]
            if turn.cores > self._cores or not self._has_memory(turn.memory_bytes):
                return
            self._waiting.popleft()
            self._inside[turn] = None
            self._cores -= turn.cores
            turn.given.succeed()

    def _has_memory(self, size_bytes: float) -> bool:
        if not size_bytes:
            return True
        return math.fsum([size_bytes, *(turn.memory_bytes for turn in self._inside)]) <= self._memory_bytes
