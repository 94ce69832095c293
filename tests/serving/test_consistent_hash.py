"""Equal queries meet at one replica; who joins takes keys from all, and nobody else gets any; loads are bounded."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.engine import stream
from simcluster.serving import ConsistentHash, ReplicaView, key_of

KEYS = 1500


def owners(balancer, replicas):
    generator = stream(0)
    return [balancer(key, replicas, generator) for key in range(KEYS)]


def views(count, first=0):
    return tuple(ReplicaView(f"r-{place}") for place in range(first, first + count))


@pytest.mark.theory
@pytest.mark.parametrize("count", [1, 4, 9, 19])
def test_who_joins_n_others_takes_an_nth_plus_one_of_the_keys_and_nobody_else_gets_any(count):
    circles, shares = 12, []
    for first in range(0, 25 * circles, 25):  # names of their own, so that the circles are independent
        balancer, replicas = ConsistentHash(points=100), views(count + 1, first)
        before, after = owners(balancer, replicas[:-1]), owners(balancer, replicas)
        moved = [new for old, new in zip(before, after, strict=True) if old != new]
        assert set(moved) <= {replicas[-1].name}
        shares.append(len(moved) / KEYS)

    # One of n + 1 replicas of 100 points has a share of 1/(n + 1), with a deviation of a tenth of that, and of so many
    # keys it gets that with a deviation of √(n/keys); four standard errors of the mean.
    tolerance = 4 * math.sqrt((0.1**2 + count / KEYS) / circles)
    assert np.mean(shares) == pytest.approx(1 / (count + 1), rel=tolerance)


def test_who_leaves_gives_its_keys_and_nobody_loses_any_and_gets_them_all_back():
    balancer, replicas = ConsistentHash(), views(6)
    before = owners(balancer, replicas)
    without = owners(balancer, replicas[:2] + replicas[3:])

    assert [new for old, new in zip(before, without, strict=True) if old != "r-2"] == [
        old for old in before if old != "r-2"
    ]
    assert len({new for old, new in zip(before, without, strict=True) if old == "r-2"}) == 5
    assert owners(balancer, replicas) == before
    assert owners(ConsistentHash(), replicas) == before


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 8),
    st.sampled_from([0.1, 0.25, 1.0]),
    st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 7)), max_size=80),
    st.booleans(),
)
def test_no_replica_comes_to_have_more_than_its_bound_whoever_answers_and_whoever_is_passed_over(
    count, epsilon, steps, told
):
    balancer, replicas, generator = ConsistentHash(points=20, epsilon=epsilon), views(count), stream(0)
    if told:
        list(balancer.run(None, "job", replicas))
    for key, ends, place in steps:
        there = tuple(view for view in replicas if count == 1 or view is not replicas[place % count] or place > 5)
        name = balancer(key, there, generator)
        view = next(view for view in there if view.name == name)
        view.outstanding += 1
        total = sum(view.outstanding for view in there)
        assert view.outstanding <= math.ceil((1 + epsilon) * total / len(there))
        if ends:
            view.outstanding -= 1
            balancer.heard(view, None, 0.0)


def test_a_popular_key_goes_to_one_replica_without_bound_and_spills_over_with_one():
    replicas, generator = views(5), stream(0)
    assert len({ConsistentHash()(7, replicas, generator) for _ in range(20)}) == 1

    balancer = ConsistentHash(epsilon=0.25)
    for _ in range(50):
        name = balancer(7, replicas, generator)
        next(view for view in replicas if view.name == name).outstanding += 1
    assert max(view.outstanding for view in replicas) == math.ceil(1.25 * 50 / 5)


def test_a_bound_beyond_all_numbers_is_none():
    bounded, replicas = ConsistentHash(epsilon=1.7e308), views(3)

    assert owners(bounded, replicas) == owners(ConsistentHash(), replicas)


def test_each_shard_has_a_circle_of_its_own():
    balancer, generator = ConsistentHash(), stream(0)
    first, second = views(3), views(3, 3)

    for key in range(50):
        assert balancer(key, first, generator) in {"r-0", "r-1", "r-2"}
        assert balancer(key, second, generator) in {"r-3", "r-4", "r-5"}


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda part: st.lists(part) | st.dictionaries(st.text(), part),
    max_leaves=8,
)


@settings(max_examples=40)
@given(PLAIN, PLAIN)
def test_keys_are_equal_where_bodies_are(one, other):
    assert key_of(one) == key_of(one)
    if one != other:
        assert key_of(one) != key_of(other)


def test_keys_of_arrays_are_those_of_their_numbers_type_and_shape():
    array = np.arange(6.0)

    assert key_of(array) == key_of(array.copy()) == key_of(np.arange(12.0)[::2] / 2)
    assert len({key_of(array), key_of(array.reshape(2, 3)), key_of(array.astype(np.float32)), key_of(array + 1)}) == 4
    assert key_of(np.int64(3)) == key_of(3)
    assert Counter(map(key_of, ("1", 1, 1.0, True, b"1", ["1"]))).most_common(1)[0][1] == 1
    with pytest.raises(TypeError, match="a query must be plain data or arrays to have a key, got object"):
        key_of(object())
