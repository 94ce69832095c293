"""Properties: what a run must show, and whether it had anything to show.

A property is a function of a result. It yields once for each check that it makes: ``None`` where all is well, else what
is broken. One that yields nothing has checked nothing, which is not the same as having held::

    def reads_see_writes(result):
        for row in result.trace.rows("read"):
            yield None if row["version"] >= acknowledged else Broken("a read must see every write", row)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar


class Ran(Protocol):
    """What a run gave."""

    @property
    def digest(self) -> str:
        """The fingerprint of the run's trace."""
        ...

    @property
    def ended(self) -> str:
        """How it ended: "finished", at the "horizon", or in a "deadlock"."""
        ...


R = TypeVar("R", bound=Ran)


@dataclass(frozen=True, slots=True)
class Broken:
    """A check that fails: its rule, and the record of the trace that shows it (``None``: the run as a whole).

    Two failures are the same when their rules are, so a rule is said without times and numbers.
    """

    rule: str
    record: Mapping[str, Any] | None = None


Property = Callable[[R], Iterable[Broken | None]]
"""Yields once for each check that it makes of a result, ``None`` or what is broken."""


@dataclass(frozen=True, slots=True)
class Vacuous:
    """A run of which a property checked nothing, and how it ended."""

    ended: str


def examine(holds: Property[R], result: R) -> Broken | Vacuous | int:
    """The first check that fails; else that there was none, or how many there were.

    Raises ``TypeError`` for a property that yields something else.
    """
    found = holds(result)
    if isinstance(found, str) or not isinstance(found, Iterable):
        raise TypeError(f"a property must yield None or Broken(rule) for each check that it makes, got {found!r}")
    checks = 0
    for check in found:
        if isinstance(check, Broken):
            return check
        if check is not None:
            raise TypeError(f"a check of a property must be None or Broken(rule), got {check!r}")
        checks += 1
    return checks or Vacuous(result.ended)


class NothingChecked(AssertionError):
    """A property of which nobody knows whether it holds, because no run showed it anything to check."""


@dataclass
class Tally:
    """How many runs there were in which nothing was broken, and how those ended in which nothing was checked."""

    runs: int = 0
    vacuous: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Vacuous | int | None) -> None:
        """Count a run."""
        self.runs += 1
        if isinstance(outcome, Vacuous):
            self.vacuous[outcome.ended] += 1

    def require_checks(self) -> None:
        """Raise ``NothingChecked`` when there were runs and all of them were vacuous."""
        if self.runs and self.vacuous.total() == self.runs:
            raise NothingChecked(f"a property must check something in some run, got {self}")

    def __str__(self) -> str:
        said = f"{self.runs} runs in which nothing broke"
        if not self.vacuous:
            return said
        ends = ", ".join(f"{count} ended {_HOW.get(end, end)}" for end, count in sorted(self.vacuous.items()))
        return f"{said}, of which {self.vacuous.total()} checked nothing ({ends})"


_HOW = {"finished": "with their job", "horizon": "at the horizon", "deadlock": "in a deadlock"}
