"""Numerical algorithms have the tasks of their papers, and give what SciPy gives, whatever crashes."""

import math

import networkx as nx
import numpy as np
import pytest
import scipy.fft
import scipy.linalg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.faults import CrashNode, DuplicateMessages, LoseMessages, PauseNode
from simcluster.scheduling import Cholesky, Factors, Fft, GaussianElimination, GradientSteps, TaskGraphJob, fifo

pytestmark = pytest.mark.theory
SIZES = range(1, 9)


def longest(graph, weight=None):
    """The weight of the longest way, tasks by default."""
    ends = {}
    for name in nx.topological_sort(graph):
        own = 1 if weight is None else weight(name)
        ends[name] = own + max((ends[before] for before in graph.pred[name]), default=0)
    return max(ends.values())


def by_data_flow(order, reads, writes):
    """The edges of a program: each task depends on whoever wrote last what it reads."""
    writer, edges = {}, set()
    for name in order:
        edges |= {(writer[cell], name) for cell in reads(name) if cell in writer}
        writer[writes(name)] = name
    return edges


@pytest.mark.parametrize("n", SIZES)
def test_cholesky_has_the_kernels_of_the_tiled_algorithm(n):
    graph = Cholesky(tiles=n).graph(0)
    kinds = [name.split("-")[0] for name in graph]

    assert len(graph) == n * (n + 1) * (n + 2) // 6
    assert kinds.count("potrf") == n
    assert kinds.count("trsm") == kinds.count("syrk") == n * (n - 1) // 2
    assert kinds.count("gemm") == n * (n - 1) * (n - 2) // 6
    assert nx.is_directed_acyclic_graph(graph)
    assert nx.is_weakly_connected(graph)


@pytest.mark.parametrize("n", SIZES)
def test_the_longest_way_of_cholesky_is_that_of_the_paper(n):
    graph = Cholesky(tiles=n, tile_rows=3).graph(0)
    unit = 3**3 / 3  # operations of a potrf, in which trsm and syrk are 3 and gemm 6

    assert longest(graph) == 3 * n - 2
    expected = 1 if n == 1 else 9 * n - 10
    assert longest(graph, lambda name: graph.nodes[name]["task"].cost.flops) == pytest.approx(expected * unit)


@pytest.mark.parametrize("n", SIZES)
def test_the_edges_of_cholesky_are_its_data_flow(n):
    def tile(name):
        what, *place = name.split("-")
        i, *rest = map(int, place)
        return {"potrf": (i, i), "trsm": (i, *rest[:1]), "syrk": (i, i), "gemm": (i, *rest[:1])}[what]

    def reads(name):
        what, *place = name.split("-")
        i, *rest = map(int, place)
        factors = {"potrf": [], "trsm": [(rest or [0])[0:1] * 2], "syrk": [(i, *rest)], "gemm": []}[what]
        if what == "gemm":
            factors = [(i, rest[1]), (rest[0], rest[1])]
        return [tile(name), *map(tuple, factors)]

    graph = Cholesky(tiles=n).graph(0)

    assert set(graph.edges) == by_data_flow(graph, reads, tile)


def test_all_operations_of_cholesky_are_a_third_of_the_cube():
    rows = 40 * 10
    flops = math.fsum(node["task"].cost.flops for _, node in Cholesky(tiles=40, tile_rows=10).graph(0).nodes.items())

    assert flops == pytest.approx(rows**3 / 3, rel=0.05)  # and more by lower powers


@pytest.mark.parametrize("m", range(2, 11))
def test_gaussian_elimination_has_the_tasks_and_the_ways_of_the_paper(m):
    graph = GaussianElimination(columns=m).graph(0)

    assert len(graph) == (m * m + m - 2) // 2
    assert longest(graph) == 2 * (m - 1)
    assert nx.is_directed_acyclic_graph(graph)
    assert nx.is_weakly_connected(graph)

    def reads(name):
        what, *place = name.split("-")
        k, j = int(place[0]), int(place[-1])
        return [("column", j)] if what == "pivot" else [("column", j), ("factor", k)]

    def writes(name):
        what, *place = name.split("-")
        return ("factor", int(place[0])) if what == "pivot" else ("column", int(place[-1]))

    assert set(graph.edges) == by_data_flow(graph, reads, writes)


