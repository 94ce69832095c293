"""What is sent, written or flushed is a value: nobody can change it afterwards, whatever he still holds of it."""

from collections import OrderedDict, defaultdict
from dataclasses import dataclass, fields, is_dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from simcluster.cluster import Cluster, ClusterSpec, nodes
from simcluster.cluster.messages.message import HEADER_BYTES, freeze
from simcluster.engine import Environment, Spec, Trace


@dataclass(frozen=True, eq=False)
class Pair:
    """A frozen dataclass whose parts may change."""

    left: Any
    right: Any


@dataclass(frozen=True, eq=False, slots=True)
class Slotted:
    """One without a dictionary."""

    part: Any


class Point(NamedTuple):
    """A tuple with names."""

    x: Any
    y: Any


class Holder(Spec):
    """A specification with parts that may change."""

    numbers: list[int]
    table: dict[str, list[int]]


class Text(str):
    """Text with attributes."""


def text_with_attributes(words):
    text = Text(words)
    text.notes = [words]
    return text


small = st.integers(-3, 3)
numbers = arrays(st.sampled_from([np.float64, np.int32, np.bool_]), array_shapes(max_dims=2, max_side=3, min_side=0))
atoms = st.one_of(
    st.none(), st.booleans(), small, st.floats(allow_nan=False), st.text(max_size=2), st.binary(max_size=2),
    st.text(max_size=2).map(text_with_attributes), small.map(np.int64),
)  # fmt: skip
flat = st.one_of(
    numbers,
    numbers.map(np.asfortranarray),
    numbers.map(lambda array: array.T),
    arrays(np.float64, 6).map(lambda array: array[1::2]),
    arrays(np.dtype([("x", np.int64), ("y", np.float64)]), 2),
    arrays(np.dtype([("x", np.int64), ("y", np.float64)]), 2).map(lambda array: array[0]),
    st.tuples(arrays(np.float64, 3), arrays(np.bool_, 3)).map(lambda both: np.ma.masked_array(both[0], mask=both[1])),
    st.builds(Holder, numbers=st.lists(small, max_size=2), table=st.dictionaries(st.text(max_size=1), st.lists(small))),
)


def of_objects(parts):
    array = np.empty(len(parts), dtype=object)
    for place, part in enumerate(parts):
        array[place] = part
    return array


def nested(inner):
    several = st.lists(inner, max_size=3)
    tables = st.dictionaries(st.text(max_size=2), inner, max_size=3)
    return st.one_of(
        several,
        several.map(tuple),
        several.map(of_objects),
        tables,
        tables.map(OrderedDict),
        tables.map(lambda table: defaultdict(list, table)),
        tables.map(MappingProxyType),
        st.builds(Pair, inner, inner),
        st.builds(Slotted, inner),
        st.builds(Point, inner, inner),
    )


bodies = st.recursive(atoms | flat, nested, max_leaves=8)


def described(value):
    """What a value says, for comparison: sequences of either kind, and mappings of any, count as the same."""
    if isinstance(value, np.ma.MaskedArray):
        return "masked", described(value.data), described(np.ma.getmaskarray(value))
    if isinstance(value, np.ndarray):
        parts = [described(part) for part in value.reshape(-1)] if value.dtype == object else value.tobytes()
        return "array", value.dtype.str, value.shape, parts
    if isinstance(value, np.void):
        return "record", value.tobytes()
    if isinstance(value, Spec) or is_dataclass(value):
        names = type(value).model_fields if isinstance(value, Spec) else [field.name for field in fields(value)]
        return type(value).__name__, [described(getattr(value, name)) for name in names]
    if isinstance(value, list | tuple):
        return "sequence", [described(part) for part in value]
    if isinstance(value, dict | MappingProxyType):
        return "mapping", [(str(key), described(part)) for key, part in value.items()]
    return "atom", str(value) if isinstance(value, str) else value


def parts_of(value):
    """What is directly inside of a value."""
    if isinstance(value, np.ndarray):
        return list(value.reshape(-1)) if value.dtype == object else []
    if isinstance(value, Spec) or is_dataclass(value):
        names = type(value).model_fields if isinstance(value, Spec) else [field.name for field in fields(value)]
        return [getattr(value, name) for name in names]
    if isinstance(value, dict | MappingProxyType):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []


