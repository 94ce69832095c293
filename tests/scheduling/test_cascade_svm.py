"""A cascade reaches the dual objective of all rows at once, whatever its leaves hold and whatever crashes."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import SVC

from simcluster import run
from simcluster.engine import stream
from simcluster.learning import Bundled, Dataset, Generated, KernelSolver, Vectors
from simcluster.scheduling import Cascaded, CascadeSvm
from tests.scheduling.by_hand import (
    assert_only_edges_are_paid,
    compute,
    crashes,
    outcome,
    same,
    scenario,
    weights,
)

IRIS = CascadeSvm(data=Bundled(name="iris"), c=10.0, random_state=1)


@cache
def undisturbed(work):
    return outcome(work)


def of_all_rows(work):
    """The machine of all rows at once, and scikit-learn's accuracy on those held out."""
    training, held_out, _ = work.cut(0)
    solver = KernelSolver(kernel=work.kernel, c=work.c, gamma=work.gamma)
    every = Vectors(np.arange(len(training)), training.features, training.targets)
    machine = solver.solve(every, solver.width(training))()
    theirs = SVC(kernel=work.kernel, C=work.c, gamma=work.gamma).fit(training.features, training.targets)
    return machine, theirs.score(held_out.features, held_out.targets)


@pytest.mark.parametrize("leaves", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("sharding", ["random", "by_key"])
@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_the_dual_objective_is_that_of_all_rows(leaves, sharding, kernel):
    work = IRIS.replace(leaves=leaves, sharding=sharding, kernel=kernel)
    machine, accuracy = of_all_rows(work)
    found = run(scenario(work, flops_per_s=1e8), 0).outcome

    assert isinstance(found, Cascaded)
    assert found.settled
    assert found.objectives[-1] == found.machine.dual_objective()
    assert found.objectives[-1] == pytest.approx(machine.dual_objective(), rel=1e-4)
    assert found.held_out_score == accuracy


def test_feedback_never_lowers_the_objective_and_one_pass_is_not_enough():
    objectives = undisturbed(IRIS.replace(sharding="by_key", leaves=3)).objectives
    machine, _ = of_all_rows(IRIS)

    assert all(after >= before * (1 - 1e-5) for before, after in pairwise(objectives))
    assert objectives[0] < 0.5 * machine.dual_objective()
    assert objectives[-1] == pytest.approx(machine.dual_objective(), rel=1e-4)


def test_passes_that_run_out_are_said():
    found = undisturbed(IRIS.replace(sharding="by_key", leaves=3, passes=2))

    assert not found.settled
    assert len(found.objectives) == 2


def test_the_tolerance_is_a_share_of_the_objective():
    work = IRIS.replace(sharding="by_key", leaves=3)
    first, second = undisturbed(work).objectives[:2]
    share = (second - first) / second

    assert len(outcome(work.replace(tolerance=1.01 * share)).objectives) == 2
    assert len(outcome(work.replace(tolerance=0.99 * share)).objectives) > 2


def test_passes_after_the_objective_has_settled_cost_nothing():
    few, many = IRIS.replace(passes=8), IRIS.replace(passes=16)

    assert undisturbed(few).settled
    assert same(undisturbed(few), undisturbed(many))
    ends = [row["time_s"] for row in run(scenario(many, flops_per_s=1e4), 0).trace.rows("task_end")]
    seconds = run(scenario(few, flops_per_s=1e4), 0).ended_s
    assert max(ends) < 1.05 * seconds


@pytest.mark.parametrize("count", [1, 2, 7])
def test_no_number_of_workers_changes_a_bit(count):
    assert same(run(scenario(IRIS, count=count), 0).outcome, undisturbed(IRIS))


@pytest.mark.parametrize("policy", ["fifo", "utilisation", "priority"])
def test_no_policy_changes_a_bit(policy):
    assert same(run(scenario(IRIS, policy), 0).outcome, undisturbed(IRIS))


@pytest.mark.slow
def test_fifty_schedules_of_crashes_change_no_bit():
    whole_s = run(scenario(IRIS), 0).ended_s
    for faults in crashes(50, stream(2), whole_s):
        result = run(scenario(IRIS, faults=faults), 0)

        assert result.ended == "finished"
        assert same(result.outcome, undisturbed(IRIS))


@pytest.mark.parametrize("work", [IRIS, IRIS.replace(kernel="linear", leaves=3, data=Bundled(name="wine"))])
def test_the_bytes_on_the_network_are_those_of_the_docstring(work):
    graph = work.graph(0)
    outputs = compute(graph)
    training, held_out, _ = work.cut(0)
    features, classes = training.features.shape[1], training.classes

    def formula(before, after):
        if before == "held-out":
            return 8 * (features + 1) * len(held_out)
        if before.startswith("rows-"):
            return 8 * (features + 2) * len(outputs[before]["rows"].rows)
        if before.startswith("root-") and (after.startswith("root-") or after == "score"):
            last = outputs[before]["pass"]
            supporting, gamma = len(last.machine.vectors.rows), work.kernel == "rbf"
            numbers = classes + classes * (classes - 1) // 2 + gamma + len(last.objectives) + 1
            return 8 * (features + 2 + classes - 1) * supporting + 8 * numbers
        sent = outputs[before]["feedback" if before.startswith("root-") else "vectors"]
        return 0 if sent is None else 8 * (features + 2) * len(sent.rows)

    assert weights(graph, outputs) == {edge: formula(*edge) for edge in graph.edges}
    assert_only_edges_are_paid(work, formula, policy="fifo")


@pytest.mark.slow
@pytest.mark.parametrize("sharding", ["random", "by_key"])
def test_a_cascade_is_right_about_98_of_a_hundred_digits_that_were_held_out(sharding):
    work = CascadeSvm(
        data=Bundled(name="digits"), held_out=0.25, random_state=0, c=10.0, leaves=8, sharding=sharding
    )
    machine, accuracy = of_all_rows(work)
    found = outcome(work)

    assert found.objectives[-1] == pytest.approx(machine.dual_objective(), rel=1e-4)
    assert found.held_out_score == accuracy >= 0.98


def test_duplicates_and_constant_features_change_nothing():
    features = np.repeat(np.column_stack([np.arange(12.0), np.full(12, 3.0)]), 3, axis=0)
    data = Dataset(features, np.repeat(np.arange(12) % 2, 3), 2)
    work = IRIS.replace(data=data, leaves=5)
    machine, _ = of_all_rows(work)
    found = outcome(work)

    assert found.objectives[-1] == pytest.approx(machine.dual_objective(), rel=1e-3)
    assert np.isfinite(found.machine.coefficients).all()


def test_a_leaf_may_be_a_single_row():
    data = Dataset(np.arange(10.0)[:, None], np.array([0] * 5 + [1] * 5), 2)
    work = IRIS.replace(data=data, leaves=8)

    assert outcome(work).objectives[-1] == pytest.approx(of_all_rows(work)[0].dual_objective(), rel=1e-3)
    with pytest.raises(ValueError, match="every shard must have a row, got 8 rows for 9 shards"):
        work.replace(leaves=9).graph(0)


@pytest.mark.parametrize(
    ("data", "got"),
    [(Generated(name="friedman1", rows=20), "numbers"), (Dataset(np.eye(6), np.full(6, 1), 2), r"only \[1\]")],
)
def test_less_than_two_labels_are_refused(data, got):
    with pytest.raises(ValueError, match=f"a kernel machine must learn at least two labels, got {got}"):
        IRIS.replace(data=data).graph(0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"leaves": 0}, "leaves: "),
        ({"passes": 0}, "passes: "),
        ({"passes": 101}, "passes: "),
        ({"tolerance": 0.0}, "tolerance: "),
    ],
)
def test_a_cascade_that_cannot_be_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        IRIS.replace(**fields)


@settings(max_examples=15)
@given(
    st.integers(0, 2**31 - 1), st.integers(20, 60), st.integers(2, 4), st.integers(1, 6), st.floats(0.01, 100),
    st.sampled_from(["random", "ordered", "by_key"]),
)  # fmt: skip
def test_any_rows_in_any_leaves_come_to_the_objective_of_all_rows(seed, rows, classes, leaves, c, sharding):
    generator = stream(seed)
    targets = np.arange(rows) % classes
    data = Dataset(generator.normal(size=(rows, 3)) + targets[:, None], targets, classes)
    work = IRIS.replace(data=data, leaves=leaves, c=c, sharding=sharding, passes=30)
    machine, _ = of_all_rows(work)
    found = outcome(work)

    assert found.settled
    assert found.objectives[-1] == pytest.approx(machine.dual_objective(), rel=1e-3)
