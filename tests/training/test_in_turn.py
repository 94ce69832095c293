"""Workers that compute in turn do the steps of workers that compute at once, later by what a formula says."""

import numpy as np
import pytest

from simcluster import ClusterSpec, NodeSpec, Scenario, run
from simcluster.cluster import NetworkSpec
from simcluster.engine import Constant, Environment, Trace, stream
from simcluster.faults import CrashNode, LoseMessages
from simcluster.recovery import Heartbeats, Timeout
from simcluster.training import (
    AllReduce,
    BoundedStaleness,
    Bundled,
    InTurn,
    ParameterServer,
    Progress,
    Softmax,
    Training,
    TrainingJob,
)

WORKERS, LATENCY_S, STEPS, FLOPS_PER_S = ("w-0", "w-1", "w-2", "w-3"), 0.01, 5, (1e5, 2e5, 4e5, 4e5)


def scenario(waiting, faults=(), retry_s=50.0, **job):
    """A server that takes no time, and links that have latency alone."""
    workers = (NodeSpec(name=name, flops_per_s=rate) for name, rate in zip(WORKERS, FLOPS_PER_S, strict=True))
    server = NodeSpec(name="server", flops_per_s=1e30, memory_bytes_per_s=1e30)
    network = NetworkSpec(latency=Constant(value=LATENCY_S), bandwidth_bytes_per_s=None)
    fields = {"model": Softmax(), "data": Bundled(name="iris"), "batch_size": None, "steps": STEPS, **job}
    exchange = ParameterServer(server="server", retry_s=retry_s)
    return Scenario(
        cluster=ClusterSpec(nodes=(server, *workers), network=network),
        job=TrainingJob(**{"exchange": exchange, "workers": WORKERS, "waiting": waiting, **fields}),
        faults=tuple(faults),
        horizon_s=60.0,
    )


def computing_s():
    """What each worker computes in a step."""
    env = Environment()
    training = Training(scenario(InTurn()).job, 0, env.event(), Trace(env))
    costs = [training.contribution(worker, 0, training.initial).cost for worker in range(len(WORKERS))]
    return [cost.flops / rate for cost, rate in zip(costs, FLOPS_PER_S, strict=True)]


AT_ONCE = run(scenario(BoundedStaleness()), 0)


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_the_parameters_are_those_of_workers_at_once_to_the_last_bit(at_once):
    result = run(scenario(InTurn(at_once=at_once)), 0)

    np.testing.assert_array_equal(result.outcome.parameters, AT_ONCE.outcome.parameters)
    assert result.outcome.steps == STEPS


def test_a_step_takes_the_sum_of_all_in_turn_and_the_longest_at_once():
    each_s = computing_s()
    in_turn_s = STEPS * (sum(each_s) + 2 * len(WORKERS) * LATENCY_S)

    # The first request has been on its way before the first step.
    assert run(scenario(InTurn()), 0).ended_s == pytest.approx(in_turn_s + LATENCY_S, rel=1e-12)
    assert AT_ONCE.ended_s == pytest.approx(STEPS * (max(each_s) + 2 * LATENCY_S) + LATENCY_S, rel=1e-12)
    assert run(scenario(InTurn(at_once=4)), 0).ended_s == AT_ONCE.ended_s


def test_two_at_a_time_are_two_at_a_time():
    rule, progress = InTurn(at_once=2), Progress(WORKERS, dict.fromkeys(WORKERS, 3), 3)

    def may(**changed):
        for name, value in changed.items():
            setattr(progress, name, value)
        return [worker for worker in WORKERS if rule.may_start(worker, 3, progress)]

    assert may() == ["w-0", "w-1"]
    assert may(arrived=["w-1"]) == ["w-0", "w-2"]
    assert may(gone=["w-0"]) == ["w-2", "w-3"]
    assert not rule.may_start("w-2", 4, progress)
    assert rule.refuses(WORKERS) is None


@pytest.mark.parametrize("at_once", [1, 2])
def test_crashes_and_losses_change_no_bit(at_once):
    generator = stream(6, at_once)
    for _ in range(10):
        begin_s, worker = float(generator.uniform(0, 0.6)), WORKERS[int(generator.integers(4))]
        crash = CrashNode(node=worker, begin_s=begin_s, end_s=begin_s + float(generator.uniform(0.01, 0.3)))
        lose = LoseMessages(probability=0.2, begin_s=0.0, end_s=0.4)
        result = run(scenario(InTurn(at_once=at_once), (crash, lose), retry_s=0.1), 0)

        np.testing.assert_array_equal(result.outcome.parameters, AT_ONCE.outcome.parameters)


def test_who_is_gone_for_good_is_passed_over():
    detector = Heartbeats(period_s=0.05, suspicion=Timeout(after_s=0.2))
    gone = CrashNode(node="w-1", begin_s=0.1)
    result = run(scenario(InTurn(), (gone,), retry_s=0.1, detector=detector), 0)

    assert (result.ended, result.outcome.steps) == ("finished", STEPS)


def test_a_sum_round_a_ring_needs_all_at_once():
    with pytest.raises(ValueError, match="waiting must be bulk-synchronous with all_reduce"):
        scenario(InTurn(), exchange=AllReduce())
    with pytest.raises(ValueError, match="at_once: "):
        InTurn(at_once=0)
