"""Where the centres of k-means begin, beside the papers and beside other partitions of the same rows."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.engine import stream
from simcluster.learning import Bundled, KMeans, MiniBatchKMeans, PrincipalComponents, Rows, SelfTraining, arrays
from simcluster.learning.initialisation import parallel, plus_plus
from simcluster.learning.kmeans_parallel import exact_sum, parallel_over

IRIS = Bundled(name="iris").load()
BEGINNINGS = ("random", "k-means++", "k-means||")


def blobs(seed, clusters=6, rows=40):
    """Clusters so far apart that D² sampling hits each."""
    generator = stream(seed, "blobs")
    centres = 1e4 * np.arange(clusters)[:, np.newaxis] * np.array([1.0, -1.0])
    points = np.repeat(centres, rows, axis=0) + generator.standard_normal((clusters * rows, 2))
    return arrays(points[generator.permutation(len(points))], np.zeros(len(points)))


@pytest.mark.parametrize("how", BEGINNINGS)
def test_the_centres_are_rows(how):
    centres = KMeans(clusters=7, initialisation=how).initial(IRIS, stream(2))
    rows = {row.tobytes() for row in IRIS.features}

    assert centres.shape == (7, 4)
    assert all(centre.tobytes() in rows for centre in centres)


@pytest.mark.parametrize("how", BEGINNINGS[1:])
@pytest.mark.parametrize("seed", range(5))
def test_a_draw_by_squared_distance_finds_clusters_that_are_far_apart(how, seed):
    data = blobs(seed)
    centres = KMeans(clusters=6, initialisation=how).initial(data, stream(seed))

    assert sorted(np.rint(centres[:, 0] / 1e4).tolist()) == list(range(6))


def test_kmeans_plus_plus_draws_in_proportion_to_the_squared_distance():
    """Of 0, 1 and 3: after 0 (drawn with probability 1/3) the next is 1 with probability 1/10, 3 with 9/10, …"""
    data, counts = arrays(np.array([[0.0], [1.0], [3.0]]), np.zeros(3)), {}
    for seed in range(3000):
        pair = tuple(plus_plus(data, 2, stream(seed))[:, 0])
        counts[pair] = counts.get(pair, 0) + 1
    expected = {
        (0.0, 1.0): 1 / 30, (0.0, 3.0): 9 / 30,
        (1.0, 0.0): 1 / 15, (1.0, 3.0): 4 / 15,
        (3.0, 0.0): 9 / 39, (3.0, 1.0): 4 / 39,
    }  # fmt: skip

    assert counts.keys() == expected.keys()
    for pair, share in expected.items():  # five standard deviations; the seeds are fixed
        assert abs(counts[pair] / 3000 - share) < 5 * math.sqrt(share * (1 - share) / 3000)


@settings(max_examples=15)
@given(seed=st.integers(0, 99), cuts=st.lists(st.integers(1, 149), max_size=6, unique=True), clusters=st.integers(1, 9))
def test_kmeans_parallel_has_the_same_bits_however_the_rows_lie(seed, cuts, clusters):
    whole = parallel_over([IRIS.all], clusters, seed)
    parts = np.split(stream(seed, "parts").permutation(150), sorted(cuts))

    assert parallel_over([Rows(IRIS, part) for part in parts], clusters, seed).tobytes() == whole.tobytes()


@pytest.mark.parametrize("scale", [1e-100, 1.0, 1e100])
def test_kmeans_parallel_draws_by_the_exact_sum_at_any_scale(scale):
    """Squares that differ by many powers of ten, so that every order of addition rounds otherwise."""
    generator = stream(8)
    rows = generator.standard_normal((300, 2)) * 10.0 ** generator.uniform(-12, 12, (300, 1))
    data = arrays(scale * rows, np.zeros(300))
    whole = parallel_over([data.all], 12, 1)

    for seed in range(5):
        parts = np.array_split(stream(seed).permutation(300), 7)
        assert parallel_over([Rows(data, part) for part in parts], 12, 1).tobytes() == whole.tobytes()


@pytest.mark.slow
def test_kmeans_parallel_begins_no_worse_than_kmeans_plus_plus():
    """Bahmani et al. 2012, tables 1 to 3: the cost of the seed is at most that of k-means++ in the median."""
    digits = Bundled().load()
    median = {
        how: np.median([
            (model := KMeans(initialisation=how)).loss(model.initial(digits, stream(seed)), digits.all)()
            for seed in range(15)
        ])
        for how in BEGINNINGS
    }

    assert median["k-means||"] <= median["k-means++"] <= median["random"]


@given(st.lists(st.floats(0, 1e298), max_size=30), st.integers(0, 30))
def test_an_exact_sum_does_not_depend_on_how_values_are_parted(values, cut):
    parts = exact_sum(np.array(values[:cut])) + exact_sum(np.array(values[cut:]))

    assert sum(map(Fraction, parts)) == sum(map(Fraction, values))


@pytest.mark.parametrize("how", BEGINNINGS[1:])
def test_fewer_distinct_rows_than_clusters_are_refused_where_each_centre_must_be_another(how):
    data = arrays(np.repeat([[0.0, 1.0], [2.0, 3.0], [2.0, 4.0]], 20, axis=0), np.zeros(60))

    assert len(np.unique(KMeans(clusters=3, initialisation=how).initial(data, stream(0)), axis=0)) == 3
    with pytest.raises(ValueError, match="clusters must be at most the 3 distinct rows, got 4"):
        KMeans(clusters=4, initialisation=how).initial(data, stream(0))


@pytest.mark.parametrize("model", [KMeans, MiniBatchKMeans])
def test_from_rows_at_random_fewer_distinct_rows_than_clusters_leave_some_empty(model):
    data = arrays(np.repeat([[0.0], [8.0]], 20, axis=0), np.zeros(40))
    learned = model(clusters=30)
    point = learned.initial(data, stream(0))
    for _ in range(3):
        point = learned.update(point, learned.contribution(point, data.all)(), 40.0)

    assert np.isfinite(point).all()
    assert learned.loss(point, data.all)() == 0.0
    assert len(np.unique(learned.predict(point, data.features))) == 2


@pytest.mark.parametrize("greatest", [1e200, -1e308])
def test_distances_that_overflow_are_refused(greatest):
    data = arrays(np.array([[0.0], [1e200], [greatest]]), np.zeros(3))

    for begin in (plus_plus, parallel):
        with pytest.raises(ValueError, match="squared distances between rows must add up to less than 1e300, got inf"):
            begin(data, 2, stream(0))
    for model in (KMeans(clusters=2), MiniBatchKMeans(clusters=2), PrincipalComponents(components=1), SelfTraining()):
        with pytest.raises(ValueError, match=r"features must be at most 1e\+140, so that sums of .*, got 1e\+"):
            model.initial(data, stream(0))


@pytest.mark.parametrize("given", [np.zeros((2, 3)), np.full((3, 4), np.nan), np.zeros((3, 4), dtype=int)])
def test_centres_of_one_s_own_are_taken_or_refused(given):
    def begin(data, clusters, generator):
        return data.features[:clusters].copy()

    assert np.array_equal(KMeans(clusters=3, initialisation=begin).initial(IRIS, stream(0)), IRIS.features[:3])
    with pytest.raises(ValueError, match=r"initialisation must give finite centres \(3, 4\) of float64, got"):
        KMeans(clusters=3, initialisation=lambda data, clusters, generator: given).initial(IRIS, stream(0))
