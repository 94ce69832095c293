"""Rows that lie in storage are read, at the price that formulas say, into memory that has to be large enough."""

import numpy as np
import pytest

from simcluster import Scenario, run
from simcluster.cluster import (
    ClusterSpec,
    Corrupted,
    DiskFull,
    DiskLost,
    NetworkSpec,
    NodeSpec,
    OutOfMemory,
    StorageSpec,
)
from simcluster.cluster.messages.message import HEADER_BYTES
from simcluster.engine import Constant, Spec, stream
from simcluster.faults import (
    CorruptMessages,
    CrashNode,
    ExhaustMemory,
    LoseDisk,
    LoseMessages,
    RotBits,
    SlowDisk,
)
from simcluster.recovery import Checkpoints, DistributedStore, LocalStore, Preloads, RemoteStore
from simcluster.training import AllReduce, Bundled, InMemory, ParameterServer, Placement, Softmax, Stored, TrainingJob

SEEK_S, DISK_BYTES_PER_S, LINK_BYTES_PER_S, LATENCY_S = 0.005, 2e5, 1e6, 0.01
WORKERS, SERVERS = ("w-0", "w-1", "w-2"), ("d-0", "d-1", "d-2")
ROWS_BYTES = 50 * 8 * (4 + 1)  # iris, in three
READ_S = SEEK_S + ROWS_BYTES / DISK_BYTES_PER_S
KEY = len("training.rows-0")

REMOTE = RemoteStore(server="store", timeout_s=5.0)
DISTRIBUTED = DistributedStore(coordinator="store", servers=SERVERS, replication=2, heartbeat_s=0.1, timeout_s=5.0)
STORES = {"local": LocalStore(), "remote": REMOTE, "distributed": DISTRIBUTED}


def scenario(placement, faults=(), memory_bytes=None, latency_s=LATENCY_S, bandwidth=LINK_BYTES_PER_S, **job):
    disk = StorageSpec(seek_s=SEEK_S, bandwidth_bytes_per_s=DISK_BYTES_PER_S)
    machines = [NodeSpec(name=name, storage=disk) for name in ("server", "store", *SERVERS)]
    machines += [NodeSpec(name=name, storage=disk, flops_per_s=1e6, memory_bytes=memory_bytes) for name in WORKERS]
    fields = {
        "model": Softmax(), "data": Bundled(name="iris"), "workers": WORKERS, "steps": 4, "placement": placement,
        "exchange": ParameterServer(server="server", retry_s=0.5), **job,
    }  # fmt: skip
    return Scenario(
        cluster=ClusterSpec(
            nodes=tuple(machines),
            network=NetworkSpec(latency=Constant(value=latency_s), bandwidth_bytes_per_s=bandwidth),
        ),
        job=TrainingJob(**fields),
        faults=tuple(faults),
        horizon_s=60.0,
    )


def loads(result):
    return [(row["worker"], row["begin_s"], row["time_s"]) for row in result.trace.rows("load")]


ONE = run(scenario(InMemory()), 0)


def test_by_default_rows_are_in_memory_and_nothing_is_read():
    assert TrainingJob.model_fields["placement"].default == InMemory()
    assert loads(ONE) == []
    assert not list(ONE.trace.rows("disk"))


def test_a_local_read_takes_what_the_disk_takes_and_everything_is_later_by_that():
    result = run(scenario(Stored()), 0)

    assert loads(result) == [(worker, 0.0, READ_S) for worker in WORKERS]
    assert result.ended_s == pytest.approx(ONE.ended_s + READ_S, rel=1e-12)


def test_a_remote_server_reads_for_one_worker_after_the_other():
    result = run(scenario(Stored(store=REMOTE)), 0)
    asked_s = LATENCY_S + (HEADER_BYTES + KEY) / LINK_BYTES_PER_S
    answered_s = LATENCY_S + (HEADER_BYTES + ROWS_BYTES) / LINK_BYTES_PER_S

    expected = [asked_s + turn * READ_S + answered_s for turn in (1, 2, 3)]
    assert [time_s for *_, time_s in loads(result)] == pytest.approx(expected, rel=1e-12)


def test_over_slow_links_the_last_worker_waits_for_the_rows_of_all():
    result = run(scenario(Stored(store=REMOTE), bandwidth=2e4, exchange=ParameterServer(server="server")), 0)
    asked_s, sent_s = LATENCY_S + (HEADER_BYTES + KEY) / 2e4, (HEADER_BYTES + ROWS_BYTES) / 2e4

    assert loads(result)[-1][-1] == pytest.approx(asked_s + READ_S + 3 * sent_s + LATENCY_S, rel=1e-12)


def test_a_distributed_read_asks_first_where_rows_are():
    result = run(scenario(Stored(store=DISTRIBUTED)), 0)
    sent = {row["message_kind"]: row["size_bytes"] for row in result.trace.rows("send")}
    kinds = ("store-locate", "store-locate-reply", "store-get", "store-get-reply")

    assert sent["store-get-reply"] == HEADER_BYTES + ROWS_BYTES
    expected_s = READ_S + 4 * LATENCY_S + sum(sent[kind] for kind in kinds) / LINK_BYTES_PER_S
    assert min(time_s for *_, time_s in loads(result)) == pytest.approx(expected_s, rel=1e-12)


