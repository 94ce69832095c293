"""An ensemble of different learners says what scikit-learn's VotingClassifier of the same says, whatever crashes."""

from functools import cache

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from simcluster import run
from simcluster.engine import Spec, stream
from simcluster.learning import Bundled, Call, Cost, Dataset, Generated
from simcluster.scheduling import (
    BayesEstimator,
    ForestEstimator,
    GridSearch,
    KernelEstimator,
    Learner,
    LearnsProbabilities,
    LogisticEstimator,
    NeighboursEstimator,
    SoftmaxEstimator,
    TreeEstimator,
    Voted,
    VotingEnsemble,
)
from tests.scheduling.by_hand import assert_only_edges_are_paid, compute, crashes, outcome, same, scenario, weights

IRIS, WINE = Bundled(name="iris"), Bundled(name="wine")
#: By kind: ours, and scikit-learn's of a random state.
LEARNERS = {
    "random_forest": (ForestEstimator(trees=5), lambda state: RandomForestClassifier(5, random_state=state)),
    "kernel_svm": (KernelEstimator(), lambda state: SVC()),
    "decision_tree": (
        TreeEstimator(max_depth=2),
        lambda state: DecisionTreeClassifier(max_depth=2, random_state=state),
    ),
    "nearest_neighbours": (NeighboursEstimator(neighbours=4), lambda state: KNeighborsClassifier(4)),
    "naive_bayes": (BayesEstimator(), lambda state: GaussianNB()),
    "logistic_regression": (LogisticEstimator(steps=20), lambda state: LogisticRegression(max_iter=20)),
}
SOFT = tuple(ours for name, (ours, _) in LEARNERS.items() if name != "kernel_svm")
HARD = tuple(ours for ours, _ in LEARNERS.values())
ENSEMBLE = VotingEnsemble(data=WINE, members=SOFT, votes="soft", random_state=7)

# That twenty steps are few for a logistic regression is scikit-learn's to say, and no matter here.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def theirs(work, seed=0):
    """scikit-learn's ensemble, and the rows held out."""
    cut = work.cut(seed)
    members = [(member.kind, LEARNERS[member.kind][1](cut.random_state)) for member in work.members]
    ensemble = VotingClassifier(members, voting=work.votes).fit(cut.training.features, cut.training.targets)
    return ensemble, cut.held_out


def assert_theirs(voted, work, seed=0):
    ensemble, held_out = theirs(work, seed)
    np.testing.assert_array_equal(voted.labels, ensemble.predict(held_out.features))
    assert voted.held_out_score == ensemble.score(held_out.features, held_out.targets)
    each = [member.predict(held_out.features) for member in ensemble.estimators_]
    if work.votes == "soft":
        np.testing.assert_array_equal(voted.probabilities, ensemble.predict_proba(held_out.features))
        each = [member.predict_proba(held_out.features).argmax(axis=1) for member in ensemble.estimators_]
    assert voted.member_scores == tuple(np.mean(labels == held_out.targets) for labels in each)


@pytest.mark.parametrize("data", [IRIS, WINE, Generated(rows=60)])
@pytest.mark.parametrize(("votes", "members"), [("hard", HARD), ("soft", SOFT)])
def test_votes_are_those_of_a_voting_classifier_to_the_last_bit(data, votes, members):
    work = ENSEMBLE.replace(data=data, votes=votes, members=members, random_state=None)
    voted = run(scenario(work), 3).outcome

    assert isinstance(voted, Voted)
    assert_theirs(voted, work, 3)
    assert (voted.probabilities is None) == (votes == "hard")


@cache
def undisturbed(work):
    return outcome(work)


@pytest.mark.parametrize(("count", "policy"), [(1, "heft"), (7, "heft"), (3, "fifo"), (3, "utilisation")])
def test_no_number_of_workers_and_no_policy_changes_a_bit(count, policy):
    assert same(run(scenario(ENSEMBLE, policy, count=count), 0).outcome, undisturbed(ENSEMBLE))


@pytest.mark.slow
@pytest.mark.parametrize(("votes", "members"), [("hard", HARD), ("soft", SOFT)])
def test_fifty_schedules_of_crashes_half_of_each_vote_leave_it_scikit_learn_s(votes, members):
    work = ENSEMBLE.replace(data=IRIS, votes=votes, members=members)
    whole_s = run(scenario(work), 0).ended_s
    assert_theirs(undisturbed(work), work)
    for faults in crashes(25, stream(2, votes), whole_s):
        result = run(scenario(work, faults=faults), 0)

        assert result.ended == "finished"
        assert same(result.outcome, undisturbed(work))


