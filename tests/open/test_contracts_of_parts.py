"""What the other protocols promise, asked of every part that is built in; no protocol is without a contract."""

import importlib
import math
from itertools import pairwise
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from simcluster import ClusterSpec, Scenario, nodes, run
from simcluster.engine import stream
from simcluster.faults import CrashNode, LoseMessages, PauseNode
from simcluster.kernels import Cost
from simcluster.learning import Bundled, GradientBoosting, Replicated, shard
from simcluster.recovery import Heartbeats
from simcluster.scheduling import GridSearch, NodeView, ReadyTask, TaskGraphJob, fifo
from simcluster.serving import OnlineLearning
from simcluster.training import AllReduce, BoundedStaleness, ParameterServer, Softmax, TrainingJob
from simcluster.training.pipeline.schedules import refusal
from tests.built_ins import SAME, one, unions, words
from tests.recovery.stores import finish, machines

pytestmark = pytest.mark.slow

IRIS = Bundled(name="iris").load()
NAMES = tuple(f"n-{number}" for number in range(6))
CLUSTER = ClusterSpec(nodes=nodes("n", 6, flops_per_s=1e6))
FAULTS = (PauseNode(node="n-2", begin_s=0.01, end_s=0.1), LoseMessages(probability=0.1, begin_s=0.0, end_s=0.1))

#: Where each protocol is asked what it promises, beside the tests of this module.
ELSEWHERE = {
    "tests.open.test_contracts": (
        "Arrivals", "Balancer", "DataSource", "Descends", "Interval", "Job", "Keys", "Optimiser", "Policy", "Service",
        "Waiting",
    ),
    "tests.open.test_contracts_of_contributions": ("Aggregation", "Compression"),
    "tests.open.test_contracts_of_computations": ("Computation",),
    "tests.open.test_contracts_of_services": ("Autoscaler", "Cache"),
    "tests.open.test_contracts_of_policies": ("Order", "Place", "WatchingPolicy"),
    "tests.open.test_contracts_of_replication": ("DataType", "Replication", "Workload"),
    "tests.open.test_contracts_of_resilience": (
        "Backoff", "Budget", "CallPolicy", "Guard", "HedgeDelay", "QueueOrder", "QueueDiscipline", "Shedding", "Trip",
    ),
    "tests.open.test_contracts_of_transactions": ("Isolation",),
    "tests.scheduling.test_decentralised": ("Scheduler",),
    "tests.properties.test_faults": ("Fault",),  # which asks for every kind, and overlaps them all
}  # fmt: skip


def parts(protocol):
    """A test of each built-in of a protocol."""
    return pytest.mark.parametrize(
        "part", [pytest.param(one(protocol, word), id=f"{protocol}-{word}") for word in words(protocol)]
    )


