"""Under a pipeline's faults only the clock changes: no bit of the parameters does."""

from collections import Counter

import numpy as np
import pytest

from simcluster import ClusterSpec, NodeSpec, Scenario, Together, nodes, run
from simcluster.cluster import StorageSpec
from simcluster.engine import stream
from simcluster.faults import (
    CrashNode,
    DuplicateMessages,
    FillDisk,
    KillProgram,
    LoseDisk,
    LoseMessages,
    PauseNode,
    ReorderMessages,
    Swarm,
    TearWrites,
)
from simcluster.training import gpipe, one_forward_one_backward
from tests.training.pipelines import job, trained

CALM = trained(4)
RETRY_S = 0.01


def same(result):
    assert result.ended == "finished"
    np.testing.assert_array_equal(result.outcome.parameters, CALM.outcome.parameters)
    assert (result.outcome.loss, result.outcome.stopped) == (CALM.outcome.loss, None)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("share", [0.05, 0.3, 0.55, 0.95])
def test_a_crash_of_any_stage_changes_no_bit(place, share):
    begin_s = share * CALM.ended_s
    crash = CrashNode(node=f"n-{place}", begin_s=begin_s, end_s=begin_s + 0.02)

    result = trained(4, [crash], retry_s=RETRY_S, check=True)

    same(result)
    assert result.ended_s > CALM.ended_s or (share == 0.95 and place > 1), "the last stages are done by then"


def crashes(seed):
    generator, found = stream(seed, "crashes"), []
    for _ in range(int(generator.integers(1, 8))):
        begin_s = float(generator.uniform(0, 1.5 * CALM.ended_s))
        node = f"n-{generator.integers(4)}"
        found.append(CrashNode(node=node, begin_s=begin_s, end_s=begin_s + float(generator.exponential(0.02))))
    return found


@pytest.mark.slow
def test_fifty_schedules_of_crashes_change_no_bit():
    for seed in range(50):
        same(trained(4, crashes(seed), retry_s=RETRY_S, schedule=(gpipe, one_forward_one_backward)[seed % 2]))


@pytest.mark.slow
def test_fifty_schedules_of_all_faults_that_leave_disks_alone_or_tear_them_change_no_bit():
    kinds = (
        CrashNode, PauseNode, LoseMessages, DuplicateMessages, ReorderMessages, FillDisk, TearWrites, KillProgram
    )  # fmt: skip
    names = tuple(f"n-{place}" for place in range(4))
    programs = dict.fromkeys(names, ("pipeline.stage",))
    swarm = Swarm(nodes=names, programs=programs, horizon_s=0.1, kinds=kinds)
    for seed in range(50):
        same(trained(4, swarm.draw(seed), retry_s=RETRY_S))


def test_a_stage_that_is_ahead_makes_its_passes_again_for_one_that_has_lost_them():
    # The last stage is long about keeping its step, and crashes while all others have begun the next.
    slow = NodeSpec(name="n-3", flops_per_s=1e7, storage=StorageSpec(flush_s=0.05))
    cluster = ClusterSpec(nodes=(*nodes("n", 3, flops_per_s=1e7), slow))
    calm = trained(4, cluster=cluster)
    begun_s = next(row["begin_s"] for row in calm.trace.rows("pass") if row["stage"] == 0 and row["step"] == 2)

    result = trained(4, [CrashNode(node="n-3", begin_s=begun_s + 0.001, end_s=begun_s + 0.002)], cluster=cluster)

    same(result)
    passes = Counter((row["stage"], row["step"], row["direction"]) for row in result.trace.rows("pass"))
    assert passes[3, 1, "forward"] == passes[3, 1, "backward"] == 8
    assert passes[2, 1, "forward"] == 4, "what it has sent it still has"

    both = [CrashNode(node=node, begin_s=begun_s + 0.001, end_s=begun_s + 0.002) for node in ("n-2", "n-3")]
    result = trained(4, both, cluster=cluster)

    same(result)
    passes = Counter((row["stage"], row["step"], row["direction"]) for row in result.trace.rows("pass"))
    assert passes[2, 1, "forward"] == 8, "what it has kept is the state, and it computes anew"
    assert passes[1, 1, "forward"] == 4


