"""A history: the operations of all clients in the order of their invocations, from a trace or from other events."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcluster.measurement.histories.operation import (
    NEVER,
    STATUSES,
    BadHistory,
    FaultWindow,
    Operation,
    Plain,
    is_finite,
)

if TYPE_CHECKING:
    from simcluster.engine import Trace


@dataclass(frozen=True)
class History:
    """The operations of clients, in the order of their invocations.

    ``faults`` are the windows of faults beside them. ``applied`` says, of an operation by its id, which replica took
    its effect in and when: true times, which only a simulator knows; empty elsewhere. ``lines`` are where the
    operations were invoked: lines of the file, or numbers of the records.
    """

    operations: tuple[Operation, ...]
    faults: tuple[FaultWindow, ...] = ()
    applied: Mapping[Plain, tuple[tuple[str, float], ...]] = field(default_factory=dict)
    lines: Sequence[int] = field(default=(), repr=False, compare=False)

    @classmethod
    def of(cls, trace: Trace, store: str | None = None) -> History:
        """The history in a run's trace: of its records invoke, complete, apply and fault. Raises ``BadHistory``.

        Of several stores in one run ``store`` names the one; a ``ValueError`` says where there is none of that name.
        """
        rows = trace.rows("invoke", "complete", "apply", "fault")
        if store is None:
            return cls.of_rows(rows)
        known = dict.fromkeys(row["store"] for row in trace.rows("invoke") if "store" in row)
        if store not in known:
            raise ValueError(f"store must be one that was asked something, {list(known)}, got {store!r}")
        return cls.of_rows(row for row in rows if row.get("store", store) == store)

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, Any]]) -> History:
        """The history in records of a trace, of which other kinds are passed over.

        Raises ``BadHistory``, with the number of the record, for one that breaks a rule.
        """
        events = Events()
        for number, row in enumerate(rows, 1):
            events.take_row(number, row)
        return events.history()

    def line(self, place: int) -> int:
        """Where the operation at this place was invoked: its line or record, else the number of the operation."""
        return self.lines[place] if self.lines else place + 1

    def __len__(self) -> int:
        return len(self.operations)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def groups(self, by: Callable[[Operation], Hashable]) -> dict[Any, list[Operation]]:
        """The operations in groups, of a key or a process for example, each in the order of invocation."""
        found: dict[Any, list[Operation]] = {}
        for operation in self.operations:
            found.setdefault(by(operation), []).append(operation)
        return found

    def of_operations(self, operations: Iterable[Operation]) -> History:
        """The same with these operations only."""
        return History(tuple(operations), self.faults, self.applied)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The records of which ``of_rows`` makes the same history again, in their order."""
        events: list[tuple[int, dict[str, Any]]] = []
        for place, each in enumerate(self.operations):
            name = each.operation if each.operation is not None else place
            asked = {"time_s": each.invoke_s, "kind": "invoke", "process": each.process, "operation": name}
            events.append((each.begin, {**asked, "f": each.f, "key": each.key, "value": each.value}))
            if each.end < NEVER:
                came = {"time_s": each.complete_s, "kind": "complete", "operation": name}
                events.append((each.end, {**came, "status": each.status, "result": each.result}))
        others = [
            {"time_s": time_s, "kind": "apply", "operation": name, "node": node}
            for name, taken in self.applied.items()
            for node, time_s in taken
        ]
        for window in self.faults:
            for phase, time_s in (("begin", window.begin_s), ("end", window.end_s)):
                if time_s < math.inf:
                    others.append(
                        {"time_s": time_s, "kind": "fault", "fault": window.name, "name": window.name, "phase": phase}
                    )
        yield from _by_time([row for _, row in sorted(events, key=itemgetter(0))], others)

    def write(self, path: Path | str) -> None:
        """Write the records as JSON Lines, which ``read_history`` reads."""
        with Path(path).open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in self.rows())


