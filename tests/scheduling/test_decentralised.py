"""Work stealing and Sparrow give what the master gives, whatever goes wrong, and say what they say that they say."""

from collections import Counter
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, Together, run
from simcluster.engine import Constant
from simcluster.faults import CrashNode, DuplicateMessages, LoseMessages, PartitionNetwork, PauseNode
from simcluster.learning import Call, Cost
from simcluster.scheduling import DecentralisedJob, Functions, Sparrow, Task, TaskGraphJob, WorkStealing, add_task, fifo
from tests.built_ins import one, words

SCHEDULERS = [
    WorkStealing(),
    WorkStealing(share="half"),
    Sparrow(),
    Sparrow(late_binding=False),
    Sparrow(sampling="per_task"),
    Sparrow(sampling="per_task", late_binding=False, probes=3),
]
EACH = pytest.mark.parametrize("scheduler", SCHEDULERS, ids=str)
WORKERS = ("w-0", "w-1", "w-2", "w-3")


def random_graph(tasks=40, seed=1):
    """Each adds what it takes of up to three earlier ones; some take nothing."""
    graph = nx.gnp_random_graph(tasks, 2.0 / tasks, seed=seed)
    made = nx.DiGraph()
    for task in graph:
        made.add_node(task, function=lambda *parts, task=task: task + sum(parts), flops=1e6 * (1 + task % 5))
    made.add_edges_from(((min(edge), max(edge)) for edge in graph.edges), size_bytes=8)
    return made


GRAPH = random_graph()


def scenario(scheduler, graph=GRAPH, faults=(), cores=1, workers=WORKERS, retry_s=0.02, latency_s=0.0005):
    specs = (NodeSpec(name="m"), *(NodeSpec(name=name, cores=cores, flops_per_s=1e9) for name in workers))
    network = NetworkSpec(latency=Constant(value=latency_s), bandwidth_bytes_per_s=None)
    job = DecentralisedJob(
        work=graph if hasattr(graph, "graph") and hasattr(graph, "outcome") else Functions(graph),
        scheduler=scheduler, master="m", workers=workers, retry_s=retry_s,
    )  # fmt: skip
    return Scenario(cluster=ClusterSpec(nodes=specs, network=network), job=job, faults=tuple(faults), horizon_s=60)


def of_master(graph=GRAPH):
    specs = (NodeSpec(name="m"), *(NodeSpec(name=name) for name in WORKERS))
    job = TaskGraphJob(work=Functions(graph), policy=fifo, master="m", workers=WORKERS)
    return run(Scenario(cluster=ClusterSpec(nodes=specs), job=job), 0).outcome


EXPECTED = of_master()


class Bag:
    """Independent tasks."""

    def __init__(self, tasks, flops=1e7):
        self.tasks, self.flops = tasks, flops

    def graph(self, seed):
        graph = nx.DiGraph()
        for i in range(self.tasks):
            cost = Cost(self.flops, 0)
            add_task(graph, f"t-{i}", Task(lambda cost=cost: Call(dict, cost), cost))
        return graph

    def outcome(self, outputs):
        return len(outputs)


def kinds(result, name="decentralised"):
    return Counter(row["message_kind"].removeprefix(f"{name}.") for row in result.trace.rows("send"))


@EACH
def test_where_nothing_is_lost_nothing_is_looked_for_though_tasks_have_numbers_as_batches_do(scheduler):
    result = run(scenario(scheduler, retry_s=10.0), 0)

    assert result.ended_s < 0.5
    assert kinds(result)["census"] == 0


@EACH
@pytest.mark.parametrize("cores", [1, 3])
def test_the_outcome_is_that_of_a_master(scheduler, cores):
    result = run(scenario(scheduler, cores=cores), 3)

    assert result.ended == "finished"
    assert result.outcome == EXPECTED
    assert sorted(row["task"] for row in result.trace.rows("task_end")) == sorted(GRAPH)  # each once


@EACH
def test_a_single_worker_does_it_alone(scheduler):
    assert run(scenario(scheduler, workers=("w-0",)), 0).outcome == EXPECTED


