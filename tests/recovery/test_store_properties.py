"""What a distributed store keeps, whatever happens to messages, nodes and all disks but one copy's."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.cluster import UNANSWERED, Corrupted, Drop
from simcluster.engine import stream
from simcluster.recovery import DistributedStore
from tests.recovery.stores import failures, finish, inflict, machines, outages, unruly, versions

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


def intact_copies(cluster, key, store="store"):
    """How many servers have each of their versions of the key whole, and at least one."""
    found = [(cluster[name].storage, versions(cluster[name], key, store).values()) for name in NAMES]
    return sum(bool(paths) and all(map(storage.intact, paths)) for storage, paths in found)


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
        assert intact_copies(cluster, key, "s") >= store.replication - len(losses)
        assert finish(cluster, store.read(cluster["n-3"], key), until=cluster.env.now + 60) == value
    cluster.env.run(until=cluster.env.now + 60)

    assert cluster.at_baseline
    for key in acknowledged:
        assert intact_copies(cluster, key, "s") >= store.replication


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
        assert got == value or (isinstance(got, KeyError | Corrupted) and not intact_copies(cluster, key))


CLIENTS = ("n-1", "n-5", "n-6")


@st.composite
def calamities(draw, copies):
    """Less than the loss of so many servers: outages of anybody; or only so few servers fail, and their disks too.

    In the latter case no report may be late either, else its server is lost for a while as well.
    """
    places = NAMES + CLIENTS[1:]
    if copies == 1 or draw(st.booleans()):
        isolated = draw(st.lists(isolations, max_size=2))
        return draw(weather), draw(st.lists(outages(places, LAST_S), max_size=8)), (), isolated
    lost = draw(st.lists(st.sampled_from(NAMES[1:]), min_size=copies - 1, max_size=copies - 1, unique=True))
    failing = st.sampled_from(lost)
    return (
        {**draw(weather), "loss": 0.0},
        draw(st.lists(outages((*lost, "n-0", "n-5", "n-6"), LAST_S), max_size=8)),
        draw(st.lists(st.tuples(failing, times), min_size=1, max_size=3)),
        draw(st.lists(st.tuples(failing, times, st.floats(0.1, 4)), max_size=2)),
    )


class History:
    """A model of what reads may return: writes are numbered in the order in which they are begun."""

    def __init__(self):
        self.begun = []
        self.acknowledged = {"a": -1, "b": -1}

    def write(self, store, node, key):
        number = len(self.begun)
        self.begun.append(key)
        got = yield from store.write(node, key, (key, number), 40_000)
        assert len(got) >= store.copies_acknowledged
        self.acknowledged[key] = max(self.acknowledged[key], number)

    def read(self, store, node, key, seen):
        """Read, and check it; ``seen`` is what this client has read before."""
        least = max(self.acknowledged[key], seen.get(key, -1))
        try:
            of, number = yield from store.read(node, key)
        except KeyError:
            of, number = key, -1
        assert of == key
        assert number == -1 or self.begun[number] == key
        assert number >= least
        seen[key] = number

    def client(self, store, seed, node):
        """Write and read at random until the storm is over; whatever a crash of its node leaves half done stays so."""
        draws, seen = stream(seed, "client", node.name, str(node.crashes)), {}
        while node.env.now < 2 * LAST_S:
            key, writes = "ab"[draws.integers(2)], draws.random() < 0.5
            with suppress(UNANSWERED):
                yield from self.write(store, node, key) if writes else self.read(store, node, key, seen)
            yield node.timer(draws.random() * 0.3)


@settings(max_examples=150)
@given(
    st.data(),
    seeds,
    failures,
    st.sampled_from(["all", "quorum", "one"]),
    st.sampled_from(["pipeline", "parallel"]),
    st.sampled_from([None, 8]),
)
def test_a_read_returns_nothing_older_than_what_was_acknowledged_or_seen_and_of_old_versions_nothing_stays(
    data, seed, failures, acknowledge, transfer, attempts
):
    store = DistributedStore(
        coordinator="n-0",
        servers=NAMES,
        heartbeat_s=0.5,
        timeout_s=0.3,
        acknowledge=acknowledge,
        transfer=transfer,
        attempts=attempts,
    )
    cluster = machines(7, seed=seed, failures=failures)
    store.start(cluster)
    storm(cluster, seed, *data.draw(calamities(store.copies_acknowledged)))
    history = History()
    for name in CLIENTS:
        cluster[name].boot(lambda node: history.client(store, seed, node))
    cluster.env.run(until=2 * LAST_S + 60)

    assert cluster.at_baseline
    for key in history.acknowledged:
        assert finish(cluster, history.read(store, cluster["n-6"], key, {}), until=cluster.env.now + 60) is None
        held = [tuple(versions(cluster[name], key)) for name in NAMES]
        newest = max(max(numbers, default=-1) for numbers in held)
        assert set(held) <= {(), (newest,)}
        assert intact_copies(cluster, key) >= store.replication or history.acknowledged[key] == newest == -1


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
