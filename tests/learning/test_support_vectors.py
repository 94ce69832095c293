"""Kernel machines predict what scikit-learn's do, and their dual objective is that of the formula."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import SVC

from simcluster.kernels import Cost
from simcluster.learning import Bundled, Dataset, KernelMachine, KernelSolver, Vectors
from simcluster.learning.support_vectors import separating_cost, solving_cost


def vectors(data):
    return Vectors(np.arange(len(data)), data.features, data.targets)


def machine(data, **fields) -> KernelMachine:
    solver = KernelSolver(**fields)
    return solver.solve(vectors(data), solver.width(data))()


@pytest.mark.parametrize("name", ["iris", "breast_cancer", "wine"])
@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_it_predicts_what_scikit_learn_does(name, kernel):
    data = Bundled(name=name).load()
    ours, theirs = machine(data, kernel=kernel, c=3.0), SVC(kernel=kernel, C=3.0).fit(data.features, data.targets)
    elsewhere = np.random.default_rng(0).random((300, data.features.shape[1]))

    for features in (data.features, elsewhere):
        np.testing.assert_array_equal(ours.predict(features), theirs.predict(features))
    np.testing.assert_array_equal(np.sort(ours.vectors.rows), np.sort(theirs.support_))
    np.testing.assert_array_equal(ours.by_row.rows, np.sort(theirs.support_))


def test_two_points_have_the_objective_that_one_finds_by_hand():
    """w = 1 separates -1 and 1 with margin 1: each multiplier is a half, and half the squared norm is a half."""
    data = Dataset(np.array([[-1.0], [1.0]]), np.array([0, 1]), 2)

    assert machine(data, kernel="linear", c=10.0).dual_objective() == pytest.approx(0.5, abs=1e-9)
    # Where c is less than a half, both multipliers are c: 2c - 2c².
    assert machine(data, kernel="linear", c=0.1).dual_objective() == pytest.approx(0.18, abs=1e-9)


def test_the_dual_objective_is_the_primal_one_where_a_machine_is_optimal():
    data = Bundled(name="breast_cancer").load()
    found = machine(data, c=2.0)
    theirs = SVC(C=2.0).fit(data.features, data.targets)
    hinge = np.maximum(0, 1 - (2 * data.targets - 1) * theirs.decision_function(data.features)).sum()
    weights = found.coefficients[0]
    squares = ((found.vectors.features[:, None, :] - found.vectors.features[None, :, :]) ** 2).sum(axis=2)
    primal = weights @ np.exp(-found.gamma * squares) @ weights / 2 + 2.0 * hinge

    assert found.dual_objective() == pytest.approx(primal, rel=1e-3)


def test_scale_is_that_of_scikit_learn_and_the_linear_kernel_has_no_width():
    data = Bundled(name="iris").load()

    assert KernelSolver().width(data) == 1 / (4 * data.features.var())
    assert KernelSolver(gamma=0.3).width(data) == 0.3
    assert KernelSolver(kernel="linear").width(data) is None
    assert KernelSolver().width(Dataset(np.ones((3, 2)), np.array([0, 1, 0]), 2)) == 1.0


def test_rows_of_one_label_have_no_machine():
    assert machine(Dataset(np.eye(3), np.array([2, 2, 2]), 3)) is None


def test_where_libsvm_does_not_come_to_an_end_it_is_said(monkeypatch):
    monkeypatch.setattr("simcluster.learning.support_vectors.MOST_STEPS", 3)

    with pytest.raises(ValueError, match=r"c must let libsvm end within 3 steps, got 1.0 for 150 rows"):
        machine(Bundled(name="iris").load())


@settings(max_examples=20)
@given(st.lists(st.integers(0, 20), unique=True), st.lists(st.integers(0, 20), unique=True))
def test_rows_that_are_joined_stand_in_order_and_once(one, other):
    data = Dataset(np.arange(42.0).reshape(21, 2), np.arange(21), 21)
    joined = vectors(data).take(np.array(one, dtype=np.int64)) | vectors(data).take(np.array(other, dtype=np.int64))

    assert joined.rows.tolist() == sorted({*one, *other})
    np.testing.assert_array_equal(joined.features, data.features[joined.rows])
    np.testing.assert_array_equal(joined.labels, joined.rows)


def test_costs_follow_from_rows_and_features():
    assert solving_cost(10, 4) == Cost(flops=100 * 15, bytes=8 * (40 + 300))
    assert separating_cost(10, 5, 4, 3) == Cost(flops=10 * 5 * (8 + 3 + 4), bytes=8 * (40 + 20 + 50))


@pytest.mark.parametrize(
    ("fields", "message"), [({"c": 0.0}, "c: "), ({"gamma": -1.0}, "gamma: "), ({"kernel": "poly"}, "kernel: ")]
)
def test_a_solver_that_cannot_be_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        KernelSolver(**fields)
