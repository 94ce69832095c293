"""A work, a policy or a planner of one's own that breaks a rule is told which, under both jobs, before time is lost."""

import re

import networkx as nx
import pytest

from simcluster import ClusterSpec, NodeSpec, Scenario, run
from simcluster.learning import Call, Cost
from simcluster.scheduling import DecentralisedJob, Task, TaskGraphJob, Watcher, add_task, fifo

COST = Cost(1e6, 0)
WORKERS = ("w-0", "w-1")
BOTH = pytest.mark.parametrize("kind", [TaskGraphJob, DecentralisedJob])


class Given:
    """The work that has this graph."""

    def __init__(self, graph):
        self._graph = graph

    def graph(self, seed):
        return self._graph

    def outcome(self, outputs):
        return len(outputs)


def one():
    return {"x": 1.0}


def chain(output=one, part="x"):
    """Two tasks, of which the second takes a part of the first."""
    graph = nx.DiGraph()

    def run_of(*parts):
        return Call(output, COST)

    add_task(graph, "a", Task(run_of, COST))
    add_task(graph, "b", Task(run_of, COST), (("a", part, 8.0),))
    return graph


def cycle():
    graph = chain()
    graph.add_edge("b", "a", part="x", size_bytes=8.0)
    return graph


def without(field):
    graph = chain()
    del graph.edges["a", "b"][field]
    return graph


def bare():
    graph = chain()
    graph.add_node("c")
    return graph


def scenario(kind, work, **fields):
    specs = [NodeSpec(name=name) for name in ("m", *WORKERS)]
    job = kind(work=work, master="m", workers=WORKERS, **fields)
    return Scenario(cluster=ClusterSpec(nodes=specs), job=job, horizon_s=5.0)


@BOTH
@pytest.mark.parametrize(("graph", "message"), [
    (None, "a task graph must be a networkx DiGraph, got None"),
    (nx.Graph(), "a task graph must be a networkx DiGraph, got "),
    (nx.MultiDiGraph(), "a task graph must be a networkx DiGraph, got "),
    (nx.DiGraph(), "work must have at least one task, got none"),
    (bare(), "a node's `task` must be a Task, got None for 'c'"),
    (cycle(), "a task graph must not have a cycle, got "),
    (without("part"), "an edge must have `part`, got {'size_bytes': 8.0} from 'a' to 'b'"),
    (without("size_bytes"), "an edge must have `size_bytes`, got {'part': 'x'} from 'a' to 'b'"),
])  # fmt: skip
def test_what_is_no_task_graph_is_refused_when_the_scenario_is_made(kind, graph, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        scenario(kind, Given(graph))


def test_no_task_is_called_none():
    with pytest.raises(ValueError, match="a task's name must be something that networkx takes for a node, got None"):
        add_task(nx.DiGraph(), None, Task(lambda: Call(dict, COST), COST))


@BOTH
@pytest.mark.parametrize("output", [lambda: None, lambda: [1.0], lambda: 1.0], ids=["nothing", "list", "number"])
def test_an_output_that_is_no_mapping_is_refused_and_not_done_again_for_ever(kind, output):
    with pytest.raises(TypeError, match=r"the output of a task must map parts to values, got .* of 'a'"):
        run(scenario(kind, Given(chain(output))), seed=0)


@BOTH
def test_an_output_without_a_part_that_is_taken_is_refused(kind):
    rule = r"the output of a task must have the part that 'b' takes, 'y', got \['x'\] of 'a'"
    with pytest.raises(ValueError, match=rule):
        run(scenario(kind, Given(chain(part="y"))), seed=0)


@pytest.mark.parametrize("watcher", [None, 3, object()])
def test_what_begins_no_watcher_is_refused(watcher):
    class Begins:
        def begin(self, setting):
            return watcher

    with pytest.raises(TypeError, match="policy must begin a Watcher, which has decide"):
        run(scenario(TaskGraphJob, Given(chain()), policy=Begins()), seed=0)


@pytest.mark.parametrize("plan", [None, 3, [("a", "w-0", 0.0)]])
def test_what_is_no_plan_is_refused(plan):
    class Plans:
        def plan(self, graph, nodes, transfer_s):
            return plan

    with pytest.raises(TypeError, match="a planner must return a mapping from task to node and time, got "):
        run(scenario(TaskGraphJob, Given(chain()), policy=Plans()), seed=0)


def test_what_keeps_the_rules_is_done():
    begins = type("Begins", (), {"begin": lambda self, setting: Once()})
    for policy in (fifo, begins()):
        assert run(scenario(TaskGraphJob, Given(chain()), policy=policy), seed=0).outcome == 1
    assert run(scenario(DecentralisedJob, Given(chain())), seed=0).outcome == 1


class Once(Watcher):
    """All on the first node."""

    def __init__(self):
        self.ready = []

    def task_ready(self, task):
        self.ready.append(task.name)

    def decide(self, now_s):
        return (self.ready.pop(), "w-0") if self.ready else None
