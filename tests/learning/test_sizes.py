"""What no memory holds is refused by its rule and its value, before anything is made of it."""

import numpy as np
import pytest

from simcluster.engine import stream
from simcluster.learning import (
    Bundled,
    Dataset,
    Generated,
    GradientBoosting,
    LabelSpreading,
    Lbfgs,
    MultilayerPerceptron,
    NormalEquations,
    PrincipalComponents,
    SelfTraining,
    Softmax,
    arrays,
)

IRIS = Bundled(name="iris").load()
WIDE = arrays(np.zeros((2, 20_000)), [0.5, 1.5])
MANY = arrays(np.zeros((2, 5000)), [0, 99_999])


def begun(model, data):
    return lambda: model.initial(data, stream(0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: arrays([[1.0], [2.0]], [0, 10**12]), r"labels must be less than 100000 \(.*got 1000000000000"),
        (Generated(options={"n_features": 10**7}).load, "what make_classification makes must be at most .*: 10000000}"),
        (Generated(name="blobs", options={"centers": 10**9}).load, "what make_blobs makes must be at most"),
        (begun(MultilayerPerceptron(hidden=(10**8,)), IRIS), r"parameters must be .*, got 8e\+08 of layers of \[4, 1"),
        (begun(MultilayerPerceptron(hidden=(10**9, 10**9)), IRIS), r"parameters must be at most .*, got 1e\+18"),
        (begun(Softmax(), MANY), r"parameters must be .*, got 5e\+08 of 5001 weights for each of 100000 classes"),
        (begun(NormalEquations(), WIDE), r"sums must be at most 268435456 numbers, got 4e\+08 of 20000 features"),
        (begun(PrincipalComponents(), WIDE), r"sums must be at most 268435456 numbers, got 4e\+08 of 20000 features"),
        (begun(GradientBoosting(rounds=10**9), IRIS), "parameters must be .* of 1000000000 rounds of 3 trees of"),
        (begun(GradientBoosting(depth=12), arrays(np.eye(500), np.arange(500) % 100)), "histograms must be at most"),
        (begun(SelfTraining(labelled=1), MANY), "sums must be at most .* of 5000 features and 100000 classes"),
        (begun(LabelSpreading(), Dataset(np.zeros((5000, 1)), np.zeros(5000, int), 10**5)), "scores must be at most"),
        (lambda: Lbfgs(history=1000).start(np.zeros(200_000)), "memory must be .* of 1000 pairs of 200000"),
    ],
)  # fmt: skip
def test_an_absurd_size_is_refused_early(make, message):
    with pytest.raises(ValueError, match=message):
        make(0) if getattr(make, "__name__", "") == "load" else make()
