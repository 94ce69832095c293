"""Multi-Paxos where a random search does not look: a replica on r-0, and a peer on r-1 that the test plays."""

from simcluster.cluster import Cluster, ClusterSpec, StorageSpec, nodes
from simcluster.cluster.messages.message import Sealed
from simcluster.engine import Environment, Trace
from simcluster.replication import MultiPaxos, Operation, Replicas
from simcluster.replication.state_machine import Command

NAMES = ("r-0", "r-1", "r-2")
FLUSH_S = 0.05  # longer than a heartbeat
ONE, OTHER = (Command.of(client, Operation(client, "write", "k", client)) for client in (1, 2))


def beside(peer, until_s, crash_s=None):
    """Let a replica run on r-0, and the steps of ``peer`` on r-1; r-2 is silent. A flush takes FLUSH_S."""
    env = Environment()
    machines = nodes("r", 3, storage=StorageSpec(flush_s=FLUSH_S))
    cluster = Cluster(env, ClusterSpec(nodes=machines), 0, Trace(env))
    replicas = Replicas(cluster, NAMES, "store", 0, 0.1, env.event(), lambda *_: None)
    scheme = MultiPaxos()
    cluster["r-0"].boot(lambda node: scheme.replica(node, replicas).run(), "replica")
    cluster["r-1"].boot(peer)
    if crash_s is not None:
        env.run(until=crash_s)
        cluster["r-0"].crash()
        cluster["r-0"].restart()
    env.run(until=until_s)


def test_of_what_was_accepted_in_a_slot_the_latest_ballot_is_proposed_anew_and_a_gap_is_left_empty():
    proposed = []

    def peer(node):
        node.send("r-0", "store.accept", ((1, "r-1"), Sealed(((1, ONE),)), 0))
        ballot, after = (yield node.receive("store.prepare")).body
        told = ((1, (1, "r-2"), OTHER), (3, (1, "r-1"), ONE))
        node.send("r-0", "store.promise", (ballot, None, Sealed(told)))
        proposed.append((ballot, after, (yield node.receive("store.accept")).body))

    beside(peer, 0.6)

    ((ballot, after, (under, entries, chosen)),) = proposed
    assert (ballot[0], ballot[1], after, under, chosen) == (2, "r-0", 0, ballot, 0)
    assert entries.value == ((1, OTHER), (2, None), (3, ONE))


def test_what_was_accepted_of_another_leader_is_not_learnt_from_one_who_says_that_so_much_is_chosen():
    heard = []

    def peer(node):
        for body in (((1, "r-1"), Sealed(((1, ONE),)), 0), ((2, "r-2"), Sealed(()), 1), ((2, "r-2"), Sealed(()), 1)):
            node.send("r-0", "store.accept", body)
            heard.append((yield node.receive("store.accepted")).body)
            if len(heard) == 2:
                node.send("r-0", "store.learn", (None, Sealed(((1, OTHER),))))

    beside(peer, 0.2)

    assert heard == [((1, "r-1"), (1,), None), ((2, "r-2"), (), 0), ((2, "r-2"), (), None)]


def test_a_leader_says_again_what_was_not_accepted_counts_itself_when_it_is_durable_and_tells_what_is_lacking():
    told, taught = [], []

    def peer(node):
        ballot, _ = (yield node.receive("store.prepare")).body
        node.send("r-0", "store.promise", (ballot, None, Sealed(((1, (1, "r-2"), ONE),))))
        while True:
            message = yield node.receive("store.accept", "store.learn")
            if message.kind == "store.learn":
                taught.append(message.body)
                return
            _, entries, chosen = message.body
            slots = tuple(slot for slot, _ in entries.value)
            told.append((node.env.now, slots, chosen))
            if len(told) > 1:  # the first is lost on the way
                node.send("r-0", "store.accepted", (ballot, slots, 0 if chosen else None))

    beside(peer, 1.0)

    assert [(slots, chosen) for _, slots, chosen in told] == [((1,), 0), ((1,), 0), ((), 1)]
    ((snapshot, entries),) = taught
    assert (snapshot, entries.value) == (None, ((1, ONE),))


def test_a_leader_does_not_count_itself_before_its_disk_has_it():
    times_s = []

    def peer(node):
        ballot, _ = (yield node.receive("store.prepare")).body
        node.send("r-0", "store.promise", (ballot, None, Sealed(((1, (1, "r-2"), ONE),))))
        while len(times_s) < 2:
            _, entries, chosen = (yield node.receive("store.accept")).body
            if chosen or not times_s:
                times_s.append(node.env.now)
            node.send("r-0", "store.accepted", (ballot, tuple(slot for slot, _ in entries.value), None))

    beside(peer, 1.0)

    assert times_s[1] - times_s[0] > 0.9 * FLUSH_S  # messages take some microseconds more or less


def test_nobody_is_told_of_a_promise_or_an_acceptance_before_it_is_durable_and_both_outlast_a_crash():
    answers = []

    def peer(node):
        for kind, body in (("prepare", ((5, "r-2"), 0)), ("accept", ((5, "r-2"), Sealed(((1, ONE),)), 0))):
            begun_s = node.env.now
            node.send("r-0", f"store.{kind}", body)
            answers.append((yield node.receive("store.promise", "store.accepted")).body)
            assert node.env.now - begun_s >= FLUSH_S
        yield node.timer(0.17 - node.env.now)
        node.send("r-0", "store.prepare", ((3, "r-1"), 0))
        answers.append((yield node.receive("store.promise")).body)

    beside(peer, 0.29, crash_s=0.15)

    promised, accepted, kept = answers
    assert promised[0] == accepted[0] == kept[0] == (5, "r-2")
    assert kept[2].value == ((1, (5, "r-2"), ONE),)