@pytest.mark.parametrize("exchange", [ParameterServer(server="server", retry_s=0.5), AllReduce(retry_s=0.5)])
@pytest.mark.parametrize("store", STORES)
def test_a_worker_that_restarts_reads_again_and_nothing_else_changes(store, exchange):
    calm = run(scenario(Stored(store=STORES[store]), exchange=exchange), 0)
    first_s = next(row["time_s"] for row in calm.trace.rows("step"))
    for begin_s in (0.3 * first_s, first_s + 0.01):
        crash = CrashNode(node="w-1", begin_s=begin_s, end_s=begin_s + 0.05)
        result = run(scenario(Stored(store=STORES[store]), (crash,), exchange=exchange), 0, check=True)

        again = [begun_s for worker, begun_s, _ in loads(result) if worker == "w-1" and begun_s > 0]
        assert len(again) == 1
        assert again[0] >= begin_s + 0.05
        np.testing.assert_array_equal(result.outcome.parameters, calm.outcome.parameters)


@pytest.mark.parametrize("store", STORES)
def test_rows_from_storage_teach_what_rows_in_memory_do(store):
    result = run(scenario(Stored(store=STORES[store])), 0)

    np.testing.assert_array_equal(result.outcome.parameters, ONE.outcome.parameters)
    assert [row["size_bytes"] for row in result.trace.rows("load")] == [ROWS_BYTES] * 3


@pytest.mark.slow
@pytest.mark.parametrize("store", STORES)
def test_no_schedule_of_crashes_and_losses_that_ends_changes_a_bit(store):
    generator = stream(5, store)
    for _ in range(20):
        node = str(generator.choice([*WORKERS, "store", *SERVERS[:1]]))
        begin_s = float(generator.uniform(0, 0.3))
        crash = CrashNode(node=node, begin_s=begin_s, end_s=begin_s + float(generator.uniform(0.01, 0.5)))
        lose = LoseMessages(probability=0.2, begin_s=0.0, end_s=0.5)
        slow = SlowDisk(node="w-0", factor=5.0, begin_s=0.0, end_s=0.2)
        result = run(scenario(Stored(store=STORES[store]), (crash, lose, slow)), 0)

        assert result.ended == "finished"
        np.testing.assert_array_equal(result.outcome.parameters, ONE.outcome.parameters)


def test_what_comes_damaged_is_read_again():
    corrupt = CorruptMessages(probability=1.0, detected=False, senders=("store",), begin_s=0.0, end_s=0.5)
    result = run(scenario(Stored(store=REMOTE, retry_s=0.2), (corrupt,)), 0)

    assert min(time_s for *_, time_s in loads(result)) > 0.5
    np.testing.assert_array_equal(result.outcome.parameters, ONE.outcome.parameters)


def test_another_copy_serves_where_one_is_gone():
    holder = next(row["target"] for row in run(scenario(Stored(store=DISTRIBUTED)), 0).trace.rows("send")
                  if row["message_kind"] == "store-get")  # fmt: skip
    result = run(scenario(Stored(store=DISTRIBUTED), (LoseDisk(node=holder, begin_s=0.001),)), 0)

    np.testing.assert_array_equal(result.outcome.parameters, ONE.outcome.parameters)
    with pytest.raises(DiskLost, match="no whole copy of the rows of w-1 is in the store any more"):
        run(scenario(Stored(), (LoseDisk(node="w-1", begin_s=0.0), CrashNode(node="w-1", begin_s=0.02, end_s=0.03))), 0)


@pytest.mark.parametrize(("store", "node", "failure"), [("local", "w-2", DiskLost), ("remote", "store", Corrupted)])
def test_rows_that_rot_are_never_learned_from(store, node, failure):
    with pytest.raises(failure):
        run(scenario(Stored(store=STORES[store]), (RotBits(node=node, begin_s=0.001, count=9),)), 0)


def test_rows_need_room_where_they_lie():
    full = scenario(Stored(store=REMOTE))
    small = StorageSpec(capacity_bytes=2 * ROWS_BYTES)
    nodes = tuple(node.replace(storage=small) if node.name == "store" else node for node in full.cluster.nodes)

    with pytest.raises(DiskFull, match=r"store has 0 bytes free, .* takes 2000 more"):
        run(full.replace(cluster=full.cluster.replace(nodes=nodes)), 0)


# Memory


@pytest.mark.parametrize("placement", [InMemory(), Stored()])
@pytest.mark.parametrize("exchange", [ParameterServer(server="server"), AllReduce()])
def test_rows_that_do_not_fit_in_memory_are_out_of_it_at_once_and_it_is_said_by_how_much(placement, exchange):
    for enough in (ROWS_BYTES, ROWS_BYTES + 1):
        assert run(scenario(placement, memory_bytes=enough, exchange=exchange), 0).ended == "finished"
    with pytest.raises(OutOfMemory, match="w-0 has 1999 bytes available, 2000 were asked") as error:
        run(scenario(placement, memory_bytes=ROWS_BYTES - 1, exchange=exchange), 0)
    assert "on w-0 at 0" in error.value.__notes__[0]


