"""Majority vote over signs (Bernstein, Zhao, Azizzadenesheli & Anandkumar, ICLR 2019)."""

from __future__ import annotations

import numpy as np

from simcluster.learning import Array, Call, Cost


def majority_vote(values: Array, rows: Array) -> Call[Array]:
    """Of every coordinate the sign that most workers' numbers have, times all rows, so that a gradient of it is ±1.

    Each worker has one vote, however many rows it has; 0 and NaN have none, and a tie says 0. Fewer than half of the
    workers decide nothing that the others agree about. An optimiser steps by its learning rate in every coordinate.
    """
    size = float(values.size)

    def vote() -> Array:
        signs = np.nan_to_num(np.sign(values), nan=0.0)
        return np.asarray(rows.sum() * np.sign(np.add.reduce(signs, axis=0)))

    return Call(vote, Cost(flops=2 * size + 2 * values.shape[1], bytes=8 * (size + values.shape[1])))
