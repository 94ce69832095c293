"""Every compression, every aggregation and every redundancy keeps the contract of its protocol."""

import numpy as np
import pytest

from simcluster.engine import stream
from simcluster.learning import Cost
from simcluster.training import (
    CyclicCode,
    FractionalRepetition,
    PowerSgd,
    Progress,
    RandomK,
    Replication,
    Speculation,
    TopK,
    total,
)
from tests.built_ins import one, words

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "compression", [TopK(share=0.3), TopK(share=1.0), RandomK(share=0.3), PowerSgd(rank=1), PowerSgd(rank=9)]
)
def test_what_is_compressed_has_its_shape_again_and_what_is_missing_is_remembered(compression):
    values = stream(0).standard_normal((4, 5))
    payload, memory = compression.encode(values, None, stream(1))()

    decoded = compression.decode(payload)()
    missing = 0.0 if memory is None else memory[: values.size]

    assert decoded.shape == values.shape
    np.testing.assert_allclose(decoded.ravel() + missing, values.ravel())


@pytest.mark.parametrize("word", words("Compression"))
def test_a_compression_changes_nothing_that_it_is_given_and_draws_from_the_generator_alone(word):
    compression = one("Compression", word)
    values = stream(0).standard_normal((4, 5))
    before, (_, memory) = values.copy(), compression.encode(values, None, stream(1))()
    kept = None if memory is None else memory.copy()

    calls = [compression.encode(values, memory, stream(2)) for _ in range(2)]
    first, again = (compression.decode(made()[0]) for made in calls)

    np.testing.assert_array_equal(first(), again())
    np.testing.assert_array_equal(values, before)
    assert memory is None or np.array_equal(memory, kept)
    assert all(isinstance(each.cost, Cost) for each in (*calls, first))


def test_total_makes_the_sum_of_several():
    values = stream(0).standard_normal((3, 7))

    np.testing.assert_allclose(total(values, np.ones(3))(), values.sum(axis=0))


@pytest.mark.parametrize("word", words("Aggregation"))
def test_an_aggregation_makes_one_of_several_in_whatever_order_and_changes_nothing(word):
    rule = one("Aggregation", word)
    values = stream(0).standard_normal((9, 7))
    before, order = values.copy(), stream(1).permutation(9)

    call = rule(values, np.full(9, 4.0))

    assert isinstance(call.cost, Cost)
    assert call().shape == (7,)
    np.testing.assert_allclose(call(), rule(values[order], np.full(9, 4.0))(), rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(values, before)


CODES = [CyclicCode(stragglers=0), CyclicCode(stragglers=2), FractionalRepetition(stragglers=2), Replication(copies=3)]


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.kind)
def test_a_code_decodes_what_all_send_in_whatever_order_and_nothing_of_nobody(code):
    factors = code.code(6)
    order = stream(1).permutation(6).tolist()

    assert factors.shape == (6, 6)
    assert np.isfinite(factors).all()
    assert factors.any(axis=1).all()
    np.testing.assert_array_equal(factors, code.code(6))
    assert code.decoding([], 6) is None
    for arrived in (list(range(6)), order):
        np.testing.assert_allclose(code.decoding(arrived, 6) @ factors[arrived], np.ones(6), atol=1e-12)


def test_speculation_helps_one_of_those_behind_or_nobody_and_changes_nothing():
    workers = tuple("abcd")
    progress = Progress(workers, dict.fromkeys(workers, 0), arrived=("a", "b"))
    behind = {"c": ("c", "b"), "d": ("d",)}

    assert Speculation()("a", behind, progress) == "d"
    assert Speculation()("a", {"c": ("c", "b")}, progress) is None
    assert Speculation(helpers=2)("a", {"c": ("c", "b")}, progress) == "c"
    assert Speculation(after=0.75)("a", behind, progress) is None
    assert behind == {"c": ("c", "b"), "d": ("d",)}
