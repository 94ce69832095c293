"""Streams of jobs: arrivals, users, classes, deadlines, gangs, and the outcome of each job."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.engine import Constant, Exponential, Uniform
from simcluster.faults import CrashNode
from simcluster.scheduling import (
    Cholesky,
    ForkJoin,
    Functions,
    Heft,
    JobClass,
    JobStream,
    Layered,
    Rigid,
    TaskGraphJob,
    fifo,
    priority,
)

BATCH = JobClass(
    name="batch", work=Rigid(seconds=Uniform(low=1.0, high=3.0), cores=(1, 2, 5), cores_most=2,
    overestimate=Constant(value=2.0)), users=("ann", "bob"), share=2.0, deadline_s=20.0, priority=3.0,
)  # fmt: skip
FLOW = JobClass(name="flow-a", work=ForkJoin(stages=1, width=3, size_bytes=1e4), users=("eve",))
STREAM = JobStream(jobs=12, between=Exponential(mean=2.0), classes=(BATCH, FLOW))


def tasks(graph):
    return {name: node["task"] for name, node in graph.nodes.items()}


def jobs(graph):
    """The tasks of each job."""
    found = {}
    for name, task in tasks(graph).items():
        found.setdefault(task.job, {})[name.partition("/")[2]] = task
    return found


@given(st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_each_job_is_a_graph_of_its_class_released_as_it_comes(seed):
    graph = STREAM.graph(seed)
    found = jobs(graph)

    assert len(found) == 12
    assert [int(name.rpartition("-")[2]) for name in found] == list(range(12))
    releases = []
    for name, members in found.items():
        kind = {"batch": BATCH, "flow-a": FLOW}[name.rpartition("-")[0]]
        one = next(iter(members.values()))
        releases.append(one.release_s)
        assert {(task.release_s, task.user, task.deadline_s) for task in members.values()} == {
            (one.release_s, one.user, one.deadline_s)
        }
        assert one.user in kind.users
        assert one.deadline_s == (one.release_s + 20.0 if kind is BATCH else math.inf)
        if kind is BATCH:
            cores = [task.cores for task in members.values()]
            assert sum(cores) in (1, 2, 5)
            assert max(cores) <= 2
            assert all(task.priority == 3.0 for task in members.values())
            assert one.estimate_s == pytest.approx(2 * one.cost.flops / 1e9)
            assert {task.gang for task in members.values()} == ({""} if len(members) == 1 else {f"{name}/job"})
        else:
            assert list(members) == list(FLOW.work.graph(0))
    assert releases == sorted(releases)
    assert all(before.partition("/")[0] == after.partition("/")[0] for before, after in graph.edges)
    for name, members in found.items():  # of one job, and together from the start
        for gang in {task.gang for task in members.values()} - {""}:
            assert gang.startswith(f"{name}/")
            assert not any(graph.pred[f"{name}/{task}"] for task, each in members.items() if each.gang == gang)


@pytest.mark.theory
def test_jobs_come_as_a_poisson_process_and_classes_in_their_shares():
    stream = STREAM.replace(jobs=2000)
    found = {name: next(iter(members.values())) for name, members in jobs(stream.graph(1)).items()}
    times = np.diff([0.0, *(task.release_s for task in found.values())])
    batches = len([name for name in found if name.startswith("batch")])

    # Exponential of mean 2: mean and deviation of 2000 are within 4 σ = 9 % and 13 %; shares 2 to 1 within 4 σ = 0.042.
    assert times.mean() == pytest.approx(2.0, rel=0.09)
    assert times.std() == pytest.approx(2.0, rel=0.13)
    assert batches / 2000 == pytest.approx(2 / 3, abs=0.042)


def test_a_stream_is_the_same_for_its_seed_and_what_one_class_draws_shifts_no_other():
    def arrivals(stream):
        return [(name, task.release_s, task.user) for name, task in tasks(stream.graph(7)).items() if "flow" in name]

    other = BATCH.replace(work=Rigid(seconds=Uniform(low=5.0, high=9.0)))

    assert arrivals(STREAM) == arrivals(STREAM)
    assert arrivals(STREAM) == arrivals(STREAM.replace(classes=(other, FLOW)))
    assert arrivals(STREAM) != [
        (name, task.release_s, task.user) for name, task in tasks(STREAM.graph(8)).items() if "flow" in name
    ]


CLUSTER = ClusterSpec(nodes=(NodeSpec(name="m"), *nodes("w", 3, cores=2)))


def ran(work, policy=fifo, faults=(), seed=0):
    job = TaskGraphJob(work=work, policy=policy, master="m", workers=("w-0", "w-1", "w-2"))
    return run(Scenario(cluster=CLUSTER, job=job, faults=faults, horizon_s=1e4), seed)


@pytest.mark.parametrize("policy", [fifo, priority, Heft()], ids=["fifo", "priority", "heft"])
@pytest.mark.parametrize("faults", [(), (CrashNode(node="w-1", begin_s=5.0, end_s=9.0),)], ids=["calm", "crash"])
def test_no_job_begins_before_it_comes_and_each_is_done_and_measured(policy, faults):
    result = ran(STREAM.replace(classes=(BATCH.replace(work=BATCH.work.replace(cores=(1, 2))), FLOW)), policy, faults)
    found = result.series["jobs"]
    begun = result.series["spans"].assign(job=lambda table: table["task"].str.partition("/")[0])

    assert result.ended == "finished"
    assert len(found) == 12 == result.metrics["jobs_done"]
    first = begun.groupby("job")["begin_s"].min()
    assert (first.loc[found["job"]].to_numpy() >= found["release_s"].to_numpy()).all()
    assert (found["slowdown"] >= 1 - 1e-9).all()
    assert result.metrics["slowdown_mean"] == pytest.approx(found["slowdown"].mean())
    assert result.metrics["deadline_misses"] == (found["end_s"] > found["deadline_s"]).sum()
    assert 1 / 3 <= result.metrics["fairness"] <= 1


def test_each_job_has_the_outcome_of_its_work():
    classes = (
        JobClass(name="solve", work=Cholesky(tiles=2, tile_rows=3, real=True)),
        JobClass(name="layers", work=Layered(tasks=5)),
    )
    stream = JobStream(jobs=6, between=Constant(value=1.0), classes=classes)
    outcome = ran(stream).outcome

    assert sorted(outcome) == sorted(jobs(stream.graph(0)))
    for name, gave in outcome.items():
        if name.startswith("layers"):
            assert all(isinstance(mark, int) for mark in gave.values())
    solved = [gave for name, gave in outcome.items() if name.startswith("solve")]
    assert {gave.shape for gave in solved} == {(6, 6)}
    assert len(solved) > 1
    assert not np.array_equal(*solved[:2])  # a problem of its own for each


def test_a_job_may_be_a_graph_of_functions():
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_node("two", function=lambda: 2.0, flops=1e8)
    graph.add_node("four", function=lambda two: 2 * two, flops=1e8)
    graph.add_edge("two", "four")
    stream = JobStream(jobs=2, between=Constant(value=0.5), classes=(JobClass(name="f", work=Functions(graph)),))

    assert ran(stream).outcome == {"f-0": {"four": 4.0}, "f-1": {"four": 4.0}}


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"classes": ()}, "classes: .* at least 1 item"),
        ({"classes": (BATCH, BATCH)}, "names of classes must differ, got 'batch' more than once"),
        ({"classes": (BATCH.replace(name="a/b"),)}, "name must not hold '/', which ends the name of a job, got 'a/b'"),
        ({"between": 3.0}, r"must be a distribution, got 3.0: write Constant\(value=3.0\)"),
        ({"classes": ({"name": "s", "work": {"kind": "stream"}},)}, "work"),
        ({"jobs": 0}, "jobs: .* got 0"),
    ],
)
def test_a_stream_that_breaks_a_rule_is_refused(fields, rule):
    with pytest.raises(ValueError, match=rule):
        JobStream(**fields)
