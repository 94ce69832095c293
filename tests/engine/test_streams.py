"""A stream is the same for the same name, in any order and any company."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.engine import stream

names = st.lists(st.text() | st.integers(), min_size=1, max_size=4).map(tuple)


@given(st.integers(0, 2**40), names)
def test_the_same_seed_and_name_give_the_same_draws(seed, name):
    assert np.array_equal(stream(seed, *name).random(4), stream(seed, *name).random(4))


@given(st.integers(0, 2**200))
def test_a_stream_is_what_numpy_makes_of_the_seed_and_the_words_of_the_name(seed):
    words = np.frombuffer(hashlib.blake2b(b"s1:ai1:3", digest_size=16).digest(), dtype="<u4")
    numpys = np.random.PCG64(np.random.SeedSequence([seed, *map(int, words)]))

    assert stream(seed, "a", 3).bit_generator.state == numpys.state


@given(st.integers(0, 2**40), names, names)
def test_different_names_give_different_draws(seed, one, other):
    if one == other:
        return
    assert not np.array_equal(stream(seed, *one).random(4), stream(seed, *other).random(4))


@pytest.mark.parametrize(("one", "other"), [(("a", "bc"), ("ab", "c")), (("1",), (1,)), (("a", "b"), ("a,b",))])
def test_names_that_look_alike_are_different_names(one, other):
    assert stream(0, *one).random() != stream(0, *other).random()


def test_streams_of_neighbouring_seeds_are_uncorrelated():
    draws = np.array([stream(seed, "node", "worker-0").standard_normal(2000) for seed in range(20)])
    correlations = np.corrcoef(draws)[np.triu_indices(20, 1)]
    # 190 sample correlations of 2000 independent pairs: standard error 1/sqrt(2000) = 0.022; 5 of them.
    assert np.abs(correlations).max() < 0.112


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        stream(-1, "network")


def test_a_name_of_another_type_is_refused():
    with pytest.raises(TypeError, match=r"text and whole numbers, got 1\.5"):
        stream(0, 1.5)


@pytest.mark.parametrize("seed", [0.5, "1", None, 1.0])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(ValueError, match=f"seed must be a whole number, got {seed!r}"):
        stream(seed, "a")
