"""Forests grown tree by tree are scikit-learn's, bit for bit, and predict what they do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from simcluster.kernels import Cost
from simcluster.learning import Bundled, Dataset, Forest, Generated, Growth, Tree, arrays

SETTINGS = [
    {}, {"max_depth": 1}, {"max_depth": 3, "max_features": "log2"}, {"min_samples_leaf": 7}, {"max_features": 0.6},
]  # fmt: skip
IRIS = Bundled(name="iris").load()
FRIEDMAN = Generated(name="friedman1", rows=60).load(0)


def forest(data, random_state=5, trees=7, **fields):
    growth = Growth(trees=trees, **fields)
    seeds = growth.seeds(random_state)
    # In two parts, as two tasks would grow them.
    grown = growth.grow(data, seeds[:3])() + growth.grow(data, seeds[3:])()
    return Forest(grown, data.classes)


def theirs(data, random_state=5, trees=7, **fields):
    kind = RandomForestClassifier if data.classes else RandomForestRegressor
    fields.setdefault("max_features", "sqrt" if data.classes else 1.0)
    return kind(trees, random_state=random_state, **fields).fit(data.features, data.targets)


@pytest.mark.parametrize("fields", SETTINGS)
def test_a_forest_of_labels_is_that_of_scikit_learn_to_the_last_bit(fields):
    ours, other = forest(IRIS, **fields), theirs(IRIS, **fields)
    elsewhere = np.random.default_rng(0).random((200, 4))

    for features in (IRIS.features, elsewhere):
        np.testing.assert_array_equal(ours.probabilities(features), other.predict_proba(features))
        np.testing.assert_array_equal(ours.predict(features), other.predict(features))
    assert ours.score(IRIS) == other.score(IRIS.features, IRIS.targets)


@pytest.mark.parametrize("fields", SETTINGS)
def test_a_forest_of_numbers_is_that_of_scikit_learn_to_the_last_bit(fields):
    ours, other = forest(FRIEDMAN, **fields), theirs(FRIEDMAN, **fields)
    elsewhere = np.random.default_rng(0).random((200, 10))

    np.testing.assert_array_equal(ours.predict(elsewhere), other.predict(elsewhere))
    assert ours.score(FRIEDMAN) == other.score(FRIEDMAN.features, FRIEDMAN.targets)


@settings(max_examples=20)
@given(st.integers(0, 2**31 - 1), st.integers(2, 30), st.integers(1, 4))
def test_any_rows_give_the_forest_of_scikit_learn(seed, rows, classes):
    """Duplicate rows, constant features and labels that no row has among them."""
    generator = np.random.default_rng(seed)
    features = generator.integers(0, 3, (rows, 3)).astype(float)
    features[:, 2] = 4.0
    data = Dataset(features, generator.integers(0, classes, rows), classes + 1)
    ours, other = forest(data, trees=4, random_state=seed), theirs(data, trees=4, random_state=seed)

    expected = np.zeros((rows, classes + 1))
    expected[:, other.classes_] = other.predict_proba(features)
    np.testing.assert_array_equal(ours.probabilities(features), expected)
    np.testing.assert_array_equal(ours.predict(features), other.predict(features))


def test_one_row_is_enough():
    ours = forest(arrays([[1.0, 2.0]], [1]))

    assert all(isinstance(tree, Tree) and len(tree.left) == 1 for tree in ours.trees)
    assert ours.probabilities(np.zeros((2, 2))).tolist() == [[0.0, 1.0], [0.0, 1.0]]


def test_a_number_beyond_float32_is_refused():
    with pytest.raises(ValueError, match=r"features of trees must be within the range of float32, got 1e\+300"):
        forest(arrays([[1e300], [0.0]], [0, 1]))


def test_numbers_have_no_probabilities_and_r2_needs_two_rows():
    ours = forest(FRIEDMAN)

    with pytest.raises(ValueError, match="probabilities must be asked of a classification, got a forest of regression"):
        ours.probabilities(FRIEDMAN.features)
    with pytest.raises(ValueError, match="R² must be of at least two rows, got 1"):
        ours.score(Dataset(FRIEDMAN.features[:1], FRIEDMAN.targets[:1]))


def test_what_growing_costs_follows_from_rows_features_and_depth():
    """1024 rows make ten levels; of 64 features 8 are tried, each 10 comparisons and 3 counts a row."""
    assert Growth().cost(1024, 64, 3, 5) == Cost(flops=5 * 10 * 1024 * 8 * 13, bytes=5 * 10 * 1024 * (4 * 8 + 16))
    assert Growth(max_depth=4).cost(1024, 64, 3, 5) == Cost(5 * 4 * 1024 * 8 * 13, 5 * 4 * 1024 * (4 * 8 + 16))
    assert Growth(min_samples_leaf=64).cost(1024, 64, 3, 5) == Growth(max_depth=4).cost(1024, 64, 3, 5)
    assert Growth().cost(1024, 6, None, 1).flops == 10 * 1024 * 6 * 11
    assert Growth(max_features="log2").cost(1024, 64, 3, 1).flops == 10 * 1024 * 6 * 13
    assert Growth().cost(1, 1, 1, 1).flops > 0


@pytest.mark.parametrize("fields", SETTINGS)
def test_no_tree_weighs_more_than_is_declared(fields):
    for data in (IRIS, FRIEDMAN):
        heaviest = max(sum(part.nbytes for part in tree) for tree in forest(data, **fields).trees)

        assert heaviest <= Growth(**fields).tree_bytes(len(data), data.classes)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"trees": 0}, "trees: "),
        ({"max_depth": 0}, "max_depth: "),
        ({"max_features": 0.0}, "max_features: "),
        ({"max_features": "all"}, "max_features: "),
        ({"min_samples_leaf": 0}, "min_samples_leaf: "),
    ],
)
def test_a_forest_that_cannot_be_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Growth(**fields)
