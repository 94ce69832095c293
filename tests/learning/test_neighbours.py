"""Neighbours of shards, merged, are the neighbours in the whole data set: ties by row, whoever has it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simcluster.learning import Cost, NeighbourShard, merge, merge_all, vote


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


@given(
    values=st.lists(st.integers(0, 4), min_size=1, max_size=25),
    owners=st.lists(st.integers(0, 3), min_size=25, max_size=25),
    neighbours=st.integers(1, 25),
)
def test_lists_of_many_queries_merged_are_those_of_one_search_after_another(values, owners, neighbours):
    neighbours = min(neighbours, len(values))
    features, points = np.array(values, dtype=float)[:, None], np.array([[1.0], [3.0], [0.5]])
    held = [np.array([r for r in range(len(values)) if owners[r] == owner], dtype=np.int64) for owner in range(4)]
    shards = [NeighbourShard(features, rows) for rows in held if len(rows)]

    together = merge_all([shard.search_all(points, neighbours)() for shard in shards])()

    for place, point in enumerate(points):
        alone = merge([shard.search(point, neighbours)() for shard in shards], neighbours)
        assert together.rows[place].tolist() == alone.rows.tolist()
        assert together.squared_distances[place].tolist() == alone.squared_distances.tolist()


def test_the_most_frequent_label_wins_and_of_those_that_tie_the_smallest():
    assert vote(np.array([[2, 1, 1], [2, 0, 1], [3, 3, 0]]), 4)().tolist() == [1, 0, 3]
    assert vote(np.array([[1.0, 2.0], [4.0, 8.0]]), None)().tolist() == [1.5, 6.0]
    assert vote(np.array([[2, 1, 1]]), 4).cost == Cost(flops=7, bytes=64)
