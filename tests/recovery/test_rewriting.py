"""What becomes of the versions of a key that is written again in a distributed store."""

import pytest

from simcluster.cluster import Drop, StorageSpec
from simcluster.recovery import DistributedStore
from tests.recovery.stores import NAMES, finish, holders, started, versions

STORE = DistributedStore(coordinator="n-0", servers=NAMES, heartbeat_s=0.5)


def write(cluster, key, value, size_bytes=50_000, *, store=STORE, node="n-1"):
    return finish(cluster, store.write(cluster[node], key, value, size_bytes), until=cluster.env.now + 100)


def read(cluster, key, *, store=STORE, node="n-1"):
    return finish(cluster, store.read(cluster[node], key), until=cluster.env.now + 100)


def test_to_write_a_key_again_replaces_its_value_and_the_old_version_is_deleted():
    cluster = started(STORE)
    for value in range(4):
        write(cluster, "key", value)
        assert read(cluster, "key", node="n-4") == value
    cluster.env.run(until=cluster.env.now + 0.1)  # it takes no heartbeat

    assert [len(versions(cluster[name], "key")) for name in NAMES].count(1) == 3
    assert sum(cluster[name].storage.used_bytes for name in NAMES) == 3 * 50_000


def test_of_two_writes_that_overlap_the_one_begun_later_stays_though_it_is_done_first():
    cluster = started(STORE)

    def cut(message):
        return Drop("loss") if message.kind == "store-commit" and message.source == "n-1" else None

    cluster.network.add(cut)
    first = cluster.env.process(STORE.write(cluster["n-1"], "key", "first", 50_000))
    cluster.env.run(until=cluster.env.now + 0.01)
    write(cluster, "key", "second", node="n-2")
    cluster.network.remove(cut)
    assert not first.triggered
    cluster.env.run(until=first)
    assert read(cluster, "key") == "second"
    cluster.env.run(until=cluster.env.now + 2)

    assert sum(cluster[name].storage.used_bytes for name in NAMES) == 3 * 50_000


def test_a_key_can_be_written_as_often_as_one_likes_on_disks_that_have_room_for_two_versions():
    store = DistributedStore(coordinator="n-0", servers=NAMES[:3])
    cluster = started(store, storage=StorageSpec(capacity_bytes=100_000, bandwidth_bytes_per_s=1e6))
    for value in range(20):
        write(cluster, "key", value, store=store)

    assert read(cluster, "key", store=store) == 19
    assert cluster.env.now < 30


def test_an_old_version_of_a_server_that_was_away_is_deleted_when_it_is_back():
    cluster = started(STORE)
    away = write(cluster, "key", "old")[1]
    cluster[away].crash()
    write(cluster, "key", "new")
    cluster[away].restart()
    assert holders(cluster, "key").count(away) == 1
    cluster.env.run(until=cluster.env.now + 2)

    assert away not in holders(cluster, "key")
    assert len(holders(cluster, "key")) == 3


@pytest.mark.parametrize("crash", [False, True])
def test_what_a_writer_has_half_written_keeps_nobody_from_the_value_before_and_may_count_later(crash):
    cluster = started(STORE)
    write(cluster, "key", "old", 1_000, node="n-3")

    def cut(message):
        return Drop("loss") if message.kind == "store-put" and message.source == "n-1" != message.target else None

    cluster.network.add(cut)
    cluster["n-1"].spawn(STORE.write(cluster["n-1"], "key", "new", 50_000))
    cluster.env.run(until=cluster.env.now + 0.6)  # it has a copy on the writer's own disk, and has been reported
    assert cluster["n-1"].storage.used_bytes >= 50_000
    cluster["n-1"].crash()
    if crash:
        cluster["n-0"].crash()
        cluster["n-0"].restart()
    assert read(cluster, "key", node="n-3") == "old"
    cluster.network.remove(cut)
    cluster["n-1"].restart()
    cluster.env.run(until=cluster.env.now + 10)

    assert len(holders(cluster, "key")) == 3
    assert read(cluster, "key", node="n-3") == "new"