def test_shares_decide_what_has_to_fit():
    result = run(scenario(InMemory(), memory_bytes=2400, shares=(1.0, 1.0, 1.0)), 0)
    assert result.ended == "finished"
    with pytest.raises(OutOfMemory, match=r"w-2 has 2400 bytes available, 3000 were asked"):
        run(scenario(InMemory(), memory_bytes=2400, shares=(1.0, 1.0, 2.0)), 0)


def test_a_scenario_may_let_the_node_crash_as_the_system_would():
    result = run(scenario(InMemory(), memory_bytes=10).replace(uncaught_failure="crash_node", horizon_s=1.0), 0)

    assert [row["cause"] for row in result.trace.rows("uncaught")] == ["out_of_memory"] * 3
    assert "node crashed" in [verdict.name for verdict in result.verdicts]


def test_what_a_fault_withholds_is_waited_for():
    calm = run(scenario(InMemory(), memory_bytes=3000), 0)
    early = ExhaustMemory(node="w-0", size_bytes=2000, begin_s=0.0, end_s=0.55)
    later = ExhaustMemory(node="w-0", begin_s=0.02, end_s=0.55), CrashNode(node="w-0", begin_s=0.03, end_s=0.04)
    for faults in ((early,), later):
        result = run(scenario(InMemory(), faults, memory_bytes=3000), 0)

        assert result.ended_s > 0.55
        np.testing.assert_array_equal(result.outcome.parameters, calm.outcome.parameters)


class Watched(Spec):
    """A job in a job: how much its worker's node holds while it learns, and after."""

    job: TrainingJob

    def start(self, cluster, seed):
        ended = self.job.start(cluster, seed)
        over, used_bytes = cluster.env.event(), [cluster["w-0"].memory.used_bytes]
        cluster.env.call_later(0.03, lambda _: used_bytes.append(cluster["w-0"].memory.used_bytes))

        def later(_):
            cluster.env.call_later(0.0, lambda _: over.succeed([*used_bytes, cluster["w-0"].memory.used_bytes]))

        ended.callbacks.append(later)
        return over


def test_memory_is_held_as_long_as_training_goes_on():
    made = scenario(InMemory())

    assert run(made.replace(job=Watched(job=made.job)), 0).outcome == [0, ROWS_BYTES, 0]


# What does not go together


class Plain(Spec):
    """A store that can only be written to."""

    def start(self, cluster):
        pass

    def write(self, node, key, value, size_bytes=None):
        yield from ()

    def read(self, node, key):
        yield from ()


def test_a_store_that_cannot_have_held_anything_before_is_refused():
    preloads: Preloads = LocalStore()
    assert preloads.preload
    with pytest.raises(ValueError, match="store must have preload where rows lie in it before the run, got"):
        Stored(store=Plain())


def test_two_stores_of_one_name_are_refused():
    with pytest.raises(ValueError, match="stores of recovery and placement must have names that differ, got 'store'"):
        scenario(Stored(store=REMOTE), recovery=Checkpoints(store=DISTRIBUTED))
    other = Checkpoints(every=1, store=REMOTE.replace(name="checkpoints"))
    result = run(scenario(Stored(store=REMOTE), recovery=other), 0)

    np.testing.assert_array_equal(result.outcome.parameters, ONE.outcome.parameters)


def test_nodes_that_a_store_names_are_looked_up():
    with pytest.raises(ValueError, match="server must name a node of the cluster"):
        scenario(Stored(store=RemoteStore(server="nobody")))


class Forgetful(ParameterServer):
    """An exchange of one's own that does not let its workers load."""

    def start(self, training, cluster):
        training.load = lambda node, worker: iter(())
        super().start(training, cluster)


def test_an_exchange_that_forgets_to_load_is_told_so():
    with pytest.raises(ValueError, match="an exchange must let a worker load its rows before it learns from them"):
        run(scenario(Stored(), exchange=Forgetful(server="server")), 0)


class Tape(Spec):
    """A placement of one's own: a second, wherever they are."""

    def start(self, training, cluster):
        pass

    def load(self, training, node, worker):
        yield node.timer(1.0)


def test_a_placement_may_be_one_s_own():
    placement: Placement = Tape()

    assert run(scenario(placement), 0).ended_s == pytest.approx(ONE.ended_s + 1.0, rel=1e-12)
    with pytest.raises(ValueError, match="Placement must have start"):
        scenario(object())


def test_a_read_that_has_given_up_is_begun_again():
    gives_up = REMOTE.replace(timeout_s=0.1, attempts=1)
    lost = LoseMessages(probability=1.0, senders=("w-0",), receivers=("store",), begin_s=0.0, end_s=0.35)
    result = run(scenario(Stored(store=gives_up, retry_s=0.1), (lost,)), 0)

    assert next(time_s for worker, _, time_s in loads(result) if worker == "w-0") > 0.35
    np.testing.assert_array_equal(result.outcome.parameters, ONE.outcome.parameters)
