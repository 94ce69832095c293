"""A forest that tasks grow is that of one machine, whatever crashes; one of shards is another, and says so."""

from functools import cache

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from simcluster import run
from simcluster.engine import stream
from simcluster.learning import Bundled, Csv, Dataset, Generated, by_key
from simcluster.scheduling import Grown, RandomForest, RandomSearch, TaskGraphJob
from tests.scheduling.by_hand import (
    assert_only_edges_are_paid,
    compute,
    crashes,
    outcome,
    same,
    scenario,
    weights,
)

IRIS, FRIEDMAN = Bundled(name="iris"), Generated(name="friedman1", rows=80)
FOREST = RandomForest(data=IRIS, trees=10, tasks=4, random_state=7)


def theirs(work, seed=0):
    """scikit-learn's forest of the same rows, and these rows."""
    cut = work.cut(seed)
    kind, rule = (RandomForestClassifier, "sqrt") if cut.training.classes else (RandomForestRegressor, 1.0)
    forest = kind(work.trees, max_depth=work.max_depth, max_features=rule, random_state=cut.random_state)
    return forest.fit(cut.training.features, cut.training.targets), cut


@pytest.mark.parametrize("tasks", [1, 3, 10])
@pytest.mark.parametrize("depth", [None, 2])
def test_however_many_tasks_grow_it_the_forest_is_that_of_one_machine(tasks, depth):
    work = FOREST.replace(tasks=tasks, max_depth=depth)
    forest, (_, held_out, _) = theirs(work)
    grown = run(scenario(work), 0).outcome

    assert isinstance(grown, Grown)
    assert grown.as_one_machine
    np.testing.assert_array_equal(
        grown.forest.probabilities(held_out.features), forest.predict_proba(held_out.features)
    )
    assert grown.held_out_score == forest.score(held_out.features, held_out.targets)


def test_a_forest_of_numbers_is_that_of_one_machine_too():
    work = FOREST.replace(data=FRIEDMAN, random_state=None)
    forest, (_, held_out, _) = theirs(work, 3)
    grown = run(scenario(work), 3).outcome

    np.testing.assert_array_equal(grown.forest.predict(held_out.features), forest.predict(held_out.features))
    assert grown.held_out_score == forest.score(held_out.features, held_out.targets)
    assert not same(grown, run(scenario(work), 4).outcome)  # whose random state is drawn from another seed


@pytest.mark.parametrize("count", [1, 2, 7])
def test_no_number_of_workers_changes_a_bit(count):
    assert same(run(scenario(FOREST, count=count), 0).outcome, undisturbed(FOREST))


@pytest.mark.parametrize("policy", ["fifo", "utilisation", "priority"])
def test_no_policy_changes_a_bit(policy):
    assert same(run(scenario(FOREST, policy), 0).outcome, undisturbed(FOREST))


@cache
def undisturbed(work):
    return outcome(work)


@pytest.mark.slow
@pytest.mark.parametrize("rows", ["all", "shard"])
def test_fifty_schedules_of_crashes_change_no_bit(rows):
    work = FOREST.replace(rows=rows)
    whole_s = run(scenario(work), 0).ended_s
    for faults in crashes(50, stream(1, rows), whole_s):
        result = run(scenario(work, faults=faults), 0)

        assert result.ended == "finished"
        assert same(result.outcome, undisturbed(work))


@pytest.mark.parametrize("sharding", ["random", "ordered", "by_key"])
def test_trees_of_shards_are_another_forest_and_say_so(sharding):
    work = FOREST.replace(rows="shard", sharding=sharding)
    forest, (_, held_out, _) = theirs(work)
    grown = run(scenario(work), 0).outcome

    assert not grown.as_one_machine
    assert not np.array_equal(
        grown.forest.probabilities(held_out.features), forest.predict_proba(held_out.features)
    )
    np.testing.assert_allclose(grown.forest.probabilities(held_out.features).sum(axis=1), 1)


