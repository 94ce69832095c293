"""What a distributed store keeps, whatever happens to messages, nodes and all disks but one copy's."""

from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.cluster import Corrupted, Drop
from simcluster.engine import stream
from simcluster.recovery import DistributedStore
from tests.recovery.stores import failures, finish, inflict, machines, outages, unruly

NAMES = tuple(f"n-{i}" for i in range(5))
LAST_S = 10.0

times = st.floats(0.01, LAST_S)
names = st.sampled_from(NAMES)
seeds = st.integers(0, 99)
weather = st.fixed_dictionaries(
    {"loss": st.floats(0, 0.3), "duplication": st.floats(0, 0.4), "late_s": st.floats(0, 4)}
)
losses = st.tuples(names, times)
isolations = st.tuples(names, times, st.floats(0.1, 4))


def storm(cluster, seed, weather, outages, losses, isolated):
    """Let it all happen, and be over at 2 × LAST_S."""
    rule = unruly(seed, **weather)
    cluster.network.add(rule)
    cluster.env.call_later(2 * LAST_S, lambda _: cluster.network.remove(rule))
    inflict(cluster, outages)
    for name, time_s in losses:
        cluster.env.call_later(time_s, lambda _, name=name: cluster[name].storage.lose())
    for name, begin_s, length_s in isolated:

        def cut(message, name=name):
            return Drop("partition") if (message.source == name) != (message.target == name) else None

        cluster.env.call_later(begin_s, lambda _, cut=cut: cluster.network.add(cut))
        cluster.env.call_later(begin_s + length_s, lambda _, cut=cut: cluster.network.remove(cut))


def written_in(cluster, store, blocks):
    """Write blocks from two nodes during the storm; those that were acknowledged, with their values."""
    acknowledged = {}

    def program(node):
        for i in range(blocks):
            key = f"{node.name}-{node.crashes}-{i}"
            got = yield from store.write(node, key, (key, i), 3_000)
            assert len(got) >= store.copies_acknowledged
            acknowledged[key] = (key, i)
            yield node.timer(0.4)

    for name in ("n-1", "n-2"):
        cluster[name].boot(program)
    cluster.env.run(until=2 * LAST_S + 1)
    return dict(acknowledged)


@settings(max_examples=60)
@given(
    seeds,
    failures,
    weather,
    st.lists(outages(NAMES, LAST_S), max_size=6),
    st.lists(losses, max_size=2),
    st.lists(isolations, max_size=2),
    st.sampled_from(["pipeline", "parallel"]),
)
def test_no_acknowledged_block_is_lost_while_fewer_disks_are_lost_than_it_has_copies(
    seed, failures, weather, outages, losses, isolated, transfer
):
    store = DistributedStore(
        coordinator="n-0", servers=NAMES, heartbeat_s=0.5, timeout_s=0.3, transfer=transfer, name="s"
    )
    cluster = machines(5, seed=seed, failures=failures)
    store.start(cluster)
    storm(cluster, seed, weather, outages, losses, isolated)
    acknowledged = written_in(cluster, store, 8)
    for key, value in acknowledged.items():
        intact = [name for name in NAMES if cluster[name].storage.intact(f"distributed:1:s/{key}")]
        assert len(intact) >= store.replication - len(losses)
        assert finish(cluster, store.read(cluster["n-3"], key), until=cluster.env.now + 60) == value
    cluster.env.run(until=cluster.env.now + 60)

    assert cluster.at_baseline
    for key in acknowledged:
        assert sum(cluster[name].storage.intact(f"distributed:1:s/{key}") for name in NAMES) >= store.replication


@settings(max_examples=30)
@given(seeds, failures, weather, st.lists(outages(NAMES, LAST_S), max_size=5), st.lists(losses, max_size=1))
def test_with_a_quorum_no_acknowledged_block_is_lost_with_fewer_disks_than_the_quorum(
    seed, failures, weather, outages, losses
):
    store = DistributedStore(
        coordinator="n-0", servers=NAMES, heartbeat_s=0.5, timeout_s=0.3, acknowledge="quorum", transfer="parallel"
    )
    cluster = machines(5, seed=seed, failures=failures)
    store.start(cluster)
    storm(cluster, seed, weather, outages, losses, ())
    for key, value in written_in(cluster, store, 6).items():
        assert finish(cluster, store.read(cluster["n-3"], key), until=cluster.env.now + 60) == value


@settings(max_examples=30)
@given(seeds, failures, weather, st.integers(0, 40), st.lists(outages(NAMES, LAST_S), max_size=4))
def test_rot_is_never_read_as_if_it_were_the_value(seed, failures, weather, flips, outages):
    store = DistributedStore(coordinator="n-0", servers=NAMES, heartbeat_s=0.5, timeout_s=0.3, scrub_s=0.2)
    cluster = machines(5, seed=seed, failures=failures)
    store.start(cluster)
    storm(cluster, seed, weather, outages, (), ())
    draws = stream(seed, "rot")
    for i in range(flips):
        name = NAMES[i % 5]
        cluster.env.call_later(i * 0.3, lambda _, name=name: cluster[name].storage.rot(1, draws))
    for key, value in written_in(cluster, store, 6).items():
        got = finish(cluster, store.read(cluster["n-3"], key), until=cluster.env.now + 60)
        intact = [name for name in NAMES if cluster[name].storage.intact(f"distributed:5:store/{key}")]
        assert got == value or (isinstance(got, KeyError | Corrupted) and not intact)


@settings(max_examples=10)
@given(seeds, failures, weather, st.lists(outages(NAMES, LAST_S), max_size=4), st.lists(losses, max_size=2))
def test_the_same_seed_gives_the_same_trace(seed, failures, weather, outages, losses):
    store = DistributedStore(coordinator="n-0", servers=NAMES, heartbeat_s=0.5, timeout_s=0.3)
    digests = []
    for _ in range(2):
        cluster = machines(5, seed=seed, failures=failures)
        store.start(cluster)
        storm(cluster, seed, weather, outages, losses, ())
        written_in(cluster, store, 4)
        digests.append(cluster.trace.digest())

    assert digests[0] == digests[1]