@EACH
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.sampled_from([CrashNode, PauseNode]), st.sampled_from(["m", *WORKERS]), st.floats(0, 0.05),
                  st.floats(0.001, 0.2)),
        max_size=4,
    ),
    st.sampled_from([0.0, 0.1, 0.4]),
    st.sampled_from([0.0, 0.5]),
    st.sampled_from([None, ("w-1", "w-2"), ("m",)]),
    st.integers(0, 99),
)  # fmt: skip
def test_no_crash_pause_loss_duplicate_or_partition_changes_the_outcome(scheduler, stops, lost, twice, apart, seed):
    faults = [kind(node=node, begin_s=begin_s, end_s=begin_s + s) for kind, node, begin_s, s in stops]
    faults += [LoseMessages(probability=lost, begin_s=0.0, end_s=0.3)] if lost else []
    faults += [DuplicateMessages(probability=twice, begin_s=0.0, end_s=0.3)] if twice else []
    if apart:
        rest = tuple(name for name in ("m", *WORKERS) if name not in apart)
        faults.append(PartitionNetwork(groups=(apart, rest), begin_s=0.01, end_s=0.2))

    result = run(scenario(scheduler, faults=faults), seed)

    assert result.ended == "finished"
    assert result.outcome == EXPECTED


@EACH
def test_a_worker_that_never_comes_back_is_done_without(scheduler):
    faults = [CrashNode(node="w-0", begin_s=0.004), CrashNode(node="w-3", begin_s=0.012)]

    result = run(scenario(scheduler, faults=faults), 1)

    assert result.outcome == EXPECTED
    assert {row["node"] for row in result.trace.rows("suspect")} <= {"w-0", "w-3"}


@EACH
def test_equal_seeds_give_equal_runs(scheduler):
    spec = scenario(scheduler, faults=[LoseMessages(probability=0.2, begin_s=0.0, end_s=0.1)])

    assert run(spec, 5).trace.digest() == run(spec, 5).trace.digest()


def test_a_ledger_that_starts_anew_asks_who_keeps_what_and_lets_nothing_be_done_again():
    """All tasks but the last long one are done when it crashes; one core has that one meanwhile."""
    graph = nx.DiGraph()
    for i in range(6):
        graph.add_node(i, function=lambda: 1, flops=1e6)
        graph.add_edge(i, "long", size_bytes=8)
    graph.add_node("long", function=lambda *parts: sum(parts), flops=3e8)
    result = run(scenario(WorkStealing(), graph, [CrashNode(node="m", begin_s=0.05, end_s=0.1)], retry_s=0.2), 0)

    assert result.outcome == {"long": 6}
    assert Counter(row["task"] for row in result.trace.rows("task_end")) == dict.fromkeys([*range(6), "long"], 1)


def test_stealing_says_only_what_it_says():
    result = run(scenario(WorkStealing(), retry_s=10.0), 2)
    said, steals = kinds(result), list(result.trace.rows("steal"))

    assert said["spawn"] == 1  # what takes nothing, to the first worker
    assert said["done"] == said["done-reply"] == len(GRAPH)
    assert said["over"] == len(WORKERS)
    assert said["steal-reply"] <= said["steal"] <= said["steal-reply"] + len(WORKERS)
    assert said["census"] == said["here"] == said["lost"] == 0
    place = {row["task"]: row["node"] for row in result.trace.rows("task_end")}
    crossing = sum(place[before] != place[after] for before, after in GRAPH.edges)
    collected = len({place[task] for task in GRAPH if not GRAPH.adj[task]})
    assert said["output"] + said["outputs"] == said["output-reply"] + said["outputs-reply"] == crossing + collected
    assert {row["victim"] for row in steals} <= set(WORKERS)
    assert all(row["tasks"] == 1 and row["victim"] != row["node"] for row in steals)


@pytest.mark.parametrize(("probes", "tasks"), [(2, 2), (2, 10), (3, 4)])
def test_sparrow_reserves_so_many_places_for_each_task_and_sends_a_task_for_no_more_than_it_has(probes, tasks):
    said = kinds(run(scenario(Sparrow(probes=probes), Bag(tasks), retry_s=10.0), 0))

    assert said["reserve"] == probes * tasks
    assert said["done"] == tasks
    assert tasks <= said["get"] <= probes * tasks
    assert said["spawn"] == said["load"] == said["census"] == 0


@pytest.mark.parametrize(("sampling", "asked"), [("batch", 4), ("per_task", 6)])
def test_what_is_bound_early_asks_for_loads_once_for_a_batch(sampling, asked):
    """Three tasks, two probes each: six draws of four workers are all of them, by task two different ones."""
    said = kinds(run(scenario(Sparrow(sampling=sampling, late_binding=False), Bag(3), retry_s=10.0), 0))

    assert said["load"] == said["load-reply"] == asked
    assert said["spawn"] == said["done"] == 3
    assert said["reserve"] == said["get"] == 0


