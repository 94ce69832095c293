"""The mean time to data loss: closed forms, and the equations of the chain in fractions."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.measurement.durability import mean_time_to_data_loss_s

YEAR_S = 365.25 * 86400


@pytest.mark.theory
@pytest.mark.parametrize("disks", [2, 5, 12])
def test_a_raid_5_lasts_as_long_as_its_closed_form(disks):
    mttf_s, mttr_s = 10 * YEAR_S, 86400.0
    lost, restored = 1 / mttf_s, 1 / mttr_s
    expected = ((2 * disks - 1) * lost + restored) / (disks * (disks - 1) * lost**2)
    assert mean_time_to_data_loss_s(disks, 1, mttf_s, mttr_s) == pytest.approx(expected, rel=1e-12)


@pytest.mark.theory
def test_of_n_nodes_without_repair_the_first_is_lost_after_mttf_over_n():
    assert mean_time_to_data_loss_s(100, 0, 1e6, 10.0) == pytest.approx(1e4, rel=1e-15)


@pytest.mark.theory
@given(
    blocks=st.integers(1, 9), data=st.data(), mttf_s=st.floats(1.0, 1e4), mttr_s=st.floats(1.0, 1e4),
    at_once=st.sampled_from([None, 1, 2]),
)  # fmt: skip
def test_it_solves_the_equations_of_the_chain(blocks, data, mttf_s, mttr_s, at_once):
    tolerated = data.draw(st.integers(0, blocks - 1))
    # x_i, the time from i lost, is a_i x_(i+1) + b_i: the equations (λ + μ) x_i = 1 + λ x_(i+1) + μ x_(i-1), exactly.
    a, b = Fraction(0), Fraction(0)
    chain = []
    for lost in range(tolerated + 1):
        up = Fraction(blocks - lost) / Fraction(mttf_s)
        down = Fraction(min(lost, at_once or lost)) / Fraction(mttr_s)
        a, b = up / (up + down * (1 - a)), (1 + down * b) / (up + down * (1 - a))
        chain.append((a, b))
    time_s = Fraction(0)
    for a, b in reversed(chain):
        time_s = a * time_s + b
    found_s = mean_time_to_data_loss_s(blocks, tolerated, mttf_s, mttr_s, at_once)
    assert found_s == pytest.approx(float(time_s), rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ((3, 3, 1.0, 1.0), "tolerated must be from 0 to 2, one less than blocks, got 3"),
        ((3, 1, float("nan"), 1.0), "mttf_s must be finite and above 0, got nan"),
        ((3, 1, 1.0, 0.0), "mttr_s must be finite and above 0, got 0.0"),
        ((3, 1, 1.0, 1.0, 0), "repairs_at_once must be at least 1, got 0"),
    ],
)
def test_what_no_store_has_is_refused(arguments, rule):
    with pytest.raises(ValueError, match=rule):
        mean_time_to_data_loss_s(*arguments)
