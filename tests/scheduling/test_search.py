"""Searches find what scikit-learn's find, and the same under any policy and whatever crashes."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.svm import SVC

from simcluster import run
from simcluster.engine import Spec, stream
from simcluster.faults import CrashNode
from simcluster.learning import Bundled, Dataset, Generated, call
from simcluster.scheduling import (
    Estimator,
    ForestEstimator,
    Found,
    GridSearch,
    Hyperband,
    KernelEstimator,
    RandomSearch,
    Range,
    SoftmaxEstimator,
    SuccessiveHalving,
    Trial,
)
from simcluster.scheduling.work.learning.held_out import hold_out
from simcluster.scheduling.work.search import brackets, halvings
from tests.scheduling.by_hand import (
    assert_only_edges_are_paid,
    compute,
    crashes,
    outcome,
    same,
    scenario,
    weights,
)

IRIS, FRIEDMAN = Bundled(name="iris"), Generated(name="friedman1", rows=60)
SPACE = {"learning_rate": Range(low=0.01, high=3.0, log=True), "l2": (0.0, 0.01, 0.1)}
SOFTMAX = {"data": IRIS, "estimator": SoftmaxEstimator(steps=9), "folds": 3, "random_state": 2}
SEARCHES = {
    "grid": GridSearch(grid={"learning_rate": (0.01, 0.3), "steps": (1, 9)}, **SOFTMAX),
    "random": RandomSearch(space=SPACE, candidates=4, **SOFTMAX),
    "halving": SuccessiveHalving(space=SPACE, candidates=9, resource="steps", most=9, **SOFTMAX),
    "hyperband": Hyperband(space=SPACE, resource="steps", most=9, **SOFTMAX),
}
FOREST = GridSearch(
    data=IRIS, estimator=ForestEstimator(), random_state=0, folds=3, grid={"trees": (3, 6), "max_depth": (None, 1, 2)}
)
TEXTBOOK = FOREST.replace(folds=5, grid={"trees": (100, 200), "max_depth": (None, 10, 20)})


@cache
def undisturbed(name):
    return outcome(SEARCHES[name])


def theirs(search):
    """What scikit-learn's grid search of a forest finds, the held-out score, and the mean of each point."""
    data, state = search.data.load(0), search.random_state
    kind, strata = (RandomForestClassifier, data.targets) if data.classes else (RandomForestRegressor, None)
    features, others, targets, held_out = train_test_split(
        data.features, data.targets, test_size=search.held_out, random_state=state, stratify=strata
    )
    grid = {{"trees": "n_estimators"}.get(name, name): values for name, values in search.grid.items()}
    found = GridSearchCV(kind(random_state=state), grid, cv=search.folds).fit(features, targets)
    names = {"n_estimators": "trees"}
    best = {names.get(name, name): value for name, value in found.best_params_.items()}
    return best, found.score(others, held_out), found.cv_results_["mean_test_score"]


@pytest.mark.parametrize("data", [IRIS, FRIEDMAN])
def test_a_grid_search_of_forests_has_the_winner_and_the_scores_of_scikit_learn(data):
    search = FOREST.replace(data=data)
    best, held_out_score, means = theirs(search)
    found = run(scenario(search), 0).outcome

    assert isinstance(found, Found)
    assert found.parameters == best
    assert found.held_out_score == held_out_score
    # Theirs are in another order: the names of parameters are sorted there.
    assert sorted(trial.mean for trial in found.trials) == sorted(means)


def test_a_grid_search_of_kernel_machines_has_the_winner_and_the_scores_of_scikit_learn():
    search = FOREST.replace(estimator=KernelEstimator(), grid={"c": (0.01, 1.0, 100.0), "gamma": (0.1, "scale")})
    training, held_out, _ = hold_out(IRIS.load(0), search.held_out, search.random_state, 0)
    found = outcome(search)
    theirs = GridSearchCV(SVC(), {"C": (0.01, 1.0, 100.0), "gamma": (0.1, "scale")}, cv=3)
    theirs.fit(training.features, training.targets)

    assert found.parameters == {"c": theirs.best_params_["C"], "gamma": theirs.best_params_["gamma"]}
    assert found.held_out_score == theirs.score(held_out.features, held_out.targets)
    assert sorted(trial.mean for trial in found.trials) == sorted(theirs.cv_results_["mean_test_score"])