@pytest.mark.parametrize("levels", range(1, 8))
def test_the_fft_has_calls_and_butterflies_on_ways_that_are_all_alike(levels):
    m = 2**levels
    graph = Fft(points=m).graph(0)
    kinds = [name.split("-")[0] for name in graph]

    assert kinds.count("call") == 2 * m - 1
    assert kinds.count("butterfly") == m * levels
    assert nx.is_weakly_connected(graph)
    cost = {name: node["task"].cost.flops for name, node in graph.nodes.items()}
    ways = {"": {(0, 0.0)}}
    for name in nx.topological_sort(graph):
        before = set().union(*(ways[each] for each in graph.pred[name])) if graph.pred[name] else ways[""]
        ways[name] = {(tasks + 1, flops + cost[name]) for tasks, flops in before}
    ends = set().union(*(ways[name] for name in graph if not graph.adj[name]))
    assert len(ends) == 1
    assert next(iter(ends))[0] == 2 * levels + 1


CLUSTER = ClusterSpec(nodes=(NodeSpec(name="m"), *nodes("w", 3, flops_per_s=1e6)))
SOLVED = [
    Cholesky(tiles=4, tile_rows=6, real=True),
    GaussianElimination(columns=6, real=True),
    GaussianElimination(columns=4, block=5, real=True),
    Fft(points=8, real=True),
    Fft(points=4, block=8, real=True),
]


def solved(work, seed):
    """What SciPy gives."""
    if isinstance(work, Cholesky):
        return scipy.linalg.cholesky(work.matrix(seed), lower=True)
    if isinstance(work, Fft):
        return scipy.fft.fft(work.numbers(seed))
    exchanges, *factors = scipy.linalg.lu(work.matrix(seed))
    assert (exchanges == np.eye(len(exchanges))).all()
    return Factors(*factors)


def close(found, expected):
    return all(np.allclose(*pair, rtol=0, atol=1e-10) for pair in zip(np.atleast_1d(found), expected, strict=True))


def ran(work, seed, faults):
    job = TaskGraphJob(work=work, policy=fifo, master="m", workers=("w-0", "w-1", "w-2"), retry_s=0.01)
    return run(Scenario(cluster=CLUSTER, job=job, faults=faults, horizon_s=1e3), seed)


@pytest.mark.parametrize("work", SOLVED, ids=lambda work: f"{work.kind}-{len(work.graph(0))}")
@given(
    seed=st.integers(0, 2**32),
    crashed=st.lists(
        st.tuples(st.sampled_from(["w-0", "w-1"]), st.floats(0, 0.2), st.floats(0.001, 0.1)), max_size=4
    ),
    lost=st.floats(0, 0.3),
)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_under_crashes_the_answer_is_scipys(work, seed, crashed, lost):
    faults = (
        *(CrashNode(node=node, begin_s=at, end_s=at + down) for node, at, down in crashed),
        LoseMessages(probability=lost, begin_s=0.0, end_s=0.3),
        DuplicateMessages(probability=lost, begin_s=0.0, end_s=0.3),
        PauseNode(node="w-2", begin_s=0.05, end_s=0.15),
    )
    result = ran(work, seed, faults)

    assert result.ended == "finished"
    assert close(result.outcome, solved(work, seed))


@pytest.mark.parametrize("work", SOLVED, ids=lambda work: f"{work.kind}-{len(work.graph(0))}")
def test_no_fault_changes_one_bit_of_the_answer(work):
    calm, stormy = (ran(work, 1, faults).outcome for faults in ((), (CrashNode(node="w-0", begin_s=0.01, end_s=0.02),)))

    assert np.asarray(calm).tobytes() == np.asarray(stormy).tobytes()


@pytest.mark.parametrize("work", SOLVED, ids=lambda work: f"{work.kind}-{len(work.graph(0))}")
def test_a_real_problem_adds_a_task_that_collects_the_answer(work):
    synthetic, real = work.replace(real=False).graph(0), work.graph(0)

    assert set(real) - set(synthetic) == {"answer"}
    assert set(synthetic.edges) == {edge for edge in real.edges if edge[1] != "answer"}


@pytest.mark.parametrize("kind", [Cholesky, GaussianElimination, Fft])
def test_a_real_problem_computes_nothing_else(kind):
    with pytest.raises(ValueError, match="computation must not be given where real is true, got GradientSteps"):
        kind(real=True, computation=GradientSteps())


@pytest.mark.parametrize("field", ["points", "block"])
def test_an_fft_is_of_a_power_of_two(field):
    with pytest.raises(ValueError, match=f"{field}: must be a power of two, got 12"):
        Fft(**{field: 12})
