"""Where blocks are, who hears of them, and how lost copies come back."""

import numpy as np
import pytest

from simcluster.cluster import Corrupted, StorageSpec, TimedOut
from simcluster.engine import stream
from simcluster.recovery import DistributedStore
from tests.recovery.stores import DISK, NAMES, finish, holders, machines, started, versions

STORE = DistributedStore(coordinator="n-0", servers=NAMES, heartbeat_s=0.5, timeout_s=1.0)


def intact(cluster, name, key):
    return [cluster[name].storage.intact(path) for path in versions(cluster[name], key).values()]


def sent_bytes(cluster, kind, **fields):
    rows = [row for row in cluster.trace.rows("send") if row["message_kind"] == kind]
    return sum(row["size_bytes"] for row in rows if all(row[name] == value for name, value in fields.items()))


def write(cluster, key, value="value", size_bytes=50_000, *, store=STORE, node="n-1"):
    return finish(cluster, store.write(cluster[node], key, value, size_bytes), until=cluster.env.now + 100)


def read(cluster, key, *, store=STORE, node="n-1"):
    return finish(cluster, store.read(cluster[node], key), until=cluster.env.now + 100)


def racks(cluster, names):
    return [cluster[name].spec.rack for name in names]


# Writing


@pytest.mark.parametrize("transfer", ["pipeline", "parallel"])
def test_a_write_leaves_flushed_copies_on_as_many_nodes_in_two_racks(transfer):
    store = STORE.replace(transfer=transfer)
    cluster = started(store)
    value = np.arange(4.0)
    got = write(cluster, "key", value, store=store)

    assert sorted(got) == sorted(holders(cluster, "key"))
    assert len(got) == 3
    assert "n-1" in got
    local, second, third = racks(cluster, sorted(got, key=lambda name: name != "n-1"))
    assert local != second == third
    assert read(cluster, "key", store=store).tolist() == value.tolist()