def test_a_disk_that_is_full_for_a_while_is_waited_for():
    result = trained(4, [FillDisk(node="n-1", begin_s=0.0, end_s=0.2)], retry_s=RETRY_S)

    same(result)
    assert result.ended_s > 0.2
    assert result.metrics["checkpoints_failed"] > 1


def test_a_disk_that_is_lost_matters_only_with_a_crash_before_the_next_step_and_then_a_verdict_says_so():
    lost = LoseDisk(node="n-2", begin_s=0.02)
    at_once = CrashNode(node="n-2", begin_s=0.0201, end_s=0.03)

    same(trained(4, [lost], retry_s=RETRY_S))
    stopped = trained(4, [lost, at_once], retry_s=RETRY_S)

    assert stopped.outcome.stopped == "stage 2 has lost all but 0 of its steps"
    assert 0 < stopped.outcome.steps < 6
    assert np.isfinite(stopped.outcome.loss)
    assert [verdict.name for verdict in stopped.verdicts] == ["stopped"]


def test_a_step_that_takes_longer_than_a_retry_is_asked_for_again_and_stays_the_same():
    result = trained(4, retry_s=0.002)

    same(result)
    assert result.metrics["messages_sent"] > CALM.metrics["messages_sent"]


def test_the_same_seed_and_faults_give_the_same_digest():
    faults = crashes(7)

    assert trained(4, faults, retry_s=RETRY_S).digest == trained(4, faults, retry_s=RETRY_S).digest


class LateQuestion:
    """Somebody asks a stage, at some time, for what nobody needs any more."""

    def __init__(self, at_s, step):
        self.at_s, self.step = at_s, step

    def start(self, cluster, seed):
        def question(node):
            yield node.timer(self.at_s)
            node.request("n-1", "pipeline.slopes", (self.step, 0), timeout_s=0.02)

        cluster["n-0"].boot(question)
        return cluster.env.timeout(0.0)


@pytest.mark.parametrize("step", [0, 1, 2])
def test_what_nobody_needs_any_more_is_begun_again_at_most_and_given_up(step):
    # The last of two stages is long about keeping its steps; it has lost what it had given to the first one.
    slow = NodeSpec(name="n-1", flops_per_s=1e7, storage=StorageSpec(flush_s=0.05))
    cluster = ClusterSpec(nodes=(NodeSpec(name="n-0", flops_per_s=1e7), slow))
    calm = trained(2, cluster=cluster)
    times_s = {row["step"]: row["begin_s"] for row in calm.trace.rows("pass") if row["stage"] == 1}
    crash = CrashNode(node="n-1", begin_s=times_s[2], end_s=times_s[2] + 0.001)
    asked_s = times_s[2] + 0.04  # the step is done again, and being kept

    jobs = Together(jobs=(job(2, retry_s=RETRY_S), LateQuestion(asked_s, step)))
    result = run(Scenario(cluster=cluster, job=jobs, faults=(crash,), horizon_s=60.0), 3, check=True)

    assert result.ended == "finished"
    np.testing.assert_array_equal(result.outcome[0].parameters, CALM.outcome.parameters)
    asked = [row["time_s"] for row in result.trace.rows("send") if row["message_kind"] == "pipeline.activations"]
    passes = Counter((row["stage"], row["step"], row["direction"]) for row in result.trace.rows("pass"))
    assert passes[1, 1, "forward"] == 4, "the first stage has passed that over"
    assert len([at_s for at_s in asked if at_s > asked_s + 0.02]) == 2 * 4, "and is not asked for ever"