@pytest.mark.parametrize(("votes", "members"), [("hard", HARD), ("soft", SOFT)])
def test_the_bytes_on_the_network_are_those_of_the_docstring(votes, members):
    work = ENSEMBLE.replace(votes=votes, members=members)
    graph = work.graph(0)
    training, held_out, _ = work.cut(0)
    features, asked = training.features.shape[1], len(held_out)

    def formula(before, after):
        if before == "rows":
            return 8 * len(training) * (features + 1)
        if before == "held-out":
            return 8 * asked * (1 if after == "vote" else features)
        return 8 * asked * (training.classes if votes == "soft" else 1)

    assert weights(graph, compute(graph)) == {edge: formula(*edge) for edge in graph.edges}
    assert_only_edges_are_paid(work, formula, policy="fifo")


class Says(Spec):
    """A learner of one's own, which has always known."""

    label: int = 0

    def predict(self, training: Dataset, features: np.ndarray, random_state: int) -> Call[np.ndarray]:
        return Call(lambda: np.full(len(features), self.label), Cost(1.0, 0.0))


@pytest.mark.parametrize(
    ("labels", "winner"), [((2, 1), 1), ((2, 0, 1), 0), ((2, 2, 1, 1, 0), 1), ((0, 1, 1), 1), ((2,), 2)]
)
def test_of_labels_that_tie_the_lowest_wins(labels, winner):
    learner: Learner = Says()
    voted = outcome(VotingEnsemble(data=IRIS, members=tuple(learner.replace(label=label) for label in labels)))

    assert set(voted.labels) == {winner}


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_is_scikit_learn_s_and_can_be_tuned_too(name):
    ours, their = LEARNERS[name]
    training, held_out, state = ENSEMBLE.cut(0)
    fitted = their(state).fit(training.features, training.targets)

    told = ours.predict(training, held_out.features, state)
    np.testing.assert_array_equal(told(), fitted.predict(held_out.features))
    assert ours.score(training, held_out, state)() == fitted.score(held_out.features, held_out.targets)
    assert told.cost.flops > 0


def test_the_softmax_regression_of_a_search_says_how_sure_it_is():
    training, held_out, state = ENSEMBLE.cut(0)
    learner: LearnsProbabilities = SoftmaxEstimator()
    sure = learner.probabilities(training, held_out.features, state)()
    labels = learner.predict(training, held_out.features, state)()

    np.testing.assert_allclose(sure.sum(axis=1), 1.0)
    np.testing.assert_array_equal(sure.argmax(axis=1), labels)
    assert learner.score(training, held_out, state)() == np.mean(labels == held_out.targets) > 0.9


def test_a_class_that_no_row_has_is_not_probable():
    three = Dataset(np.arange(8.0)[:, None], np.array([0, 2] * 4), 3)

    for learner in SOFT:
        assert (learner.probabilities(three, three.features, 0)()[:, 1] == 0).all(), learner


def test_a_grid_tunes_a_learner_of_scikit_learn():
    search = GridSearch(data=IRIS, estimator="nearest_neighbours", grid={"neighbours": (1, 50)}, random_state=0)

    assert outcome(search).parameters == {"neighbours": 1}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"members": ()}, "members: "),
        ({"members": ("forest",)}, "members.0"),
        ({"members": (KernelEstimator(),)}, "votes must be hard where a member has no probabilities, got soft with"),
        ({"votes": "loud"}, "votes: "),
        ({"held_out": 0.0}, "held_out: "),
    ],
)
def test_an_ensemble_that_cannot_be_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        ENSEMBLE.replace(**fields)


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (ENSEMBLE.replace(data=Generated(name="friedman1", rows=40)), "an ensemble must vote for labels, got targets"),
        (ENSEMBLE.replace(members=(NeighboursEstimator(neighbours=999),)), "neighbours must be at most the 142 rows"),
    ],
)
def test_what_a_member_cannot_learn_is_refused_before_anything_runs(work, message):
    with pytest.raises(ValueError, match=message):
        scenario(work)


def test_numbers_are_no_labels_and_a_descent_that_diverges_does_not_vote():
    numbers = Generated(name="friedman1", rows=40).load(0)
    for learner in (*SOFT[1:], KernelEstimator(), SoftmaxEstimator()):
        with pytest.raises(ValueError, match="must learn labels, got targets that are none"):
            learner.predict(numbers, numbers.features, 0)
    wild = ENSEMBLE.replace(data=IRIS, members=(SoftmaxEstimator(learning_rate=1e300, l2=1e300),))
    with pytest.raises(ValueError, match="learning_rate must be so small that the weights stay finite"):
        outcome(wild)
