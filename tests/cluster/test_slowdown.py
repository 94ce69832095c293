"""Slow-downs multiply, whatever begins and ends in between, and leave nothing behind."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.cluster.machine.slowdown import LEAST, MOST, Slowdowns

CHANGES = st.lists(st.tuples(st.integers(0, 12), st.none() | st.floats(1e-20, 1e20)), max_size=60)


@given(CHANGES)
def test_the_product_is_that_of_the_factors_in_force(changes):
    slowdowns, expected = Slowdowns(), {}
    for key, factor in changes:
        if factor is not None:
            slowdowns.begin(key, factor)
            expected[key] = factor
        elif key in expected:
            slowdowns.end(key)
            del expected[key]
        exact = math.prod(map(Fraction, expected.values()))
        assert len(slowdowns) == len(expected)
        assert slowdowns.product == pytest.approx(float(min(exact, Fraction(MOST))), rel=1e-12, abs=0)
    for key in expected:
        slowdowns.end(key)
    assert slowdowns.product == 1.0


def test_a_product_that_no_float_holds_is_a_bound_and_never_nan():
    slowdowns = Slowdowns()
    for key in range(5):
        slowdowns.begin(("little", key), 1e-300)
    assert slowdowns.product == LEAST
    for key in range(5):
        slowdowns.begin(("much", key), 1e300)
    assert LEAST <= slowdowns.product <= MOST
    for key in range(5):
        slowdowns.end(("little", key))
    assert slowdowns.product == MOST


@pytest.mark.parametrize("factor", [0.0, -0.5, -2.0, math.inf, math.nan])
def test_a_node_is_slowed_down_by_a_finite_positive_factor_only(make, factor):
    with pytest.raises(ValueError, match=f"factor must be finite and greater than 0, got {factor}"):
        make(1)["n-0"].slow("fault", factor)