def attempts(value):
    """The ways by which somebody may try to change a value."""
    if isinstance(value, np.ndarray):
        if value.size:
            yield lambda: value.fill(0)
            yield lambda: value.view().fill(0)
            yield lambda: np.ndarray.__setitem__(value, ..., np.ones(1, dtype=value.dtype)[0])
        if isinstance(value, np.ma.MaskedArray):
            yield lambda: value.mask.__setitem__(..., True)
            yield lambda: value.__setitem__(0, np.ma.masked)
    elif isinstance(value, np.void):
        yield lambda: value.__setitem__("x", value["x"] ^ 1)  # the greatest has no successor
    elif isinstance(value, list):
        yield lambda: value.append("changed")
    elif isinstance(value, dict | MappingProxyType):
        yield lambda: value.__setitem__("a key that is new", "changed")
    elif isinstance(value, Text):
        yield lambda: value.notes.append("changed")
    elif isinstance(value, Pair | Slotted | Holder | Point):
        first = {Pair: "left", Slotted: "part", Holder: "numbers", Point: "x"}[type(value)]
        yield lambda: setattr(value, first, "changed")


def change_all(value):
    """Try to change everything that can be reached; how many of the attempts succeeded."""
    changed = sum(change_all(part) for part in parts_of(value))
    if isinstance(value, np.ndarray) and isinstance(value.base, np.ndarray):
        changed += change_all(value.base)
    for attempt in attempts(value):
        try:
            attempt()
        except (TypeError, ValueError, AttributeError):
            continue
        changed += 1
    return changed


def cluster_of_two():
    env = Environment()
    return Cluster(env, ClusterSpec(nodes=nodes("n", 2)), 0, Trace(env))


@given(body=bodies)
@example(body=np.array([(2**63 - 1, 0.0)], dtype=[("x", np.int64), ("y", np.float64)])[0])
def test_what_the_sender_does_afterwards_changes_neither_message_nor_disk(body):
    cluster, got = cluster_of_two(), []
    said = described(body)

    def send(node):
        node.send("n-1", "x", body)
        written = node.storage.write("flushed", body)
        cached = node.storage.write("cached", body)
        change_all(body)
        yield written & cached
        yield node.storage.flush()
        got.extend([(yield node.storage.read("flushed")), (yield node.storage.read("cached"))])

    def take(node):
        got.append((yield node.receive()).body)

    cluster["n-0"].boot(send)
    cluster["n-1"].boot(take)
    cluster.env.run()

    assert [described(value) for value in got] == [said] * 3


@given(body=bodies)
def test_what_is_received_cannot_be_changed(body):
    frozen, size_bytes = freeze(body)
    said = described(frozen)

    assert change_all(frozen) == 0
    assert described(frozen) == said
    assert freeze(frozen)[1] == size_bytes


def flags_of(value):
    """Whether each of the arrays in a value can be written."""
    own = [value.flags.writeable] if isinstance(value, np.ndarray) else []
    return own + [flag for part in parts_of(value) for flag in flags_of(part)]


@given(body=bodies)
def test_the_sender_s_own_value_stays_as_it_is(body):
    said, flags = described(body), flags_of(body)
    freeze(body)

    assert described(body) == said
    assert flags_of(body) == flags


@given(body=st.one_of(bodies, st.lists(bodies, max_size=3).map(tuple)))
@example(body=(3, np.asfortranarray(np.arange(6.0).reshape(2, 3)), "é", True, None))
@example(body=np.zeros((0, 3)))
@example(body=np.arange(12.0).reshape(3, 4)[:, ::2])
@example(body=np.arange(3, dtype=">i4"))
def test_what_is_sent_is_what_freeze_makes_of_it_and_weighs_as_much(body):
    cluster = cluster_of_two()
    frozen, size_bytes = freeze(body)
    sent = cluster["n-0"].send("n-1", "x", body)

    assert described(sent.body) == described(frozen)
    assert layouts(sent.body) == layouts(frozen)
    assert (type(sent.size_bytes), sent.size_bytes) == (float, HEADER_BYTES + size_bytes)


