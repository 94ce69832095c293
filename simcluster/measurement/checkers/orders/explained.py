"""Why a history is not linearizable, in words: how far it goes, what cannot follow, and the faults beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from simcluster.measurement.checkers.orders.linearizability import Linearizability, PartialOrder
from simcluster.measurement.histories import FaultWindow, History, Operation

_LAST = 8  # of the operations of an order: those that led to where it ends


def explained(found: Linearizability, history: History, model: Any) -> str:
    """The explanation of an invalid verdict; that of another one is the verdict."""
    if found.partial is None:
        return str(found)
    partial = found.partial
    lines = [f"{found.verdict}: {found.operations} operations; {found.anomalies[0].sentence}"]
    of = "" if partial.key is None else f" of key {partial.key!r}"
    lines.append(f"The longest order{of} has {len(partial.order)} operations; its last, with the state after each:")
    lines += [f"  {operation}  ⇒ {_short(state)}" for operation, state in _states(partial, model)[-_LAST:]]
    lines.append(f"There, or as far by another order, the state is one of: {', '.join(map(_short, partial.states))}")
    lines.append("None of these can follow, and the first must before anything that begins after it:")
    lines += [f"  {operation}  ({_times(operation)})" for operation in partial.open]
    beside = windows_beside(partial, history.faults)
    lines += [f"Beside it: {window.name}, {window.begin_s:g} s to {window.end_s:g} s" for window in beside]
    return "\n".join(lines)


def windows_beside(partial: PartialOrder, faults: Sequence[FaultWindow]) -> list[FaultWindow]:
    """The faults that lasted while some of what cannot follow was open."""
    begin_s = min(operation.invoke_s for operation in partial.open)
    end_s = partial.stuck.complete_s
    return [window for window in faults if window.begin_s <= end_s and window.end_s >= begin_s]


def _states(partial: PartialOrder, model: Any) -> list[tuple[Operation, Any]]:
    state, found = model.init(), []
    for operation in partial.order:
        _, state = model.step(state, operation)
        found.append((operation, state))
    return found


def _times(operation: Operation) -> str:
    end = "…" if operation.complete_s == math.inf else f"{operation.complete_s:g} s"
    return f"{operation.invoke_s:g} s to {end}"


def _short(state: Any) -> str:
    said = repr(state)
    return said if len(said) <= 60 else f"{said[:20]}…{said[-30:]}"
