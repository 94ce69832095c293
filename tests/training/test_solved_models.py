"""Models whose step is a closed form: on any cluster the answer of one machine, for the bytes that they say."""

import math

import numpy as np
import pytest
import sklearn.cluster

from simcluster import Scenario, load_scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, nodes
from simcluster.engine import Environment, Exponential, Trace, stream
from simcluster.faults import ADVERSARIES, Byzantine, CrashNode
from simcluster.learning import (
    Bundled,
    KMeans,
    LabelSpreading,
    MiniBatchKMeans,
    PowerIteration,
    PrincipalComponents,
    Rows,
    SelfTraining,
    arrays,
    by_key,
    ordered,
    random,
)
from simcluster.training import BoundedStaleness, Training, TrainingJob, total
from simcluster.training.update import update_of

IRIS = Bundled(name="iris").load()
D, C, N, K = 4, 3, 150, 3
#: Model, steps, and how many numbers a worker sends and gets in a step, by the docstring's formula.
MODELS = {
    "kmeans": (KMeans(clusters=K, initialisation="k-means||"), 12, K * (D + 1), K * D),
    "mini_batch_kmeans": (MiniBatchKMeans(clusters=K, initialisation="k-means++"), 6, K * (D + 1), K * (D + 1)),
    "principal_components": (PrincipalComponents(components=2), 2, (D + 1) * (D + 2) // 2, (2 + 2) * (D + 1)),
    "power_iteration": (PowerIteration(components=2), 8, (D + 1) * (2 + 1), (2 + 2) * (D + 1)),
    "label_spreading": (LabelSpreading(), 8, N * (C + 1), N * (C + 2)),
    "self_training": (SelfTraining(), 4, C * (2 * D + 1) + N, C * (2 * D + 1) + N + D + 1),
}
EACH = pytest.mark.parametrize("name", MODELS)


def uneven(data, shares, generator):
    """One row on each node but the last, which has the rest."""
    order = generator.permutation(len(data))
    return np.split(order, np.arange(1, len(shares)))


def scenario(name, workers=4, faults=(), **fields):
    model, steps, _, _ = MODELS[name]
    made = ClusterSpec(
        nodes=(NodeSpec(name="server"), *nodes("worker", workers, flops_per_s=1e6)),
        network=NetworkSpec(latency=Exponential(mean=0.0005)),
    )
    job = {"model": model, "data": Bundled(name="iris"), "batch_size": None, "steps": steps, "retry_s": 0.05, **fields}
    job = TrainingJob(server="server", workers=made.names[1:], **job)
    return Scenario(cluster=made, job=job, faults=tuple(faults), horizon_s=600.0)


def answer(*args, seed=0, **fields):
    result = run(scenario(*args, **fields), seed)
    assert result.ended == "finished"
    return result.outcome.parameters


def alone(name, data=IRIS, seed=0):
    """The plain loop of one machine."""
    model, steps, _, _ = MODELS[name]
    point = model.initial(data, stream(seed, "initial"))
    for _ in range(steps):
        point = model.update(point, model.contribution(point, data.all)(), float(len(data)))
    return point


@EACH
@pytest.mark.parametrize("sharding", [random, ordered, by_key, uneven])
@pytest.mark.parametrize("workers", [1, 3, 8])
def test_the_answer_is_that_of_one_machine(name, sharding, workers):
    """By key, a node sees one class; uneven, all but one have a single row."""
    np.testing.assert_allclose(answer(name, workers, sharding=sharding), alone(name), atol=1e-10, rtol=0)


@EACH
def test_one_row_per_node_is_enough_and_more_nodes_than_rows_are_refused(name):
    few = arrays(IRIS.features[::15], IRIS.targets[::15])
    model = MODELS[name][0]
    model = model.replace(labelled=2) if hasattr(model, "labelled") else model

    ours = run(scenario(name, 10, data=few, model=model), 0).outcome.parameters

    begin = model.initial(few, stream(0, "initial"))
    for _ in range(MODELS[name][1]):
        begin = model.update(begin, model.contribution(begin, few.all)(), 10.0)
    np.testing.assert_allclose(ours, begin, atol=1e-10, rtol=0)
    with pytest.raises(ValueError, match="every shard must have a row, got 10 rows for 11 shards"):
        run(scenario(name, 11, data=few, model=model), 0)


@EACH
def test_the_bytes_on_the_network_are_those_of_the_formula(name):
    """A worker sends its contribution and the step's number (8 bytes), gets parameters and a number; a head is 64."""
    _, steps, sent, received = MODELS[name]
    for workers in (1, 5):
        result = run(scenario(name, workers, retry_s=100.0), 0)
        messages = list(result.trace.rows("send"))
        replies = [row["size_bytes"] for row in messages if row["source"] == "server"]
        requests = [row["size_bytes"] for row in messages if row["source"] != "server"]

        # The first request has no contribution, and the last contribution ends the run.
        assert math.fsum(requests) == workers * (64 + steps * (64 + 8 + 8 * sent))
        assert math.fsum(replies) == workers * steps * (64 + 8 + 8 * received)


def test_what_an_equation_costs_is_paid_by_whoever_solves_it():
    made = scenario("principal_components", 2).job
    env = Environment()
    training = Training(made, 0, env.event(), Trace(env))
    values = [training.contribution(worker, 0, training.initial)() for worker in range(2)]

    cost = update_of(training).take([0, 1], values, 0, 1.0).cost

    assert cost == total(np.stack(values), training.batch_rows).cost + PrincipalComponents().update_cost(
        training.initial, values[0], math.fsum(training.batch_rows)
    )


@pytest.mark.slow
@EACH
def test_fifty_schedules_of_crashes_change_no_bit(name):
    plain = run(scenario(name), 0)
    crashed = 0
    for seed in range(50):
        generator = stream(seed, "crashes")
        begins = np.sort(generator.uniform(0, plain.ended_s, int(generator.integers(1, 5))))
        faults = [
            CrashNode(node=f"worker-{generator.integers(4)}", begin_s=begin, end_s=begin + down)
            for begin, down in zip(begins.tolist(), generator.uniform(0.001, 0.1, len(begins)).tolist(), strict=True)
        ]
        result = run(scenario(name, faults=faults), 0)
        crashed += result.metrics["crashes"] > 0

        assert result.outcome.parameters.tobytes() == plain.outcome.parameters.tobytes()
    assert crashed == 50


@EACH
def test_a_crash_of_the_server_changes_no_bit_either(name):
    crash = CrashNode(node="server", begin_s=0.01, end_s=0.02)

    assert answer(name, faults=[crash]).tobytes() == answer(name).tobytes()
    assert answer(name, faults=[crash], checkpoint_every=1).tobytes() == answer(name).tobytes()


@EACH
@pytest.mark.parametrize("adversary", ADVERSARIES)
@pytest.mark.parametrize("node", ["server", "worker-1"])
def test_liars_lead_astray_and_to_no_error(name, node, adversary):
    result = run(scenario(name, faults=[Byzantine(node=node, adversary=adversary, begin_s=0.0)]), 0)

    assert result.ended == "finished"
    assert np.isfinite(result.outcome.parameters).all()


@EACH
def test_rows_that_are_all_alike_give_numbers(name):
    data = arrays(np.full((12, 2), 3.0), np.arange(12) % 3)
    model = MODELS[name][0]
    model = model.replace(labelled=1) if hasattr(model, "labelled") else model
    model = model.replace(initialisation="random") if hasattr(model, "initialisation") else model

    result = run(scenario(name, 3, data=data, model=model), 0)

    assert np.isfinite(result.outcome.parameters).all()
    assert result.verdicts == ()


@pytest.mark.parametrize("initialisation", ["random", "k-means++", "k-means||"])
@pytest.mark.parametrize("sharding", [random, uneven])
def test_labels_of_k_means_are_scikit_learn_s(initialisation, sharding):
    model, wine = KMeans(clusters=6, initialisation=initialisation), Bundled(name="wine").load()
    begin = model.initial(wine, stream(5, "initial"))
    theirs = sklearn.cluster.KMeans(6, init=begin, n_init=1, algorithm="lloyd", tol=0).fit(wine.features)

    fields = {"model": model, "data": Bundled(name="wine"), "sharding": sharding, "steps": theirs.n_iter_ + 1}
    ours = answer("kmeans", 5, seed=5, **fields)

    assert np.array_equal(model.predict(ours, wine.features), theirs.labels_)
    np.testing.assert_allclose(ours, theirs.cluster_centers_, atol=1e-10, rtol=0)


@pytest.mark.parametrize("batch_size", [1, 10])
def test_mini_batches_of_all_workers_make_one_batch(batch_size):
    """Three workers' batches together are what one machine would take in."""
    name, (model, steps, _, _) = "mini_batch_kmeans", MODELS["mini_batch_kmeans"]
    job = scenario(name, 3, batch_size=batch_size, sharding=ordered).job
    point = model.initial(IRIS, stream(0, "initial"))
    for step in range(steps):
        batch = []
        for worker in range(3):
            epoch, place = divmod(step, 50 // batch_size)
            order = stream(0, "batch", worker, epoch).permutation(np.arange(50 * worker, 50 * worker + 50))
            batch += order[place * batch_size : (place + 1) * batch_size].tolist()
        rows = Rows(IRIS, np.array(batch))
        point = model.update(point, model.contribution(point, rows)(), float(len(batch)))

    ours = run(scenario(name, 3).replace(job=job), 0).outcome.parameters

    np.testing.assert_allclose(ours, point, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("staleness", "batch_size"), [(2, None), (math.inf, None), (math.inf, 8), (0, 8)])
def test_asynchronous_label_spreading_ends_where_the_synchronous_one_does(staleness, batch_size):
    slow = {"waiting": BoundedStaleness(staleness=staleness), "batch_size": batch_size}
    ours = answer("label_spreading", 3, steps=120 if batch_size is None else 400, **slow)
    model = MODELS["label_spreading"][0]
    there = answer("label_spreading", 1, steps=40)

    np.testing.assert_allclose(model.scores(ours), model.scores(there), atol=1e-10, rtol=0)


FILES = (
    "kmeans",
    "kmeans_seeding",
    "principal_components",
    "power_iteration",
    "nearest_neighbours",
    "label_spreading",
    "self_training",
)


@pytest.mark.parametrize("file", FILES)
def test_the_scenario_of_each_finishes_and_has_nothing_to_complain_of(file):
    result = run(load_scenario(f"experiments/scenarios/{file}.yaml"), 0)

    assert result.ended == "finished"
    assert result.verdicts == ()


@pytest.mark.parametrize("model", [PrincipalComponents(), SelfTraining()])
def test_what_needs_all_rows_refuses_batches(model):
    with pytest.raises(ValueError, match=rf"batch_size must be None for {model.kind}, which needs all rows, got 32"):
        TrainingJob(model=model, server="s", workers=("w",), steps=1)
