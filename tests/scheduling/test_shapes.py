"""Shapes have the tasks, the edges and the longest ways that their papers say."""

import math
import zlib

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.engine import Exponential
from simcluster.faults import CrashNode, LoseMessages
from simcluster.kernels import Call, Cost
from simcluster.scheduling import (
    Bag,
    Computed,
    Epigenomics,
    Fit,
    ForkJoin,
    GradientSteps,
    Layered,
    Synthetic,
    TaskGraphJob,
    Workflow,
    assemble,
    fifo,
    heft,
)
from simcluster.scheduling.work.shapes import Piece
from tests.workflows import file

SMALL = st.integers(1, 12)


def longest(graph):
    """How many tasks the longest way has."""
    return nx.dag_longest_path_length(graph, weight=None, default_weight=1) + 1


def alike(first, second):
    return nx.is_isomorphic(nx.DiGraph(first.edges), nx.DiGraph(second.edges))


def theirs(name):
    return Workflow(path=file(name)).graph(0)


@given(SMALL)
def test_tasks_in_a_bag_have_nothing_to_do_with_each_other(tasks):
    graph = Bag(tasks=tasks).graph(0)

    assert (len(graph), graph.number_of_edges()) == (tasks, 0)


@pytest.mark.theory
@given(SMALL, SMALL)
@settings(max_examples=30)
def test_fork_and_join_have_a_join_more_than_stages(stages, width):
    graph = ForkJoin(stages=stages, width=width).graph(0)

    assert len(graph) == stages * (width + 1) + 1
    assert graph.number_of_edges() == 2 * stages * width
    assert longest(graph) == 2 * stages + 1
    assert nx.is_weakly_connected(graph)


@pytest.mark.theory
@given(st.integers(1, 5), SMALL)
@settings(max_examples=30)
def test_epigenomics_has_four_programs_for_each_chunk(lanes, chunks):
    graph = Epigenomics(lanes=lanes, chunks=chunks).graph(0)

    assert len(graph) == lanes * (4 * chunks + 2) + 3
    assert graph.number_of_edges() == lanes * (5 * chunks + 1) + 2
    assert longest(graph) == 9
    assert nx.is_weakly_connected(graph)


@pytest.mark.theory
@pytest.mark.parametrize(
    ("shape", "name"),
    [
        (Epigenomics(lanes=1, chunks=9), "epigenomics-chameleon-hep-1seq-100k-001.json"),
        (ForkJoin(stages=1, width=8), "helloworld-forkjoin-10-chameleon.json"),
        (ForkJoin(stages=2, width=1), "helloworld-chain-5-chameleon.json"),
    ],
    ids=["epigenomics", "fork_join", "chain"],
)
def test_a_shape_is_that_of_a_workflow_that_ran(shape, name):
    assert alike(shape.graph(0), theirs(name))


def test_epigenomics_takes_the_seconds_and_the_bytes_of_the_workflow_that_ran():
    ours, ran = Epigenomics(lanes=1, chunks=9).graph(0), theirs("epigenomics-chameleon-hep-1seq-100k-001.json")

    def seconds(graph):
        return math.fsum(node["task"].cost.flops for _, node in graph.nodes.items()) / 1e9

    def travels(graph):
        return math.fsum(edge["size_bytes"] for _, _, edge in graph.edges(data=True))

    assert seconds(ours) == pytest.approx(seconds(ran), rel=1e-3)
    assert travels(ours) == pytest.approx(travels(ran), rel=1e-2)


def layers_of(graph):
    """Each task's layer: how many tasks stand on the longest way to it."""
    found = {}
    for name in nx.topological_sort(graph):
        found[name] = max((found[before] + 1 for before in graph.pred[name]), default=0)
    return found


LAYERED = st.builds(
    Layered,
    tasks=st.integers(1, 200),
    alpha=st.sampled_from([0.3, 0.5, 1.0, 2.0]),
    out_degree=st.integers(1, 12),
    ccr=st.sampled_from([0.0, 0.1, 1.0, 10.0]),
)


