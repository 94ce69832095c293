"""Training of a multilayer perceptron on any number of nodes is that of one machine, whatever crashes."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.engine import Environment, Trace, stream
from simcluster.faults import CrashNode
from simcluster.learning import Bundled, GradientDescent, MultilayerPerceptron, Rows, arrays, by_key, ordered, random
from simcluster.training import BoundedStaleness, Checkpoints, ParameterServer, TopK, Training, TrainingJob

MODEL = MultilayerPerceptron(hidden=(8, 6), activation="tanh")
IRIS = Bundled(name="iris")


def job(workers, **fields):
    given = {"model": MODEL, "data": IRIS, "batch_size": None, "steps": 12, **fields}
    names = tuple(f"w-{place}" for place in range(workers))
    return TrainingJob(exchange=ParameterServer(server="server", retry_s=0.05), workers=names, **given)


def trained(workers, faults=(), flops_per_s=1e7, **fields):
    cluster = ClusterSpec(nodes=(NodeSpec(name="server"), *nodes("w", workers, flops_per_s=flops_per_s)))
    scenario = Scenario(cluster=cluster, job=job(workers, **fields), faults=tuple(faults), horizon_s=600.0)
    return run(scenario, 1)


def on_one_machine(made):
    """The steps of a job in a plain loop, on all rows of each step at once."""
    env = Environment()
    training = Training(made, 1, env.event(), Trace(env))
    point = training.initial
    for step in range(made.steps):
        rows = [training.rows(worker, step) for worker in range(len(made.workers))]
        numbers = np.concatenate([np.arange(len(each.data)) if each.index is None else each.index for each in rows])
        together = Rows(training.data, np.sort(numbers))
        gradient = made.model.gradient(point, made.model.contribution(point, together)(), len(together))
        point = point - made.optimiser.learning_rate * gradient
    return point


@pytest.mark.parametrize("sharding", [random, ordered, by_key])
@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_training_is_that_of_one_machine_for_any_number_of_workers_and_split(workers, sharding):
    made = job(1, sharding=ordered)

    found = trained(workers, sharding=sharding).outcome.parameters

    np.testing.assert_allclose(found, on_one_machine(made), atol=1e-10, rtol=0)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_mini_batches_are_those_of_one_machine_that_takes_the_workers_rows_together(workers, activation):
    fields = {"model": MODEL.replace(activation=activation), "batch_size": 42 // workers}

    found = trained(workers, **fields).outcome.parameters

    np.testing.assert_allclose(found, on_one_machine(job(workers, **fields)), atol=1e-10, rtol=0)


def test_numbers_are_learned_as_on_one_machine():
    data = arrays(IRIS.load().features[:, :3], IRIS.load().features[:, 3], labels=False)
    fields = {"model": MODEL.replace(objective="squared_error"), "data": data}

    found = trained(3, **fields).outcome

    np.testing.assert_allclose(found.parameters, on_one_machine(job(3, **fields)), atol=1e-10, rtol=0)
    assert found.loss < np.var(data.targets) / 2


def test_every_exchange_compression_and_checkpoint_can_carry_what_it_says():
    plain, whole = trained(3).outcome, trained(3, compression=TopK(share=1.0)).outcome
    few = trained(3, compression=TopK(share=0.2), steps=40)
    stale = trained(3, waiting=BoundedStaleness(staleness=2), steps=40)

    np.testing.assert_array_equal(whole.parameters, plain.parameters)
    for result in (few, stale):
        assert result.verdicts == ()
        assert result.outcome.loss < plain.loss


def test_more_workers_than_rows_are_refused():
    with pytest.raises(ValueError, match="every shard must have a row, got 2 rows for 3 shards"):
        trained(3, data=arrays([[0.0], [1.0]], [0, 1]))


def test_a_rate_that_is_too_great_is_a_verdict():
    result = trained(2, optimiser=GradientDescent(learning_rate=1e200), steps=3)

    assert "diverged" in [verdict.name for verdict in result.verdicts]


@pytest.mark.slow
def test_fifty_schedules_of_crashes_change_no_bit():
    fields = {"recovery": Checkpoints(every=1), "flops_per_s": 1e6, "steps": 8}
    calm = trained(3, **fields)

    for seed in range(50):
        generator = stream(seed, "crashes")
        crashes = []
        for _ in range(int(generator.integers(1, 5))):
            begin_s = float(generator.uniform(0, calm.ended_s))
            node = ("server", "w-0", "w-1", "w-2")[generator.integers(4)]
            crashes.append(CrashNode(node=node, begin_s=begin_s, end_s=begin_s + float(generator.exponential(0.05))))
        result = trained(3, crashes, **fields)
        assert result.ended == "finished"
        np.testing.assert_array_equal(result.outcome.parameters, calm.outcome.parameters)


@pytest.mark.slow
def test_held_out_digits_are_told_apart_in_96_of_100():
    digits = Bundled(name="digits").load()
    kept, held_out = train_test_split(np.arange(len(digits)), test_size=0.25, stratify=digits.targets, random_state=0)
    model, data = MultilayerPerceptron(hidden=(64,)), arrays(digits.features[kept], digits.targets[kept])

    optimiser = GradientDescent(learning_rate=0.3)
    found = trained(4, model=model, data=data, batch_size=16, steps=900, evaluate_every=900, optimiser=optimiser)

    right = model.predict(found.outcome.parameters, digits.features[held_out]) == digits.targets[held_out]
    assert np.mean(right) >= 0.96
