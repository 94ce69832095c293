"""Mini-batches go through a shard once an epoch, each epoch in a new order."""

import numpy as np

from simcluster.learning import SoftmaxRegression


def test_each_epoch_has_every_row_at_most_once_and_an_order_of_its_own():
    training = SoftmaxRegression(dataset="iris", batch_size=5).prepare(workers=3, seed=4)
    epochs = [np.concatenate([training._batch(1, 10 * epoch + step, 5) for step in range(10)]) for epoch in range(4)]

    for rows in epochs:
        assert len(set(rows.tolist())) == 50
    assert len({tuple(rows.tolist()) for rows in epochs}) == 4
    assert len({frozenset(rows.tolist()) for rows in epochs}) == 1  # the shard


def test_a_batch_that_is_asked_for_again_is_the_same_batch():
    training = SoftmaxRegression(dataset="iris", batch_size=5).prepare(workers=3, seed=4)
    first = [training._batch(0, clock, 5) for clock in range(20)]

    for clock in reversed(range(20)):
        np.testing.assert_array_equal(training._batch(0, clock, 5), first[clock])