def test_where_each_shard_has_one_class_no_tree_knows_another():
    grown = outcome(FOREST.replace(rows="shard", sharding=by_key, tasks=3, trees=3))

    assert sorted(np.argmax(tree.value[0]) for tree in grown.forest.trees) == [0, 1, 2]
    assert [len(tree.value) for tree in grown.forest.trees] == [1, 1, 1]


@pytest.mark.parametrize("rows", ["all", "shard"])
@pytest.mark.parametrize("data", [IRIS, FRIEDMAN])
def test_the_bytes_on_the_network_are_those_of_the_docstring(rows, data):
    work = FOREST.replace(rows=rows, data=data)
    graph = work.graph(0)
    outputs = compute(graph)
    training, held_out, _ = work.cut(0)
    features, values = training.features.shape[1], training.classes or 1

    def formula(before, after):
        if before == "held-out":
            return 8 * (features + 1) * len(held_out)
        if after == "forest":
            return 8 * (4 + values) * sum(len(tree.left) for tree in outputs[before]["trees"])
        size = len(training) if rows == "all" else len(outputs[before]["rows"][1])
        return 8 * size * (features + 1)

    assert weights(graph, outputs) == {edge: formula(*edge) for edge in graph.edges}
    assert_only_edges_are_paid(work, formula, policy="fifo")


@pytest.mark.slow
def test_a_forest_of_digits_is_right_about_96_of_a_hundred_that_were_held_out():
    work = RandomForest(data=Bundled(name="digits"), trees=100, held_out=0.25, random_state=0)

    assert outcome(work).held_out_score >= 0.96


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tasks": 11}, "tasks must be at most the trees, 10, got 11"),
        ({"tasks": 0}, "tasks: "),
        ({"held_out": 0.0}, "held_out: "),
        ({"held_out": 1.0}, "held_out: "),
        ({"random_state": -1}, "random_state: "),
        ({"rows": "some"}, "rows: "),
        ({"sharding": by_key}, "sharding must be random with rows all, of which no task has its own, got <function by"),
    ],
)
def test_a_forest_that_cannot_be_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        FOREST.replace(**fields)


def test_more_shards_than_rows_are_refused_before_anything_runs():
    few = Dataset(np.arange(10.0)[:, None], np.array([0, 1] * 5), 2)
    work = RandomForest(data=few, trees=20, tasks=9, rows="shard")

    with pytest.raises(ValueError, match="every shard must have a row, got 8 rows for 9 shards"):
        scenario(work)
    assert outcome(work.replace(tasks=8)).forest.classes == 2


def test_more_trees_and_tasks_than_rows_are_no_matter():
    few = Dataset(np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([0, 0, 1, 1]), 2)

    assert outcome(RandomForest(data=few, trees=9, tasks=9, held_out=0.5)).held_out_score >= 0


def test_a_class_with_a_single_row_cannot_be_on_both_sides():
    lonely = Dataset(np.arange(5.0)[:, None], np.array([0, 0, 0, 0, 1]), 2)

    with pytest.raises(ValueError, match=r"held_out must leave rows of every class on both sides, got 0.2 of 5 rows"):
        RandomForest(data=lonely).graph(0)


def test_numbers_with_a_single_row_held_out_are_refused_before_anything_runs():
    few = Dataset(np.arange(5.0)[:, None], np.arange(5.0))

    with pytest.raises(ValueError, match="R² must be of at least two rows, got 1 held out"):
        scenario(RandomForest(data=few, held_out=0.2))
    with pytest.raises(ValueError, match="R² must be of at least two rows, got 1 held out"):
        scenario(RandomSearch(data=few, held_out=0.4, folds=3, space={"trees": (2, 3)}, candidates=1))
    assert outcome(RandomForest(data=few, held_out=0.4)).forest.classes is None


def test_a_file_may_be_where_the_scenario_runs():
    work = RandomForest(data=Csv(path="there/only.csv", target="y"))

    assert isinstance(scenario(work).job, TaskGraphJob)
    with pytest.raises(ValueError, match="path must name a file that there is"):
        run(scenario(work), 0)
