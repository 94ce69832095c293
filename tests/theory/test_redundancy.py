"""How long a step takes where several workers compute the same shards, as order statistics say."""

import math

import numpy as np
import pytest

from simcluster.engine import Exponential, stream
from simcluster.learning import Replicated
from simcluster.training import BoundedStaleness, CyclicCode, FractionalRepetition, Replication, Speculation
from tests.theory.quadratic import harmonic, trained

pytestmark = pytest.mark.theory

N, FLOPS = 10, 1e9
ONE = Exponential(mean=1.0)


class Late:
    """A factor 1 + X, X exponential: of a computation that takes t a delay of t times this mean is added."""

    def __init__(self, delay):
        self.delay, self.mean = delay, 1.0 + delay

    def sample(self, generator):
        return 1.0 + self.delay * ONE.sample(generator)


def mean_s(redundancy, law, steps, workers=N, **fields):
    result = trained(workers, law, BoundedStaleness(), steps, flops=FLOPS, redundancy=redundancy, **fields)
    assert result.outcome.steps == steps
    return result.ended_s / steps


def drawn(steps, workers=N):
    """What each worker draws for each of its first steps, (steps, workers)."""
    streams = [stream(0, "node", f"worker-{place}", "jitter") for place in range(workers)]
    return np.array([[ONE.sample(each) for _ in range(steps)] for each in streams]).T


def mean_of(sample, axis_order):
    return math.fsum(np.sort(sample, axis=1)[:, axis_order]) / len(sample)


def deviation(stragglers, workers=N):
    """Of the (n − s)-th of n exponential times of mean 1."""
    return math.sqrt(math.fsum(1 / i**2 for i in range(stragglers + 1, workers + 1)))


#: By the number of stragglers.
PUBLISHED = [6.858, 5.858, 5.858, 6.191, 6.691]


@pytest.mark.parametrize(
    "code",
    [*(CyclicCode(stragglers=s) for s in range(5)), *(FractionalRepetition(stragglers=s) for s in (0, 1, 4))],
    ids=lambda code: f"{code.kind} {code.stragglers}",
)
def test_a_coded_step_with_an_added_delay_takes_s_plus_1_and_the_delay_of_the_last_but_s(code):
    """(s + 1) + 2(H_n − H_s) for n = 10, a delay of mean 2 and one unit a shard."""
    stragglers, steps = code.stragglers, 300
    expected = stragglers + 1 + 2 * (harmonic(N) - harmonic(stragglers))
    assert round(expected, 3) == PUBLISHED[stragglers]

    took_s = mean_s(code, Late(2 / (stragglers + 1)), steps)

    # Each step is the (n − s)-th of what its workers draw: what is left behind is cancelled, which loses no draw. The
    # sums that workers send take some 10⁻⁹ of it. The mean of so many is four deviations at most from what is expected.
    assert took_s == pytest.approx(stragglers + 1 + 2 * mean_of(drawn(steps), N - stragglers - 1), rel=1e-7)
    assert abs(took_s - expected) < 4 * 2 * deviation(stragglers) / math.sqrt(steps)


def test_no_code_pays_where_slowness_scales_with_the_load_unless_nearly_all_do_everything():
    """(s + 1)(1 + ρ(H_n − H_s)) is more than 1 + ρH_n for any ρ and s < 7 of ten; for s ≥ 7 where ρ is large."""
    gain = [(s + 1) * (harmonic(N) - harmonic(s)) - harmonic(N) for s in range(N)]
    assert [s for s in range(1, N) if gain[s] <= 0] == [7, 8, 9]
    steps, delay = 300, 2.0
    plain_s = mean_s(None, Late(delay), steps)

    for stragglers in (1, 2, 4):
        took_s = mean_s(CyclicCode(stragglers=stragglers), Late(delay), steps)
        by_law_s = (stragglers + 1) * (1 + delay * mean_of(drawn(steps), N - stragglers - 1))
        assert took_s == pytest.approx(by_law_s, rel=1e-7)
        # Paired: the same draws, so that what is left of the difference is far from 0.
        assert took_s > 1.2 * plain_s


def test_a_code_by_which_each_computes_all_pays_where_times_are_nothing_but_luck():
    assert mean_s(CyclicCode(stragglers=9), ONE, 200) < mean_s(None, ONE, 200) / 2


