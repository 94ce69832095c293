"""A grid search finds the same on any cluster, under any policy and whatever goes wrong."""

from functools import cache

import networkx as nx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec
from simcluster.engine import Constant, Lognormal, stream
from simcluster.faults import CrashNode, PartitionNetwork, PauseNode, SlowNode
from simcluster.kernels import Cost, softmax
from simcluster.learning import Bundled
from simcluster.learning.cross_validation import split, stratified_folds
from simcluster.measurement.schedules.makespan import makespan_s, spans
from simcluster.recovery import Timeout
from simcluster.scheduling import Combination, Functions, GridSearch, Heft, NodeView, TaskGraphJob

POLICIES = ("fifo", "utilisation", "priority", "heft")
WORKERS = ("worker-0", "worker-1", "worker-2", "worker-3")
JITTER = Lognormal(mean=1.0, sigma=0.3)
SEARCH = GridSearch(dataset="iris", folds=3, learning_rates=(0.01, 0.3), l2s=(0.0, 0.1), steps=(2, 20))


def scenario(policy="heft", faults=(), search=SEARCH, network=None, speeds=(1, 1, 2, 4), jitter=None, **fields):
    workers = (
        NodeSpec(name=name, flops_per_s=1e7, speed=speed, jitter=jitter, **fields)
        for name, speed in zip(WORKERS, speeds, strict=True)
    )
    return Scenario(
        cluster=ClusterSpec(nodes=(NodeSpec(name="master"), *workers), network=network or NetworkSpec()),
        job=TaskGraphJob(work=search, master="master", workers=WORKERS, policy=policy, retry_s=0.05),
        faults=tuple(faults),
        horizon_s=600,
    )


def by_hand(search, seed):
    """The same search without a cluster and with the kernel's NumPy reference."""
    dataset, accuracies = Bundled(name=search.dataset).load(), {}
    folds = stratified_folds(dataset.targets, search.folds, stream(seed, "scheduling", "folds"))
    parts = [split(dataset, fold)() for fold in folds]
    for combination in search.combinations:
        found = []
        for training, validation in parts:
            weights = np.zeros((training.features.shape[1], dataset.classes))
            for _ in range(combination.steps):
                weights = weights - combination.learning_rate * softmax.reference(weights, *training, combination.l2)[1]
            found.append(np.mean(np.argmax(validation.features @ weights, axis=1) == validation.labels))
        accuracies[combination] = tuple(found)
    return accuracies


@pytest.mark.parametrize("policy", POLICIES)
def test_the_search_finds_what_it_finds_without_a_cluster(policy):
    result = run(scenario(policy), 4)

    expected = by_hand(SEARCH, 4)
    best = max(expected, key=lambda combination: np.mean(expected[combination]))
    assert result.ended == "finished"
    assert result.outcome.accuracies == expected
    assert result.outcome.best == best
    assert result.outcome.mean_accuracies[best] == np.mean(expected[best])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(POLICIES),
    st.floats(0, 0.3),
    st.lists(
        st.tuples(
            st.sampled_from([CrashNode, PauseNode]),
            st.sampled_from(["master", *WORKERS]),
            st.floats(0, 1),
            st.floats(0.001, 1),
        ),
        max_size=4,
    ),
    st.integers(0, 3),
)
def test_lost_messages_crashes_and_pauses_change_the_time_and_nothing_else(policy, loss, drawn, seed):
    faults = [kind(node=node, begin_s=begin_s, end_s=begin_s + for_s) for kind, node, begin_s, for_s in drawn]
    result = run(scenario(policy, faults, network=NetworkSpec(loss_probability=loss)), seed)

    assert result.ended == "finished"
    assert result.outcome == undisturbed(seed)


@cache
def undisturbed(seed):
    return run(scenario(), seed).outcome


