"""Loss and gradient at the edges: large margins, NaN and infinity, labels out of range, mini-batches."""

import numpy as np
import pytest

from simcluster.kernels import hinge, huber, least_squares, logistic, softmax, squared_hinge

REGRESSIONS = [least_squares, huber]
CLASSIFICATIONS = [logistic, hinge, squared_hinge]
LINEAR = REGRESSIONS + CLASSIFICATIONS


def _problem(kernel, n, d, seed=0):
    generator = np.random.default_rng(seed)
    targets = generator.normal(size=n) if kernel in REGRESSIONS else generator.integers(0, 2, n)
    return generator.normal(size=d), generator.normal(size=(n, d)), targets


@pytest.mark.parametrize("kernel", [*LINEAR, softmax])
def test_the_gradient_equals_finite_differences(kernel):
    weights, features, targets = _problem(kernel, 30, 4)
    if kernel is softmax:
        generator = np.random.default_rng(1)
        weights, targets = generator.normal(size=(4, 3)), generator.integers(0, 3, 30)
    _, gradient = kernel(weights, features, targets, l2=0.1)
    for index in np.ndindex(weights.shape):
        step = np.zeros_like(weights)
        step[index] = 1e-6
        above = kernel(weights + step, features, targets, l2=0.1)[0]
        below = kernel(weights - step, features, targets, l2=0.1)[0]
        assert gradient[index] == pytest.approx((above - below) / 2e-6, abs=1e-7)


@pytest.mark.parametrize("margin", [1e4, -1e4, 700.0, -745.2, 0.0])
@pytest.mark.parametrize("label", [0, 1])
def test_logistic_and_two_class_softmax_agree_at_any_margin(margin, label):
    labels = np.array([label])
    loss, gradient = logistic(np.array([margin]), np.ones((1, 1)), labels)
    both, pair = softmax(np.array([[0.0, margin]]), np.ones((1, 1)), labels)
    assert np.isfinite(loss)
    assert loss == pytest.approx(both, rel=1e-12, abs=1e-15)
    assert gradient[0] == pytest.approx(pair[0, 1], rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("kernel", LINEAR)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 8, 17])
def test_what_is_not_finite_never_gives_a_finite_answer(kernel, value, row):
    weights, features, targets = _problem(kernel, 18, 19)
    features[row, 18] = value
    loss, gradient = kernel(weights, features, targets)
    if np.isnan(value):
        assert np.isnan(loss)
    assert not np.isfinite(gradient[18])


@pytest.mark.parametrize("kernel", LINEAR)
def test_nan_weights_propagate(kernel):
    weights, features, targets = _problem(kernel, 3, 2)
    loss, gradient = kernel(np.full_like(weights, np.nan), features, targets)
    assert np.isnan(loss)
    assert np.isnan(gradient).all()


@pytest.mark.parametrize("place", range(11))
def test_nan_anywhere_in_the_scores_propagates_through_softmax(place):
    weights = np.zeros((1, 11))
    weights[0, place] = np.nan
    loss, gradient = softmax(weights, np.ones((1, 1)), np.array([1]))
    assert np.isnan(loss)
    assert np.isnan(gradient).all()


@pytest.mark.parametrize("kernel", LINEAR)
@pytest.mark.parametrize("d", [1, 7, 8, 9, 64, 100])
def test_a_mini_batch_by_index_equals_the_copied_rows_bit_for_bit(kernel, d):
    weights, features, targets = _problem(kernel, 50, d)
    rows = np.random.default_rng(2).integers(0, 50, 21)
    loss, gradient = kernel(weights, features, targets, rows=rows)
    copied, same = kernel(weights, features[rows], targets[rows])
    assert loss == copied
    assert gradient.tobytes() == same.tobytes()


def test_a_single_class_has_nothing_to_learn():
    loss, gradient = softmax(np.ones((3, 1)), np.ones((2, 3)), np.zeros(2, dtype=np.int64))
    assert loss == 0.0
    assert not gradient.any()


def test_bad_values_are_refused_with_the_rule_and_the_value():
    features = np.ones((2, 3))
    zeros = np.zeros(2, dtype=np.int64)
    with pytest.raises(ValueError, match=r"labels must be within \[0, 1\], got 2 at index 1"):
        logistic(np.ones(3), features, np.array([0, 2]))
    with pytest.raises(ValueError, match=r"labels must be within \[0, 4\], got -1 at index 0"):
        softmax(np.ones((3, 5)), features, np.array([-1, 2]))
    with pytest.raises(ValueError, match=r"weights must have 3 elements, as columns of .*, got 4"):
        least_squares(np.ones(4), features, np.ones(2))
    with pytest.raises(ValueError, match=r"targets must have 2 elements, as rows of features has, got 3"):
        least_squares(np.ones(3), features, np.ones(3))
    with pytest.raises(ValueError, match=r"l2 must be finite and at least 0, got -1.0"):
        hinge(np.ones(3), features, zeros, -1.0)
    with pytest.raises(ValueError, match=r"delta must be finite and above 0, got 0.0"):
        huber(np.ones(3), features, np.ones(2), 0.0)
    with pytest.raises(ValueError, match=r"features must have at least one of its rows, got 0"):
        least_squares(np.ones(3), np.ones((0, 3)), np.ones(0))
    with pytest.raises(ValueError, match=r"rows must be within \[0, 1\], got 2 at index 1"):
        least_squares(np.ones(3), features, np.ones(2), rows=np.array([0, 2]))
    with pytest.raises(ValueError, match=r"rows must have at least one of its elements, got 0"):
        least_squares(np.ones(3), features, np.ones(2), rows=zeros[:0])


@pytest.mark.parametrize(("kernel", "last"), [(logistic, 1), (hinge, 1), (squared_hinge, 1), (softmax, 2)])
def test_the_labels_of_a_mini_batch_are_checked_and_no_others_are_read(kernel, last):
    features, labels = np.eye(3), np.array([0, 9, last])
    weights = np.ones((3, 3)) if kernel is softmax else np.ones(3)
    loss, gradient = kernel(weights, features, labels, rows=np.array([2, 0]))
    same, again = kernel(weights, features[[2, 0]], labels[[2, 0]])
    assert (loss, gradient.tolist()) == (same, again.tolist())
    with pytest.raises(ValueError, match=rf"labels must be within \[0, {last}\], got 9 at index 1"):
        kernel(weights, features, labels, rows=np.array([2, 1]))
    labels[1] = -1
    with pytest.raises(ValueError, match=rf"labels must be within \[0, {last}\], got -1 at index 1"):
        kernel(weights, features, labels, rows=np.array([1]))


@pytest.mark.parametrize("kernel", [*LINEAR, softmax])
def test_a_loss_does_not_depend_on_where_its_arrays_lie(kernel):
    """The sum of the penalty stood beside a store once, and rounded otherwise where the gradient lay near weights."""
    generator = np.random.default_rng(0)
    # Small arrays of many sizes, so that the next lie in ever other places: most runs caught it in one of the six.
    kept = []
    for _ in range(4000):
        weights, features, targets = _problem(kernel, 5, 5, generator)
        if kernel is softmax:
            weights, targets = generator.normal(size=(5, 2)), generator.integers(0, 2, 5)
        loss, gradient = kernel(weights, features, targets, l2=0.1)
        for size in generator.integers(1, 9, 3):
            kept.append(np.empty(size))
            if len(kept) > 100:
                del kept[generator.integers(100)]
        again, same = kernel(weights.copy(), features.copy(), targets.copy(), l2=0.1)

        assert (again, same.tolist()) == (loss, gradient.tolist())
