"""Raft at the two places where a random search does not look: a replica, and a peer that the test plays."""

from simcluster.cluster import Cluster, ClusterSpec, nodes
from simcluster.cluster.messages.message import Sealed
from simcluster.engine import Environment, Trace
from simcluster.replication import Operation, Raft, Replicas
from simcluster.replication.schemes.raft.log import Entry
from simcluster.replication.state_machine import Command

NAMES = ("r-0", "r-1", "r-2")
WRITE = Entry(2, Command.of(0, Operation(1, "write", "k", "of term 2")))


def beside(peer, until_s):
    """Let a replica run on r-0, and the steps of ``peer`` on r-1; r-2 is silent."""
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=nodes("r", 3)), 0, Trace(env))
    replicas = Replicas(cluster, NAMES, "store", 0, 0.1, env.event(), lambda *_: None)
    raft = Raft()
    cluster["r-0"].boot(lambda node: raft.replica(node, replicas).run(), "replica")
    cluster["r-1"].boot(peer)
    env.run(until=until_s)


def test_a_majority_holds_an_entry_of_an_older_term_and_it_is_not_committed_before_one_of_this_term():
    # Figure 8 of the paper: another may yet be elected who lacks it. A leader commits it with an entry of its own.
    told = []

    def peer(node):
        node.send("r-0", "store.append", (2, 0, 0, Sealed((WRITE,)), 0, 1))
        holds = 1  # as many entries as it says to hold: the one of term 2, later that of the new leader too
        while True:
            message = yield node.receive("store.vote", "store.append")
            if message.kind == "store.vote":
                term, _, _, trial = message.body
                node.send("r-0", "store.voted", (term, True, trial))
            else:
                term, *_, commit, number = message.body
                told.append((term, holds, commit))
                holds = 2 if len(told) > 5 else 1
                node.send("r-0", "store.appended", (term, True, holds, number))

    beside(peer, 2.0)

    assert {term for term, *_ in told} == {3}
    assert {commit for _, holds, commit in told if holds == 1} == {0}
    assert {commit for *_, commit in told[8:]} == {2}


def test_what_is_said_to_a_leader_that_has_been_followed_by_another_confirms_no_round():
    # It may lead again by the time it hears, in the very term of the answer, and take the number for one of its own.
    heard = []

    def peer(node):
        node.send("r-0", "store.vote", (5, 0, 0, False))
        yield node.receive("store.voted")
        for term in (4, 5):
            node.send("r-0", "store.append", (term, 0, 0, Sealed(()), 0, 7))
            heard.append((yield node.receive("store.appended")).body)

    beside(peer, 0.1)

    (term, fits, _, number), (_, fits_now, _, number_now) = heard
    assert (term, fits, number) == (5, False, 0)
    assert (fits_now, number_now) == (True, 7)
