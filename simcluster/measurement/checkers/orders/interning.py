"""States and kinds of operations as numbers, so that a compiled search runs any model."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from simcluster.measurement.histories import Operation


class OutOfMemory(Exception):
    """The states of a model have more bytes than they may."""


class Interned:
    """The operations of one search, and the states that it has met, as numbers; ``step`` is what the search calls.

    Operations are of one kind when the model cannot tell them apart. The first state is 0.
    """

    def __init__(self, model: Any, operations: Sequence[Operation], memory_bytes: int) -> None:
        self._model = model
        self._left = memory_bytes
        self._numbers: dict[Hashable, int] = {}
        self.states: list[Any] = []
        self._kinds: dict[Hashable, int] = {}
        self._of_kind: list[Operation] = []
        quiet = getattr(model, "quiet", None)
        self.kinds = np.array([self._kind(each) for each in operations], dtype=np.int64)
        quiet_kinds = np.array([bool(quiet and quiet(each)) for each in self._of_kind], dtype=np.int64)
        self.quiet = quiet_kinds[self.kinds] if len(operations) else np.zeros(0, dtype=np.int64)
        self._state(model.init())

    def _kind(self, operation: Operation) -> int:
        result = operation.result if operation.status == "ok" else None
        known = (operation.f, operation.key, operation.value, operation.status, result)
        # 1, 1.0 and True are equal, and to some model not the same.
        found = self._kinds.setdefault((known, repr(known)), len(self._of_kind))
        if found == len(self._of_kind):
            self._of_kind.append(operation)
        return found

    def _state(self, state: Any) -> int:
        found = self._numbers.setdefault(state, len(self.states))
        if found == len(self.states):
            self.states.append(state)
            self._left -= sys.getsizeof(state) + 120  # its places in the list and in the table
            if self._left < 0:
                raise OutOfMemory
        return found

    def step(self, state: int, kind: int) -> int:
        """The number of the next state, −1 where the step cannot be."""
        may, then = self._model.step(self.states[state], self._of_kind[kind])
        return self._state(then) if may else -1