def layouts(value):
    """How each of the arrays in a value lies in memory."""
    own = [str(value.flags) + value.dtype.str] if isinstance(value, np.ndarray) else []
    return own + [each for part in parts_of(value) for each in layouts(part)]


def test_a_sent_array_is_not_copied_again_but_is_an_object_of_its_own():
    cluster = cluster_of_two()
    first = cluster["n-0"].send("n-1", "x", np.arange(4.0)).body
    again = cluster["n-0"].send("n-1", "x", (first, first[1:])).body

    assert all(np.shares_memory(each, first) and each is not first for each in again)


def test_a_frozen_array_is_not_copied_again():
    frozen, _ = freeze(np.arange(4.0))

    assert np.shares_memory(freeze(frozen)[0], frozen)
    assert np.shares_memory(freeze(frozen[1:])[0], frozen)
    with pytest.raises(ValueError, match="WRITEABLE"):
        frozen.flags.writeable = True


def test_a_read_only_array_is_copied_for_a_view_taken_before_can_still_be_written():
    array = np.zeros(4)
    view = array[:2]
    array.flags.writeable = False
    frozen, _ = freeze(array)
    view[0] = 7

    assert frozen.tolist() == [0, 0, 0, 0]


def test_an_array_keeps_its_order_in_memory():
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    frozen, _ = freeze(array)

    assert frozen.flags.f_contiguous
    assert frozen.tolist() == array.tolist()


class Tagged(Point):
    """A named tuple with attributes, as one gets by deriving from one."""


class Grown(Pair):
    """Derived from a frozen dataclass, but not frozen."""


@dataclass
class Loose:
    """A dataclass that is not frozen."""

    part: int


@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        frozenset({1}),
        bytearray(b"x"),
        memoryview(b"x"),
        object(),
        Pair,
        Loose(1),
        Grown(1, 2),
        Tagged(1, 2),
        np.zeros(2).view(np.recarray),
        np.zeros(1, dtype=[("x", object)]),
        of_objects([{1, 2}]),
        Pair([bytearray(b"x")], None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_plain_data_is_refused(value):
    with pytest.raises(TypeError, match="a message carries"):
        freeze(value)


def test_a_subclass_of_a_numpy_number_becomes_that_number():
    class Metres(np.float64):
        pass

    frozen, _ = freeze(Metres(2.0))

    assert type(frozen) is np.float64
    assert frozen == 2.0


def test_a_masked_array_is_as_large_as_its_numbers_and_its_mask():
    assert freeze(np.ma.masked_array(np.zeros(7), mask=[True] * 7))[1] == 7 * 8 + 7
    assert freeze(np.ma.masked_array(np.zeros(7)))[1] == 7 * 8 + 7


@pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")
@pytest.mark.parametrize("kept", [np.arange(4.0), np.frombuffer(bytes(32)), (np.arange(4.0),), {"a": np.arange(4.0)}])
def test_whoever_reads_an_array_may_give_it_another_shape(kept):
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 1)), 0, Trace(env))
    shapes = []

    def array_of(value):
        return value if isinstance(value, np.ndarray) else value[0] if isinstance(value, tuple) else value["a"]

    def program(node):
        yield node.storage.write("k", kept)
        array_of(kept).shape = (4, 1)
        for _ in range(2):
            read = array_of((yield node.storage.read("k")))
            shapes.append(read.shape)
            read.shape = (2, 2)
            node.send("n-0", "k", read)
            read.shape = (1, 4)
            shapes.append((yield node.receive()).body.shape)
        array_of(kept).shape = (4,)

    cluster["n-0"].boot(program)
    env.run()

    assert shapes == [(4,), (2, 2)] * 2


def test_state_in_a_slot_of_a_base_is_refused():
    class Base:
        __slots__ = ("history",)

    @dataclass(frozen=True, slots=True)
    class Model(Base):
        x: int = 1

    with pytest.raises(TypeError, match="without state beside their fields, got Model"):
        freeze(Model())