@pytest.mark.slow
def test_the_textbook_s_search_has_the_winner_and_the_accuracy_of_scikit_learn_under_crashes_too():
    """Iris, a fifth held out, 100 or 200 trees of depth 10, 20 or any, five folds."""
    best, held_out_score, _ = theirs(TEXTBOOK)
    faults = (CrashNode(node="worker-2", begin_s=0.3), CrashNode(node="worker-1", begin_s=0.1, end_s=0.4))
    result = run(scenario(TEXTBOOK, faults=faults), 0)

    assert result.ended == "finished"
    assert len(list(result.trace.rows("crash"))) == 2
    assert result.outcome.parameters == best
    assert result.outcome.held_out_score == held_out_score


def test_a_grid_search_of_forests_is_right_about_92_of_a_hundred_irises_that_were_held_out():
    search = FOREST.replace(held_out=0.25, grid={"trees": (10, 20), "max_depth": (None, 3)})

    assert outcome(search).held_out_score >= 0.92


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("policy", ["fifo", "utilisation", "priority", "heft"])
def test_no_policy_changes_a_bit(name, policy):
    assert same(run(scenario(SEARCHES[name], policy), 0).outcome, undisturbed(name))


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("count", [1, 7])
def test_no_number_of_workers_changes_a_bit(name, count):
    assert same(run(scenario(SEARCHES[name], count=count), 0).outcome, undisturbed(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", SEARCHES)
def test_fifty_schedules_of_crashes_change_no_bit(name):
    whole_s = run(scenario(SEARCHES[name]), 0).ended_s
    for faults in crashes(50, stream(3, name), whole_s):
        result = run(scenario(SEARCHES[name], faults=faults), 0)

        assert result.ended == "finished"
        assert same(result.outcome, undisturbed(name))


@pytest.mark.parametrize("name", SEARCHES)
def test_the_bytes_on_the_network_are_those_of_the_docstring(name):
    search = SEARCHES[name]
    graph = search.graph(0)
    outputs = compute(graph)
    rows, features, folds = 120, 4, search.folds

    def formula(before, after):
        if before == "rows":
            return 8 * (features + 1) * (150 if after == "refit" else rows)
        if before.startswith("try-"):
            return 8
        if before == "select":
            return 16 + 8 * (1 + folds) * sum(len(outputs[cut]["trials"]) for cut in graph.pred["select"])
        return 8 * (len(outputs[before]["trials"]) * (1 + folds) if after == "select" else len(outputs[before]["left"]))

    assert weights(graph, outputs) == {edge: formula(*edge) for edge in graph.edges}
    assert_only_edges_are_paid(search, formula, policy="fifo")


def test_a_halving_keeps_the_best_third_and_gives_it_three_times_the_steps():
    search = SEARCHES["halving"]
    trials = outcome(search).trials
    first, second, last = trials[:9], trials[9:12], trials[12:]

    assert all(isinstance(trial, Trial) for trial in trials)
    assert [[trial.parameters["steps"] for trial in rung] for rung in (first, second, last)] == [[1] * 9, [3] * 3, [9]]
    for rung, above in ((first, second), (second, last)):
        assert [trial.mean for trial in rung] == sorted((trial.mean for trial in rung), reverse=True)
        best = [{**trial.parameters, "steps": 0} for trial in rung[: len(above)]]
        assert all({**trial.parameters, "steps": 0} in best for trial in above)
    assert outcome(search).parameters == last[0].parameters


def test_of_equal_candidates_the_first_goes_on():
    """No step is taken at these rates that would change a score."""
    search = SuccessiveHalving(
        space={"learning_rate": (1e-9, 2e-9, 3e-9, 4e-9)}, candidates=8, resource="steps", most=4, factor=2, **SOFTMAX
    )
    drawn = [trial.parameters["learning_rate"] for trial in outcome(search).trials]

    assert drawn[8:12] == drawn[:4]
    assert outcome(search).parameters["learning_rate"] == drawn[0]


def test_hyperband_has_the_brackets_of_its_paper():
    """What algorithm 1 of Li et al. (2018) says of R = 81 and η = 3."""
    assert brackets(81, 3) == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(34, 3), (11, 9), (3, 27), (1, 81)],
        [(15, 9), (5, 27), (1, 81)],
        [(8, 27), (2, 81)],
        [(5, 81)],
    ]
    assert len(brackets(243, 3)) == 6  # the quotient of their logarithms is less than 5
    assert brackets(1, 3) == [[(1, 1)]]
    assert brackets(2, 3) == [[(1, 2)]]