def test_each_protocol_of_an_open_field_has_a_contract_that_every_built_in_is_asked_by():
    asked = {protocol for protocols in ELSEWHERE.values() for protocol in protocols}
    here = [test for name, test in globals().items() if name.startswith("test_")]
    marks = [mark for test in here for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    ids = [param.id for mark in marks if mark.args[0] == "part" for param in mark.args[1]]
    assert set(unions()) == asked | {each.partition("-")[0] for each in ids}
    for protocol in set(unions()) - asked:
        assert {f"{protocol}-{word}" for word in unions()[protocol]} <= set(ids)
    for module, protocols in ELSEWHERE.items():
        text = Path(importlib.import_module(module).__file__).read_text(encoding="utf-8")
        for protocol in protocols if module.startswith("tests.open") else ():
            assert f'words("{protocol}")' in text
    assert set(SAME.values()) <= set(unions())


def same(first, second):
    """Whether two outcomes are the same, bit for bit."""
    if isinstance(first, np.ndarray):
        return np.array_equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if getattr(first, "__dict__", None):
        return same(first.__dict__, second.__dict__)
    return first == second


def trained(faults=FAULTS, seed=0, **fields):
    """A short training on five workers, under these faults."""
    given = {
        "model": Softmax(), "data": IRIS, "batch_size": 8, "workers": NAMES[1:], "steps": 6,
        "exchange": ParameterServer(server="n-0", retry_s=0.05), **fields,
    }  # fmt: skip
    result = run(Scenario(cluster=CLUSTER, job=TrainingJob(**given), faults=faults, horizon_s=60.0), seed, check=True)
    assert result.ended == "finished"
    return result


@parts("Adversary")
def test_a_lie_has_the_shape_of_the_truth_which_it_leaves_and_is_drawn_from_the_generator_alone(part):
    numbers = stream(0).standard_normal((3, 4))
    before = numbers.copy()

    first, again = (part(numbers, 2.0, stream(1), 0.3) for _ in range(2))

    assert first.shape == numbers.shape
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(numbers, before)


@parts("Attack")
def test_what_liars_agree_about_has_the_shape_of_one_contribution(part):
    honest = stream(0).standard_normal((5, 3, 4))
    before = honest.copy()

    assert part(honest, 2, 1.0).shape == (3, 4)
    np.testing.assert_array_equal(part(honest, 2, 1.0), part(honest, 2, 1.0))
    np.testing.assert_array_equal(honest, before)


@parts("Algorithm")
def test_an_all_reduce_gives_what_a_server_does_whatever_is_lost(part):
    server = trained(faults=())
    summed = trained(exchange=AllReduce(algorithm=part, retry_s=0.05))

    np.testing.assert_allclose(summed.outcome.parameters, server.outcome.parameters, rtol=1e-9)


@parts("CommunicationGraph")
def test_a_graph_links_all_workers(part):
    graph = part(5)

    assert sorted(graph.nodes) == [0, 1, 2, 3, 4]
    assert nx.is_connected(graph)


@parts("Mixing")
def test_a_mixing_matrix_is_doubly_stochastic_and_zero_where_there_is_no_edge(part):
    regular = "uniform" in part.__name__
    for graph in (nx.cycle_graph(6), nx.complete_graph(5), *(() if regular else (nx.path_graph(4), nx.star_graph(4)))):
        weights = part(graph)
        np.testing.assert_allclose(weights.sum(axis=0), 1.0, atol=1e-15)
        np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-15)
        linked = nx.to_numpy_array(graph) + np.eye(len(graph))
        assert (weights[linked == 0] == 0).all()


@parts("Exchange")
def test_an_exchange_learns_and_gives_the_same_twice(part):
    model = GradientBoosting(rounds=3, depth=2) if part.kind == "reduce_scatter" else Softmax()
    fields = {"exchange": part, "model": model, "batch_size": None if part.kind == "reduce_scatter" else 8}
    if part.kind in ("sharded_servers", "replicated_server"):
        fields |= {"workers": NAMES[1:5]}
    if part.kind == "elastic_server":
        fields |= {"detector": Heartbeats()}
    if part.kind == "pairwise_gossip":
        fields |= {"waiting": BoundedStaleness(staleness=math.inf)}
    if part.kind == "vertical":
        fields |= {"workers": NAMES[1:4], "batch_size": None}

    first, again = trained(**fields), trained(**fields)

    assert first.digest == again.digest
    begun = model.loss(model.initial(IRIS, stream(0, "initial")), IRIS.all)()
    assert first.outcome.loss < begun


@parts("Local")
def test_a_rule_of_local_work_learns_and_gives_the_same_twice(part):
    first, again = trained(local=part), trained(local=part)

    assert first.digest == again.digest
    assert first.outcome.loss < math.log(3)


@parts("Placement")
def test_where_rows_lie_changes_no_bit_of_what_is_learned(part):
    np.testing.assert_array_equal(trained(placement=part).outcome.parameters, trained(()).outcome.parameters)


@parts("Code")
def test_redundancy_learns_what_training_without_it_does(part):
    copies = {"sharding": Replicated()} if part.kind == "speculation" else {}

    found = trained(redundancy=part, workers=NAMES[1:5], **copies).outcome.parameters

    np.testing.assert_allclose(found, trained((), workers=NAMES[1:5]).outcome.parameters, rtol=1e-9)


@parts("Privacy")
def test_a_rule_of_privacy_adds_noise_of_its_generator_alone_and_spends_more_with_each_step(part):
    parameters = Softmax().initial(IRIS, stream(0))
    said = part.contribution(Softmax(), parameters, IRIS.all)
    noises = [part.noise_of("server", parameters.shape, 1.0, stream(8))() for _ in range(2)]

    assert said().shape == parameters.shape
    assert isinstance(said.cost, Cost)
    assert noises[0] is None or np.array_equal(*noises)
    spent = [part.spent(steps, 10) for steps in (1, 10, 100)]
    assert spent == sorted(spent)
    assert 0 <= part.steps_within_budget(20, 10) <= 20


