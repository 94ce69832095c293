"""A store over a scheme: what is written is read, and what training keeps is as new as the scheme promises."""

import numpy as np
import pytest

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.cluster import Cluster, TimedOut
from simcluster.engine import Environment, InvalidSpec, Trace, plugins
from simcluster.faults import CrashNode, PartitionNetwork
from simcluster.learning import Bundled
from simcluster.recovery import Checkpoints
from simcluster.replication import (
    Abd,
    Causal,
    ChainReplication,
    Craq,
    Eventual,
    MultiPaxos,
    MvRegister,
    PnCounter,
    PrimaryBackup,
    Quorum,
    Raft,
    SchemeStore,
    Views,
)
from simcluster.training import ParameterServer, Softmax, TrainingJob
from tests.replication.strong import KINDS, swarm

COPIES = ("copy-0", "copy-1", "copy-2")
VIEWS = Views(master="master")
STRONG = {
    "abd": Abd(),
    "raft": Raft(snapshot_entries=20),
    "multi-paxos": MultiPaxos(snapshot_slots=20),
    "primary-backup": PrimaryBackup(views=VIEWS),
    "chain": ChainReplication(views=VIEWS),
    "craq": Craq(views=VIEWS),
}
SCHEMES = {**STRONG, "eventual": Eventual(), "causal": Causal(), "quorum": Quorum()}
MACHINES = (*nodes("copy", 3), NodeSpec(name="master"), NodeSpec(name="server"), *nodes("w", 2, flops_per_s=1e5))


def store_of(scheme, **fields):
    return SchemeStore(scheme=scheme, replicas=COPIES, **fields)


def steps_give(store, steps, *, down=(), until_s=5.0):
    """What ``steps(server, another)`` give on the server of a cluster in which some are down; nothing if no end."""
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=MACHINES), 0, Trace(env))
    store.start(cluster)
    for name in down:
        cluster[name].crash()
    given = []

    def program(node):
        given.append((yield from steps(node, cluster["w-0"])))

    cluster["server"].boot(program)
    env.run(until=until_s)
    return given


@pytest.mark.parametrize("name", SCHEMES)
def test_what_was_written_last_is_read_by_its_key_elsewhere_too_and_what_was_never_is_a_key_error(name):
    store = store_of(SCHEMES[name])

    def steps(node, another):
        for value in (np.arange(3.0), {"w": np.arange(4.0), "step": 2}):
            yield from store.write(node, "a", value)
        yield from store.write(node, "b", None)
        found = yield from store.read(another if name in STRONG else node, "a")
        nothing = yield from store.read(node, "b")
        with pytest.raises(KeyError, match="c"):
            yield from store.read(node, "c")
        return found, nothing

    ((found, nothing),) = steps_give(store, steps)

    assert found["step"] == 2
    assert found["w"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert nothing is None


def test_what_takes_too_long_is_given_up_and_without_a_limit_waited_for():
    def write(store):
        def steps(node, another):
            try:
                yield from store.write(node, "a", 1)
            except TimedOut:
                return node.env.now

        return steps

    for scheme in (Abd(), Raft()):
        gone = {"down": COPIES[:2], "until_s": 20.0}
        limited, patient = store_of(scheme, timeout_s=2.5), store_of(scheme)
        assert steps_give(limited, write(limited), **gone) == [2.5]
        assert steps_give(patient, write(patient), **gone) == []


class Told:
    """A scheme without copies that notes by which session and client each operation was asked."""

    operations = ("read", "write")

    def __init__(self):
        self.sessions, self.asked = 0, []

    def refuses(self, replicas):
        return None

    def start(self, replicas):
        pass

    def session(self, replicas, node, client):
        self.sessions += 1
        session, number = self, self.sessions

        class Session:
            def ask(self, operation):
                session.asked.append((number, client, operation.number))
                yield node.timer(0.1 if operation.f == "read" else 9.0)

        return Session()


def test_a_program_is_one_client_for_as_long_as_it_lives_or_knows_what_became_of_it_and_of_one_number_ever():
    told = Told()
    store = store_of(told, timeout_s=1.0)

    def steps(node, another):
        for f in (store.read, store.read, lambda *key: store.write(*key, 1), store.read):
            with pytest.raises((KeyError, TimedOut)):
                yield from f(node, "a")
        if len(told.asked) == 4:
            node.crash()
            node.restart()

    steps_give(store, steps, until_s=9.0)

    sessions, clients, numbers = zip(*told.asked, strict=True)
    assert sessions == (1, 1, 1, 2, 3, 3, 3, 4)
    assert len(set(clients)) == 1
    assert sorted(set(numbers)) == list(numbers)


def test_a_size_of_ones_own_is_refused():
    store = store_of(Abd())
    with pytest.raises(ValueError, match="size_bytes must be None in a store over a scheme, got 5"):
        list(store.write(None, "a", 1, 5.0))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"scheme": Eventual(data=PnCounter())}, 'scheme must have the operations "read" and "write"'),
        ({"scheme": Eventual(data=MvRegister())}, "scheme must keep one value under a key"),
        ({"scheme": Quorum(copies=4)}, "copies must be at most the 3 replicas, got 4"),
        ({"scheme": Abd(), "replicas": ("a", "a")}, "replicas must differ"),
        ({"scheme": object()}, "scheme"),
    ],
)
def test_a_scheme_that_keeps_no_values_or_does_not_fit_is_refused(fields, said):
    with pytest.raises(InvalidSpec, match=said):
        SchemeStore(**{"replicas": COPIES, **fields})


