"""What a remote store promises, and keeps when messages, nodes and disks do not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.cluster import Corrupted, DiskFull, Duplicate, StorageSpec, TimedOut
from simcluster.recovery import DistributedStore, RemoteStore
from tests.recovery.stores import failures, finish, inflict, machines, outages, unruly

STORE = RemoteStore(server="n-0", timeout_s=0.5)


def started(store=STORE, **fields):
    cluster = machines(3, **fields)
    store.start(cluster)
    return cluster


def test_a_write_and_a_read_take_network_and_disk_time():
    cluster = started()
    node = cluster["n-1"]
    finish(cluster, STORE.write(node, "key", np.arange(3.0), size_bytes=100_000))
    # request on the wire + latency, seek + transfer, flush, the answer
    written_s = 0.100064 + 0.001 + 0.102 + 0.001 + 0.000064 + 0.001
    assert cluster.env.now == pytest.approx(written_s)
    assert finish(cluster, STORE.read(node, "key")).tolist() == [0, 1, 2]
    question_s = (64 + len("key")) / 1e6

    assert cluster.env.now == pytest.approx(written_s + question_s + 0.001 + 0.102 + 0.100064 + 0.001)


def test_what_is_not_there_is_a_key_error_and_a_full_disk_is_said():
    cluster = started(storage=StorageSpec(capacity_bytes=100))

    assert isinstance(finish(cluster, STORE.read(cluster["n-1"], "key")), KeyError)
    assert isinstance(finish(cluster, STORE.write(cluster["n-1"], "key", 1, size_bytes=101)), DiskFull)
    assert finish(cluster, STORE.write(cluster["n-1"], "key", 1, size_bytes=50)) is None
    assert finish(cluster, STORE.read(cluster["n-1"], "key")) == 1


def test_a_new_value_takes_the_old_one_s_room():
    cluster = started(storage=StorageSpec(capacity_bytes=100))
    for value in range(5):
        assert finish(cluster, STORE.write(cluster["n-1"], "key", value, size_bytes=50)) is None

    assert cluster["n-0"].storage.used_bytes == 50


def test_rot_is_said():
    cluster = started()
    finish(cluster, STORE.write(cluster["n-1"], "key", 1, size_bytes=50))
    cluster["n-0"].storage.rot(1, np.random.Generator(np.random.PCG64(0)))

    assert isinstance(finish(cluster, STORE.read(cluster["n-1"], "key")), Corrupted)
    finish(cluster, STORE.write(cluster["n-1"], "key", 2, size_bytes=50))
    assert finish(cluster, STORE.read(cluster["n-1"], "key")) == 2


def test_a_server_that_stays_down_is_given_up_after_the_last_attempt():
    store = STORE.replace(attempts=3)
    cluster = started(store)
    cluster["n-0"].crash()

    assert isinstance(finish(cluster, store.write(cluster["n-1"], "key", 1)), TimedOut)
    assert cluster.env.now == pytest.approx(1.5)


def test_a_late_duplicate_of_an_old_write_undoes_nothing_even_after_a_crash():
    cluster = started()
    cluster.network.add(lambda message: late.pop() if late and message.kind == "store-write" else None)
    late = [Duplicate(5.0)]
    for value in ("old", "new"):
        finish(cluster, STORE.write(cluster["n-1"], "key", value))
    cluster["n-0"].crash()
    cluster["n-0"].restart()
    cluster.env.run(until=6)

    assert len(list(cluster.trace.rows("duplicate"))) == 1
    assert finish(cluster, STORE.read(cluster["n-1"], "key")) == "new"


def test_a_write_that_a_crash_tears_leaves_the_value_that_was_acknowledged():
    cluster = started()
    finish(cluster, STORE.write(cluster["n-1"], "key", "old", size_bytes=100_000))
    once = STORE.replace(attempts=1)
    cluster.env.process(once.write(cluster["n-1"], "key", "new", size_bytes=100_000)).callbacks.append(
        lambda event: setattr(event, "_defused", True)
    )
    cluster.env.run(until=cluster.env.now + 0.15)
    cluster["n-0"].crash()
    cluster["n-0"].restart()

    assert [row["outcome"] for row in cluster.trace.rows("disk")][-1] == "torn"
    assert finish(cluster, STORE.read(cluster["n-1"], "key")) == "old"


def test_two_stores_may_share_a_server():
    cluster = machines(3)
    one, other = STORE, STORE.replace(name="other")
    one.start(cluster)
    other.start(cluster)
    finish(cluster, one.write(cluster["n-1"], "key", 1))
    finish(cluster, other.write(cluster["n-1"], "key", 2))

    assert finish(cluster, one.read(cluster["n-2"], "key")) == 1
    assert finish(cluster, other.read(cluster["n-2"], "key")) == 2


@settings(max_examples=80)
@given(st.lists(outages(("n-0",), 4.0), max_size=4), st.floats(0, 0.4), st.floats(0, 0.5), failures, st.integers(0, 9))
def test_an_acknowledged_write_is_read_by_all_and_never_undone(outages, loss, duplication, failures, seed):
    cluster = started(seed=seed, failures=failures)
    cluster.network.add(unruly(seed, loss=loss, duplication=duplication, late_s=2.0))
    inflict(cluster, outages)
    acknowledged, seen = [-1], []

    def writes(node):
        for value in range(8):
            yield from STORE.write(node, "key", value, size_bytes=20_000)
            acknowledged.append(value)

    def reads(node):
        while acknowledged[-1] < 7:
            least = acknowledged[-1]
            try:
                value = yield from STORE.read(node, "key")
            except (KeyError, Corrupted):  # nothing has been acknowledged yet: it may be half written
                value = -1
            assert value >= least
            seen.append(value)

    def both():
        yield cluster.env.process(writes(cluster["n-1"])) & cluster.env.process(reads(cluster["n-2"]))

    finish(cluster, both(), until=500)

    assert seen == sorted(seen)
    assert finish(cluster, STORE.read(cluster["n-2"], "key")) == 7


def test_a_bad_store_is_refused():
    with pytest.raises(ValueError, match="timeout_s"):
        RemoteStore(server="n-0", timeout_s=0)
    with pytest.raises(ValueError, match="must be one of"):
        RemoteStore(server="x").start(machines(1))


def test_a_write_that_has_failed_is_not_done_later_when_it_comes_once_more():
    cluster = started(storage=StorageSpec(capacity_bytes=100, seek_s=0.002, bandwidth_bytes_per_s=1e6))
    assert finish(cluster, STORE.write(cluster["n-1"], "key", "old", size_bytes=40)) is None
    cluster.network.add(lambda message: Duplicate(2.0) if message.kind == "store-write" else None)
    cluster["n-0"].storage.fill("fault")
    assert isinstance(finish(cluster, STORE.write(cluster["n-1"], "key", "new", size_bytes=40)), DiskFull)
    cluster["n-0"].storage.drain("fault")
    cluster.env.run(until=cluster.env.now + 5)

    assert finish(cluster, STORE.read(cluster["n-1"], "key")) == "old"


@pytest.mark.parametrize("crash", [False, True])
def test_no_two_stores_share_a_block_whatever_their_names_and_keys(crash):
    fields = {"coordinator": "n-0", "servers": ("n-0",), "replication": 1}
    pairs = [
        (RemoteStore(server="n-0", name="a"), "b/c"),
        (RemoteStore(server="n-0", name="a/b"), "c"),
        (DistributedStore(name="d", **fields), "b/c"),
        (DistributedStore(name="d/b", **fields), "c"),
        (DistributedStore(name="x", **fields), "k#0"),
        (RemoteStore(server="n-0", name="y"), "k"),
    ]
    cluster = machines(3)
    for store, _ in pairs:
        store.start(cluster)
    for value, (store, key) in enumerate(pairs):
        finish(cluster, store.write(cluster["n-1"], key, value))
    if crash:
        cluster["n-0"].crash()
        cluster["n-0"].restart()
        cluster.env.run(until=cluster.env.now + 10)

    assert [finish(cluster, store.read(cluster["n-1"], key)) for store, key in pairs] == list(range(6))
