"""What tests of strong schemes share: a cluster, a workload, schedules of faults, and what must hold."""

from __future__ import annotations

from typing import ClassVar, Literal

from linearizable import broken_key

from simcluster import ClusterSpec, Scenario, nodes, run
from simcluster.cluster import StorageSpec
from simcluster.engine import Exponential
from simcluster.faults import (
    Broken,
    CrashNode,
    CutMinority,
    CutOneWay,
    DriftClock,
    DuplicateMessages,
    IsolateNode,
    LoseMessages,
    PartitionBridge,
    PartitionNetwork,
    PartitionRing,
    PauseNode,
    ReorderMessages,
    SlowDisk,
    SpikeLatency,
    StepClock,
    Swarm,
    TearWrites,
    trial_of,
)
from simcluster.replication import Mix, ReplicatedStore

DRIFT = 0.05


class SmallDrift(DriftClock):
    """A drift that leases are made for: of a twentieth of DRIFT, for several multiply."""

    kind: Literal["small_drift"] = "small_drift"
    on_demand: ClassVar[bool] = True

    @classmethod
    def draw(cls, knobs, run_s):
        """Fast or slow."""
        return {"node": knobs.node(), "rate": knobs.choice(-1, 1) * knobs.log_uniform(1e-6, DRIFT / 20)}


KINDS = (
    CrashNode,
    PauseNode,
    PartitionNetwork,
    IsolateNode,
    CutMinority,
    CutOneWay,
    PartitionRing,
    PartitionBridge,
    LoseMessages,
    DuplicateMessages,
    ReorderMessages,
    SpikeLatency,
    StepClock,
    TearWrites,
    SlowDisk,
)
HORIZON_S = 4.0


def scenario(scheme, replicas=3, *, clients=4, operations=60, mix=None, extra=(), **fields):
    """Clients that ask for about HORIZON_S."""
    names, asking = [f"r-{i}" for i in range(replicas)], [f"c-{i}" for i in range(clients)]
    think_s = Exponential(mean=HORIZON_S / operations / 2)
    workload = Mix(operations=operations, mix=mix or {"read": 2, "write": 1, "cas": 1}, keys=2, think_s=think_s)
    job = ReplicatedStore(scheme=scheme, replicas=names, clients=asking, workload=workload, timeout_s=0.5, **fields)
    storage = StorageSpec(seek_s=1e-4, flush_s=1e-3)
    machines = (*nodes("r", replicas, storage=storage), *nodes("c", clients), *extra)
    return Scenario(cluster=ClusterSpec(nodes=machines), job=job, horizon_s=30.0)


def linearizes(result):
    """Every key's history is linearizable."""
    if any(row["status"] == "ok" for row in result.trace.rows("complete")):
        key = broken_key(result.trace)
        yield None if key is None else Broken("a history must be linearizable")


def swarm(names, drift=SmallDrift, kinds=KINDS):
    """Schedules of all kinds together."""
    return Swarm(nodes=names, horizon_s=HORIZON_S, kinds=(*kinds, drift) if drift else kinds)


def trial(under):
    """Runs a schedule and asks whether the history is linearizable."""
    return trial_of(lambda faults, seed: run(under.under(faults), seed), linearizes)
