"""Any job survives by what its field says: checkpoints in any store, and a detector of one's choice."""

import networkx as nx
import pytest

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, Spec, Together, nodes, run
from simcluster.cluster import StorageSpec
from simcluster.engine import Constant
from simcluster.faults import CrashNode, KillProgram, LoseDisk, PauseNode
from simcluster.learning import Bundled, Softmax
from simcluster.recovery import AnyStore, Checkpoints, DistributedStore, Heartbeats, LocalStore, RemoteStore, Timeout
from simcluster.scheduling import Functions, Heft, TaskGraphJob
from simcluster.serving import NearestNeighbours, Poisson, RoundRobin, ServiceJob
from simcluster.training import TrainingJob

DISK = StorageSpec(seek_s=0.0005, bandwidth_bytes_per_s=1e8, flush_s=0.0005, torn_writes=True)
WORKERS = ("w-0", "w-1", "w-2")
DISKS = ("d-0", "d-1", "d-2")
CLUSTER = ClusterSpec(
    nodes=(
        NodeSpec(name="head", storage=DISK),
        *nodes("w", 3, flops_per_s=1e7, storage=DISK),
        *nodes("d", 3, storage=DISK),
    ),
    network=NetworkSpec(latency=Constant(value=0.001)),
)
STORES = {
    "local": LocalStore(),
    "remote": RemoteStore(server="d-0", timeout_s=0.05),
    "distributed": DistributedStore(
        coordinator="d-0", servers=DISKS, replication=2, acknowledge="all", heartbeat_s=0.004, timeout_s=0.05
    ),
}
EACH_STORE = pytest.mark.parametrize("store", STORES)


def training(**fields):
    return TrainingJob(
        model=Softmax(), data=Bundled(name="iris"), batch_size=8, server="head", workers=WORKERS, steps=20,
        retry_s=0.05, **fields,
    )  # fmt: skip


def chains():
    """Three chains of five tasks, each of 10 ms, and the sum of them all."""
    graph = nx.DiGraph()
    for chain in range(3):
        for place in range(5):
            name = f"{chain}.{place}"
            graph.add_node(name, function=lambda *before: 1 + sum(before), flops=1e5)
            if place:
                graph.add_edge(f"{chain}.{place - 1}", name)
        graph.add_edge(f"{chain}.4", "all")
    graph.nodes["all"].update(function=lambda *before: sum(before), flops=1e3)
    return graph


def tasks(**fields):
    fields = {"policy": "fifo", **fields}
    return TaskGraphJob(work=Functions(chains()), master="head", workers=WORKERS, retry_s=0.05, **fields)


def under(job, *faults):
    return run(Scenario(cluster=CLUSTER, job=job, faults=faults, horizon_s=60.0), 0)


def steps_begun(result):
    return len(list(result.trace.rows("step")))


def tasks_begun(result):
    return len(list(result.trace.rows("task_begin")))


@EACH_STORE
@pytest.mark.parametrize("begin_s", [0.03, 0.035, 0.041])
def test_training_goes_on_from_its_last_checkpoint_in_any_store_and_changes_no_bit(store, begin_s):
    crash = CrashNode(node="head", begin_s=begin_s, end_s=begin_s + 0.02)
    plain, kept = training(), training(recovery=Checkpoints(every=1, store=STORES[store]))
    without, anew, on = under(plain), under(plain, crash), under(kept, crash)

    assert on.ended == "finished"
    assert on.outcome.parameters.tobytes() == without.outcome.parameters.tobytes()
    assert list(on.trace.rows("restore"))
    assert steps_begun(on) < steps_begun(anew)
    assert steps_begun(on) <= steps_begun(without) + 2 * len(WORKERS)


@pytest.mark.parametrize(("store", "survives"), [("local", False), ("remote", True), ("distributed", True)])
def test_a_checkpoint_of_another_node_survives_the_disk(store, survives):
    faults = [
        LoseDisk(node="head", begin_s=0.04, end_s=0.041),
        CrashNode(node="head", begin_s=0.04, end_s=0.06),
    ]
    result = under(training(recovery=Checkpoints(every=1, store=STORES[store])), *faults)

    assert result.ended == "finished"
    assert bool(list(result.trace.rows("restore"))) == survives


@EACH_STORE
def test_a_worker_that_crashes_does_no_task_again_whose_output_is_kept(store):
    crash = CrashNode(node="w-1", begin_s=0.045, end_s=0.05)
    kept = tasks(recovery=Checkpoints(every=1, store=STORES[store]))
    anew, on = under(tasks(), crash), under(kept, crash)

    assert anew.outcome == on.outcome == {"all": 15}
    assert tasks_begun(anew) > 17  # sixteen tasks, the one that the crash met, and its outputs
    assert tasks_begun(on) <= 17


