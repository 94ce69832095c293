"""The state machine that strong schemes replicate: keys and values, and what each client was told last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from simcluster.replication.protocols import Operation

OPERATIONS = ("read", "write", "cas", "append", "increment", "decrement")
"""What it can do."""

Answer = tuple[str, Any]
"""("done", what the operation gave) or ("refused", why)."""


class Command(NamedTuple):
    """An operation, and whose it is: what a log holds and a request carries."""

    client: int
    number: int
    f: str
    key: str
    value: Any

    @classmethod
    def of(cls, client: int, operation: Operation) -> Command:
        """What a client asks."""
        return cls(client, operation.number, operation.f, operation.key or "", operation.value)


class StateMachine:
    """Keys and values, changed by one command after another.

    A client asks one operation after another, each with a higher number than the last. Of each the last answer is kept,
    so that a command that comes twice is done once and answered twice (Ongaro's thesis, section 6.3). ``applied`` is
    told the number of each that changes something.
    """

    def __init__(self, applied: Callable[[int], object] = lambda number: None) -> None:
        self.values: dict[str, Any] = {}
        self.answered: dict[int, tuple[int, Answer]] = {}
        self._applied = applied

    def apply(self, command: Command) -> Answer | None:
        """Do it, once; the answer, or ``None`` when it is older than the last of its client, who awaits none."""
        client, number, f, key, value = command
        last = self.answered.get(client)
        if last is not None and last[0] >= number:
            return last[1] if last[0] == number else None
        answer = self._do(number, f, key, value)
        self.answered[client] = (number, answer)
        return answer

    def read(self, key: str) -> Answer:
        """What a read gives; it changes nothing, and need not be kept."""
        return "done", self.values.get(key)

    @property
    def state(self) -> tuple[Any, ...]:
        """All of it, as plain data."""
        return tuple(self.values.items()), tuple(self.answered.items())

    def become(self, state: tuple[Any, ...]) -> None:
        """Take the place of another, whose ``state`` this is."""
        self.values, self.answered = dict(state[0]), dict(state[1])

    def _do(self, number: int, f: str, key: str, value: Any) -> Answer:
        there = self.values.get(key)
        gave: Any = None
        if f == "read":
            return "done", there
        if f == "write":
            now = value
        elif f == "cas":
            expected, now = value
            if there != expected:
                return "refused", f"a cas must find what it expects under {key!r}, {expected!r}, got {there!r}"
            gave = True
        elif f == "append":
            if not isinstance(there, tuple | None):
                return "refused", f"an append must find a list under {key!r}, or nothing, got {there!r}"
            now = (*(there or ()), value)
        else:
            if not isinstance(there, int | float | None):
                return "refused", f"an {f} must find a number under {key!r}, or nothing, got {there!r}"
            now = (there or 0) + (value if f == "increment" else -value)
        self.values[key] = now
        self._applied(number)
        return "done", gave