@given(st.integers(1, 3000), st.integers(2, 10))
def test_every_bracket_ends_with_the_whole_resource_and_a_candidate(most, factor):
    for rungs in brackets(most, factor):
        assert rungs[-1][0] >= 1
        assert rungs[-1][1] == most
        assert all(least >= 1 for _, least in rungs)
        assert rungs == sorted(rungs, reverse=True)


def test_a_halving_ends_with_its_resource_or_with_its_candidates():
    assert halvings(27, 1, 27, 3) == [(27, 1), (9, 3), (3, 9), (1, 27)]
    assert halvings(4, 1, 100, 3) == [(4, 1), (1, 3)]
    assert halvings(100, 10, 25, 2) == [(100, 10), (50, 20)]


def test_the_winner_of_hyperband_is_the_best_of_those_with_the_whole_resource():
    found = outcome(SEARCHES["hyperband"])
    whole = [trial for trial in found.trials if trial.parameters["steps"] == 9]

    assert max(trial.mean for trial in whole) == next(t for t in whole if t.parameters == found.parameters).mean


@given(st.floats(1e-300, 10), st.floats(1.001, 1e300), st.booleans(), st.floats(0, 1))
@settings(max_examples=50)
def test_what_is_taken_from_a_range_is_in_it(low, factor, log, share):
    within = Range(low=low, high=low * factor, log=log)
    whole = Range(low=2, high=5, log=log, whole=True)

    assert low <= within.at(share) <= low * factor
    assert whole.at(share) in (2, 3, 4, 5)
    assert type(whole.at(share)) is int


def test_more_candidates_begin_with_the_same():
    few, many = (RandomSearch(space=SPACE, candidates=count, **SOFTMAX) for count in (2, 4))
    drawn = [[trial.parameters["learning_rate"] for trial in outcome(each).trials] for each in (few, many)]

    assert set(drawn[0]) < set(drawn[1])


def test_another_seed_draws_other_candidates():
    assert outcome(SEARCHES["random"], 0).parameters != outcome(SEARCHES["random"], 1).parameters


class Nearest(Spec):
    """An estimator of one's own: the label of the nearest mean, of so many features."""

    features: int = 1

    def score(self, training, held_back, random_state):
        def right(features, targets, others, labels):
            means = np.array([features[targets == label].mean(axis=0) for label in range(training.classes)])
            near = np.argmin(((others[:, None] - means) ** 2)[..., : self.features].sum(axis=2), axis=1)
            return np.mean(near == labels)

        return call(right, training.features, training.targets, held_back.features, held_back.targets)


def test_an_estimator_may_be_one_s_own():
    estimator: Estimator = Nearest()
    search = GridSearch(data=IRIS, estimator=estimator, grid={"features": (1, 2, 3, 4)}, random_state=0)
    found = run(scenario(search), 0).outcome

    assert found.parameters["features"] > 2
    assert found.held_out_score > 0.7


def test_a_score_that_is_no_number_stops_the_search():
    class Undefined(Nearest):
        def score(self, training, held_back, random_state):
            return call(lambda: float("nan"))

    with pytest.raises(ValueError, match=r"a score must be a finite number, got nan of {'features': 1}"):
        outcome(GridSearch(data=IRIS, estimator=Undefined(), grid={"features": (1,)}))


def test_a_descent_that_diverges_scores_nothing():
    found = outcome(GridSearch(grid={"learning_rate": (1e300, 0.3), "l2": (1e10,)}, **SOFTMAX))

    assert found.parameters["learning_rate"] == 0.3
    assert found.trials[1].scores == (0.0, 0.0, 0.0)


