"""What a disk keeps, what it loses, how long it takes, and how it says so."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.cluster import Corrupted, DiskFull, StorageSpec
from simcluster.engine import stream
from tests.cluster.disks import machine, outcome, timed

# How long it takes


def test_an_operation_takes_the_seek_and_the_transfer_and_waits_its_turn():
    env, node = machine()
    storage = node.storage
    times = [
        timed(env, storage.write("a", 1, size_bytes=100)),  # 0.5 + 1
        timed(env, storage.write("b", 2, size_bytes=50)),  # 0.5 + 0.5
        timed(env, storage.flush()),  # 0.25
        timed(env, storage.read("a")),  # 0.5 + 1
        timed(env, storage.delete("a")),  # 0.5
    ]
    assert storage.queue_length == 5
    env.run()

    assert times == [[1.5], [2.5], [2.75], [4.25], [4.75]]


def test_a_delete_moves_no_bytes():
    env, node = machine()
    for event in (node.storage.write("a", 1, size_bytes=100), node.storage.delete("a")):
        outcome(env, event)

    assert [row["size_bytes"] for row in node.cluster.trace.rows("disk")] == [100, 0]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), st.floats(0, 0.1), st.floats(1, 1e9))
def test_a_queue_of_writes_ends_at_the_sum_of_its_parts(sizes, seek_s, bandwidth):
    env, node = machine(StorageSpec(seek_s=seek_s, bandwidth_bytes_per_s=bandwidth, flush_s=0))
    times = [timed(env, node.storage.write(str(i), 0, size_bytes=size)) for i, size in enumerate(sizes)]
    env.run()

    ends = list(itertools.accumulate(seek_s + size / bandwidth for size in sizes))
    assert [time for (time,) in times] == pytest.approx(ends)


def test_a_slow_disk_keeps_what_it_has_done_and_slow_downs_multiply():
    env, node = machine()
    times = timed(env, node.storage.write("a", 1, size_bytes=350))  # 4 s
    env.run(until=1)
    node.storage.slow("x", 2)  # 3 s of work left at half speed
    env.run(until=3)
    node.storage.slow("y", 2)  # 2 s left at a quarter
    env.run(until=7)
    node.storage.quicken("x")  # 1 s left at half
    node.storage.quicken("y")
    env.run()

    assert times == [8.0]
    assert node.at_baseline


def test_the_disk_works_on_while_its_node_is_paused_and_tells_on_resume():
    env, node = machine()
    times = timed(env, node.storage.write("a", 1, size_bytes=100))
    node.storage.flush()
    env.run(until=1)
    node.pause()
    env.run(until=9)
    assert node.storage.is_durable("a")
    assert times == []
    node.resume()

    assert times == [9]


# What survives


def test_a_delete_is_durable_after_a_flush_and_gone_in_a_crash_before():
    env, node = machine()
    for event in (node.storage.write("a", 1), node.storage.write("b", 2), node.storage.flush()):
        outcome(env, event)
    outcome(env, node.storage.delete("a"))
    assert node.storage.keys() == ("b",)
    assert node.storage.keys(durable=True) == ("a", "b")
    node.crash()
    node.restart()
    assert node.storage.keys() == ("a", "b")
    outcome(env, node.storage.delete("a"))
    outcome(env, node.storage.flush())
    node.crash()
    node.restart()

    assert node.storage.keys() == ("b",)
    assert "a" not in node.storage


operations = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from("abc"), st.floats(0, 80)),
        st.tuples(st.just("delete"), st.sampled_from("abc")),
        st.tuples(st.just("flush")),
    ),
    max_size=15,
)


@settings(max_examples=300)
@given(operations, st.floats(0.01, 15), st.none() | st.floats(1, 150))
def test_after_a_crash_exactly_what_was_flushed_is_readable(operations, crash_s, capacity_bytes):
    env, node = machine(capacity_bytes=capacity_bytes)
    cache, durable = {}, {}

    def program(node):
        for i, (what, *arguments) in enumerate(operations):
            try:
                if what == "write":
                    yield node.storage.write(arguments[0], i, size_bytes=arguments[1])
                    cache[arguments[0]] = i
                elif what == "delete":
                    yield node.storage.delete(*arguments)
                    cache[arguments[0]] = None
                else:
                    yield node.storage.flush()
                    durable.update(cache)
            except DiskFull:
                pass

    node.spawn(program(node))
    env.run(until=crash_s)
    node.crash()
    node.restart()
    left = {key: outcome(env, node.storage.read(key)) for key in node.storage.keys()}  # noqa: SIM118

    assert left == {key: value for key, value in durable.items() if value is not None}
    assert node.storage.used_bytes <= (capacity_bytes or math.inf)


def test_without_torn_writes_a_crash_in_a_write_leaves_what_was_there():
    env, node = machine()
    for event in (node.storage.write("a", 1, size_bytes=100), node.storage.flush()):
        outcome(env, event)
    node.storage.write("a", 2, size_bytes=100)
    env.run(until=env.now + 1)
    node.crash()
    node.restart()

    assert outcome(env, node.storage.read("a")) == 1


@pytest.mark.parametrize("by_fault", [True, False])
def test_a_torn_write_leaves_its_first_part_and_a_read_says_so(by_fault):
    env, node = machine(torn_writes=not by_fault)
    if by_fault:
        node.storage.tear("fault")
        assert not node.at_baseline
    for event in (node.storage.write("a", 1, size_bytes=100), node.storage.flush()):
        outcome(env, event)
    node.storage.write("a", 2, size_bytes=100)
    env.run(until=env.now + 0.75)  # 0.5 s to seek, then a quarter of a second at 100 bytes/s
    node.crash()
    node.restart()

    assert node.storage.size_bytes("a") == pytest.approx(25)
    assert isinstance(outcome(env, node.storage.read("a")), Corrupted)
    assert [row["outcome"] for row in node.cluster.trace.rows("disk")] == ["done", "done", "torn", "corrupted"]
    if by_fault:
        node.storage.untear("fault")
    assert node.at_baseline


def test_a_write_of_which_less_than_a_byte_is_there_is_torn():
    env, node = machine(torn_writes=True)
    node.storage.write("a", 1, size_bytes=100)
    env.run(until=env.now + 0.505)  # 0.5 s to seek, then half a byte at 100 bytes/s
    node.crash()

    assert [row["outcome"] for row in node.cluster.trace.rows("disk")] == ["torn"]


def test_a_write_that_is_still_seeking_is_not_torn():
    env, node = machine(torn_writes=True)
    for event in (node.storage.write("a", 1, size_bytes=100), node.storage.flush()):
        outcome(env, event)
    node.storage.write("a", 2, size_bytes=100)
    env.run(until=env.now + 0.4)
    node.crash()
    node.restart()

    assert outcome(env, node.storage.read("a")) == 1


def test_a_whole_write_mends_a_torn_block():
    env, node = machine(torn_writes=True)
    node.storage.write("a", 1, size_bytes=100)
    env.run(until=1)
    node.crash()
    node.restart()
    assert not node.storage.intact("a")
    outcome(env, node.storage.write("a", 2, size_bytes=100))

    assert outcome(env, node.storage.read("a")) == 2


# Records and misuse


def test_every_operation_leaves_one_record_with_its_outcome():
    env, node = machine(capacity_bytes=100)
    storage = node.storage
    for event in (storage.write("a", 1, size_bytes=50), storage.write("b", 1, size_bytes=80), storage.read("x")):
        outcome(env, event)
    storage.write("c", 1, size_bytes=20)
    storage.flush()
    env.run(until=env.now + 0.1)
    node.crash()

    rows = [tuple(row.values()) for row in node.cluster.trace.rows("disk")]
    assert rows == [
        (1.0, "disk", "n", "write", "a", 50, 0, "done"),
        (1.0, "disk", "n", "write", "b", 0.0, 1.0, "disk_full"),
        (1.5, "disk", "n", "read", "x", 0.0, 1.0, "missing"),
        (1.6, "disk", "n", "write", "c", 20, 1.5, "node_down"),
        (1.6, "disk", "n", "flush", "", 0.0, None, "node_down"),
    ]


@pytest.mark.parametrize(
    ("misuse", "rule"),
    [
        (lambda storage: storage.write("a", 1, size_bytes=-1), "size_bytes must be finite and at least 0, got -1"),
        (lambda storage: storage.write("a", 1, size_bytes=math.nan), "size_bytes must be finite"),
        (lambda storage: storage.slow("x", 0), "factor must be finite and greater than 0, got 0"),
        (lambda storage: storage.rot(-1, stream(0, "rot")), "count must be at least 0, got -1"),
        (lambda _: StorageSpec(capacity_bytes=0), "capacity_bytes"),
        (lambda _: StorageSpec(bandwidth_bytes_per_s=0), "bandwidth_bytes_per_s"),
    ],
)
def test_a_misuse_says_the_rule_and_the_value(misuse, rule):
    with pytest.raises(ValueError, match=rule):
        misuse(machine()[1].storage)


def test_only_the_write_that_a_crash_interrupts_is_torn_and_those_behind_it_are_not():
    env, node = machine(torn_writes=True)
    for key in ("a", "b", "c"):
        node.storage.write(key, 1, size_bytes=100)
    env.run(until=env.now + 0.75)
    node.crash()

    outcomes = {row["key"]: row["outcome"] for row in node.cluster.trace.rows("disk")}
    assert outcomes == {"a": "torn", "b": "node_down", "c": "node_down"}
