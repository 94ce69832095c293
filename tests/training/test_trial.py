"""A model of one's own that gives what it must not is refused by the name of its method, before anything runs."""

import numpy as np
import pytest

from simcluster import ClusterSpec, Scenario, nodes, run
from simcluster.learning import GradientDescent, arrays, call
from simcluster.training import TrainingJob

DATA = arrays(np.arange(24.0).reshape(12, 2), np.arange(12.0))
CLUSTER = ClusterSpec(nodes=nodes("n", 3))


class Means:
    """Linear least squares, right in all its methods."""

    def initial(self, data, generator):
        return np.zeros(2)

    def contribution(self, parameters, rows):
        return call(lambda features: features.sum(axis=0) * 1.0, rows.features)

    def gradient(self, parameters, total, rows):
        return total / rows

    def loss(self, parameters, rows):
        return call(lambda features: float(features.mean()), rows.features)


class Optimising(GradientDescent):
    def step(self, parameters, gradient, memory, clock, share):
        return call(lambda: parameters - gradient)


def training(model, **fields):
    return Scenario(
        cluster=CLUSTER,
        job=TrainingJob(model=model, data=DATA, server="n-0", workers=("n-1", "n-2"), steps=2, batch_size=3, **fields),
    )


def changed(method, gives):
    return type("Wrong", (Means,), {method: lambda self, *args: gives(*args)})()


def test_a_model_that_keeps_its_promises_trains():
    assert run(training(Means()), 0).outcome.steps == 2


@pytest.mark.parametrize(
    ("method", "gives", "message"),
    [
        ("initial", lambda data, generator: [0.0, 0.0], r"Wrong.initial must give an array of float64, got list"),
        ("initial", lambda data, generator: np.zeros(2, int), "initial must give .* of float64, got an array of int64"),
        ("contribution", lambda p, rows: rows.features.sum(axis=0), "contribution must return a Call, .* array of"),
        ("contribution", lambda p, rows: call(lambda: 1.0), "contribution must give .*, got float"),
        ("gradient", lambda p, total, rows: total.sum(keepdims=True), r"gradient must .* shape \(2,\) .*, got \(1,\)"),
        ("gradient", lambda p, total, rows: call(lambda: total), "gradient must give .*, got Call"),
        ("loss", lambda p, rows: 1.0, "loss must return a Call, as call.* got float: 1.0"),
        ("loss", lambda p, rows: call(lambda: p), "Wrong.loss must compute a float, got an array of float64"),
    ],
)
def test_what_a_method_must_not_give_is_refused_by_its_name(method, gives, message):
    with pytest.raises(ValueError, match=message):
        run(training(changed(method, gives)), 0)


class Updating:
    initial, contribution, loss = Means.initial, Means.contribution, Means.loss

    def update(self, parameters, total, rows):
        return np.zeros((2, 2))


def test_a_closed_form_and_an_optimiser_are_tried_too():
    with pytest.raises(ValueError, match=r"Updating.update must give .* shape \(2,\) .*, got \(2, 2\)"):
        run(training(Updating()), 0)
    with pytest.raises(ValueError, match="step must compute the next parameters and the next memory, got an array"):
        run(training(Means(), optimiser=Optimising()), 0)
