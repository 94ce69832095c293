"""Mini-batch k-means is Sculley's, one row after another, and scikit-learn's without its reassignments."""

import numpy as np
from sklearn.cluster import MiniBatchKMeans as Theirs

from simcluster.engine import stream
from simcluster.learning import Bundled, KMeans, MiniBatchKMeans, Rows

WINE = Bundled(name="wine").load()
BATCHES = [stream(4, step).permutation(178)[:40] for step in range(12)]


def learned(parts):
    """The parameters after each of the batches, each in so many parts."""
    model = MiniBatchKMeans(clusters=4)
    point = model.initial(WINE, stream(1))
    for batch in BATCHES:
        said = [model.contribution(point, Rows(WINE, part))() for part in np.array_split(batch, parts)]
        point = model.update(point, np.sum(said, axis=0), float(len(batch)))
    return point


def sculley(centres, batches):
    """Algorithm 1 of the paper: nearest centres of the batch first, then a step of 1/v for each row."""
    centres, seen = centres.copy(), np.zeros(len(centres))
    for batch in batches:
        points = WINE.features[batch]
        nearest = ((points[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
        for point, centre in zip(points, nearest, strict=True):
            seen[centre] += 1
            centres[centre] = (1 - 1 / seen[centre]) * centres[centre] + point / seen[centre]
    return np.column_stack([centres, seen])


def test_it_is_sculley_s_rule_in_whatever_parts():
    begin = KMeans(clusters=4).initial(WINE, stream(1))

    for parts in (1, 3, 40):
        np.testing.assert_allclose(learned(parts), sculley(begin, BATCHES), rtol=1e-12)


def test_it_is_scikit_learn_s():
    theirs = Theirs(4, init=KMeans(clusters=4).initial(WINE, stream(1)), n_init=1, reassignment_ratio=0)
    for batch in BATCHES:
        theirs.partial_fit(WINE.features[batch])
    ours = learned(3)

    np.testing.assert_allclose(ours[:, :-1], theirs.cluster_centers_, atol=1e-10, rtol=0)
    assert np.array_equal(MiniBatchKMeans(clusters=4).predict(ours, WINE.features), theirs.predict(WINE.features))


def test_a_centre_that_nobody_is_nearest_to_stays_and_has_seen_nobody():
    model = MiniBatchKMeans(clusters=2)
    point = np.array([[*WINE.features[0], 3.0], [*np.full(13, 1e6), 0.0]])
    moved = model.update(point, model.contribution(point, WINE.all)(), 178.0)

    np.testing.assert_array_equal(moved[1], point[1])
    np.testing.assert_allclose(moved[0, :-1], (3 * WINE.features[0] + WINE.features.sum(axis=0)) / 181)