@parts("Authentication")
def test_a_tag_is_of_its_key_and_its_text(part):
    tag = part.tag(b"key", b"text")

    assert len(tag) == part.tag_bytes
    assert tag == part.tag(b"key", b"text")
    assert tag not in (part.tag(b"other", b"text"), part.tag(b"key", b"texts"))
    assert 0 <= part.flops(10.0) <= part.flops(1000.0)


@parts("Cipher")
def test_what_hiding_takes_grows_with_what_is_hidden(part):
    (added, work), (more_added, more_work) = part(10.0), part(1000.0)

    assert 0 <= added <= more_added
    assert 0 <= work <= more_work


@parts("Recovery")
def test_after_a_crash_what_was_kept_gives_the_same_parameters(part):
    crash = CrashNode(node="n-0", begin_s=0.004, end_s=0.05)
    calm, shaken = trained((), recovery=part), trained((crash,), recovery=part)

    assert shaken.ended_s > calm.ended_s
    np.testing.assert_array_equal(shaken.outcome.parameters, calm.outcome.parameters)


@parts("Detector")
def test_a_detector_suspects_whoever_is_gone_and_nobody_else(part):
    gone = CrashNode(node="n-3", begin_s=0.004)
    for faults, expected in (((), set()), ((gone,), {"n-3"})):
        result = trained(faults, detector=part, steps=12)
        assert {row["node"] for row in result.trace.rows("suspect") if row["suspected"]} == expected


@parts("Suspicion")
def test_a_suspicion_comes_with_silence_and_stays(part):
    heard_s = [0.1 * number for number in range(1, 11)]
    said = [part(heard_s, 1.0 + 0.05 * late) for late in range(1, 400)]

    assert not part(heard_s, 1.0)
    assert said == sorted(said)
    assert said[-1]
    assert said == [part(heard_s, 1.0 + 0.05 * late) for late in range(1, 400)]


@parts("Store")
def test_a_store_gives_back_what_was_written_last_after_all_its_nodes_have_crashed(part):
    cluster = machines()
    part.start(cluster)

    def client():
        node, found = cluster["n-1"], []
        for value in ({"a": np.arange(3.0)}, {"a": np.arange(4.0)}):
            yield from part.write(node, "key", value)
            found.append((yield from part.read(node, "key"))["a"].tolist())
        for name in NAMES:
            cluster[name].crash()
        yield cluster.env.timeout(1.0)
        for name in NAMES:
            cluster[name].restart()
        yield cluster.env.timeout(1.0)
        found.append((yield from part.read(node, "key"))["a"].tolist())
        with pytest.raises(KeyError):
            yield from part.read(node, "another")
        return found

    assert finish(cluster, client(), until=60.0) == [[0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3]]


@parts("Distribution")
def test_a_distribution_draws_what_its_mean_says_from_the_generator_alone(part):
    draws = [[part.sample(generator) for _ in range(4000)] for generator in (stream(3), stream(3))]

    assert draws[0] == draws[1]
    assert all(0 <= draw < math.inf for draw in draws[0])
    # Six standard errors of the mean, with the seed fixed.
    assert abs(np.mean(draws[0]) - part.mean) <= 6 * np.std(draws[0]) / math.sqrt(4000) + 1e-12


@parts("Topology")
def test_a_topology_joins_each_with_each_by_links_that_follow_one_another(part):
    fabric = part.fabric(NAMES)
    for source in NAMES:
        assert fabric.route(source, source) == ()
        for target in set(NAMES) - {source}:
            links = [fabric.links[number] for number in fabric.route(source, target)]
            assert (links[0].source, links[-1].target) == (source, target)
            assert all(one.target == other.source for one, other in pairwise(links))
            assert fabric.latency_s(source, target) >= 0


@parts("Initialisation")
def test_centres_begin_at_rows_and_are_the_same_for_the_same_generator(part):
    first, again = (part(IRIS, 4, stream(5)) for _ in range(2))

    np.testing.assert_array_equal(first, again)
    assert first.shape == (4, 4)
    assert all((IRIS.features == centre).all(axis=1).any() for centre in first)