def test_a_batch_of_as_many_as_there_are_workers_spreads_over_all_of_them():
    for scheduler in (Sparrow(), Sparrow(late_binding=False)):
        result = run(scenario(scheduler, Bag(4)), 0)
        assert {row["node"] for row in result.trace.rows("task_end")} == set(WORKERS)


def test_half_of_a_bag_is_stolen_with_fewer_steals_than_one_by_one():
    """64 tasks on the first worker of four; one that is robbed of half gives the oldest."""
    taken = {}
    for share in ("one", "half"):
        result = run(scenario(WorkStealing(share=share), Bag(64), retry_s=10.0), 0)
        rows = list(result.trace.rows("steal"))
        taken[share] = len(rows)
        # When the first thief comes one of the 64 runs there, and half of the others are 32.
        assert rows[0]["tasks"] == (1 if share == "one" else 32)
    assert taken["half"] < 0.5 * taken["one"]


def test_the_oldest_is_stolen_and_the_newest_is_done():
    result = run(scenario(WorkStealing(), Bag(6), workers=WORKERS[:2]), 0)
    begun = [(row["node"], row["task"]) for row in result.trace.rows("task_begin")]

    assert begun[0] == ("w-0", "t-5")
    assert begun[1] == ("w-1", "t-0")


def test_an_idle_thief_waits_twice_as_long_each_time_up_to_the_most():
    """One task of a second, and one thief: it asks after 0, 1, 1 + 2, … ms, and the time that asking takes."""
    rule = WorkStealing(pause_s=0.001, pause_most_s=0.016)
    result = run(scenario(rule, Bag(1, flops=1e9), workers=WORKERS[:2]), 0)
    asked = [
        row["time_s"]
        for row in result.trace.rows("send")
        if row["message_kind"] == "decentralised.steal" and row["source"] == "w-1"
    ]

    pauses = [0.001, 0.002, 0.004, 0.008, 0.016, 0.016, 0.016]
    around_s = 2 * 0.0005
    gaps = [later - earlier - around_s for earlier, later in pairwise(asked[:8])]
    assert gaps == pytest.approx(pauses)


def test_a_task_is_spawned_where_the_last_before_it_ran():
    """Of a chain no task ever waits, so that there is nothing to steal."""
    graph = nx.DiGraph([("a", "b"), ("b", "c"), ("c", "d")])
    nx.set_node_attributes(graph, dict.fromkeys(graph, lambda *parts: len(parts)), "function")
    nx.set_node_attributes(graph, 1e7, "flops")

    result = run(scenario(WorkStealing(), graph, retry_s=10.0), 0)

    assert {row["node"] for row in result.trace.rows("task_end")} == {"w-0"}


def test_nothing_begins_before_its_release():
    class Released(Bag):
        def graph(self, seed):
            graph = nx.DiGraph()
            for i in range(self.tasks):
                task = Task(lambda *parts: Call(lambda: {"none": 0.0}, Cost(1e6, 0)), Cost(1e6, 0), release_s=0.01 * i)
                add_task(graph, i, task, ((i - 1, "none", 0.0),) if i else ())
            return graph

    for scheduler in (WorkStealing(), Sparrow()):
        result = run(scenario(scheduler, Released(8)), 0)
        begins = {row["task"]: row["time_s"] for row in result.trace.rows("task_begin")}
        assert all(begins[i] >= 0.01 * i for i in range(8))
        assert all(begins[i] < 0.01 * i + 0.005 for i in range(8))


def test_thieves_go_home_when_the_job_is_over_though_another_goes_on():
    """Beside a job that takes a second, nobody steals for a second."""
    graph = nx.DiGraph()
    graph.add_node("only", function=lambda: 1, flops=1e6)
    spec = scenario(WorkStealing(), graph)
    longer = nx.DiGraph()
    longer.add_node("slow", function=lambda: 2, flops=1e9)
    other = TaskGraphJob(work=Functions(longer), policy=fifo, master="m", workers=("w-0",))
    result = run(spec.replace(job=Together(jobs=(spec.job, other))), 0)

    stolen = [row["time_s"] for row in result.trace.rows("send") if row["message_kind"] == "decentralised.steal"]
    assert result.ended_s > 1.0
    assert max(stolen) < 0.01


