"""Expressions in one pass are NumPy's to the last bit, of whatever there is, and warn as NumPy does."""

import warnings
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.kernels import expressions
from simcluster.kernels.instructions import _is_built, import_module, processor

BUILT = [name for name in processor() if _is_built("_expressions", name)]
PLAIN = {
    "scaled": lambda x, a: a * x,
    "minus_scaled": lambda x, a, y: x - a * y,
    "divided_plus_scaled": lambda x, n, a, y: x / n + a * y,
}
numbers = st.one_of(
    st.floats(-1e3, 1e3), st.sampled_from([0.0, -0.0, 5e-324, 1e308, -1e308, np.inf, -np.inf, np.nan])
)
factors = st.one_of(
    st.floats(allow_nan=False), st.integers(-9, 9), st.floats(-9, 9).map(np.float64), st.just(np.float32(0.1))
)
shapes = st.sampled_from([(), (0,), (1,), (7,), (9, 5), (3, 0), (2, 3, 5), (650,)])


@st.composite
def arrays(draw, shape):
    """Mostly what is fast, and what is not: other types, orders, strides, and lists of lists."""
    made = np.array(draw(st.lists(numbers, min_size=(size := int(np.prod(shape))), max_size=size)))
    made = made.reshape(shape)
    how = draw(st.sampled_from(["plain", "plain", "plain", "read-only", "fortran", "reversed", "float32", "swapped"]))
    with np.errstate(all="ignore"):
        if how == "read-only":
            made.flags.writeable = False
        elif how == "fortran":
            made = np.asfortranarray(made)
        elif how == "reversed" and made.ndim:
            made = made[::-1]
        elif how in ("float32", "swapped"):
            made = made.astype({"float32": np.float32, "swapped": ">f8"}[how])
    return made


def said(function, *arguments):
    """What comes out to the bit, and what NumPy warned of meanwhile."""
    with warnings.catch_warnings(record=True) as met:
        warnings.simplefilter("always")
        found = None
        with suppress(ZeroDivisionError), np.errstate(all="warn", under="ignore"):
            found = function(*arguments)
    return (
        type(found), getattr(found, "dtype", None), np.shape(found), np.asarray(found).tobytes(),
        {str(each.message) for each in met},
    )  # fmt: skip


def nan_as_one(what):
    """NaN is NaN, whatever its sign and payload, which no promise is made of."""
    kind, dtype, shape, data, met = what
    if dtype is not None:
        values = np.frombuffer(data, dtype).copy()
        values[np.isnan(values)] = np.nan
        data = values.tobytes()
    return kind, dtype, shape, data, met


@pytest.mark.parametrize("built", BUILT)
@pytest.mark.parametrize("name", PLAIN)
@given(data=st.data())
def test_an_expression_has_the_bits_the_type_and_the_warnings_of_numpys(built, name, data):
    module = import_module("simcluster.kernels._expressions" + ("" if built == "baseline" else f"_{built}"))
    shape = data.draw(shapes)
    x, y = data.draw(arrays(shape)), data.draw(arrays(data.draw(st.sampled_from([shape, shape, shape, (), (1,)]))))
    between = {"scaled": 1, "minus_scaled": 1, "divided_plus_scaled": 2}[name]
    given_ = (x, *(data.draw(factors) for _ in range(between)), *(() if name == "scaled" else (y,)))
    before = [np.array(each) for each in given_]
    found = said(getattr(module, name), *given_)
    assert nan_as_one(found) == nan_as_one(said(PLAIN[name], *given_))
    for each, was in zip(given_, before, strict=True):  # and nothing is written to
        np.testing.assert_array_equal(each, was)


@pytest.mark.parametrize("built", BUILT)
@pytest.mark.parametrize("name", PLAIN)
def test_a_product_is_rounded_before_it_is_added(built, name):
    module = import_module("simcluster.kernels._expressions" + ("" if built == "baseline" else f"_{built}"))
    generator = np.random.default_rng(0)
    for size in (1, 3, 8, 650):
        x, y = generator.normal(size=(2, size))
        given_ = {"scaled": (x, 0.1), "minus_scaled": (x, 0.1, y), "divided_plus_scaled": (x, 3.0, 0.1, y)}[name]
        assert getattr(module, name)(*given_).tobytes() == PLAIN[name](*given_).tobytes()


@pytest.mark.parametrize("name", PLAIN)
def test_what_comes_out_is_a_new_array_that_may_be_written_to(name):
    x = np.ones((3, 2))
    x.flags.writeable = False
    found = getattr(expressions, name)(*{1: (x, 2.0), 2: (x, 2.0, x), 3: (x, 2.0, 3.0, x)}[[*PLAIN].index(name) + 1])
    found += 1.0
    assert not np.shares_memory(found, x)


def test_where_numpy_refuses_an_expression_refuses():
    with pytest.raises(ValueError, match="could not be broadcast"):
        expressions.minus_scaled(np.ones(3), 2.0, np.ones(2))
