"""Rows that are held out of learning, and folds of the others, as scikit-learn cuts them."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from simcluster.engine import NUMBER, Spec, stream
from simcluster.learning import AnyData, Bundled, Call, Cost, Dataset, held_out_split
from simcluster.learning.trees.trees import Integers, RandomState
from simcluster.scheduling.graph import Output, Task

Share = Annotated[float, Field(gt=0, lt=1), NUMBER]


class Cut(NamedTuple):
    """A data set in two, and the number that decides what scikit-learn draws."""

    training: Dataset
    held_out: Dataset
    random_state: int


class Split(Spec):
    """Data of which some rows are held out: see ``hold_out``."""

    data: AnyData = Bundled(name="iris")
    """The data that is learned from."""
    held_out: Share = 0.2
    """The share of its rows that is held out, and decides nothing but the last score."""
    random_state: RandomState | None = None
    """What scikit-learn calls so: it decides which rows these are, and each tree (``None``: drawn from the seed)."""

    def cut(self, seed: int) -> Cut:
        """The two parts. Raises ``ValueError`` where one of them would lack a class, or any row."""
        return hold_out(self.data.load(seed), self.held_out, self.random_state, seed)


def hold_out(data: Dataset, share: float, random_state: int | None, seed: int) -> Cut:
    """``data`` in two as ``train_test_split`` cuts it, stratified where it has labels.

    Raises ``ValueError`` where one of the parts would lack a class, or any row.
    """
    if random_state is None:
        random_state = int(stream(seed, "scheduling", "random_state").integers(2**31))
    return Cut(*held_out_split(data, share, random_state, in_order=False), random_state)


def rows_bytes(data: Dataset) -> int:
    """What the rows of ``data`` weigh as they travel: 8 (d + 1) bytes each."""
    return data.features.nbytes + data.targets.nbytes


def rows_task(data: Dataset) -> Task:
    """The task that gives rows, which lie where it runs: features and targets, as the part "rows"."""

    def run() -> Call[Output]:
        return Call(lambda: {"rows": (data.features, data.targets)}, cost)

    cost = Cost(0, rows_bytes(data))
    return Task(run, cost)


def received(rows: Any, classes: int | None) -> Dataset:
    """The data set of features and targets that have travelled."""
    features, targets = rows
    return Dataset(features, targets, classes)


def validation_folds(data: Dataset, folds: int) -> list[tuple[Integers, Integers]]:
    """Rows that are learned from and rows that validate, for each fold: those of ``GridSearchCV(cv=folds)``.

    That is ``StratifiedKFold`` where there are labels, ``KFold`` elsewhere, neither shuffled. Raises ``ValueError``
    where a class has fewer rows than there are folds, for then some fold would not validate it.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    least = len(data) if data.classes is None else int(np.unique(data.targets, return_counts=True)[1].min())
    if folds > least:
        what = "rows" if data.classes is None else "rows of every class"
        raise ValueError(f"folds must be at most the {what} that are learned from, {least}, got {folds}")
    kind = KFold if data.classes is None else StratifiedKFold
    return list(kind(folds).split(data.features, data.targets))
