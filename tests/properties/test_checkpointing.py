"""The best interval between checkpoints is Young's and Daly's (Young 1974; Daly 2006)."""

import math

import numpy as np
import pytest

from simcluster.cluster import Cluster, ClusterSpec, NodeSpec, StorageSpec
from simcluster.engine import Environment, Trace
from simcluster.faults import Injector, draw_crashes
from simcluster.recovery import Checkpoint

MTTF_S, MTTR_S, SAVE_S = 200.0, 2.0, 1.0


def time_to_finish(work_s, interval_s, crashes):
    """Simulated seconds that a node takes for ``work_s`` of work, saved after every ``interval_s``."""
    env = Environment()
    storage = StorageSpec(bandwidth_bytes_per_s=1e18, flush_s=SAVE_S)
    cluster = Cluster(env, ClusterSpec(nodes=(NodeSpec(name="n", storage=storage),)), 0, Trace(env, ()))
    Injector(cluster, crashes)
    finished = env.event()

    def program(node):
        checkpoint = Checkpoint(node)
        done_s = (yield from checkpoint.restore()) or 0.0
        while done_s < work_s:
            yield node.busy(interval_s)
            done_s += interval_s
            yield from checkpoint.save(done_s)
        finished.succeed()

    cluster["n"].boot(program)
    env.run(until=finished)
    return env.now


def expected(work_s, interval_s):
    """E[T] = W/τ · (M + R)(e^{(τ + δ)/M} − 1): each segment is repeated until no crash meets it (Daly 2006, eq. 20)."""
    return work_s / interval_s * (MTTF_S + MTTR_S) * math.expm1((interval_s + SAVE_S) / MTTF_S)


@pytest.fixture(scope="module")
def means():
    """The mean time for each of nine intervals around Young's, over ten seeds, and its standard error."""
    work_s = 40_000.0
    young_s = math.sqrt(2 * SAVE_S * MTTF_S)
    intervals = young_s * np.geomspace(1 / 4, 4, 9)
    times = np.empty((10, 9))
    for seed in range(10):
        crashes = draw_crashes(["n"], MTTF_S, MTTR_S, 3 * work_s, seed)  # the same for every interval
        times[seed] = [time_to_finish(work_s, interval_s, crashes) for interval_s in intervals]
    return work_s, intervals, times


def test_the_time_with_checkpoints_is_that_of_the_formula(means):
    work_s, intervals, times = means
    theory = [expected(work_s, interval_s) for interval_s in intervals]
    error = times.std(axis=0, ddof=1) / math.sqrt(len(times))

    # Five standard errors of ten seeds, and the last segment is done whole.
    assert np.all(np.abs(times.mean(axis=0) - theory) < 5 * error + intervals)


def test_the_best_interval_is_young_s_within_a_tenth(means):
    _, intervals, times = means
    # The optimum is flat, so it is read off a curve through all nine points: the overhead a/τ + b + cτ + dτ².
    design = np.stack([1 / intervals, np.ones(9), intervals, intervals**2], axis=1)
    a, b, c, d = np.linalg.lstsq(design, times.mean(axis=0), rcond=None)[0]
    grid = np.geomspace(intervals[0], intervals[-1], 10_001)
    best_s = grid[np.argmin(a / grid + b + c * grid + d * grid**2)]
    young_s = math.sqrt(2 * SAVE_S * MTTF_S)
    daly_s = young_s * (1 + math.sqrt(SAVE_S / (2 * MTTF_S)) / 3 + SAVE_S / (2 * MTTF_S) / 9) - SAVE_S

    assert best_s == pytest.approx(daly_s, rel=0.1)
    assert best_s == pytest.approx(young_s, rel=0.1)