@pytest.mark.parametrize("policy", POLICIES)
def test_a_worker_that_never_returns_is_replaced(policy):
    """It holds folds and weights that others still need, so its finished tasks are done again too."""
    whole_s = run(scenario(policy), 0).ended_s
    result = run(scenario(policy, [CrashNode(node="worker-3", begin_s=whole_s / 2)]), 0)

    assert result.outcome == undisturbed(0)
    assert [row["node"] for row in result.trace.rows("suspect")] == ["worker-3"]
    assert len(spans(result.trace.rows())) > len(SEARCH.graph(0))


@pytest.mark.parametrize("policy", POLICIES)
def test_an_isolated_worker_is_suspected_and_taken_back(policy):
    faults = [PartitionNetwork(groups=(("worker-3",),), begin_s=0.02, end_s=0.4)]
    result = run(scenario(policy, faults, speeds=(0.05, 0.05, 0.05, 0.2)), 0)

    said = [(row["node"], row["suspected"]) for row in result.trace.rows("suspect")]
    assert result.outcome == undisturbed(0)
    assert said[0] == ("worker-3", True)
    assert ("worker-3", False) in said


@pytest.mark.parametrize("policy", POLICIES)
def test_no_task_is_placed_that_takes_what_suspected_workers_alone_keep(policy):
    faults = [PartitionNetwork(groups=(("worker-2", "worker-3"),), begin_s=0.03)]
    result = run(scenario(policy, faults, speeds=(0.05, 0.05, 0.05, 0.2)), 0)
    before, suspected, kept, taken = SEARCH.graph(0).pred, set(), {}, 0

    for row in result.trace.rows():
        if row["kind"] == "suspect":
            (suspected.add if row["suspected"] else suspected.discard)(row["node"])
        elif row["kind"] == "task_end":
            kept.setdefault(row["task"], set()).add(row["node"])
        elif row["kind"] == "task_dispatch" and suspected:
            taken += len(before[row["task"]])
            assert all(kept[task] - suspected for task in before[row["task"]]), row
    assert taken
    assert result.outcome == undisturbed(0)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_master_that_restarts_uses_what_the_workers_have_done(policy):
    whole_s = run(scenario(policy), 0).ended_s
    result = run(scenario(policy, [CrashNode(node="master", begin_s=whole_s / 2, end_s=whole_s / 2 + 0.001)]), 0)

    done = [span.task for span in spans(result.trace.rows())]
    assert result.outcome == undisturbed(0)
    assert len(done) < 1.5 * len(SEARCH.graph(0))


@pytest.mark.parametrize("policy", POLICIES)
def test_the_same_seed_gives_the_same_trace(policy):
    disturbed = scenario(policy, [SlowNode(node="worker-1", factor=3, begin_s=0.01, end_s=0.1)], jitter=JITTER)

    assert run(disturbed, 7).digest == run(disturbed, 7).digest
    assert run(disturbed, 7).digest != run(disturbed, 8).digest


@pytest.mark.parametrize("policy", POLICIES)
def test_no_worker_computes_more_tasks_at_once_than_it_has_cores(policy):
    done = spans(run(scenario(policy, cores=2, jitter=JITTER), 1).trace.rows())

    assert len(done) == len(SEARCH.graph(1))
    for span in done:
        at_once = [o for o in done if o.node == span.node and o.begin_s <= span.begin_s < o.end_s]
        assert len(at_once) <= 2


@pytest.mark.parametrize("policy", POLICIES)
def test_no_task_begins_before_those_it_depends_on_have_ended(policy):
    times = {span.task: span for span in spans(run(scenario(policy, jitter=JITTER), 1).trace.rows())}

    for before, after in SEARCH.graph(1).edges:
        assert times[before].end_s <= times[after].begin_s