@pytest.mark.theory
@given(LAYERED, st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_a_layered_graph_has_its_tasks_in_layers_and_hangs_together(work, seed):
    graph = work.graph(seed)
    layer = layers_of(graph)
    width = np.bincount(list(layer.values()))

    assert len(graph) == work.tasks
    assert nx.is_weakly_connected(graph)
    assert all(layer[after] == layer[before] + 1 for before, after in graph.edges)
    widest = math.ceil(2 * work.alpha * math.sqrt(work.tasks))
    assert width[0] == 1
    assert width.max() <= max(1, widest)
    for name, degree in graph.out_degree:
        if layer[name] + 1 < len(width):
            assert degree >= min(work.out_degree, width[layer[name] + 1])
        else:
            assert degree == 0
    least = sum(min(work.out_degree, width[place + 1]) * width[place] for place in range(len(width) - 1))
    assert graph.number_of_edges() <= least + work.tasks  # what nothing else comes before has one more edge


@pytest.mark.theory
@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_a_layered_graph_is_as_high_as_its_shape_says(alpha):
    tasks, seeds = 900, range(20)
    heights = []
    for seed in seeds:
        depth = {}
        for name, piece in Layered(tasks=tasks, alpha=alpha, out_degree=1).shape(seed).items():
            depth[name] = max((depth[before] + 1 for before, _ in piece.takes), default=1)
        heights.append(max(depth.values()))

    # Renewals of uniform widths, their mean α √n: (n - 1) / mean + 2/3 (half of E X² / E² X), after the first task. The
    # number's standard deviation is √(1/3 · 15), and of its mean over 20 graphs 0.5 where there are 15: three of these.
    assert np.mean(heights) == pytest.approx(1 + (tasks - 1) / (alpha * math.sqrt(tasks)) + 2 / 3, rel=0.1)


@pytest.mark.theory
@pytest.mark.parametrize("ccr", [0.1, 1.0, 5.0])
def test_edges_take_the_share_of_tasks_that_the_ratio_says(ccr):
    work = Layered(tasks=3000, ccr=ccr, seconds_mean=2.0, bytes_per_s=1e6)
    graph = work.graph(1)
    computing_s = np.array([node["task"].cost.flops / 1e9 for _, node in graph.nodes.items()])
    travelling_s = np.array([edge["size_bytes"] / 1e6 for _, _, edge in graph.edges(data=True)])

    # Uniform: the mean of 3000 and more is within 3.3 % in all but 1 of 1000 (3.2 × 0.577 / √3000).
    assert computing_s.mean() == pytest.approx(2.0, rel=0.034)
    assert travelling_s.mean() == pytest.approx(ccr * 2.0, rel=0.034)
    assert computing_s.max() <= 4.0
    assert travelling_s.max() <= 2 * ccr * 2.0


@given(LAYERED, st.floats(0, 2), st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_times_on_processors_differ_by_no_more_than_their_heterogeneity(work, beta, seed):
    graph, timed = work.graph(seed), work.timed(("p", "q", "r"), beta, seed)
    scales = {name: node["task"].cost.flops / 1e9 for name, node in graph.nodes.items()}

    assert set(timed.edges) == set(graph.edges)
    for name, node in timed.nodes.items():
        for seconds in node["seconds"].values():
            assert scales[name] * (1 - beta / 2) * (1 - 1e-9) <= seconds <= scales[name] * (1 + beta / 2) * (1 + 1e-9)
    assert set(heft(timed)) == set(graph)


def test_heterogeneity_is_within_its_range():
    with pytest.raises(ValueError, match=r"^beta must be within \[0, 2\], got 2.5$"):
        Layered().timed(("p",), 2.5, 0)


SHAPES = [
    Bag(tasks=9, seconds=Exponential(mean=2.0)),
    Layered(tasks=40),
    ForkJoin(stages=2, width=3, seconds=Exponential(mean=2.0)),
    Epigenomics(),
]


def told(graph):
    return (
        [(name, node["task"].cost) for name, node in graph.nodes.items()],
        [(*edge, of["part"], of["size_bytes"]) for *edge, of in graph.edges(data=True)],
    )


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.kind)
def test_a_graph_is_the_same_for_its_seed_and_its_tasks_stand_after_those_before(shape):
    assert told(shape.graph(3)) == told(shape.graph(3))
    place = {name: place for place, name in enumerate(shape.graph(3))}
    assert all(place[before] < place[after] for before, after in shape.graph(3).edges)


@pytest.mark.parametrize("shape", SHAPES[:3], ids=lambda shape: shape.kind)
def test_another_seed_draws_another_graph(shape):
    assert told(shape.graph(3)) != told(shape.graph(4))


def test_who_computes_something_real_has_the_same_shape():
    given = [Layered(tasks=20, computation=computation) for computation in (Synthetic(), GradientSteps(), Fit())]

    assert len({tuple(work.graph(5).edges) for work in given}) == 1


# What travels


CLUSTER = ClusterSpec(nodes=(NodeSpec(name="m"), *nodes("w", 3)))
FAULTS = (
    CrashNode(node="w-1", begin_s=0.6, end_s=0.9),
    CrashNode(node="w-2", begin_s=1.7),
    LoseMessages(probability=0.2, begin_s=0.0, end_s=2.0),
)


def ran(work, seed=0, faults=FAULTS):
    job = TaskGraphJob(work=work, policy=fifo, master="m", workers=("w-0", "w-1", "w-2"))
    return run(Scenario(cluster=CLUSTER, job=job, faults=faults, horizon_s=1e4), seed)


@pytest.mark.parametrize("seed", range(3))
def test_after_crashes_each_task_had_run_after_all_before_it_with_what_these_had_made(seed):
    work = Layered(tasks=30, seconds_mean=0.2, bytes_per_s=1e6)
    graph, expected = work.graph(seed), {}
    for name in nx.topological_sort(graph):
        taken = tuple(expected[before] for before in graph.pred[name])
        expected[name] = zlib.crc32(repr(taken).encode(), zlib.crc32(name.encode()))

    result = ran(work, seed)

    assert result.ended == "finished"
    assert result.outcome == {name: expected[name] for name in graph if not graph.adj[name]}
    assert result.metrics["tasks_done"] == 30


def test_what_travels_weighs_what_its_edge_says():
    shape = {"a": Piece(0.1), "b": Piece(0.1, (("a", 5e5),)), "c": Piece(0.1, (("a", 2e6),))}

    class Three(Bag):
        def shape(self, seed):
            return shape

    def one_each(ready, nodes):
        idle = {node.name for node in nodes if node.idle}
        wanted = {"a": "w-0", "b": "w-1", "c": "w-2"}
        return next(((task.name, wanted[task.name]) for task in ready if wanted[task.name] in idle), None)

    job = TaskGraphJob(work=Three(), policy=one_each, master="m", workers=("w-0", "w-1", "w-2"))
    result = run(Scenario(cluster=CLUSTER, job=job), 0)

    sizes = {row["target"]: row["size_bytes"] for row in result.trace.rows("send") if row["source"] == "w-0"
             and row["target"] in ("w-1", "w-2")}  # fmt: skip
    assert sizes == {"w-1": pytest.approx(5e5, abs=100), "w-2": pytest.approx(2e6, abs=100)}


def test_a_function_says_what_tasks_compute():
    def counted(name, scale, generator):
        return Computed(lambda *values: Call(lambda: 1 + sum(values), Cost(1e6, 0)), Cost(1e6, 0), 8.0)

    result = ran(ForkJoin(stages=2, width=2, computation=counted))

    assert result.outcome == {"join-2": 1 + 2 * (1 + (1 + 2 * (1 + 1)))}


def test_steps_of_gradient_descent_learn_to_tell_the_classes_apart():
    result = ran(ForkJoin(stages=1, width=4, computation=GradientSteps(steps=50, rows=400)))

    weights = result.outcome["join-1"]
    assert weights.shape == (11, 2)
    assert (weights[:-1, 1] > weights[:-1, 0]).all()  # the second class is a unit higher in every feature


def test_fits_score_rows_that_they_have_not_seen():
    scores = ran(ForkJoin(stages=1, width=4, computation=Fit())).outcome["join-1"]

    assert len(scores) == 5
    assert all(0.7 < score <= 1.0 for score in scores)


def test_a_scale_is_finite():
    with pytest.raises(ValueError, match=r"^scale must be finite and at least 0, got nan for 'a'$"):
        assemble({"a": Piece(math.nan)}, Synthetic(), 0)


def test_what_is_taken_must_be_there():
    with pytest.raises(ValueError, match=r"^a predecessor must be added before 'a', got 'b'$"):
        assemble({"a": Piece(1.0, (("b", 1.0),))}, Synthetic(), 0)