@parts("Sharding")
def test_a_sharding_deals_every_row_and_the_same_to_the_same(part):
    shares = np.full(3, 1 / 3)
    first, again = (shard(part, IRIS, shares, stream(6)) for _ in range(2))

    assert len(first) == 3
    assert sorted(np.concatenate(first)) == list(range(150))
    for one_part, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one_part, other)


@parts("LayeredModel")
def test_the_layers_of_a_model_have_its_parameters_one_after_the_other(part):
    layers, parameters = part.layers(IRIS), part.initial(IRIS, stream(7))
    inputs, place = IRIS.features, 0
    for layer in layers:
        inputs = layer.forward(parameters[place : place + layer.size], inputs)()
        place += layer.size

    assert place == len(parameters)
    assert part.slopes(inputs, IRIS.all)().shape == inputs.shape == (150, 3)


@parts("Schedule")
def test_a_schedule_takes_each_micro_batch_forward_and_later_backward(part):
    assert all(refusal(part, stages, batches) is None for stages in (1, 2, 4) for batches in (1, 3, 8))


@parts("Batches")
def test_batches_come_each_once_and_what_is_learned_of_them_is_the_same_twice(part):
    job = OnlineLearning(model=Softmax(), data=IRIS, batch_size=10, learner="n-1", batches=part)
    scenario = Scenario(cluster=CLUSTER, job=job, faults=FAULTS[:1], horizon_s=60.0)
    first, again = run(scenario, 0, check=True), run(scenario, 0)

    assert first.outcome.batches == tuple(range(15))
    assert first.digest == again.digest


@parts("Execution")
def test_an_execution_gives_phases_along_the_edges_and_leaves_something_to_do(part):
    graph = GridSearch(dataset="iris", folds=2).graph(0)
    phases = part.phases(graph)
    ready = [ReadyTask("a", Cost(1.0, 0.0), 0.0), ReadyTask("b", Cost(2.0, 0.0), 0.0)]
    there = [NodeView(f"n-{i}", 1, 1, 0.0, 0.0, 1e6 * (i + 1), 1e9) for i in range(3)]

    assert not phases or all(phases[before] <= phases[after] for before, after in graph.edges)
    for under_way in (0, 1, 5):
        tasks, machines_left = part.narrow(ready, there, under_way)
        assert set(tasks) <= set(ready)
        assert set(machines_left) <= set(there)
        assert under_way or (tasks and machines_left)


@parts("Work")
def test_work_has_the_same_outcome_on_one_node_and_on_three(part):
    if part.kind == "dot":
        pytest.importorskip("pydot")
    graph = part.graph(0)
    assert nx.is_directed_acyclic_graph(graph)

    jobs = [
        TaskGraphJob(work=part, policy=fifo, master="n-0", workers=workers) for workers in (NAMES[1:2], NAMES[1:4])
    ]
    alone, together = (
        run(Scenario(cluster=CLUSTER, job=job, faults=faults, horizon_s=1e5), 0) for job, faults in zip(
            jobs, ((), FAULTS), strict=True)
    )  # fmt: skip
    assert (alone.ended, together.ended) == ("finished", "finished")
    assert same(alone.outcome, together.outcome)


@parts("Estimator")
def test_an_estimator_scores_the_same_for_the_same_state_and_may_be_made_anew(part):
    training, held_back = IRIS.take(np.arange(0, 150, 2)), IRIS.take(np.arange(1, 150, 2))
    call = part.score(training, held_back, 3)

    assert call() == part.score(training, held_back, 3)()
    assert 0.5 < call() <= 1.0
    assert isinstance(call.cost, Cost)
    assert part.replace() == part


@parts("Learner")
def test_a_learner_predicts_labels_and_says_how_sure_it_is_where_it_can(part):
    training, features = IRIS.take(np.arange(0, 150, 2)), IRIS.features[1::2]
    labels = part.predict(training, features, 3)()

    np.testing.assert_array_equal(labels, part.predict(training, features, 3)())
    assert labels.dtype == np.int64
    assert set(labels.tolist()) <= {0, 1, 2}
    if hasattr(part, "probabilities"):
        said = part.probabilities(training, features, 3)()
        np.testing.assert_allclose(said.sum(axis=1), 1.0, rtol=1e-9)
        assert np.mean(said.argmax(axis=1) == labels) > 0.95
