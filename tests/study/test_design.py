"""Designs have the cells that their names promise."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc

from simcluster.study import Grid, LatinHypercube, RandomSample, Range, Sobol, Zip, grid, zipped

lists = st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(), min_size=1, max_size=4), min_size=1)


@given(lists)
def test_a_grid_is_each_value_with_each_of_the_others(values):
    cells = grid(values).cells()

    assert len(cells) == math.prod(len(each) for each in values.values())
    assert all(cell[path] in values[path] for cell in cells for path in values)
    assert cells[0] == {path: each[0] for path, each in values.items()}
    assert cells[-1] == {path: each[-1] for path, each in values.items()}


def test_the_last_field_of_a_grid_changes_fastest():
    assert grid({"a": [1, 2], "b": [3, 4]}).cells() == [
        {"a": 1, "b": 3}, {"a": 1, "b": 4}, {"a": 2, "b": 3}, {"a": 2, "b": 4}
    ]  # fmt: skip


def test_a_zip_goes_through_all_fields_at_once():
    assert zipped({"a": [1, 2], "b": [3, 4]}).cells() == [{"a": 1, "b": 3}, {"a": 2, "b": 4}]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Grid(values={}), "values must be of at least one field, got none"),
        (lambda: Grid(values={"a": []}), "values of a must be at least one, got none"),
        (lambda: Zip(values={"a": [1], "b": [1, 2]}), "equally many for each field, got {'a': 1, 'b': 2}"),
        (lambda: Range(low=2, high=1), "low must be below high, got 2.0 and 1.0"),
        (lambda: Range(low=0, high=1, log=True), "low must be above 0 on a logarithmic scale, got 0.0"),
        (lambda: Range(low=0, high=1.5, whole=True), "must be whole numbers where the values are, got 0.0 and 1.5"),
        (lambda: Sobol(ranges={}, samples=4), "ranges"),
        (lambda: LatinHypercube(ranges={"a": Range(low=0, high=1)}, samples=0), "samples"),
    ],
)
def test_what_is_no_design_is_refused(make, said):
    with pytest.raises(ValueError, match="(?s)" + said.replace("{", r"\{").replace("}", r"\}")):
        make()


@given(
    st.sampled_from([RandomSample, LatinHypercube, Sobol]),
    st.integers(1, 40),
    st.integers(0, 99),
    st.floats(-1e6, 1e6),
    st.floats(1e-3, 1e6),
)
def test_samples_lie_within_their_ranges_and_are_the_same_under_a_seed(kind, samples, seed, low, width):
    ranges = {
        "x": Range(low=low, high=low + width),
        "k": Range(low=-3, high=4, whole=True),
        "r": Range(low=1e-9, high=1e9, log=True),
    }
    made = kind(ranges=ranges, samples=samples, seed=seed).cells()

    assert len(made) == samples
    assert made == kind(ranges=ranges, samples=samples, seed=seed).cells()
    for cell in made:
        assert low <= cell["x"] <= low + width
        assert isinstance(cell["k"], int)
        assert -3 <= cell["k"] <= 4
        assert 1e-9 <= cell["r"] <= 1e9


@given(st.integers(2, 50), st.integers(0, 9))
def test_a_latin_hypercube_has_one_value_in_each_share_of_each_range(samples, seed):
    ranges = {name: Range(low=0, high=samples) for name in "ab"}
    cells = LatinHypercube(ranges=ranges, samples=samples, seed=seed).cells()

    for name in "ab":
        assert sorted(int(cell[name]) for cell in cells) == list(range(samples))


def test_sobol_fills_a_square_more_evenly_than_chance():
    ranges = {name: Range(low=0, high=1) for name in "ab"}

    def discrepancy(kind):
        return qmc.discrepancy(np.array([list(cell.values()) for cell in kind(ranges=ranges, samples=128).cells()]))

    assert discrepancy(Sobol) < discrepancy(RandomSample) / 5


def test_whole_numbers_are_equally_likely_and_logarithmic_ones_by_their_factor():
    whole = Range(low=1, high=3, whole=True)
    assert [whole.at(share) for share in (0, 0.33, 0.34, 0.66, 0.67, 0.999999)] == [1, 1, 2, 2, 3, 3]
    assert Range(low=1, high=100, log=True).at(0.5) == pytest.approx(10)


@pytest.mark.parametrize("kind", [RandomSample, LatinHypercube, Sobol])
def test_another_seed_draws_another_sample(kind):
    one, other = (kind(ranges={"x": Range(low=0, high=1)}, samples=4, seed=seed).cells() for seed in (0, 1))

    assert one != other
