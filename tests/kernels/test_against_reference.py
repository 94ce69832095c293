"""Every kernel computes what its NumPy reference computes, and refuses what it cannot read."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.kernels import KERNELS, Cost
from tests.kernels.kernel_arguments import ARGUMENTS, IN_PLACE

SCALED = {"squared_distances", "nearest_centre", "top_k_neighbours", "least_squares", "trimmed_mean", "weighted_sum"}


def _elsewhere(argument, offset_bytes):
    """A copy of an array that begins so many bytes after the beginning of a line of the cache."""
    if not isinstance(argument, np.ndarray):
        return argument
    room = np.empty(argument.nbytes + 128, np.uint8)
    begin = -room.ctypes.data % 64 + offset_bytes
    placed = room[begin : begin + argument.nbytes].view(argument.dtype).reshape(argument.shape)
    placed[...] = argument
    return placed


def _run(kernel, arguments, offset_bytes=0):
    """The results of a run on copies of the arguments, and those copies that it updated, as arrays."""
    arguments = tuple(_elsewhere(argument, offset_bytes) for argument in arguments)
    for place, argument in enumerate(arguments):
        if isinstance(argument, np.ndarray) and place not in IN_PLACE.get(kernel.__name__, ()):
            argument.flags.writeable = False
    result = kernel(*arguments)
    updated = [arguments[place] for place in IN_PLACE.get(kernel.__name__, ())]
    return [
        np.asarray(part) for part in (result if isinstance(result, tuple) else (result,)) if part is not None
    ] + updated


def _arguments(name, data, seed=0, scale=1.0):
    arguments = ARGUMENTS[name](data.draw, np.random.default_rng(seed))
    return tuple(a * scale if getattr(a, "ndim", 0) == 2 and name in SCALED else a for a in arguments)


def test_every_kernel_has_arguments():
    assert sorted(ARGUMENTS) == sorted(KERNELS)


@pytest.mark.parametrize("name", KERNELS)
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_kernel_equals_its_reference_and_repeats_bit_for_bit(name, data):
    kernel = KERNELS[name]
    # Powers of two, so that ties stay ties.
    scale = data.draw(st.sampled_from([1.0, 2.0**-27, 1024.0]))
    arguments = _arguments(name, data, data.draw(st.integers(0, 2**32 - 1)), scale)
    ours, again = _run(kernel, arguments), _run(kernel, arguments, data.draw(st.sampled_from(range(8, 64, 8))))
    reference = copy.copy(kernel)
    reference.__wrapped__ = kernel.reference
    theirs = _run(reference, arguments)
    assert len(ours) == len(theirs)
    for mine, other, repeated in zip(ours, theirs, again, strict=True):
        assert mine.shape == other.shape
        assert mine.dtype == other.dtype
        # A cosine distance is the difference of two numbers near 1.
        size = float(np.abs(other).max(initial=1.0 if name == "cosine_distances" else 0.0))
        if name == "trimmed_mean":  # summed in another order: what rounds is as large as the terms, which may cancel
            size = float(np.abs(arguments[0]).max(initial=0.0))
        # A label's error is the difference of two numbers near 1, a loss that of two logarithms: 45 roundings of 1.
        rounding = 1e-14 if name == "softmax_cross_entropy" else 0.0
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=max(1e-11 * size, rounding))
        assert mine.tobytes() == repeated.tobytes()
    assert kernel.call(*arguments).cost == kernel.cost(*arguments)


@pytest.mark.parametrize("name", KERNELS)
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_wrong_arrays_are_refused_not_converted(name, data):
    kernel = KERNELS[name]
    arguments = _arguments(name, data)
    for place, argument in enumerate(arguments):
        if not isinstance(argument, np.ndarray):
            continue
        other = np.float32 if argument.dtype == np.float64 else np.int32
        wrongs = [(TypeError, argument.astype(other)), (TypeError, argument.tolist()), (ValueError, argument[None])]
        if argument.itemsize > 1:
            wrongs.append((TypeError, argument.astype(argument.dtype.newbyteorder())))
        for error, wrong in wrongs:
            with pytest.raises(error, match=r"must .*got"):
                kernel(*arguments[:place], wrong, *arguments[place + 1 :])
        if argument.size > 1:
            strided = np.repeat(argument, 2, axis=-1)[..., ::2]
            with pytest.raises(ValueError, match=r"must be C-contiguous, got strides"):
                kernel(*arguments[:place], strided, *arguments[place + 1 :])


@pytest.mark.parametrize("name", IN_PLACE)
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_what_is_updated_in_place_must_be_writable(name, data):
    arguments = _arguments(name, data)
    for place in IN_PLACE[name]:
        arguments[place].flags.writeable = False
        with pytest.raises(ValueError, match=r"must be writable, as it is updated in place"):
            KERNELS[name](*arguments)
        arguments[place].flags.writeable = True


def test_a_cost_is_a_count():
    assert Cost(1, 2) + 2 * Cost(3, 4) == Cost(7, 10)
    with pytest.raises(ValueError, match=r"flops must be finite and at least 0, got -1"):
        Cost(-1, 0)
    with pytest.raises(ValueError, match=r"bytes must be finite and at least 0, got nan"):
        Cost(0, float("nan"))
