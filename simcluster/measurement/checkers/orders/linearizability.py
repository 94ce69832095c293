"""Linearizability: every operation seems to happen at once, at some time between its invocation and its completion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simcluster.kernels.history import FOUND, NONE, OrderSearch, real_time_search
from simcluster.measurement.checkers.judgement import Anomaly, Judgement
from simcluster.measurement.checkers.limits import Limits
from simcluster.measurement.checkers.models import Model, parts
from simcluster.measurement.checkers.orders.checked import check_operations
from simcluster.measurement.checkers.orders.interning import Interned
from simcluster.measurement.checkers.orders.registers import Misplaced, misplaced
from simcluster.measurement.checkers.orders.searched import limit_met, searched
from simcluster.measurement.histories import NEVER, History, Operation, Plain


@dataclass(frozen=True)
class PartialOrder:
    """How far a part of a history can be explained: the longest order, and what cannot follow it.

    ``states`` were reached there, by this order or by another one that goes as far; ``stuck`` is the operation that
    must be over next and fits none of them, and ``open`` are those that might have come before it.
    """

    key: Plain
    order: tuple[Operation, ...]
    states: tuple[Any, ...]
    stuck: Operation
    open: tuple[Operation, ...]


@dataclass(frozen=True)
class Linearizability(Judgement):
    """The verdict of ``linearizability``; ``partial`` explains an invalid one, ``configurations`` were entered."""

    partial: PartialOrder | None = None
    configurations: int = 0


def linearizability(history: History, model: Model, limits: Limits = Limits()) -> Linearizability:  # noqa: B008
    """Whether the history is linearizable as of ``model``, by the search of Wing & Gong (1993) and Lowe (2017).

    The history is partitioned by the parts of the object that the model names. A register whose values are written once
    each is checked by the zones of Gibbons & Korach (1997), in time near-linear. Raises ``BadHistory`` for an operation
    that the model does not have, ``ValueError`` for a model without ``init`` and ``step``.
    """
    if misplaced(model, history.operations) is None:
        return Linearizability("valid", len(history))
    check_operations(history, model)
    deadline, unknown, configurations = limits.begin(), "", 0
    for key, operations in parts(model, history.operations).items():
        wrong = misplaced(model, operations)
        if wrong is None:
            continue
        found, search, interned = searched(model, operations, deadline, real_time)
        configurations += search.configurations() if search else 0
        if found == NONE and search and interned:
            partial = _partial(key, operations, search, interned)
            sentence = f"no order of the operations{_of(key)} explains what {partial.stuck} saw"
            anomaly = Anomaly("not linearizable", sentence, (*partial.open,))
            return Linearizability("invalid", len(history), (anomaly,), "", partial, configurations)
        if isinstance(wrong, Misplaced):  # whatever the search had no time for
            values = wrong.values
            sentence = f"no order of the operations{_of(key)} is right for the values {' and '.join(map(repr, values))}"
            shown = tuple(each for each in operations if each.value in values or each.result in values)
            anomaly = Anomaly("not linearizable", sentence, shown[:20])
            return Linearizability("invalid", len(history), (anomaly,), "", None, configurations)
        if found != FOUND:
            unknown = unknown or limit_met(found, configurations) + _of(key)
    return Linearizability("unknown" if unknown else "valid", len(history), (), unknown, None, configurations)


def _of(key: Plain) -> str:
    return "" if key is None else f" of key {key!r}"


def real_time(operations: Sequence[Operation], interned: Interned) -> OrderSearch:
    """The search for an order of these operations, of which each precedes what begins after its deadline."""
    return real_time_search(*_events(operations, interned), interned.step)


def _events(
    operations: Sequence[Operation], interned: Interned
) -> tuple[Any, Any, Any, Any, Any, int]:
    """The arguments of the search: operations as numbers, and their events in the order of time."""
    n = len(operations)
    begins = np.array([each.begin for each in operations], dtype=np.int64)
    ends = np.array([each.deadline for each in operations], dtype=np.int64)
    # Optional ones that change nothing are left where they are: no order needs them.
    ranks = np.empty(n, dtype=np.int64)
    ranks[np.lexsort((begins, ends))] = np.arange(n)
    known = np.flatnonzero(ends < NEVER)
    codes = np.concatenate([np.arange(n), -1 - known])
    events = codes[np.argsort(np.concatenate([begins, ends[known]]), kind="stable")]
    slots, width = _slots(events.tolist(), n)
    return interned.kinds, ranks, interned.quiet, events, slots, width


def _slots(events: list[int], n: int) -> tuple[Any, int]:
    """A number for each operation that no other has while it is open, and how many numbers there are."""
    free: list[int] = []
    width = 0
    slots = [0] * n
    for event in events:
        if event < 0:
            free.append(slots[-1 - event])
        elif free:
            slots[event] = free.pop()
        else:
            slots[event], width = width, width + 1
    return np.array(slots, dtype=np.int64), width


def _partial(key: Plain, operations: Sequence[Operation], search: OrderSearch, interned: Interned) -> PartialOrder:
    order, progress, states = search.furthest()
    events = _events(operations, interned)[3]
    stuck = int(-1 - events[progress])
    placed = {*order}
    begun = [int(event) for event in events[:progress] if event >= 0]
    left = [place for place in begun if place not in placed and place != stuck]
    return PartialOrder(
        key,
        tuple(operations[place] for place in order),
        tuple(interned.states[state] for state in states),
        operations[stuck],
        (operations[stuck], *(operations[place] for place in left)),
    )