@pytest.mark.parametrize("needs", [{"cores": 2}, {"memory_bytes": 5.0}, {"gang": "g"}])
def test_tasks_that_need_more_than_a_core_are_refused(needs):
    class Needy(Bag):
        def graph(self, seed):
            graph = nx.DiGraph()
            add_task(graph, "t", Task(lambda: Call(dict, Cost(1, 0)), Cost(1, 0), **needs))
            return graph

    with pytest.raises(ValueError, match="a task of a decentralised job must have one core, no memory of its own"):
        scenario(WorkStealing(), Needy(1))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"master": "w-0"}, "master must be none of the workers, got 'w-0'"),
        ({"scheduler": "psychic"}, "scheduler: "),
        ({"scheduler": {"kind": "work_stealing", "share": "all"}}, "share: "),
        ({"scheduler": {"kind": "work_stealing", "pause_most_s": 1e-6}}, "pause_most_s must be at least pause_s, got"),
        ({"scheduler": {"kind": "sparrow", "probes": 0}}, "probes: "),
        ({"work": Functions(nx.DiGraph())}, "work must have at least one task"),
    ],
)
def test_a_job_that_cannot_be_is_refused(fields, message):
    spec = scenario(WorkStealing())
    with pytest.raises(ValueError, match=message):
        spec.replace(job=DecentralisedJob(**{"master": "m", "workers": WORKERS, **fields}))


@pytest.mark.parametrize("word", words("Scheduler"))
def test_every_built_in_gives_the_masters_outcome_under_faults(word):
    faults = [CrashNode(node="w-1", begin_s=0.004, end_s=0.05), LoseMessages(probability=0.2, begin_s=0.0, end_s=0.1)]

    for seed in range(3):
        result = run(scenario(one("Scheduler", word), faults=faults), seed)
        assert result.ended == "finished"
        assert result.outcome == EXPECTED


def test_a_scheduler_of_ones_own_is_two_sides():
    """Round robin, with no probes and no steals: the ledger sends, the worker queues."""

    class RoundRobin:
        def at_ledger(self, ledger):
            class Side:
                def __init__(self):
                    self.takes, self.sent = {}, 0

                def place(self, tasks, reporter):
                    for task in tasks:
                        ledger.send(ledger.workers[self.sent % len(ledger.workers)], [task])
                        self.sent += 1
                    return ()

                def stand_in(self, task):
                    return None

                def forget(self, task):
                    pass

            return Side()

        def at_worker(self, worker):
            return Sparrow().at_worker(worker)

    result = run(scenario(RoundRobin()), 0)

    assert result.outcome == EXPECTED
    assert {row["node"] for row in result.trace.rows("task_end")} == set(WORKERS)


@EACH
@pytest.mark.parametrize("seed", range(3))
def test_a_run_says_what_one_with_a_master_says(scheduler, seed):
    """Its makespan beside the lower bounds, and of all computing the share that a crash took, added up by hand."""
    crash = CrashNode(node="w-1", begin_s=0.02, end_s=0.05)
    spec = scenario(scheduler, random_graph(seed=seed), [crash], cores=2)
    result = run(spec, seed)
    job = TaskGraphJob(work=spec.job.work, policy=fifo, master="m", workers=WORKERS)
    with_master = run(spec.replace(job=job, faults=()), seed)

    assert set(with_master.metrics) == set(result.metrics)
    assert set(with_master.series) == set(result.series)
    for bound in ("critical_path_s", "area_s"):
        assert result.metrics[bound] == with_master.metrics[bound] <= result.metrics["makespan_s"]
    begun, done, wasted, all_s = {}, set(), 0.0, 0.0
    for row in result.trace.rows("task_begin", "task_end", "crash"):
        if row["kind"] == "task_begin":
            begun[row["task"], row["node"]] = row["time_s"]
        elif row["kind"] == "task_end":
            took_s = row["time_s"] - begun.pop((row["task"], row["node"]))
            all_s, wasted = all_s + took_s, wasted + took_s * (row["task"] in done)
            done.add(row["task"])
        else:
            for key in [key for key in begun if key[1] == row["node"]]:
                took_s = row["time_s"] - begun.pop(key)
                all_s, wasted = all_s + took_s, wasted + took_s
    assert result.metrics["wasted_share"] == pytest.approx(wasted / all_s, abs=1e-12)
