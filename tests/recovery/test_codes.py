"""Erasure codes over GF(256): whatever may be lost comes back, and what may not is said to be lost."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.kernels import gf256_product
from simcluster.recovery.codes import Lost, ReedSolomon, Xor, decode, encode

CODES = [ReedSolomon(data=4, parity=3), ReedSolomon(data=1, parity=2), Xor(data=5), Xor(data=1), ReedSolomon()]


def blocks_of(code, size=50):
    """All blocks of random data, by their numbers."""
    data = np.random.default_rng(0).integers(0, 256, (code.data, size), dtype=np.uint8)
    return dict(enumerate(np.concatenate([data, encode(code, data)()])))


@pytest.mark.parametrize("code", CODES, ids=str)
def test_any_k_blocks_give_all_again(code):
    blocks = blocks_of(code)
    for left in combinations(blocks, code.data):
        again = decode(code, {number: blocks[number] for number in left}, list(blocks))()
        np.testing.assert_array_equal(again, list(blocks.values()))


@pytest.mark.parametrize("code", CODES, ids=str)
def test_one_block_less_is_lost(code):
    blocks = blocks_of(code)
    few = {number: blocks[number] for number in list(blocks)[-(code.data - 1) :]} if code.data > 1 else {}
    with pytest.raises(Lost, match=f"blocks left must determine {code.data} blocks, got"):
        decode(code, few, [0])


def test_the_parity_of_xor_is_the_exclusive_or():
    blocks = blocks_of(Xor(data=5))
    np.testing.assert_array_equal(blocks.pop(5), np.bitwise_xor.reduce(list(blocks.values())))


class Local:
    """Two halves with a parity each: some four blocks of six determine the data, others do not."""

    def generator(self):
        """The unit matrix and two rows."""
        halves = np.array([[1, 1, 0, 0], [0, 0, 1, 1]], dtype=np.uint8)
        return np.concatenate([np.eye(4, dtype=np.uint8), halves])


def test_a_code_of_ones_own_loses_what_its_blocks_do_not_determine():
    data = np.arange(40, dtype=np.uint8).reshape(4, 10)
    blocks = dict(enumerate(np.concatenate([data, encode(Local(), data)()])))
    for left in combinations(blocks, 4):
        some = {number: blocks[number] for number in left}
        if all(len(half - set(left)) <= 1 for half in ({0, 1, 4}, {2, 3, 5})):
            np.testing.assert_array_equal(decode(Local(), some, range(4))(), data)
        else:
            with pytest.raises(Lost):
                decode(Local(), some, range(4))


@given(st.data())
def test_products_are_those_of_a_field(data):
    a, b, c = (np.array([[data.draw(st.integers(0, 255))]], dtype=np.uint8) for _ in range(3))
    times = gf256_product
    assert times(a, times(b, c)) == times(times(a, b), c)
    assert times(a, b ^ c) == times(a, b) ^ times(a, c)
    assert times(a, b) == times(b, a)
    assert bool(times(a, b)) == (bool(a) and bool(b))


def test_two_generates_all_that_is_not_zero():
    powers, two = [np.ones((1, 1), dtype=np.uint8)], np.array([[2]], dtype=np.uint8)
    for _ in range(254):
        powers.append(gf256_product(two, powers[-1]))
    assert len({int(power[0, 0]) for power in powers}) == 255
    assert gf256_product(two, powers[-1]) == 1


def test_wrong_blocks_and_numbers_are_refused():
    with pytest.raises(ValueError, match=r"blocks must be 4 rows of bytes, got shape \(3, 8\)"):
        encode(Xor(), np.zeros((3, 8), dtype=np.uint8))
    with pytest.raises(ValueError, match="blocks must be from 0 to 4, got 7"):
        decode(Xor(), {7: np.zeros(8, dtype=np.uint8)}, [0])
    with pytest.raises(ValueError, match="data and parity must be at most 256 together, got 200 and 57"):
        ReedSolomon(data=200, parity=57)