def test_without_noise_or_contention_heft_takes_no_longer_than_its_plan():
    """The plan counts a round trip for every task; what a node fetches while it computes is hidden."""
    network = NetworkSpec(latency=Constant(value=0.001), bandwidth_bytes_per_s=None)
    spec = scenario(network=network)
    views = [
        NodeView(node.name, 1, 1, 0.0, 0.0, node.flops_per_s * node.speed, node.memory_bytes_per_s * node.speed)
        for node in spec.cluster.nodes[1:]
    ]
    plan = Heft().slots(SEARCH.graph(0), views, lambda source, target, size_bytes: 0.001)
    expected_s = max(slot.end_s for slot in plan.values())

    assert 0.7 * expected_s < makespan_s(run(spec, 0).trace.rows()) <= expected_s


def test_on_unequal_nodes_heft_beats_fifo():
    """Sixteen times between the fastest and the slowest: FIFO gives long tasks to slow nodes, HEFT does not."""

    def mean_s(policy):
        spec = scenario(policy, search=GridSearch(dataset="wine", steps=(5, 15, 45)), speeds=(16, 4, 1, 1))
        return np.mean([makespan_s(run(spec, seed).trace.rows()) for seed in range(4)])

    assert mean_s("heft") < 0.9 * mean_s("fifo")


def test_the_grid_turns_its_last_parameter_fastest():
    grid = GridSearch(learning_rates=(0.1,), l2s=(0.0, 1.0), steps=(5, 9)).combinations

    assert grid == (
        Combination(0.1, 0.0, 5),
        Combination(0.1, 0.0, 9),
        Combination(0.1, 1.0, 5),
        Combination(0.1, 1.0, 9),
    )


def test_declared_costs_are_the_costs_of_the_calls():
    """Schedulers estimate from declarations, nodes compute calls: the two must not drift apart."""
    graph = SEARCH.graph(0)
    outputs = {}
    for name in graph:
        task = graph.nodes[name]["task"]
        call = task.run(*(outputs[before][edge["part"]] for before, edge in graph.pred[name].items()))
        assert call.cost == task.cost
        outputs[name] = call()
    for before, _, edge in graph.edges(data=True):
        part = outputs[before][edge["part"]]
        arrays = part if isinstance(part, tuple) else (part,)
        assert sum(np.asarray(array).nbytes for array in arrays) == edge["size_bytes"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"workers": ()}, "workers: "),
        ({"workers": ("a", "a")}, "workers must differ, got"),
        ({"master": "worker-0"}, "master must be none of the workers, got 'worker-0'"),
        ({"policy": "psychic"}, "policy: "),
        ({"retry_s": 0}, "retry_s: "),
        ({"attempts": 0}, "attempts: "),
    ],
)
def test_a_job_that_cannot_be_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        TaskGraphJob(**{"master": "master", "workers": WORKERS, **fields})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"folds": 1}, "folds: "),
        ({"learning_rates": ()}, "learning_rates: "),
        ({"learning_rates": (-0.1,)}, r"learning_rates\.0: "),
        ({"l2s": (float("nan"),)}, r"l2s\.0: "),
        ({"steps": (0,)}, r"steps\.0: "),
        ({"dataset": "mnist"}, "dataset: "),
        ({"dataset": "iris", "data": Bundled()}, "dataset must not be given beside data, .*, got 'iris'"),
    ],
)
def test_a_search_that_cannot_be_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        GridSearch(**fields)


def test_a_grid_of_one_point_is_a_grid():
    assert GridSearch(learning_rates=(0.1,), l2s=(0.0,), steps=(1,)).combinations == ((0.1, 0.0, 1),)


def test_an_unknown_worker_is_refused_before_anything_runs():
    spec = scenario()
    job = spec.job.replace(workers=("worker-9",))

    with pytest.raises(ValueError, match=r"workers must name a node of the cluster .*, got 'worker-9'"):
        run(spec.replace(job=job), 0)


