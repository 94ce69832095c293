"""What stale gradients do: how stale they are, when descent by them is stable, and the momentum that they are."""

import math
from collections import Counter

import numpy as np
import pytest

from simcluster.engine import Constant, Exponential, Uniform, stream
from simcluster.training import BoundedStaleness, Ringmaster
from tests.theory.quadratic import noting, trained

pytestmark = pytest.mark.theory

ONE, SAME = Exponential(mean=1.0), Constant(value=1.0)
ASP = BoundedStaleness(staleness=math.inf)


def delays(trace):
    """How many contributions have counted since each worker that contributes was given its parameters."""
    counted, given, found = 0, {}, []
    for row in trace.rows("step", "contribution"):
        if row["kind"] == "step":
            given[row["worker"]] = counted
        else:
            found.append(counted - given[row["worker"]])
            counted += 1
    return found


def test_the_staleness_of_n_exponential_workers_is_geometric_with_mean_n_minus_1():
    """Whoever comes next is anyone of n, whatever came before: P(τ = k) = (1 − 1/n)^k/n."""
    workers = 8
    found = np.array(delays(trained(workers, ONE, ASP, 500, kinds=("step", "contribution")).trace)[100:3000])

    # 2,900 that hardly depend on each other, after as many as make the beginning forgotten, (7/8)^100 = 10⁻⁶. The
    # variance is n(n − 1), that of a share p(1 − p)/2900: four deviations of each.
    assert abs(found.mean() - (workers - 1)) < 4 * math.sqrt(workers * (workers - 1) / len(found))
    share = Counter(found.tolist())
    for delay in range(20):
        expected = (1 - 1 / workers) ** delay / workers
        assert abs(share[delay] / len(found) - expected) < 4 * math.sqrt(expected * (1 - expected) / len(found))


def test_the_staleness_of_workers_that_are_about_equally_fast_has_that_mean_and_hardly_varies():
    """Otherwise the geometric law above would say nothing of the exponential one; the mean is that of any law."""
    even = Uniform(low=0.9, high=1.1)
    found = np.array(delays(trained(8, even, ASP, 100, kinds=("step", "contribution")).trace)[100:700])

    # The delays of one worker and one for each of its contributions add up to all 600 but what is at the ends, which is
    # some 8 of them. That of workers in turn is 7 each time; these change places now and then.
    assert abs(found.mean() - 7) < 8 * 8 / 600
    assert found.std() < 2 < math.sqrt(7 * 8) / 3


def delayed(rate, curvature, delay, updates):
    """w after each update of delayed descent; the first ones are all by what is there at the beginning."""
    w = [1.0]
    for update in range(updates):
        w.append(w[-1] - rate * curvature * w[max(0, update - delay)])
    return np.array(w[1:])


@pytest.mark.parametrize("delay", [0, 1, 3, 7])
def test_descent_by_delayed_gradients_is_stable_just_below_the_bound_and_unstable_just_above(delay):
    """ηλ < 2 sin(π/(2(2τ + 1))): the roots of z^(τ+1) − z^τ + ηλ are inside the unit circle."""
    workers, curvature = delay + 1, 2.5
    bound = 2 * math.sin(math.pi / (2 * (2 * delay + 1))) / curvature
    steps = 1200 // workers + 60
    paths = {}
    for factor in (0.97, 1.03):
        optimiser, noted = noting(factor * bound * workers)  # of which a contribution is a share of 1/n
        trained(workers, SAME, ASP, steps, curvature=curvature, optimiser=optimiser)
        paths[factor] = np.array(noted)
        # The cluster does what the recurrence says, to the rounding of η·(1/n) that 2,000 steps add up.
        expected = delayed(factor * bound, curvature, delay, steps * workers)
        np.testing.assert_allclose(noted, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max())

    # What swings is at its greatest once in a half period of 2τ + 1 updates.
    first, last = slice(0, 2 * delay + 2), slice(-2 * delay - 2, None)
    assert np.abs(paths[0.97][last]).max() < 0.1 * np.abs(paths[0.97][first]).max()
    assert np.abs(paths[1.03][last]).max() > 10 * np.abs(paths[1.03][first]).max()


def momentum(path):
    """The μ for which V′ = μ·V − c·w fits best, V being how far w moves."""
    w = np.append(1.0, path)
    moves = np.diff(w)
    return np.linalg.lstsq(np.stack((moves[:-1], -w[1:-1]), axis=1), moves[1:], rcond=None)[0][0]


@pytest.mark.parametrize("workers", [2, 5])
def test_asynchrony_begets_the_momentum_1_minus_1_over_m(workers):
    """E[w] of M exponential workers moves as a heavy ball of momentum 1 − 1/M and rate η/M (Mitliagkas et al. 2016)."""
    rate, steps, runs, paths = 0.2, 30 // workers, 150, []
    optimiser, noted = noting(rate * workers)
    for seed in range(runs):
        trained(workers, ONE, Ringmaster(delay=math.inf), steps, seed=seed, optimiser=optimiser)
        paths.append(noted.copy())

    w, move, expected = 1.0, -rate, []
    for _ in range(steps * workers):
        move = (1 - 1 / workers) * move - rate / workers * w
        w += move
        expected.append(w)
    # The mean of the runs is four of its deviations at most from the heavy ball, at each of 30 updates; the first and
    # the second are no chance. The momentum that fits the mean best is as near, by a bootstrap of the runs.
    deviation = np.std(paths, axis=0) / math.sqrt(runs)
    assert (np.abs(np.mean(paths, axis=0) - expected) < 4 * deviation + 1e-12).all()
    drawn = stream(0).integers(runs, size=(200, runs))
    spread = np.std([momentum(np.mean(np.array(paths)[chosen], axis=0)) for chosen in drawn])
    assert spread < 0.03
    assert abs(momentum(np.mean(paths, axis=0)) - (1 - 1 / workers)) < 4 * spread
