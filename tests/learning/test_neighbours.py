"""Neighbours of shards, merged, are the neighbours in the whole data set: ties by row, whoever has it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simcluster.learning.neighbours import NeighbourShard, merge


@given(
    values=st.lists(st.integers(0, 2), min_size=1, max_size=30),  # few values, so that many rows tie
    owners=st.lists(st.integers(0, 3), min_size=30, max_size=30),
    backwards=st.booleans(),
    neighbours=st.integers(1, 31),
)
def test_merged_shards_give_the_nearest_rows_of_all_by_distance_and_row(values, owners, backwards, neighbours):
    features = np.array(values, dtype=float)[:, None]
    point = np.array([1.0])
    held = [np.array([r for r in range(len(values)) if owners[r] == owner], dtype=np.int64) for owner in range(4)]
    parts = [NeighbourShard(features, rows).search(point, neighbours)() for rows in held if len(rows)]

    found = merge(parts[::-1] if backwards else parts, neighbours)

    expected = sorted(range(len(values)), key=lambda row: ((values[row] - 1) ** 2, row))[:neighbours]
    assert found.rows.tolist() == expected
    assert found.squared_distances.tolist() == [(values[row] - 1) ** 2 for row in expected]