@pytest.mark.parametrize("copies", [1, 2, 5, 10])
def test_of_replicated_tasks_a_step_takes_the_greatest_of_the_least_of_r(copies):
    """E = r·(H_{n/r}/r) = H_{n/r}, in units of r exponential shards: min of r is exponential of mean 1/r."""
    steps, groups = 300, N // copies

    took_s = mean_s(Replication(copies=copies), ONE, steps)

    least = drawn(steps).reshape(steps, groups, copies).min(axis=2)
    assert took_s == pytest.approx(copies * least.max(axis=1).mean(), rel=1e-7)
    assert abs(took_s - harmonic(groups)) < 4 * deviation(0, groups) / math.sqrt(steps)


def test_replication_pays_where_a_code_that_waits_for_more_does_not():
    """r + ρH_{n/r}: of ten, copies of two pay for ρ > 1/(H_10 − H_5) = 1.55, though slowness scales with the load."""
    assert round(1 / (harmonic(10) - harmonic(5)), 2) == 1.55
    assert mean_s(Replication(copies=2), Late(4.0), 200) < mean_s(None, Late(4.0), 200)
    assert mean_s(Replication(copies=2), Late(0.5), 200) > mean_s(None, Late(0.5), 200)


@pytest.mark.parametrize("after", [0.0, 0.5])
@pytest.mark.parametrize("workers", [8, 5])
def test_where_the_idle_help_as_many_as_can_be_compute_what_is_missing(workers, after):
    """With k shards missing and one helper each min(2k, n) compute one, or k before ``after``: Σ 1/min(2k, n)."""
    begun = workers - math.ceil(after * workers)  # how many are missing when the first begins to help
    rates = [min(2 * k, workers) if k <= begun else k for k in range(1, workers + 1)]
    steps = 600

    took_s = mean_s(
        Speculation(after=after), ONE, steps, workers, sharding=Replicated(copies=workers), rate=0.001
    )

    expected = math.fsum(1 / rate for rate in rates)
    assert workers != 8 or after or round(expected, 4) == 1.5417
    assert abs(took_s - expected) < 4 * math.sqrt(math.fsum(1 / rate**2 for rate in rates) / steps)
    assert took_s < harmonic(workers) - 4 * deviation(0, workers) / math.sqrt(steps)


def by_hand(workers, steps, copies, after, helpers):
    """What a run with speculation takes, by a list of who computes what until when: (worker: shard, end)."""
    streams = [stream(0, "node", f"worker-{place}", "jitter") for place in range(workers)]
    now = 0.0
    doing = {}

    def begin(worker, shard):
        doing[worker] = shard, now + ONE.sample(streams[worker])

    for _ in range(steps):
        there, idle = [], []
        for worker in range(workers):
            begin(worker, worker)
        while len(there) < workers:
            worker = min(doing, key=lambda each: doing[each][1])
            shard, now = doing.pop(worker)
            idle.append(worker)
            late = []
            if shard not in there:
                there.append(shard)
                late = [each for each in doing if doing[each][0] == shard]
            for each in sorted(idle) + late:
                known = [(each - turn) % workers for turn in range(1, copies)]
                behind = [other for other in known if other not in there]
                by = {other: [who for who in doing if doing[who][0] == other] for other in behind}
                if behind and len(there) >= after * workers:
                    fewest = min(behind, key=lambda other: len(by[other]))
                    if len(by[fewest]) <= helpers:
                        begin(each, fewest)
                        idle = [other for other in idle if other != each]
        doing.clear()
    return now


@pytest.mark.parametrize(
    ("workers", "copies", "after", "helpers"), [(6, 6, 0.0, 1), (6, 6, 0.5, 2), (7, 3, 0.3, 1), (5, 2, 0.0, 4)]
)
def test_a_run_with_speculation_is_that_by_hand(workers, copies, after, helpers):
    rule, steps = Speculation(after=after, helpers=helpers), 60

    took_s = mean_s(rule, ONE, steps, workers, sharding=Replicated(copies=copies)) * steps

    assert took_s == pytest.approx(by_hand(workers, steps, copies, after, helpers), rel=1e-9)