@pytest.mark.parametrize("policy", POLICIES)
def test_nobody_is_suspected_who_had_nothing_to_say(policy):
    # The slow ones compute for seconds while the fast one has nothing left to do, and is given something again.
    quiet = scenario(policy, speeds=(0.01, 0.01, 0.01, 50), search=GridSearch(dataset="iris", folds=2, steps=(2, 200)))
    quiet = quiet.replace(job=quiet.job.replace(retry_s=0.005, suspicion=Timeout(after_s=0.01)))
    result = run(quiet, 0)
    busy = {row["node"] for row in result.trace.rows("task_begin")}

    assert len(busy) > 1
    assert list(result.trace.rows("suspect")) == []


def test_what_collects_and_selects_costs_one_operation_and_eight_bytes_a_number():
    graph = SEARCH.graph(0)
    count = len(SEARCH.combinations)

    assert graph.nodes["mean-0"]["task"].cost == Cost(flops=SEARCH.folds, bytes=8 * SEARCH.folds)
    assert graph.nodes["select"]["task"].cost == Cost(flops=count * SEARCH.folds, bytes=8 * count * SEARCH.folds)


def test_only_orders_that_have_had_no_report_for_half_the_time_are_repeated():
    """w-0 gets "long" at once and "short" when "before" is done elsewhere, at 0.08 s; a tick comes at 0.1 s."""
    graph = nx.DiGraph()
    graph.add_node("long", function=lambda: 0, flops=1e9)
    graph.add_node("before", function=lambda: 0, flops=0.08e9)
    graph.add_node("short", function=lambda before: 0, flops=1e6)
    graph.add_edge("before", "short")
    places = {"long": "w-0", "before": "w-1", "short": "w-0"}

    def place(ready, nodes):
        return (ready[0].name, places[ready[0].name]) if ready else None

    names = ("w-0", "w-1")
    spec = ClusterSpec(
        nodes=(NodeSpec(name="m"), *(NodeSpec(name=name, flops_per_s=1e9) for name in names)),
        network=NetworkSpec(latency=Constant(value=1e-6), bandwidth_bytes_per_s=None),
    )
    job = TaskGraphJob(work=Functions(graph), policy=place, master="m", workers=names, retry_s=0.1)
    rows = run(Scenario(cluster=spec, job=job), 0).trace.rows("send")
    orders = [row for row in rows if row["message_kind"] == "task_graph.run" and row["target"] == "w-0"]

    assert [round(row["time_s"], 2) for row in orders][:3] == [0.0, 0.08, 0.1]
    assert orders[2]["size_bytes"] == orders[1]["size_bytes"]  # one task, not both


def numbered(policy):
    graph = nx.path_graph(3, create_using=nx.DiGraph)
    nx.set_node_attributes(graph, dict.fromkeys(graph, lambda *before: len(before)), "function")
    spec = ClusterSpec(nodes=(NodeSpec(name="m"), NodeSpec(name="w")))
    job = TaskGraphJob(work=Functions(graph), policy=policy, master="m", workers=("w",))
    return run(Scenario(cluster=spec, job=job), 0)


@pytest.mark.parametrize("policy", POLICIES)
def test_names_of_tasks_need_not_be_text(policy):
    assert numbered(policy).outcome == {2: 1}


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ((9, "w"), r"policy must return a ready task and a node, or None to wait, got \(9, 'w'\)"),
        ("w", "policy must return a ready task and a node, or None to wait, got 'w'"),
        ((0, "x"), "policy must return one of the nodes that are up, got 'x' for 0"),
    ],
)
def test_a_policy_that_names_what_is_not_there_is_refused(choice, message):
    with pytest.raises(ValueError, match=message):
        numbered(lambda ready, nodes: choice)


def test_a_task_whose_result_cannot_travel_is_named():
    graph = nx.DiGraph()
    graph.add_node("odd", function=lambda: object())
    spec = ClusterSpec(nodes=(NodeSpec(name="m"), NodeSpec(name="w")))
    job = TaskGraphJob(work=Functions(graph), master="m", workers=("w",))

    with pytest.raises(TypeError, match=r"the result of task 'odd': a message carries numbers, .*, got object"):
        run(Scenario(cluster=spec, job=job), 0)
