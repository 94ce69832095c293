"""Policies that watch: any decisions, any graph, any faults, and the run ends with the right answer."""

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NodeSpec
from simcluster.faults import (
    CrashNode,
    CutOneWay,
    DuplicateMessages,
    ExhaustMemory,
    IsolateNode,
    KillProgram,
    LoseMessages,
    PauseNode,
    ReorderMessages,
    SlowNode,
)
from simcluster.recovery import Checkpoints
from simcluster.scheduling import Mixed, Parallel, Serial, TaskGraphJob
from simcluster.testing import schedules
from tests.scheduling.watching import AnyPolicyAtAll, Checked, assert_in_order

MEMORY_BYTES = 1e6
WORKERS = ("w-0", "w-1", "w-2")
CLUSTER = ClusterSpec(
    nodes=(
        NodeSpec(name="m"),
        NodeSpec(name="w-0", flops_per_s=1e8, cores=2, memory_bytes=MEMORY_BYTES),
        NodeSpec(name="w-1", flops_per_s=3e8, memory_bytes=MEMORY_BYTES),
        NodeSpec(name="w-2", flops_per_s=1e8, cores=3, memory_bytes=2 * MEMORY_BYTES),
    )
)
KINDS = (
    CrashNode, PauseNode, SlowNode, IsolateNode, CutOneWay, LoseMessages, DuplicateMessages, ReorderMessages,
    ExhaustMemory,
)  # fmt: skip


@st.composite
def works(draw, most=8):
    """A few tasks, some of which take others' outputs, more cores than one, memory, or begin together."""
    tasks = {}
    for place in range(draw(st.integers(1, most))):
        before = tuple(name for name in tasks if draw(st.booleans()) and draw(st.booleans()))
        fields = {
            "release_s": draw(st.sampled_from([0.0, 0.0, 0.0, 0.3])),
            "cores": draw(st.sampled_from([1, 1, 1, 2])),
            "memory_bytes": draw(st.sampled_from([0.0, 0.0, 0.6 * MEMORY_BYTES, MEMORY_BYTES])),
            "priority": float(draw(st.integers(0, 2))),
        }
        if not before and draw(st.integers(0, 2)) == 0:
            fields |= {"gang": "g", "cores": 1, "memory_bytes": 0.0}
        tasks[f"t-{place}"] = before, fields, draw(st.sampled_from([1e6, 1e7, 4e7]))
    gang = [name for name, (_, fields, _) in tasks.items() if "gang" in fields]
    assume(len(gang) <= 5)  # which fit on all workers together, but for the one of two that may be down
    return Checked(tasks)


def job_of(work, policy, **fields):
    return TaskGraphJob(work=work, policy=policy, master="m", workers=WORKERS, retry_s=0.05, **fields)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    works(), st.booleans(), schedules(CLUSTER, 2.0, max_size=4, kinds=KINDS),
    st.sampled_from([Parallel(), Parallel(), Mixed(), Serial()]), st.integers(0, 2**32),
)  # fmt: skip
def test_whatever_is_decided_under_whatever_faults_the_answer_is_right_and_in_order(
    work, early, faults, execution, seed
):
    if isinstance(execution, Serial):
        execution = Mixed(by_level=True, at_once=5)  # one node has not the room for a gang
    scenario = Scenario(
        cluster=CLUSTER, job=job_of(work, AnyPolicyAtAll(early), execution=execution), faults=faults, horizon_s=200.0
    )
    result = run(scenario, seed, check=True)

    assert (result.ended, result.outcome) == ("finished", work.expected())
    assert_in_order(result, work, CLUSTER)


@st.composite
def kills(draw):
    """Crashes and kills of the master and of workers, of which some are over before anybody could notice."""
    faults = []
    for _ in range(draw(st.integers(1, 3))):
        node, begin_s = draw(st.sampled_from(CLUSTER.names)), draw(st.floats(0, 1.5))
        end_s = begin_s + draw(st.sampled_from([1e-4, 0.02, 0.3]))
        if draw(st.booleans()):
            faults.append(CrashNode(node=node, begin_s=begin_s, end_s=end_s))
        else:
            program = "task_graph.master" if node == "m" else "task_graph.worker"
            faults.append(KillProgram(node=node, program=program, begin_s=begin_s, end_s=end_s))
    return tuple(faults)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(works(), st.booleans(), kills(), st.booleans(), st.integers(0, 2**32))
def test_whoever_is_ended_and_begins_anew_with_or_without_what_was_kept_the_answer_is_right(
    work, early, faults, keeps, seed
):
    job = job_of(work, AnyPolicyAtAll(early), recovery=Checkpoints(every=1) if keeps else None)
    result = run(Scenario(cluster=CLUSTER, job=job, faults=faults, horizon_s=200.0), seed, check=True)

    assert (result.ended, result.outcome) == ("finished", work.expected())
