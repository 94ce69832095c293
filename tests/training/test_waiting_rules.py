"""Each waiting rule is another where its parameter is at an end, and refuses what it cannot wait for."""

import math

import numpy as np
import pytest

from simcluster import run
from simcluster.cluster import NetworkSpec
from simcluster.engine import Constant, Exponential
from simcluster.faults import CrashNode, DuplicateMessages, LoseMessages, PauseNode, SlowNode
from simcluster.learning import DelayCompensated, GradientDescent, KMeans, Lbfgs
from simcluster.training import (
    BoundedStaleness,
    DynamicBackups,
    KBatchSync,
    KSync,
    Progress,
    Rennala,
    Ringmaster,
    SampledStaleness,
    StalenessAware,
    Waiting,
)
from tests.strategies import training
from tests.theory.quadratic import Parabola

# Messages that take no time: rules send a few bytes more or less, which else could change who comes first.
FREE = NetworkSpec(latency=Constant(value=0), bandwidth_bytes_per_s=None)
ASP = BoundedStaleness(staleness=math.inf)
DRAWN = Exponential(mean=1)


def trained(waiting, faults=(), seed=0, jitter=DRAWN, **fields):
    given = {"network": FREE, "steps": 30, **fields}
    return run(training(faults, jitter=jitter, waiting=waiting, **given), seed)


def bits(result):
    assert result.ended == "finished"
    return np.ascontiguousarray(result.outcome.parameters).tobytes()


class BulkSynchronous(Waiting):
    """The protocol's own bodies."""


class Asynchronous(Waiting):
    def may_start(self, worker, clock, progress):
        return True

    def sees(self, clock):
        return math.inf


PAUSE = PauseNode(node="worker-1", begin_s=0.03, end_s=0.2)
FAULTS = [(), (PAUSE, CrashNode(node="worker-0", begin_s=0.1, end_s=0.15))]


@pytest.mark.parametrize("faults", FAULTS, ids=["calm", "faults"])
@pytest.mark.parametrize(
    "waiting",
    [
        BoundedStaleness(staleness=0),
        KSync(k=3),
        KSync(k=3, left_behind="finish"),
        DynamicBackups(least=3),
        SampledStaleness(share=1),
    ],
)
def test_a_rule_that_waits_for_all_is_bulk_synchronous_to_the_bit(waiting, faults):
    assert bits(trained(waiting, faults)) == bits(trained(BulkSynchronous()))


def test_as_many_batches_as_workers_that_are_equally_fast_are_a_bulk_synchronous_step_to_the_bit():
    """Of others it is not: there a quick worker gives two. Each gives one before any can give the second."""
    assert bits(trained(KBatchSync(k=3), jitter=None)) == bits(trained(BulkSynchronous(), jitter=None))
    assert bits(trained(KBatchSync(k=3))) != bits(trained(BulkSynchronous()))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("waiting", "optimiser"),
    [
        (ASP, GradientDescent()),
        (BoundedStaleness(staleness=10**6), GradientDescent()),
        (SampledStaleness(share=0), GradientDescent()),
        (StalenessAware(power=0), GradientDescent()),
        (ASP, DelayCompensated(compensation=0)),
        (ASP, DelayCompensated(compensation=0, mean_square=0.9)),
    ],
)
def test_a_rule_that_waits_for_nobody_is_asynchronous_to_the_bit(waiting, optimiser, seed):
    found = trained(waiting, FAULTS[1], seed=seed, optimiser=optimiser)

    assert bits(found) == bits(trained(Asynchronous(), FAULTS[1], seed=seed))


@pytest.mark.parametrize("left_behind", ["cancel", "finish"])
def test_a_ringmaster_of_an_infinite_delay_is_asynchronous_to_the_bit(left_behind):
    """Up to the target, which is reached before any worker has done all steps and the rules' ends differ."""
    ringmaster, asp = (
        trained(waiting, steps=300, target_loss=0.5)
        for waiting in (Ringmaster(delay=math.inf, left_behind=left_behind), Asynchronous())
    )

    assert ringmaster.outcome.steps == asp.outcome.steps < 100
    assert ringmaster.ended_s == asp.ended_s
    assert bits(ringmaster) == bits(asp)


@pytest.mark.parametrize("staleness", [0, 1, 3])
def test_a_sample_of_all_workers_is_stale_synchronous_to_the_bit(staleness):
    sampled = trained(SampledStaleness(share=1, staleness=staleness), FAULTS[1])

    assert bits(sampled) == bits(trained(BoundedStaleness(staleness=staleness), FAULTS[1]))


def test_the_fastest_k_of_n_that_finish_are_n_less_k_backup_workers():
    found, backups = (
        trained(waiting, FAULTS[1])
        for waiting in (KSync(k=2, left_behind="finish"), BoundedStaleness(backup_workers=1))
    )

    assert bits(found) == bits(backups)
    assert found.ended_s == backups.ended_s


def test_a_ringmaster_without_delay_makes_the_steps_of_a_rennala_of_one_contribution():
    """A third of the rate three times as often: products are rounded otherwise."""
    ringmaster = trained(Ringmaster(delay=1), optimiser=GradientDescent(learning_rate=0.3))
    rennala = trained(Rennala(batch=1), steps=90, optimiser=GradientDescent(learning_rate=0.1))

    np.testing.assert_allclose(ringmaster.outcome.parameters, rennala.outcome.parameters, rtol=0, atol=1e-12)


