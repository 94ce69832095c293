"""What papers on compression say, and what each compression and rule is where it leaves nothing out."""

import math

import numpy as np
import pytest

from simcluster import run
from simcluster.engine import stream
from simcluster.training import (
    CentredClipping,
    Float16,
    NearestNeighbourMixing,
    PowerSgd,
    Qsgd,
    RandomK,
    TopK,
    TrimmedMean,
    call,
    total,
)
from tests.strategies import training

pytestmark = pytest.mark.theory


@pytest.mark.parametrize(("levels", "size"), [(1, 16), (4, 50), (7, 300)])
def test_qsgd_is_right_in_the_mean_and_its_error_is_within_the_bound_of_the_paper(levels, size):
    compression, values, draws = Qsgd(levels=levels), stream(0).standard_normal(size), 1500
    generator = stream(1)

    found = np.array([compression.decode(compression.encode(values, None, generator)()[0])() for _ in range(draws)])

    step = np.linalg.norm(values) / levels  # what a number is rounded to is at most one step from it
    assert np.abs(found - values).max() <= step * (1 + 1e-12)
    # A number's mean has a deviation of at most step / 2 / √draws: five of them is a chance of 6e-7 for each.
    assert np.abs(found.mean(axis=0) - values).max() < 5 * step / 2 / math.sqrt(draws)
    error = np.mean(np.sum((found - values) ** 2, axis=1))
    bound = min(size / levels**2, math.sqrt(size) / levels) * (values @ values)
    exact = np.sum([(r := abs(v) / step % 1) * (1 - r) for v in values]) * step**2
    assert exact <= bound
    assert error == pytest.approx(exact, rel=0.1)


def told_again(compression, contributions):
    """What is read of each contribution, and what is missing from their sum at the end."""
    memory, read = None, []
    for place, values in enumerate(contributions):
        payload, memory = compression.encode(values, memory, stream(2, place))()
        read.append(compression.decode(payload)())
    return np.array(read), np.sum(contributions, axis=0) - np.sum(read, axis=0)


def test_powersgd_of_a_matrix_of_that_rank_is_the_matrix():
    """P spans the columns of M, so that PPᵀM = M; Q and P are fewer numbers than M."""
    left, right = stream(0).standard_normal((30, 2)), stream(1).standard_normal((2, 20))
    payload, memory = PowerSgd(rank=2).encode(left @ right, None, stream(2))()

    assert [part.shape for part in payload] == [(30, 2), (20, 2)]
    np.testing.assert_allclose(PowerSgd(rank=2).decode(payload)(), left @ right, rtol=0, atol=1e-12)
    assert np.abs(memory[:600]).max() < 1e-12


def test_powersgd_of_the_same_matrix_goes_to_its_best_approximation_and_forgets_nothing():
    """Warm starts are power iteration: without what was left out before, P goes to the first singular vectors."""
    matrix = stream(0).standard_normal((30, 20)) @ np.diag(0.7 ** np.arange(20))
    u, s, vt = np.linalg.svd(matrix)
    best, compression, memory = (u[:, :2] * s[:2]) @ vt[:2], PowerSgd(rank=2), None
    errors = []
    for _ in range(60):
        payload, memory = compression.encode(matrix, memory, stream(1))()
        memory[: matrix.size] = 0.0
        errors.append(np.linalg.norm(compression.decode(payload)() - best))
    # The rest shrinks by (s₃/s₂)² a step, which is about a half.
    assert errors[-1] < 1e-9 * s[0] < 1e-3 * errors[0]

    read, missing = told_again(compression, [matrix] * 50)
    assert np.linalg.norm(missing) < 5 * np.linalg.norm(matrix)
    np.testing.assert_allclose(read.mean(axis=0), matrix, atol=0.2 * s[0])


@pytest.mark.parametrize("compression", [TopK(share=0.2), RandomK(share=0.2), PowerSgd(rank=1)])
def test_what_is_left_out_is_told_later_and_does_not_pile_up(compression):
    """‖memory‖ ≤ 2(1 − δ)^½/δ · max ‖g‖ where a share δ of the squares is told each time, as of random places."""
    contributions = stream(0).standard_normal((200, 6, 5))
    _, missing = told_again(compression, contributions)

    assert 0 < np.linalg.norm(missing) < 2 * math.sqrt(0.8) / 0.2 * np.linalg.norm(contributions, axis=(1, 2)).max()


# What a strategy is where it leaves nothing out: ≤ 1e-12 relative, for sums are added in another order.

EXACT = {"rtol": 1e-12, "atol": 1e-14}
SAME = {
    "top-k of all": ({"compression": TopK(share=1.0)}, {}),
    "random-k of all": ({"compression": RandomK(share=1.0)}, {}),
    "PowerSGD of full rank": ({"compression": PowerSgd(rank=3)}, {}),
    "clipping to infinity": ({"aggregation": CentredClipping(radius=math.inf)}, {}),
    "trimming none": ({"aggregation": TrimmedMean(trim=0)}, {}),
    "mixing of all with all": (
        {"aggregation": NearestNeighbourMixing(liars=0, then=total)}, {"aggregation": total},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_it_is_the_dense_sum(name):
    fields, others = SAME[name]
    found, dense = (run(training(**each), 0).outcome.parameters for each in (fields, others))

    np.testing.assert_allclose(found, dense, **EXACT)
    assert dense.any()


class Quarters:
    """A model whose contributions half precision has: quarters, sums of which move the parameters."""

    def initial(self, data, generator):
        return np.zeros(40)

    def contribution(self, parameters, rows):
        return call(lambda x: np.round(4 * x.sum(axis=0).repeat(10)) / 4, rows.features)

    def update(self, parameters, total, rows):
        return parameters + total

    def loss(self, parameters, rows):
        return call(lambda: 0.0)


def test_half_precision_of_numbers_that_it_has_is_the_dense_sum():
    found, dense = (run(training(model=Quarters(), compression=each), 0) for each in (Float16(), None))

    np.testing.assert_array_equal(found.outcome.parameters, dense.outcome.parameters)
    assert dense.outcome.parameters.any()
