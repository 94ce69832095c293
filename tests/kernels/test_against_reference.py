"""Every kernel computes what its NumPy reference computes, and refuses what it cannot read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.kernels import KERNELS, Cost

SMALL = st.integers(1, 20)


def _linear(draw, generator, labels):
    n, d = draw(SMALL), draw(st.integers(0, 20))
    targets = generator.integers(0, 2, n) if labels else generator.normal(size=n)
    return generator.normal(size=d), generator.normal(size=(n, d)), targets, draw(st.floats(0, 2))


def _softmax(draw, generator):
    n, d, k = draw(SMALL), draw(st.integers(0, 20)), draw(SMALL)
    features, labels = generator.normal(size=(n, d)), generator.integers(0, k, n)
    return generator.normal(size=(d, k)), features, labels, draw(st.floats(0, 2))


def _two_sets(draw, generator, least):
    n, m, d = draw(st.integers(0, 20)), draw(st.integers(least, 20)), draw(st.integers(0, 20))
    # Rounded: equal distances are common, and exact.
    return tuple(
        generator.normal(size=(rows, d)).round(draw(st.sampled_from([0, 9]))) for rows in (n, m)
    )


ARGUMENTS = {
    "least_squares": lambda draw, generator: _linear(draw, generator, labels=False),
    "logistic": lambda draw, generator: _linear(draw, generator, labels=True),
    "softmax": _softmax,
    "squared_distances": lambda draw, generator: _two_sets(draw, generator, least=0),
    "nearest_centre": lambda draw, generator: _two_sets(draw, generator, least=1),
}


def _outputs(result):
    return [np.asarray(part) for part in (result if isinstance(result, tuple) else (result,))]


@pytest.mark.parametrize("name", KERNELS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_kernel_equals_its_reference_and_repeats_bit_for_bit(name, data):
    # Scales are powers of two, so that ties stay ties.
    kernel = KERNELS[name]
    seed, scale = (
        data.draw(st.integers(0, 2**32 - 1)),
        data.draw(st.sampled_from([1.0, 2.0**-27, 1024.0])),
    )
    arguments = ARGUMENTS[name](data.draw, np.random.default_rng(seed))
    arguments = tuple(a * scale if getattr(a, "ndim", 0) == 2 else a for a in arguments)
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            argument.flags.writeable = False
    ours, theirs = _outputs(kernel(*arguments)), _outputs(kernel.reference(*arguments))
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.shape == other.shape
        assert mine.dtype == other.dtype
        size = np.abs(other).max(initial=0.0)
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-11 * float(size))
    for mine, again in zip(ours, _outputs(kernel.call(*arguments)()), strict=True):
        assert mine.tobytes() == again.tobytes()
    assert kernel.call(*arguments).cost == kernel.cost(*arguments)


@pytest.mark.parametrize("name", KERNELS)
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_wrong_arrays_are_refused_not_converted(name, data):
    kernel = KERNELS[name]
    arguments = ARGUMENTS[name](data.draw, np.random.default_rng(0))
    for place, argument in enumerate(arguments):
        if not isinstance(argument, np.ndarray):
            continue
        for error, wrong in [
            (TypeError, argument.astype(np.float32)),
            (TypeError, argument.tolist()),
            (TypeError, argument.astype(argument.dtype.newbyteorder())),
            (ValueError, argument[None]),
        ]:
            with pytest.raises(error, match=r"must .*got"):
                kernel(*arguments[:place], wrong, *arguments[place + 1 :])
        if argument.size > 1:
            strided = np.repeat(argument, 2, axis=-1)[..., ::2]
            with pytest.raises(ValueError, match=r"must be C-contiguous, got strides"):
                kernel(*arguments[:place], strided, *arguments[place + 1 :])
        longer = np.concatenate([argument, argument, argument[:1]])
        if name not in ("squared_distances", "nearest_centre") and len(longer) != len(argument):
            with pytest.raises(ValueError, match=r"must have .*got"):
                kernel(*arguments[:place], longer, *arguments[place + 1 :])


def test_a_cost_is_a_count():
    assert Cost(1, 2) + 2 * Cost(3, 4) == Cost(7, 10)
    with pytest.raises(ValueError, match=r"flops must be finite and at least 0, got -1"):
        Cost(-1, 0)
    with pytest.raises(ValueError, match=r"bytes must be finite and at least 0, got nan"):
        Cost(0, float("nan"))
