"""Sequential consistency: one order of all operations explains them, in which each process' are in its own order."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from simcluster.kernels.history import FOUND, NONE, OrderSearch, program_order_search
from simcluster.measurement.checkers.judgement import Anomaly, Judgement
from simcluster.measurement.checkers.limits import Limits
from simcluster.measurement.checkers.models import Model, parts
from simcluster.measurement.checkers.orders.checked import check_operations
from simcluster.measurement.checkers.orders.interning import Interned
from simcluster.measurement.checkers.orders.searched import limit_met, searched
from simcluster.measurement.histories import History, Operation


def sequential(history: History, model: Model, limits: Limits = Limits()) -> Judgement:  # noqa: B008
    """Whether the history is sequentially consistent as of ``model`` (Lamport 1979): without regard to time.

    What holds of each part of an object need not hold of all together, so that all keys are searched at once; it is
    NP-complete. An operation of which nobody knows may have happened at any time after what its process did before.
    Raises as ``linearizability``.
    """
    check_operations(history, model)
    apart = parts(model, history.operations)
    whole = model if len(apart) < 2 else _Together(model)
    happened = sorted((each for part in apart.values() for each in part), key=lambda each: each.begin)
    found, search, interned = searched(whole, happened, limits.begin(), _program_order)
    if found == FOUND:
        return Judgement("valid", len(history))
    if found != NONE or search is None or interned is None:
        return Judgement("unknown", len(history), (), limit_met(found, search.configurations() if search else 0))
    order, _, _ = search.furthest()
    placed = {*order}
    first: dict[Any, Operation] = {}
    for place, each in enumerate(happened):
        if place not in placed and each.status != "info":
            first.setdefault(each.process, each)
    sentence = f"no order explains all; after the {len(order)} operations of the longest one, none of these can follow"
    return Judgement("invalid", len(history), (Anomaly("not sequential", sentence, tuple(first.values())),))


class _Together:
    """All parts of an object as one: its state is that of each part that has been touched."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._part = model.part
        self.quiet = getattr(model, "quiet", lambda _: False)

    def init(self) -> Hashable:
        """No part has been touched."""
        return frozenset()

    def step(self, state: frozenset[Any], operation: Operation) -> tuple[bool, Hashable]:
        """A step of one part."""
        parts, part = dict(state), self._part(operation)
        before = parts[part] if part in parts else self._model.init()
        may, then = self._model.step(before, operation)
        if not may or then == before:
            return may, state
        return True, frozenset({**parts, part: then}.items())


def _program_order(operations: Sequence[Operation], interned: Interned) -> OrderSearch:
    """The search: a chain for what each process must have done, and one for each thing that it may have done."""
    chains: list[list[int]] = []
    after: list[tuple[int, int]] = []  # of each chain: after how many operations of which other chain
    must: list[bool] = []
    own: dict[Any, int] = {}
    for place, each in enumerate(operations):
        if each.process not in own:
            own[each.process] = len(chains)
            chains.append([])
            after.append((-1, 0))
            must.append(True)
        chain = own[each.process]
        if each.status != "info":
            chains[chain].append(place)
        else:
            after.append((len(chains[chain]), chain))
            chains.append([place])
            must.append(False)
    starts = np.concatenate([[0], np.cumsum([len(chain) for chain in chains], dtype=np.int64)]).astype(np.int64)
    flat = np.array([place for chain in chains for place in chain], dtype=np.int64)
    ranks = np.empty(len(operations), dtype=np.int64)
    ranks[np.lexsort(([each.begin for each in operations], [each.deadline for each in operations]))] = np.arange(
        len(operations)
    )
    codes = np.array([-1 if k < 0 else k * len(chains) + chain for k, chain in after], dtype=np.int64)
    required = np.array(must, dtype=np.int64)
    return program_order_search(interned.kinds, ranks, interned.quiet, starts, flat, codes, required, interned.step)