def _by_time(events: list[dict[str, Any]], others: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Events in their order, and the other records as soon as their time has come."""
    others.sort(key=lambda row: row["time_s"], reverse=True)
    for event in events:
        while others and others[-1]["time_s"] <= event["time_s"]:
            yield others.pop()
        yield event
    yield from reversed(others)


class Events:
    """Events that come one by one and are put together to operations: the rules that hold for every format.

    ``place`` is where an event stands, a line or the number of a record, for the errors.
    """

    def __init__(self) -> None:
        self._made: list[Operation | None] = []
        self._lines = array("q")
        self._open: dict[Plain, int] = {}  # of each process its open operation
        self._asked: dict[Plain, int] = {}  # each operation that is open, by its id
        self._ids: set[Plain] = set()
        self._pending: dict[int, Operation] = {}
        self._applied: dict[Plain, tuple[tuple[str, float], ...]] = {}
        self._faults: dict[Plain, tuple[str, float]] = {}
        self._windows: list[FaultWindow] = []
        self._events = 0
        self._time_s = -math.inf
        self._store: Any = None

    def __len__(self) -> int:
        return len(self._made)

    def invoke(
        self, place: int, time_s: float, process: Plain, f: str, key: Plain, value: Plain, operation: Plain = None
    ) -> None:
        """A client asks. Raises ``BadHistory`` while it has an open operation, or where the id is not new."""
        if process in self._open:
            raise BadHistory(
                place, f"a process has one open operation at a time, got {f!r} while {process!r} has another open"
            )
        name = len(self._made) if operation is None else operation
        if operation is not None:
            if operation in self._ids:
                raise BadHistory(place, f"an operation is invoked once, got {operation!r} again")
            self._ids.add(operation)
        self._open[process] = self._asked[name] = len(self._made)
        self._pending[len(self._made)] = Operation(
            process, f, key, value, "info", None, time_s, math.inf, self._events, NEVER, name
        )
        self._made.append(None)
        self._lines.append(place)
        self._events += 1

    def complete_of(self, place: int, time_s: float, process: Plain, f: str | None, status: str, result: Plain) -> None:
        """The open operation of a process completes. Raises ``BadHistory`` when it has none, or is another ``f``."""
        if process not in self._open:
            raise BadHistory(place, f"a completion must follow its invocation, got {status!r} of process {process!r}")
        pending = self._pending[self._open[process]]
        if f is not None and f != pending.f:
            raise BadHistory(place, f"a completion must be of the operation that is open ({pending.f!r}), got {f!r}")
        self.complete(place, time_s, pending.operation, status, result)

    def complete(self, place: int, time_s: float, operation: Plain, status: str, result: Plain) -> None:
        """An operation completes. Raises ``BadHistory`` for one that is not open, and for an unknown status."""
        if operation not in self._asked:
            raise BadHistory(place, f"a completion must follow its invocation, got one of operation {operation!r}")
        if status not in STATUSES:
            raise BadHistory(place, f"a status must be one of {', '.join(STATUSES)}, got {status!r}")
        index = self._asked.pop(operation)
        asked = self._pending.pop(index)
        del self._open[asked.process]
        self._made[index] = asked._replace(status=status, result=result, complete_s=time_s, end=self._events)
        self._events += 1

    def fault(self, time_s: float, fault: Plain, name: str, phase: str) -> None:
        """A fault begins or ends."""
        if phase == "begin":
            self._faults[fault] = (name, time_s)
        elif fault in self._faults:
            begun, begin_s = self._faults.pop(fault)
            self._windows.append(FaultWindow(begun, begin_s, time_s))

    def count(self) -> int:
        """How many events there were."""
        return self._events

    def moment(self, place: int, name: str, value: Any) -> float:
        """The seconds of the next event. Raises ``BadHistory`` for no number, and one that is before the last."""
        if not is_finite(value):
            raise BadHistory(place, f"{name} must be a finite number, got {value!r:.80}")
        time_s = float(value)
        if time_s < self._time_s:
            raise BadHistory(place, f"times must not decrease, got {name} {value}, which is before {self._time_s} s")
        self._time_s = time_s
        return time_s

    def no_earlier(self, time_s: float) -> float:
        """The seconds of the next event where its place counts, not its stamp: no less than those of the last."""
        self._time_s = max(time_s, self._time_s)
        return self._time_s

    def has_fault(self, fault: Plain) -> bool:
        """Whether this fault has begun and not ended."""
        return fault in self._faults

    def take_row(self, place: int, row: Mapping[str, Any]) -> None:
        """A record of a trace. Raises ``BadHistory``."""
        kind = row.get("kind")
        if not isinstance(kind, str):
            raise BadHistory(place, f"a record must have a kind, a word, got {kind!r:.80}")
        if kind not in ("invoke", "complete", "apply", "fault"):
            return
        try:
            time_s = self.moment(place, "time_s", row["time_s"])
            if (store := row.get("store", self._store)) != self._store and kind != "fault":
                if self._store is not None:
                    raise BadHistory(place, f"a history is of one store, got {store!r} after {self._store!r}")
                self._store = store
            if kind == "invoke":
                value, key = plain(row["value"]), plain(row["key"])
                self.invoke(place, time_s, plain(row["process"]), str(row["f"]), key, value, plain(row["operation"]))
            elif kind == "complete":
                self.complete(place, time_s, plain(row["operation"]), str(row["status"]), plain(row["result"]))
            elif kind == "apply":
                name = plain(row["operation"])
                self._applied[name] = (*self._applied.get(name, ()), (str(row["node"]), time_s))
            elif row["phase"] not in ("begin", "end"):
                raise BadHistory(place, f"a phase must be begin or end, got {row['phase']!r:.80}")
            else:
                self.fault(time_s, plain(row["fault"]), str(row["name"]), row["phase"])
        except KeyError as missing:
            raise BadHistory(place, f"a record {kind!r} must have the field {missing}") from None
        except TypeError as error:
            raise BadHistory(place, str(error)) from None

    def history(self) -> History:
        """The history of all events so far; what is open may have happened or not."""
        for index, operation in self._pending.items():
            self._made[index] = operation
        still = [FaultWindow(name, begin_s, math.inf) for name, begin_s in self._faults.values()]
        windows = sorted([*self._windows, *still], key=lambda window: window.begin_s)
        operations = tuple([each for each in self._made if each is not None])
        return History(operations, tuple(windows), self._applied, self._lines)


def plain(value: Any) -> Plain:
    """A value that nobody can change: lists are tuples, a mapping or a set a tuple of what it holds.

    Raises ``TypeError`` for anything that is neither number, text, truth value nor ``None``.
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return tuple([plain(part) for part in value])
    if isinstance(value, Mapping):
        return tuple([(plain(name), plain(part)) for name, part in value.items()])
    raise TypeError(f"a value must be a number, text, a truth value, null or a list of these, got {value!r:.80}")