@EACH_STORE
@pytest.mark.parametrize("begin_s", [0.02, 0.05, 0.08])
def test_a_master_that_crashes_knows_what_was_done(store, begin_s):
    crash = CrashNode(node="head", begin_s=begin_s, end_s=begin_s + 0.01)
    result = under(tasks(recovery=Checkpoints(every=1, store=STORES[store])), crash)
    again = [row for row in result.trace.rows("task_dispatch") if row["time_s"] > begin_s]
    before = [row for row in result.trace.rows("task_end") if row["time_s"] < begin_s - 0.02]

    assert result.outcome == {"all": 15}
    assert {row["task"] for row in before}.isdisjoint(row["task"] for row in again)


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("fault", [CrashNode, KillProgram])
@pytest.mark.parametrize("begin_s", [0.02, 0.05, 0.08])
def test_a_plan_goes_on_from_what_a_master_that_restarts_knows(every, fault, begin_s):
    fields = {"program": "task_graph.master"} if fault is KillProgram else {}
    gone = fault(node="head", begin_s=begin_s, end_s=begin_s + 0.01, **fields)
    result = under(tasks(policy=Heft(), recovery=Checkpoints(every=every)), gone)

    assert (result.ended, result.outcome) == ("finished", {"all": 15})


def test_two_jobs_keep_what_is_theirs_in_stores_of_their_own():
    first = Checkpoints(every=1, store=RemoteStore(server="d-0", name="first"))
    second = Checkpoints(every=1, store=RemoteStore(server="d-0", name="second"))
    both = Together(jobs=(training(recovery=first), tasks(recovery=second)))
    crashes = [CrashNode(node=name, begin_s=0.05, end_s=0.06) for name in ("head", "w-0")]
    trained, summed = under(both, *crashes).outcome

    assert trained.parameters.tobytes() == under(training()).outcome.parameters.tobytes()
    assert summed == {"all": 15}


def test_what_a_recovery_names_must_be_there():
    with pytest.raises(ValueError, match=r"server must name a node of the cluster .*, got 'd-9'"):
        Scenario(cluster=CLUSTER, job=training(recovery=Checkpoints(store=RemoteStore(server="d-9"))))


def test_a_checkpoint_that_cannot_be_saved_or_restored_is_passed_over_and_said():
    store = RemoteStore(server="d-0", timeout_s=0.005, attempts=2)
    faults = [CrashNode(node="d-0", begin_s=0.02, end_s=0.07), CrashNode(node="head", begin_s=0.04, end_s=0.05)]
    result = under(training(recovery=Checkpoints(every=1, store=store)), *faults)
    failed = {(row["operation"], row["cause"]) for row in result.trace.rows("checkpoint_failed")}

    assert result.outcome.parameters.tobytes() == under(training()).outcome.parameters.tobytes()
    assert failed == {("save", "timed_out"), ("restore", "timed_out")}
    assert [row for row in result.trace.rows("checkpoint") if row["time_s"] > 0.07]


@EACH_STORE
def test_a_value_weighs_what_is_said_of_it(store):
    class Writes(Spec):
        def start(self, cluster, seed):
            over = cluster.env.event()
            STORES[store].start(cluster)

            def program(node):
                took_s = []
                for size_bytes in (1e3, 1e6):
                    begin_s = node.env.now
                    yield from STORES[store].write(node, "key", 0, size_bytes)
                    took_s.append(node.env.now - begin_s)
                over.succeed(took_s)

            cluster["head"].boot(program)
            return over

    light_s, heavy_s = under(Writes()).outcome

    assert heavy_s > light_s + 0.009  # a disk writes a megabyte in 10 ms


class Jealous(Spec):
    """A store of one's own that takes a while, and one client of a key at a time."""

    kind: str = "jealous"

    def start(self, cluster):
        cluster.kept, cluster.writing = {}, set()

    def write(self, node, key, value, size_bytes=None):
        assert key not in node.cluster.writing, f"two clients write {key}"
        node.cluster.writing.add(key)
        yield node.timer(0.05)
        node.cluster.writing.remove(key)
        node.cluster.kept[key] = value

    def read(self, node, key):
        yield node.timer(0.05)
        return node.cluster.kept[key]


def test_a_worker_of_several_cores_keeps_its_outputs_one_after_the_other():
    graph = nx.DiGraph()
    for name in range(6):
        graph.add_node(name, function=lambda: 1, flops=1e5)
    machines = (NodeSpec(name="head"), NodeSpec(name="w-0", cores=3, flops_per_s=1e7))
    job = TaskGraphJob(
        work=Functions(graph), policy="fifo", master="head", workers=("w-0",), retry_s=1.0,
        recovery=Checkpoints(every=1, store=Jealous()),
    )  # fmt: skip
    result = run(Scenario(cluster=ClusterSpec(nodes=machines), job=job), 0)

    assert result.outcome == dict.fromkeys(range(6), 1)