@pytest.mark.parametrize("waiting", [ASP, BoundedStaleness(staleness=2), SampledStaleness(share=0.5)])
def test_a_delay_is_compensated_for_by_the_parameters_that_the_worker_computed_at_whatever_happens(waiting):
    """Of w²/2 the gradient is w: so it says itself what it was computed at."""
    stale = []

    class Watching(DelayCompensated):
        def delayed_step(self, parameters, gradient, memory, clock, share, read):
            np.testing.assert_allclose(gradient, read, rtol=1e-15)  # a sum over rows, divided by their number
            stale.append(bool((parameters != read).any()))
            return super().delayed_step(parameters, gradient, memory, clock, share, read)

    faults = [
        DuplicateMessages(probability=0.5, begin_s=0.0, end_s=0.2),
        LoseMessages(probability=0.3, begin_s=0.0, end_s=0.4),
        CrashNode(node="server", begin_s=0.1, end_s=0.12),
        *FAULTS[1],
    ]
    model, optimiser = Parabola(), Watching(learning_rate=0.01, compensation=1.0)
    result = trained(waiting, faults, model=model, optimiser=optimiser, checkpoint_every=2, network=None, steps=90)

    assert result.ended == "finished"
    assert len(stale) > 200
    assert sum(stale) > 100


def test_compensation_is_that_of_the_paper():
    """DC-ASGD-c and DC-ASGD-a of Zheng et al. 2017, algorithm 2 and equation 11."""
    now, read, gradient = np.array([1.0, 2.0]), np.array([0.5, 3.0]), np.array([3.0, -1.0])
    constant = DelayCompensated(learning_rate=0.1, compensation=2.0)
    adaptive = DelayCompensated(learning_rate=0.1, compensation=2.0, mean_square=0.95)

    moved, _ = constant.delayed_step(now, gradient, constant.start(now), 0, 0.5, read)()
    np.testing.assert_allclose(moved, now - 0.05 * (gradient + 2.0 * gradient**2 * (now - read)))
    moved, square = adaptive.delayed_step(now, gradient, np.ones(2), 0, 0.5, read)()
    np.testing.assert_allclose(square, 0.95 + 0.05 * gradient**2)
    strength = 2.0 / np.sqrt(square + 1e-7)
    np.testing.assert_allclose(moved, now - 0.05 * (gradient + strength * gradient**2 * (now - read)))


def test_a_dynamic_rule_leaves_out_a_straggler_until_it_is_as_fast_as_the_others():
    slow = SlowNode(node="worker-2", factor=20, begin_s=0.0, end_s=1.0)
    trace = trained(DynamicBackups(window=3), [slow], jitter=None, steps=200).trace

    rows = [row for row in trace.rows("contribution") if row["worker"] == "worker-2" and row["accepted"]]
    early = [row["clock"] for row in rows if row["time_s"] < 1.0]
    late = [row["clock"] for row in rows if row["time_s"] > 1.3]
    assert len(early) < 10
    assert late == list(range(late[0], 200))


def test_a_dynamic_rule_waits_for_the_k_that_gives_most_contributions_a_second():
    rule, workers = DynamicBackups(), ("a", "b", "c", "d")

    def wanted(*waits_s):
        return rule.wanted(Progress(workers, {}, waits_s=waits_s))

    assert wanted() == 4
    assert wanted(1.0, 1.5, 2.9, 9.0) == 2
    assert wanted(1.0, 2.0, 3.0, 4.0) == 4  # of equal ones the most
    assert wanted(0.0, 0.0, 3.0) == 2


def test_a_straggler_s_batches_are_another_s_and_cost_no_time():
    slow = [SlowNode(node="worker-2", factor=50, begin_s=0.0)]

    for waiting in (KBatchSync(k=3), Rennala(batch=3), Ringmaster(delay=4), Ringmaster(delay=4, left_behind="cancel")):
        assert trained(waiting, slow).ended_s < trained(BulkSynchronous(), slow).ended_s / 10


@pytest.mark.parametrize("waiting", [KSync(k=1), KBatchSync(k=3), Ringmaster(delay=2, left_behind="cancel")])
def test_a_step_that_is_cancelled_leaves_its_worker_at_once(waiting):
    slow = [SlowNode(node="worker-2", factor=1e3, begin_s=0.0)]
    trace = trained(waiting, slow).trace

    assert sum(row["worker"] == "worker-2" for row in trace.rows("step")) > 5
    assert not any(row["worker"] == "worker-2" for row in trace.rows("contribution"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"waiting": KSync(k=4)}, "k must be at most the 3 workers, got 4"),
        ({"waiting": DynamicBackups(window=2)}, "window must be at least 3, got 2"),
        ({"waiting": DynamicBackups(least=4)}, "least must be at most the 3 workers, got 4"),
        ({"waiting": {"kind": "ringmaster", "delay": 0.5}}, "delay: .*greater than or equal to 1"),
        ({"waiting": {"kind": "sampled_staleness", "share": 1.5}}, "share: .*less than or equal to 1"),
        ({"waiting": {"kind": "rennala"}}, "batch: "),
        ({"waiting": Rennala(batch=3), "model": KMeans()}, "waiting must count each worker once and whole with KMeans"),
        ({"waiting": StalenessAware(), "model": KMeans()}, "waiting must count each worker once and whole with KMeans"),
        ({"waiting": KSync(k=2), "optimiser": Lbfgs(), "batch_size": None}, "waiting must be bulk-synchronous with"),
    ],
)
def test_what_cannot_be_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        training(**fields)
