"""How long a step takes under each rule where times are drawn by a law, as order statistics and renewals say."""

import itertools
import math

import numpy as np
import pytest

from simcluster.engine import Constant, Exponential, Lognormal, Pareto, Uniform, stream
from simcluster.training import BoundedStaleness, KBatchSync, KSync, Rennala, Ringmaster
from tests.theory.quadratic import harmonic, trained

pytestmark = pytest.mark.theory

ONE = Exponential(mean=1.0)


def drawn(workers, steps, seed=0):
    """What each worker draws for each of its first steps, (steps, workers)."""
    streams = [stream(seed, "node", f"worker-{place}", "jitter") for place in range(workers)]
    return np.array([[ONE.sample(each) for _ in range(steps)] for each in streams]).T


@pytest.mark.parametrize(
    ("workers", "k", "waiting", "steps"),
    [
        (8, 8, BoundedStaleness(), 600),
        (8, 8, KSync(k=8, left_behind="finish"), 600),
        (8, 4, KSync(k=4), 600),
        (104, 100, KSync(k=100), 100),
    ],
)
def test_a_step_of_the_fastest_k_of_n_exponential_workers_takes_h_n_less_h_n_minus_k(workers, k, waiting, steps):
    """E[the k-th of n] = H_n − H_{n−k}: 2.7179 for 8 of 8, 3.1431 for 100 of 104 (Chen et al. 2016)."""
    expected = harmonic(workers) - harmonic(workers - k)
    assert workers != 104 or round(expected, 4) == 3.1431

    took_s = trained(workers, ONE, waiting, steps).ended_s

    # Each step is the k-th of what its workers draw, to the rounding of sums: cancelling loses no draw and takes no
    # time. The mean of so many is four of its standard deviations at most from what is expected.
    assert took_s == pytest.approx(math.fsum(np.sort(drawn(workers, steps), axis=1)[:, k - 1]), rel=1e-9)
    deviation = math.sqrt(math.fsum(1 / i**2 for i in range(workers - k + 1, workers + 1)) / steps)
    assert abs(took_s / steps - expected) < 4 * deviation


@pytest.mark.parametrize("waiting", [KSync(k=4, left_behind="finish"), BoundedStaleness(backup_workers=4)])
def test_where_those_left_behind_finish_first_a_step_takes_longer_than_that(waiting):
    """H_8 − H_4 = 0.6345 is of eight that begin together; here those left behind join in when they are done."""
    took_s = trained(8, ONE, waiting, 600).ended_s / 600

    # The deviation of a step is some 0.3 s, that of the mean 0.012 s: this is eight of them away, and H_8 far off.
    assert harmonic(8) - harmonic(4) + 0.1 < took_s < harmonic(8) - 1


@pytest.mark.parametrize(("workers", "k"), [(8, 8), (8, 3), (4, 16)])
def test_a_step_of_k_batches_of_n_exponential_workers_takes_k_over_n(workers, k):
    """All that cancelling throws away is memoryless, so batches are a Poisson stream of rate nμ (Dutta et al. 2018)."""
    steps = 4000 // k

    took_s = trained(workers, ONE, KBatchSync(k=k), steps).ended_s / steps

    # A step is a sum of k exponential times of mean 1/n; four deviations of the mean of so many.
    assert abs(took_s - k / workers) < 4 * math.sqrt(k / steps) / workers


def test_where_nobody_is_interrupted_such_a_step_takes_longer():
    took_s = trained(8, ONE, Rennala(batch=8), 500).ended_s / 500

    # As many as all eight may be busy with what is stale when a step begins; four deviations above 1 at least.
    assert 1 + 4 * math.sqrt(8 / 500) / 8 < took_s < 2


#: Laws of mean 1, with the coefficient of variation of each.
LAWS = [
    (Constant(value=1.0), 0.0),
    (Uniform(low=0.0, high=2.0), 1 / math.sqrt(3)),
    (ONE, 1.0),
    (Lognormal(mean=1.0, sigma=1.0), math.sqrt(math.e - 1)),
    (Pareto(mean=1.0, shape=3.0), 1 / math.sqrt(3)),
]


@pytest.mark.parametrize(("law", "cv"), LAWS, ids=[law.kind for law, _ in LAWS])
@pytest.mark.parametrize("waiting", [BoundedStaleness(staleness=math.inf), Ringmaster(delay=math.inf)])
def test_an_asynchronous_update_takes_the_mean_time_over_n_by_any_law(waiting, law, cv):
    workers, counted = 8, 1600
    trace = trained(workers, law, waiting, 400, kinds=("contribution",)).trace

    rows = itertools.islice((row["time_s"] for row in trace.rows("contribution") if row["accepted"]), counted)
    *_, last_s = rows

    # Each worker renews by itself. Of a count of m the relative deviation is that of a time over √m, and what all
    # have begun and not ended is a bias of at most n(1 + cv²)/m.
    assert abs(last_s / counted * workers - 1) < 4 * cv / math.sqrt(counted) + workers * (1 + cv**2) / counted