class Noting(Spec):
    """A recovery of one's own, which keeps the last state of each program and notes how many steps that says it did."""

    def start(self, cluster):
        cluster.kept, cluster.counts = {}, {}

    def keeper(self, node, name):
        class Keeper:
            def restore(self):
                yield node.timer(0.0)
                return node.cluster.kept.get(name)

            def after_step(self, clock, state):
                yield node.timer(0.0)
                node.cluster.kept[name] = state()
                noted.setdefault(name, []).append(clock)

        return Keeper()


noted = {}


def test_who_goes_on_from_what_was_kept_counts_on_from_there():
    noted.clear()
    crashes = [CrashNode(node=name, begin_s=0.04, end_s=0.05) for name in ("head", "w-0")]

    assert under(tasks(recovery=Noting()), *crashes).outcome == {"all": 15}
    assert set(noted) == {"task_graph.master", *(f"task_graph.worker@{name}" for name in WORKERS)}
    for counts in noted.values():
        assert counts == list(range(1, len(counts) + 1))


class Dictionary(Spec):
    """A store of one's own, outside the cluster: a value is there at once, and survives everything."""

    kind: str = "dictionary"

    def start(self, cluster):
        cluster.kept = {}

    def write(self, node, key, value, size_bytes=None):
        yield node.timer(0.0)
        node.cluster.kept[key] = value

    def read(self, node, key):
        yield node.timer(0.0)
        return node.cluster.kept[key]


def test_a_store_of_one_s_own_serves():
    crash = CrashNode(node="head", begin_s=0.03, end_s=0.05)
    result = under(training(recovery=Checkpoints(every=1, store=Dictionary())), crash)

    assert steps_begun(result) <= 20 * len(WORKERS) + 2 * len(WORKERS)


class Keeping(Spec):
    """A job of one's own, whose store is a field."""

    store: AnyStore = LocalStore()

    def start(self, cluster, seed):
        over = cluster.env.event()
        self.store.start(cluster)

        def program(node):
            found = []
            for value in (1, None, "three"):
                try:
                    found.append((yield from self.store.read(node, "key")))
                except KeyError as error:
                    found.append(error.args)
                yield from self.store.write(node, "key", value, 100.0)
            over.succeed((found, (yield from self.store.read(node, "key"))))

        cluster["head"].boot(program)
        return over


@EACH_STORE
def test_what_is_written_under_a_key_is_what_a_store_gives_back(store):
    result = under(Keeping(store=STORES[store]))

    assert result.outcome == ([("key",), 1, None], "three")


HEARD = Heartbeats(period_s=0.01, suspicion=Timeout(after_s=0.04))


def service(**fields):
    return ServiceJob(
        service=NearestNeighbours(data=Bundled(name="iris")), arrivals=Poisson(per_s=50), queries=60,
        front_end="head", servers=WORKERS, balancer=RoundRobin(), timeout_s=0.03, **fields,
    )  # fmt: skip


def asked(result, server, begin_s, end_s):
    rows = result.trace.rows("send")
    times_s = [row["time_s"] for row in rows if row["target"] == server and row["message_kind"] == "service.ask"]
    return [time_s for time_s in times_s if begin_s < time_s < end_s]


@pytest.mark.parametrize("fault", [CrashNode, PauseNode, KillProgram])
def test_a_front_end_does_not_ask_a_replica_that_is_suspected_until_it_is_heard_again(fault):
    fields = {"program": "service.server"} if fault is KillProgram else {}
    gone = fault(node="w-1", begin_s=0.3, end_s=0.7, **fields)
    blind, watching = under(service(), gone), under(service(detector=HEARD), gone)

    assert len(asked(blind, "w-1", 0.36, 0.7)) > 3
    assert asked(watching, "w-1", 0.36, 0.7) == []
    assert asked(watching, "w-1", 0.8, 9.0)
    said = [(row["node"], row["suspected"]) for row in watching.trace.rows("suspect")]
    assert said == [("w-1", True), ("w-1", False)]
    assert len(watching.outcome.answers) == 60


def test_when_all_replicas_are_suspected_they_are_asked_all_the_same():
    gone = [PauseNode(node=name, begin_s=0.2, end_s=0.5) for name in WORKERS]
    result = under(service(detector=HEARD), *gone)

    assert any(asked(result, name, 0.3, 0.5) for name in WORKERS)
    assert len(result.outcome.answers) == 60