def test_a_pipeline_sends_a_block_once_from_each_node_and_parallel_writes_all_from_the_writer():
    leaving = {}
    for transfer in ("pipeline", "parallel"):
        store = STORE.replace(transfer=transfer)
        cluster = started(store)
        write(cluster, "key", store=store, size_bytes=50_000, node="n-1")
        leaving[transfer] = [sent_bytes(cluster, "store-put", source=name) // 50_000 for name in NAMES]

    # One of the three goes from the writer to itself, which takes no network.
    assert sorted(leaving["pipeline"]) == [0, 0, 0, 0, 1, 2]
    assert sorted(leaving["parallel"]) == [0, 0, 0, 0, 0, 3]


@pytest.mark.parametrize(("acknowledge", "copies"), [("one", 1), ("quorum", 2), ("all", 3)])
def test_a_write_waits_for_as_many_flushes_as_it_says_and_the_others_follow(acknowledge, copies):
    store = STORE.replace(acknowledge=acknowledge, transfer="parallel")
    cluster = started(store)
    for name in NAMES[2:]:
        cluster[name].storage.slow("fault", 1 + int(name[-1]))  # no two at the same time

    assert len(write(cluster, "key", store=store)) == copies
    assert len(holders(cluster, "key")) == copies
    cluster.env.run(until=cluster.env.now + 5)
    assert len(holders(cluster, "key")) == 3


def test_a_server_that_is_full_or_down_is_passed_over():
    cluster = started(STORE)
    for name in ("n-1", "n-2"):
        cluster[name].storage.fill("fault")
    cluster["n-3"].crash()
    got = write(cluster, "key")

    assert sorted(got) == ["n-0", "n-4", "n-5"]


def test_a_write_waits_until_there_are_servers_enough():
    cluster = started(STORE)
    for name in NAMES[2:]:
        cluster[name].crash()
    cluster.env.call_later(20, lambda _: cluster["n-5"].restart())
    got = write(cluster, "key")

    assert sorted(got) == ["n-0", "n-1", "n-5"]
    assert cluster.env.now > 20


def test_attempts_that_run_out_are_a_time_out():
    store = STORE.replace(attempts=4)
    cluster = started(store)
    for name in NAMES[2:]:
        cluster[name].crash()

    assert isinstance(write(cluster, "key", store=store), TimedOut)


# Reading


def test_a_read_takes_the_nearest_copy():
    cluster = started(STORE)
    got = write(cluster, "key")
    far = [name for name in NAMES if name not in got]
    beside = next(name for name in far if cluster[name].spec.rack in racks(cluster, got))
    for reader in (got[1], beside):
        read(cluster, "key", node=reader)
    by = [row["source"] for row in cluster.trace.rows("send") if row["message_kind"] == "store-get-reply"]

    assert by[0] == got[1]
    assert cluster[by[1]].spec.rack == cluster[beside].spec.rack


def test_what_was_never_written_is_a_key_error_once_that_is_certain():
    cluster = started(STORE)
    assert isinstance(read(cluster, "key"), KeyError)
    assert cluster.env.now > 1.5  # before that a server that the coordinator has not heard of might have it


def test_a_damaged_copy_is_found_by_its_checksum_replaced_and_nobody_notices():
    cluster = started(STORE)
    got = write(cluster, "key")
    cluster["n-1"].storage.rot(1, stream(0, "rot"))
    assert read(cluster, "key") == "value"
    assert holders(cluster, "key") == tuple(name for name in NAMES if name in got and name != "n-1")
    cluster.env.run(until=cluster.env.now + 5)

    assert len(holders(cluster, "key")) == 3
    assert all(all(intact(cluster, name, "key")) for name in holders(cluster, "key"))
    assert {"corrupted", "restored"} <= {row["event"] for row in cluster.trace.rows("store")}


def test_when_every_copy_is_damaged_the_reader_is_told():
    cluster = started(STORE)
    for name in write(cluster, "key"):
        cluster[name].storage.rot(1, stream(0, "rot"))

    assert isinstance(read(cluster, "key"), Corrupted)


def test_scrubbing_finds_rot_that_nobody_reads():
    store = STORE.replace(scrub_s=1.0)
    cluster = started(store)
    for name in write(cluster, "key", store=store)[:2]:
        cluster[name].storage.rot(1, stream(0, "rot"))
    cluster.env.run(until=20)

    assert len(holders(cluster, "key")) == 3
    assert all(all(intact(cluster, name, "key")) for name in holders(cluster, "key"))


# Restoring


def test_after_a_node_is_lost_its_blocks_are_copied_over_the_network_into_two_racks():
    cluster = started(STORE)
    blocks = {f"key-{i}": 20_000 + 1000 * i for i in range(8)}
    for i, (key, size_bytes) in enumerate(blocks.items()):
        write(cluster, key, i, size_bytes, node=f"n-{i % 6}")
    lost = [key for key in blocks if "n-4" in holders(cluster, key)]
    cluster["n-4"].crash()
    cluster.env.run(until=cluster.env.now + 20)

    assert lost
    for key in blocks:
        left = [name for name in holders(cluster, key) if name != "n-4"]
        assert len(left) == 3
        assert len(set(racks(cluster, left))) >= 2
    overhead = 64 * len(lost)
    assert sent_bytes(cluster, "store-copy") == sum(blocks[key] for key in lost) + overhead
    restored = [row["subject"] for row in cluster.trace.rows("store") if row["event"] == "restored"]
    assert sorted(restored) == sorted(lost)


def test_a_short_outage_causes_no_copies():
    cluster = started(STORE)
    write(cluster, "key")
    cluster["n-1"].crash()
    cluster.env.call_later(1.0, lambda _: cluster["n-1"].restart())
    cluster.env.run(until=20)

    assert sent_bytes(cluster, "store-copy") == 0


def test_after_a_disk_is_lost_its_blocks_come_back_though_its_node_lives():
    cluster = started(STORE)
    for i in range(4):
        write(cluster, f"key-{i}")
    cluster["n-1"].storage.lose()
    cluster.env.run(until=cluster.env.now + 20)

    assert all(len(holders(cluster, f"key-{i}")) == 3 for i in range(4))
    assert sent_bytes(cluster, "store-copy") == 4 * (50_000 + 64)


def test_a_copy_on_a_node_that_is_down_does_not_count():
    cluster = started(STORE)
    got = write(cluster, "key")
    cluster[got[1]].crash()
    cluster.env.run(until=cluster.env.now + 10)
    left = [name for name in holders(cluster, "key") if name != got[1]]
    assert len(left) == 3
    cluster[got[1]].restart()
    cluster.env.run(until=cluster.env.now + 10)

    assert len(holders(cluster, "key")) == 4  # the surplus copy is kept


def test_no_source_sends_more_copies_at_once_than_it_may():
    cluster = started(STORE, storage=DISK)
    for i in range(10):
        write(cluster, f"key-{i}")
    cluster["n-1"].crash()
    cluster.env.run(until=cluster.env.now + 30)
    sending, most = {}, 0
    source = {}
    for row in cluster.trace.rows("send"):
        if row["message_kind"] == "store-replicate":
            source[row["message"]] = row["target"]
            sending[row["target"]] = sending.get(row["target"], 0) + 1
            most = max(most, sending[row["target"]])
        elif row["message_kind"] == "store-replicate-reply":
            sending[row["source"]] -= 1

    assert most == 2
    assert all(len([n for n in holders(cluster, f"key-{i}") if n != "n-1"]) == 3 for i in range(10))


def test_a_coordinator_that_crashes_forgets_nothing_that_the_servers_know():
    cluster = started(STORE)
    write(cluster, "key")
    cluster["n-0"].crash()
    cluster.env.call_later(3.0, lambda _: cluster["n-0"].restart())

    assert read(cluster, "key") == "value"
    assert cluster.env.now > 3
    cluster.env.run(until=cluster.env.now + 10)
    assert len(holders(cluster, "key")) == 3
    assert sent_bytes(cluster, "store-copy") == 0


def test_copies_are_restored_only_where_there_is_room():
    cluster = started(STORE, storage=StorageSpec(capacity_bytes=100_000, bandwidth_bytes_per_s=1e6))
    for i in range(3):
        write(cluster, f"key-{i}", node="n-1" if i < 2 else "n-2")
    cluster["n-1"].crash()
    cluster.env.run(until=cluster.env.now + 30)

    assert all(cluster[name].storage.used_bytes <= 100_000 for name in NAMES)
    assert all(len([n for n in holders(cluster, f"key-{i}") if n != "n-1"]) == 3 for i in range(3))


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"servers": ("a", "a")}, "servers must differ"),
        ({"servers": ("a", "b")}, r"replication must be at most the number of servers \(2\), got 3"),
        ({"replication": 0}, "replication"),
        ({"acknowledge": "two"}, "acknowledge"),
        ({"heartbeat_s": 0}, "heartbeat_s"),
    ],
)
def test_a_store_that_cannot_be_is_refused(fields, rule):
    with pytest.raises(ValueError, match=rule):
        DistributedStore(**{"coordinator": "a", "servers": ("a", "b", "c"), **fields})


