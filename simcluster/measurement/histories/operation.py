"""Operations of clients: what was asked, when, and what came back, the only thing that a checker of consistency reads.

Of the trace it takes two kinds of records, and two more where there are some:

``invoke``: ``process, operation, f, key, value``
    A client asks. ``process`` is who: one thing after another, so that it has one open operation at a time.
    ``operation`` is a number or a word that no other invocation of the run has. ``f`` is what is done (the models'
    words: read, write, cas, …), ``key`` to which key (``None`` where there is one object only), ``value`` with what: of
    a write the value, of a compare-and-set the list of what is expected and what is new, of a transaction a list of
    lists ``[f, key, value]``. A value is ``None``, a truth value, a number, text, or a list of these.
``complete``: ``operation, status, result``
    The client learns. ``status`` is ``ok`` (it happened; ``result`` is what came back, of a read the value),
    ``fail`` (it did not happen, and never will; ``result`` may say why) or ``info`` (nobody knows: it may have
    happened, may yet happen later, or never). An operation that never completes is as one of status ``info``.
``apply``: ``operation, node``
    A replica takes the effect of a write in: the true time, which no client knows.
``fault``: ``fault, name, phase``
    The injector's: a fault begins, or ends.

The first three may have the name of a ``store`` besides, by which those of several stores in one run are told apart.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, NamedTuple

PLAIN = "a number, text, a truth value, None or a tuple of these"
"""What a value may be, in words."""
Plain = None | bool | int | float | str | tuple["Plain", ...]

NEVER = 2**62
"""The position of a completion that never came."""
STATUSES = ("ok", "fail", "info")

INVOKE = ("process", "operation", "f", "key", "value")
"""The fields of a record ``invoke``."""
COMPLETE = ("operation", "status", "result")
"""The fields of a record ``complete``."""
APPLY = ("operation", "node")
"""The fields of a record ``apply``."""


class Operation(NamedTuple):
    """One operation of a client: the fields of its records, and where they stand in the history.

    ``begin`` and ``end`` are the positions of its invocation and its completion among the events of the history: an
    operation precedes another in real time when its ``deadline`` is less than the other's ``begin``. ``end`` is
    ``NEVER`` where no completion came. Times are seconds; ``complete_s`` is infinite without a completion.
    """

    process: Plain
    f: str
    key: Plain = None
    value: Plain = None
    status: str = "info"
    result: Plain = None
    invoke_s: float = 0.0
    complete_s: float = math.inf
    begin: int = 0
    end: int = NEVER
    operation: Plain = None

    @property
    def deadline(self) -> int:
        """The position by which it had happened, if it did: ``NEVER`` where nobody knows whether it has."""
        return NEVER if self.status == "info" else self.end

    def __str__(self) -> str:
        """It in a line, as ``3: cas x (4, 0) → fail``."""
        parts = [self.f, *(str(part) for part in (self.key,) if part is not None)]
        parts += [repr(self.value)] if self.value is not None else []
        nothing = self.result is None and (self.status != "ok" or self.value is not None)
        came = self.status if nothing else f"{self.status} {self.result!r}"
        return f"{self.process}: {' '.join(parts)} → {came}"


class FaultWindow(NamedTuple):
    """From when to when a fault lasted, in seconds; ``end_s`` is infinite where it did not end."""

    name: str
    begin_s: float
    end_s: float


class BadHistory(ValueError):
    """A history that breaks a rule: the line of the file (or the number of the record), the rule, what it got."""

    def __init__(self, line: int, rule: str) -> None:
        self.line = line
        self.rule = rule
        super().__init__(f"line {line}: {rule}")


def is_finite(value: Any) -> bool:
    """Whether it is a number that seconds or amounts can be: no truth value, and no more than a float holds."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def is_plain(value: Any) -> bool:
    """Whether an operation may have this value: a number, text, a truth value, ``None``, or a tuple of these."""
    if isinstance(value, tuple):
        return all(is_plain(part) for part in value)
    return value is None or isinstance(value, str | int | float)
