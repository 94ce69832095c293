"""What the tests of stores share: a cluster, schedules of all faults that a protocol must survive, what must hold."""

from collections import defaultdict

from simcluster import ClusterSpec, NetworkSpec, Scenario, nodes, run
from simcluster.cluster import StorageSpec
from simcluster.engine import Exponential
from simcluster.faults import (
    CrashNode,
    CutOneWay,
    DriftClock,
    DuplicateMessages,
    IsolateNode,
    LoseMessages,
    PartitionNetwork,
    PauseNode,
    ReorderMessages,
    SlowDisk,
    SpikeLatency,
    StepClock,
    Swarm,
    TearWrites,
)
from simcluster.measurement.histories import History
from simcluster.replication import Mix, ReplicatedStore

REPLICAS = ("r-0", "r-1", "r-2")
CLIENTS = ("c-0", "c-1", "c-2", "c-3")
FAULTS_S = 1.2
KINDS = (
    CrashNode, PauseNode, PartitionNetwork, IsolateNode, CutOneWay, LoseMessages, DuplicateMessages, ReorderMessages,
    SpikeLatency, DriftClock, StepClock, TearWrites, SlowDisk,
)  # fmt: skip
SWARM = Swarm(nodes=(*REPLICAS, *CLIENTS), horizon_s=FAULTS_S, heal_at_s=FAULTS_S, kinds=KINDS, include=0.4)
#: A few that overlap, of a cluster with nodes n-0, c-0 and c-1.
A_FEW = (
    LoseMessages(probability=0.1, begin_s=0.0, end_s=2.0),
    DuplicateMessages(probability=0.2, begin_s=0.0, end_s=2.0),
    PartitionNetwork(groups=(("n-0", "c-0"),), begin_s=0.3, end_s=0.6),
    CrashNode(node="n-0", begin_s=0.8, end_s=1.0),
    PauseNode(node="c-1", begin_s=0.9, end_s=1.2),
    CrashNode(node="c-0", begin_s=1.1, end_s=1.3),
)


def scenario(scheme, faults=(), *, mix=None, keys=2, operations=40, replicas=3, think_s=0.02, settle_s=4.0, **fields):
    """Four clients that ask for about a second, on three copies."""
    network = fields.pop("network", NetworkSpec(latency=Exponential(mean=0.002)))
    machines = (*nodes("r", replicas, storage=StorageSpec(flush_s=0.0005)), *nodes("c", len(CLIENTS)))
    workload = Mix(
        operations=operations, keys=keys, mix=mix or {"read": 3, "write": 2}, think_s=Exponential(mean=think_s)
    )
    job = ReplicatedStore(
        scheme=scheme,
        replicas=tuple(f"r-{place}" for place in range(replicas)),
        clients=CLIENTS,
        **{"workload": workload, "timeout_s": 0.5, "retry_s": 0.05, "settle_s": settle_s, **fields},
    )
    kinds = ("invoke", "complete", "apply", "fault")
    cluster = ClusterSpec(nodes=machines, network=network)
    return Scenario(cluster=cluster, job=job, faults=tuple(faults), horizon_s=120.0, trace_kinds=kinds)


def ran(scheme, seed, *, faulty=True, **fields):
    """A run under the schedule of its seed, which comes to its end."""
    result = run(scenario(scheme, SWARM.draw(seed) if faulty else (), **fields), seed)
    assert result.ended == "finished", (seed, result.ended)
    return result


def history_of(result):
    """What clients saw, without the true times of effects, which order what is concurrent otherwise than stamps."""
    return History(History.of(result.trace).operations)


def closing(result):
    """What each key was read as at the end, client by client; nothing of a read that failed."""
    begun = {row["operation"]: row for row in result.trace.rows("invoke")}
    settled_s = max(each["time_s"] for each in begun.values()) - 1.0  # reads at the end are those after the pause
    found = defaultdict(list)
    for row in result.trace.rows("complete"):
        asked = begun[row["operation"]]
        if asked["time_s"] > settled_s and asked["f"] == "read" and row["status"] == "ok":
            found[asked["key"]].append(row["result"])
    return dict(found)


def diverged(result):
    """The keys that clients at different copies read differently at the end."""
    return [key for key, values in closing(result).items() if any(value != values[0] for value in values)]


def irregular(history):
    """The first read that is of no regular register, with the write that it should have seen, or ``None``.

    A read returns a value of a write that began before its end, and that no other write followed, each after the other,
    which was over when the read began (weak regularity of many writers: Shao, Welch, Pierce & Lee 2011).
    """
    for key, operations in history.groups(lambda each: each.key).items():
        writes = {each.value: each for each in operations if each.f == "write"}
        for read in operations:
            if read.f != "read" or read.status != "ok":
                continue
            seen = writes.get(read.result)
            if read.result is not None and (seen is None or seen.begin > read.end):
                return key, read, None
            for other in writes.values():
                known = other.status == "ok" and other.end < read.begin
                if known and (seen is None or (seen.status == "ok" and seen.end < other.begin)):
                    return key, read, other
    return None