def test_an_unknown_server_is_refused_before_anything_runs():
    with pytest.raises(ValueError, match="servers must name a node of the cluster"):
        DistributedStore(coordinator="n-0", servers=("n-0", "n-1", "x")).start(machines(3))


def test_what_a_torn_write_left_is_not_taken_for_a_copy():
    store = STORE.replace(transfer="parallel")
    cluster = started(store)
    cluster.env.process(store.write(cluster["n-1"], "key", "value", 50_000))
    while not cluster["n-1"].storage.queue_length:
        cluster.env.step()
    cluster.env.run(until=cluster.env.now + 0.02)
    cluster["n-1"].crash()
    assert intact(cluster, "n-1", "key") == [False]
    cluster["n-1"].restart()
    cluster.env.run(until=cluster.env.now + 0.1)
    assert intact(cluster, "n-1", "key") == []
    got = write(cluster, "key", store=store)

    assert "n-1" in got
    assert all(all(intact(cluster, name, "key")) for name in got)


def test_two_writes_that_lost_their_disk_before_they_were_flushed_are_both_not_copies():
    store = DistributedStore(coordinator="n-0", servers=("n-1",), replication=1, attempts=1, timeout_s=10)
    cluster = started(store)
    errors = []

    def program(key):
        try:
            yield from store.write(cluster["n-2"], key, "value", 10_000)
        except TimedOut as error:
            errors.append(str(error))

    for key in ("one", "other"):
        cluster.env.process(program(key))
    while len([row for row in cluster.trace.rows("deliver") if row["message_kind"] == "store-put"]) < 2:
        cluster.env.step()
    cluster["n-1"].pause()  # its disk works on, but the programs do not hear of it
    cluster.env.run(until=cluster.env.now + 1)
    cluster["n-1"].storage.lose()
    cluster["n-1"].resume()
    cluster.env.run(until=20)

    assert len(errors) == 2
