"""What each computation of a shape's tasks promises."""

import numpy as np
import pytest

from simcluster.cluster.messages.message import freeze
from simcluster.engine import stream
from tests.built_ins import one, words


def same(first, second):
    return np.asarray(first).tobytes() == np.asarray(second).tobytes()


@pytest.mark.parametrize("word", words("Computation"))
def test_a_computation_is_as_costly_as_declared_and_the_same_for_the_same_generator(word):
    part = one("Computation", word)
    first, again = (part("task-3", 1.5, stream(0, "computations")) for _ in range(2))
    before = part("task-1", 1.0, stream(1, "computations")).run()()

    for values in ((), (before,), (before, before)):
        call = first.run(*values)
        assert same(call(), again.run(*values)())
        assert call.cost == first.cost
        assert first.size_bytes is None or freeze(call())[1] <= first.size_bytes + 8 * len(values)
    assert min(first.cost.flops, first.cost.bytes, first.size_bytes or 0) >= 0
