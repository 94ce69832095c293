"""What a disk does when it is lost, rots or is full."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.cluster import Corrupted, DiskFull, DiskLost
from simcluster.engine import stream
from tests.cluster.disks import machine, outcome

# Loss and rot


def test_losing_the_disk_fails_what_is_under_way_and_empties_it():
    env, node = machine()
    for event in (node.storage.write("a", 1), node.storage.flush()):
        outcome(env, event)
    under_way = [node.storage.write("b", 2), node.storage.flush(), node.storage.read("a")]
    env.run(until=env.now + 0.1)
    node.storage.lose()

    assert [type(event.value) for event in under_way] == [DiskLost] * 3
    assert node.storage.keys() == ()
    assert node.storage.used_bytes == 0
    assert isinstance(outcome(env, node.storage.read("a")), KeyError)


def test_a_flush_does_not_pretend_that_a_lost_write_is_durable():
    env, node = machine()
    outcome(env, node.storage.write("a", 1))
    node.storage.lose()
    outcome(env, node.storage.write("b", 2))

    assert isinstance(outcome(env, node.storage.flush()), DiskLost)
    assert outcome(env, node.storage.flush()) is None
    assert node.storage.keys(durable=True) == ("b",)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(0, 5), st.integers(0, 100))
def test_rot_is_always_detected_and_hits_only_what_it_says(sizes, flips, seed):
    env, node = machine()
    for i, size in enumerate(sizes):
        outcome(env, node.storage.write(str(i), i, size_bytes=size))
    outcome(env, node.storage.flush())
    hit = node.storage.rot(flips, stream(seed, "rot"))

    assert len(hit) == (flips if any(sizes) else 0)
    for i in range(len(sizes)):
        value = outcome(env, node.storage.read(str(i)))
        assert node.storage.intact(str(i)) == (value == i)
        if hit.count(str(i)) % 2:  # an odd number of flips cannot cancel out
            assert isinstance(value, Corrupted)
        if str(i) not in hit:
            assert value == i


def test_a_bit_that_rots_twice_is_right_again():
    env, node = machine()
    for event in (node.storage.write("a", 1, size_bytes=1), node.storage.flush()):
        outcome(env, event)
    draws = stream(0, "once")

    class Same:
        def random(self, count):
            return np.full(count, 0.4)

    node.storage.rot(1, Same())
    assert not node.storage.intact("a")
    node.storage.rot(1, Same())
    assert node.storage.intact("a")
    assert node.storage.rot(0, draws) == ()


def test_rot_takes_the_same_number_of_draws_whatever_is_on_the_disk():
    _, empty = machine()
    env, full = machine()
    for event in (full.storage.write("a", 1), full.storage.flush()):
        outcome(env, event)
    one, other = stream(0, "rot"), stream(0, "rot")
    empty.storage.rot(3, one)
    full.storage.rot(3, other)

    assert one.random() == other.random()


# Room


def test_a_write_beyond_the_capacity_fails_and_changes_nothing():
    env, node = machine(capacity_bytes=100)
    outcome(env, node.storage.write("a", 1, size_bytes=60))
    begin_s = env.now
    error = outcome(env, node.storage.write("b", 2, size_bytes=41))

    assert isinstance(error, DiskFull)
    assert str(error) == "n has 40 bytes free, 'b' takes 41 more"
    assert env.now == begin_s
    assert node.storage.keys() == ("a",)
    assert outcome(env, node.storage.write("b", 2, size_bytes=40)) is None
    assert node.storage.free_bytes == 0


def test_a_full_disk_takes_no_new_bytes_until_it_is_drained():
    env, node = machine()
    outcome(env, node.storage.write("a", 1, size_bytes=10))
    node.storage.fill("x")
    node.storage.fill("y")
    assert isinstance(outcome(env, node.storage.write("b", 2, size_bytes=1)), DiskFull)
    assert outcome(env, node.storage.write("a", 3, size_bytes=10)) is None
    node.storage.drain("x")
    assert isinstance(outcome(env, node.storage.write("b", 2, size_bytes=1)), DiskFull)
    node.storage.drain("y")
    assert outcome(env, node.storage.write("b", 2, size_bytes=1)) is None

    assert node.at_baseline


def test_a_deleted_block_gives_its_room_back_with_the_next_flush():
    env, node = machine(capacity_bytes=100)
    for event in (node.storage.write("a", 1, size_bytes=100), node.storage.flush(), node.storage.delete("a")):
        outcome(env, event)
    assert node.storage.free_bytes == 0
    outcome(env, node.storage.flush())

    assert node.storage.free_bytes == 100


actions = st.one_of(
    st.tuples(st.just("write"), st.sampled_from("abcd"), st.floats(0, 80)),
    st.tuples(st.sampled_from(["delete", "read"]), st.sampled_from("abcd")),
    st.tuples(st.sampled_from(["flush", "crash", "lose", "fill", "drain", "tear", "untear", "rot", "slow", "quicken"])),
)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.floats(0, 2), actions), max_size=30))
def test_the_capacity_is_never_exceeded_and_faults_end_at_the_baseline(steps):
    env, node = machine(capacity_bytes=120)
    storage, on, draws = node.storage, {}, stream(0, "rot")
    for wait_s, (what, *arguments) in steps:
        env.run(until=env.now + wait_s + 1e-9)
        opposite = {"drain": "fill", "untear": "tear", "quicken": "slow"}
        if what == "write":
            storage.write(arguments[0], 0, size_bytes=arguments[1])
        elif what == "crash":
            node.crash()
            node.restart()
        elif what == "rot":
            storage.rot(2, draws)
        elif what in ("fill", "tear", "slow"):
            getattr(storage, what)("key", *((3.0,) if what == "slow" else ()))
            on[what] = True
        elif what in opposite:
            if on.pop(opposite[what], False):
                getattr(storage, what)("key")
        else:
            getattr(storage, what)(*arguments)
        assert storage.used_bytes <= 120
        blocks = {key: storage.size_bytes(key) for key in storage.keys()}  # noqa: SIM118
        assert sum(map(math.ceil, blocks.values())) <= storage.used_bytes
    for what in on:
        getattr(storage, {"fill": "drain", "tear": "untear", "slow": "quicken"}[what])("key")
    env.run()

    assert node.at_baseline
    assert storage.queue_length == 0
    assert storage.used_bytes <= 120
    outcome(env, storage.flush())
    assert storage.used_bytes == sum(math.ceil(storage.size_bytes(key)) for key in storage.keys())  # noqa: SIM118


def test_a_wrong_checksum_says_whether_the_block_is_torn_or_rotten():
    env, node = machine()
    for event in (node.storage.write("a", 1, size_bytes=8), node.storage.flush()):
        outcome(env, event)
    node.storage.rot(1, stream(0, "rot"))
    assert str(outcome(env, node.storage.read("a"))) == "the checksum of 'a' on n is wrong: the block is rotten"

    node.storage.tear("fault")
    node.storage.write("b", 1, size_bytes=100)
    env.run(until=env.now + 1.0)  # of the 1.5 s that it takes
    node.crash()
    node.restart()
    assert str(outcome(env, node.storage.read("b"))) == "the checksum of 'b' on n is wrong: the block is torn"