def test_numbers_are_no_labels():
    with pytest.raises(ValueError, match="a kernel machine must learn labels, got targets that are none"):
        FOREST.replace(data=FRIEDMAN, estimator=KernelEstimator(), grid={"c": (1.0,)}).graph(0)
    with pytest.raises(ValueError, match="softmax regression must learn labels, got targets that are none"):
        SEARCHES["random"].replace(data=FRIEDMAN).graph(0)
    with pytest.raises(ValueError, match="softmax regression must learn labels, got targets that are none"):
        GridSearch(data=FRIEDMAN).graph(0)


def test_a_class_with_fewer_rows_than_folds_is_refused():
    few = Dataset(np.arange(24.0)[:, None], np.array([0] * 20 + [1] * 4), 2)

    with pytest.raises(ValueError, match=r"folds must be at most the rows of every class .* from, 3, got 5"):
        FOREST.replace(data=few, folds=5).graph(0)
    assert len(outcome(FOREST.replace(data=few, folds=3)).trials) == 6


def test_a_grid_search_without_an_estimator_takes_other_data_too():
    by_name, by_data = GridSearch(dataset="wine", folds=2), GridSearch(data=Bundled(name="wine"), folds=2)

    assert same(outcome(by_name).best, outcome(by_data).best)


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (GridSearch, {"grid": {"trees": (1,)}}, r"grid needs an estimator, got {'trees': \(1,\)}"),
        (GridSearch, {"held_out": 0.5}, "held_out needs an estimator, got 0.5"),
        (GridSearch, {"estimator": "random_forest"}, "grid must say what an estimator is tried with, got None"),
        (GridSearch, {"estimator": "random_forest", "grid": {}}, "grid: "),
        (GridSearch, {"estimator": "random_forest", "grid": {"trees": ()}}, "grid.trees: "),
        (GridSearch, {"estimator": "random_forest", "grid": {"trees": (1, 1)}}, "what is tried must differ, got 1"),
        (GridSearch, {"estimator": "random_forest", "grid": {"trees": (0,)}}, "trees: .* got 0"),
        (GridSearch, {"estimator": "random_forest", "grid": {"leaves": (1,)}}, "leaves: there is no such field"),
        (GridSearch, {"estimator": "random_forest", "grid": {"trees": (1,)}, "steps": (3,)}, r"steps is for softmax"),
        (
            GridSearch,
            {"estimator": "softmax", "grid": {"learning_rate": range(1, 200), "l2": range(1, 200)}},
            "grid must have at most 10000 points, got 39601",
        ),
        (RandomSearch, {}, "space: must be given, got nothing"),
        (RandomSearch, {"space": {"max_depth": {"low": 3, "high": 2}}}, "low must be below high, got 3.0 and 2.0"),
        (RandomSearch, {"space": {"max_depth": {"low": 0, "high": 2, "whole": True}}}, "max_depth: .* got 0"),
        (RandomSearch, {"space": {"a": {"low": 0, "high": 2, "log": True}}}, "low must be above 0 on a logarithmic"),
        (RandomSearch, {"space": {"a": {"low": 0.5, "high": 2, "whole": True}}}, "must be whole numbers where"),
        (RandomSearch, {"space": {"a": {"low": -1e308, "high": 1e308}}}, "the difference of low and high must be"),
        (RandomSearch, {"space": {"trees": (1,)}, "candidates": 0}, "candidates: "),
        (RandomSearch, {"space": {"trees": (1,)}, "folds": 1}, "folds: "),
        (SuccessiveHalving, {"space": {"trees": (1,)}}, "the resource must be none of the parameters .* got 'trees'"),
        (SuccessiveHalving, {"space": {"max_depth": (1,)}, "least": 5, "most": 4}, "least must be at most most, got 5"),
        (SuccessiveHalving, {"space": {"max_depth": (1,)}, "resource": "rows"}, "rows: there is no such field"),
        (Hyperband, {"space": {"max_depth": (1,)}, "factor": 1}, "factor: "),
        (Hyperband, {"space": {"max_depth": (1,)}, "most": 0}, "most: "),
    ],
)
def test_a_search_that_cannot_be_is_refused(kind, fields, message):
    with pytest.raises(ValueError, match=message):
        kind(**fields)


def test_a_search_that_would_never_end_is_refused():
    with pytest.raises(ValueError, match="a search must have at most 100000 trainings, got "):
        Hyperband(data=IRIS, space={"max_depth": (1,)}, most=10_000, factor=2).graph(0)
