"""Whatever the policy, the work, the nodes and the faults: no run is shorter than its bounds, no second is lost."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcluster import ClusterSpec, NodeSpec, Scenario, run
from simcluster.engine import Exponential, Uniform
from simcluster.faults import CrashNode, LoseMessages, PauseNode, SlowNode
from simcluster.scheduling import (
    Bag,
    Epigenomics,
    ForkJoin,
    JobClass,
    JobStream,
    Layered,
    Rigid,
    TaskGraphJob,
    Workflow,
)
from tests.built_ins import one, words
from tests.workflows import NAMES, file

WORKS = st.sampled_from([
    Bag(tasks=12, seconds=Exponential(mean=1.0)),
    Layered(tasks=15, ccr=0.5),
    Layered(tasks=15, ccr=0.0, alpha=2.0),
    ForkJoin(stages=2, width=4, join_s=0.2),
    Epigenomics(lanes=1, chunks=2),
    JobStream(
        jobs=5, between=Exponential(mean=1.0),
        classes=(
            JobClass(name="a", work=Rigid(seconds=Uniform(low=1.0, high=4.0), cores=(1, 2))),
            JobClass(name="b", work=ForkJoin(width=2), deadline_s=3.0),
        ),
    ),
])  # fmt: skip
MACHINE = st.tuples(st.sampled_from([0.5, 1.0, 4.0]), st.sampled_from([2, 3]))
FAULTS = st.lists(
    st.one_of(
        st.builds(
            lambda begin_s, length_s: CrashNode(node="w-1", begin_s=begin_s, end_s=begin_s + length_s),
            st.floats(0, 10), st.floats(0.01, 5),
        ),
        st.builds(
            lambda begin_s, factor: SlowNode(node="w-0", begin_s=begin_s, end_s=begin_s + 3, factor=factor),
            st.floats(0, 10), st.floats(1, 5),
        ),
        st.builds(
            lambda begin_s: PauseNode(node="w-0", begin_s=begin_s, end_s=begin_s + 1.5), st.floats(0, 10)
        ),
        st.builds(
            lambda probability: LoseMessages(probability=probability, begin_s=0.0, end_s=5.0), st.floats(0, 0.3)
        ),
    ),
    max_size=3,
)  # fmt: skip


def ran(work, policy, machines, faults, seed, retry_s=0.2):
    nodes = [
        NodeSpec(name=f"w-{place}", speed=speed, cores=cores) for place, (speed, cores) in enumerate(machines)
    ]
    names = tuple(node.name for node in nodes)
    job = TaskGraphJob(work=work, policy=policy, master="m", workers=names, retry_s=retry_s)
    cluster = ClusterSpec(nodes=(NodeSpec(name="m"), *nodes))
    return run(Scenario(cluster=cluster, job=job, faults=faults, horizon_s=1e5), seed)


@pytest.mark.parametrize("word", words("Policy"))
@given(
    work=WORKS, machines=st.lists(MACHINE, min_size=2, max_size=4), faults=FAULTS, seed=st.integers(0, 2**32)
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_run_is_shorter_than_its_bounds_and_every_second_of_a_node_is_accounted_for(
    word, work, machines, faults, seed
):
    result = ran(work, one("Policy", word), machines, faults, seed)
    found, tried = result.metrics, result.series["attempts"]

    assert result.ended == "finished"
    assert found["makespan_s"] >= max(found["critical_path_s"], found["area_s"]) * (1 - 1e-9)
    assert 0 < found["utilisation_mean"] <= 1 + 1e-9
    assert 0 <= found["wasted_share"] < 1
    assert set(tried.loc[tried["state"] == "done", "task"]) == set(work.graph(seed))
    assert not tried.loc[tried["state"] == "done", "task"].duplicated().any()
    seconds = result.ledger.to_numpy()
    assert (seconds >= 0).all()
    assert math.fsum(seconds.ravel()) == pytest.approx(result.ended_s * len(result.ledger), rel=1e-12)
    for _, job in result.series.get("jobs", tried[:0]).iterrows():
        assert job["slowdown"] >= 1 - 1e-9


@pytest.mark.theory
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("word", words("Policy"))
def test_no_policy_takes_a_workflow_that_ran_below_its_bounds(word, name):
    machines = [(0.5, 2), (1.0, 2), (2.0, 4)]
    found = ran(Workflow(path=file(name)), one("Policy", word), machines, (), 0, retry_s=30.0).metrics

    assert found["makespan_s"] >= max(found["critical_path_s"], found["area_s"]) * (1 - 1e-9)
