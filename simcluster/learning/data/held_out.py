"""The held-out split: rows that are not learned from, so that what was learned can be judged by them."""

from __future__ import annotations

import numpy as np

from simcluster.learning.dataset import Dataset
from simcluster.learning.protocols import Integers


def held_out_rows(data: Dataset, share: float, random_state: int | np.random.Generator) -> tuple[Integers, Integers]:
    """The row numbers that are learned from and those that are held out: scikit-learn's ``train_test_split`` of them.

    They stand in its order, ⌈share · n⌉ are held out, and each class alike where there are labels (stratified). A
    generator draws the ``random_state``. Raises ``ValueError`` where one part would lack a class, or any row.
    """
    from sklearn.model_selection import train_test_split  # whose import takes longer than a small run

    state = int(random_state.integers(2**31)) if isinstance(random_state, np.random.Generator) else random_state
    strata = None if data.classes is None else data.targets
    try:
        learned, held = train_test_split(np.arange(len(data)), test_size=share, random_state=state, stratify=strata)
    except ValueError as error:
        rule = "held_out must leave rows of every class on both sides"
        raise ValueError(f"{rule}, got {share} of {len(data)} rows ({error})") from None
    return learned, held


def held_out_split(
    data: Dataset, share: float, random_state: int | np.random.Generator, *, in_order: bool = True
) -> tuple[Dataset, Dataset]:
    """The data that is learned from and the data that is held out, see ``held_out_rows``.

    Rows stand in each as they do in ``data``, unless ``in_order`` is false: then as scikit-learn has them.
    """
    parts = held_out_rows(data, share, random_state)
    learned, held = (data.take(np.sort(rows) if in_order else rows) for rows in parts)
    return learned, held