def test_a_replica_that_is_not_in_the_cluster_is_refused_when_the_scenario_is_made():
    recovery = Checkpoints(store=SchemeStore(scheme=Abd(), replicas=("copy-0", "nobody")))
    with pytest.raises(ValueError, match="must name a node of the cluster"):
        training(recovery)
    with pytest.raises(ValueError, match="must name a node of the cluster"):
        training(Checkpoints(store=store_of(PrimaryBackup(views=Views(master="nobody")))))


def test_a_file_names_it_where_its_module_is_allowed():
    recovery = Checkpoints(store=store_of(Raft()))
    told = recovery.model_dump(mode="json")

    with pytest.raises(InvalidSpec, match="--plugin"):
        Checkpoints.model_validate(told)
    with plugins("simcluster.replication.scheme_store"):
        assert Checkpoints.model_validate(told) == recovery


def training(recovery, faults=(), steps=60):
    job = TrainingJob(
        model=Softmax(),
        data=Bundled(name="iris"),
        exchange=ParameterServer(server="server", retry_s=0.1),
        recovery=recovery,
        workers=("w-0", "w-1"),
        steps=steps,
        evaluate_every=steps,
    )
    kinds = ("checkpoint", "restore", "crash")
    return Scenario(
        cluster=ClusterSpec(nodes=MACHINES), job=job, faults=tuple(faults), horizon_s=60.0, trace_kinds=kinds
    )


def backwards(result):
    """Restored clocks that are less than one that the server had been told was kept."""
    found, kept = [], 0
    for row in sorted([*result.trace.rows("checkpoint"), *result.trace.rows("restore")], key=lambda row: row["time_s"]):
        found += [row["clock"]] if row["clock"] < kept else []
        kept = row["clock"]
    return found


@pytest.mark.parametrize("name", STRONG)
def test_under_what_is_linearizable_training_never_goes_back_and_learns_the_same_bits_whatever_happens(name):
    under = training(Checkpoints(every=1, store=store_of(STRONG[name])))
    undisturbed = run(under, 0).outcome
    restored = 0
    for seed in range(4):
        drawn = swarm(under.cluster.names, None, KINDS).draw(seed)
        result = run(under.under((*drawn, CrashNode(node="server", begin_s=0.8, end_s=0.9))), seed)
        assert result.ended == "finished"
        assert backwards(result) == []
        assert result.outcome.parameters.tobytes() == run(under, seed).outcome.parameters.tobytes()
        restored += len(list(result.trace.rows("restore")))
    assert restored >= 2
    assert undisturbed.steps == 60


def test_what_is_eventual_goes_back_where_its_copy_was_cut_off_and_learns_the_same_bits_all_the_same():
    went_back = 0
    under = training(Checkpoints(every=1, store=store_of(Eventual())))
    for copy in COPIES:
        cut = PartitionNetwork(groups=((copy, "server", "w-0", "w-1"),), begin_s=0.5, end_s=0.9)
        gone = [CrashNode(node=name, begin_s=0.9, end_s=end_s) for name, end_s in (("server", 1.0), (copy, 1.5))]
        result = run(under.under((cut, *gone)), 0)
        assert result.outcome.parameters.tobytes() == run(under, 0).outcome.parameters.tobytes()
        went_back += bool(backwards(result))
    assert went_back >= 1
