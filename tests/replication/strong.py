"""What tests of strong schemes share: a cluster, a workload, schedules of faults, and what must hold."""

from __future__ import annotations

from typing import ClassVar, Literal

from simcluster import ClusterSpec, NetworkSpec, Scenario, nodes, run
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
from simcluster.measurement.checkers import linearizability
from simcluster.measurement.checkers.models import CasRegister
from simcluster.measurement.histories import History
from simcluster.replication import Mix, ReplicatedStore

DRIFT = 0.05
MODEL = CasRegister(failed_cas="operation")


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
    workload = fields.pop("workload", None) or Mix(
        operations=operations, mix=mix or {"read": 2, "write": 1, "cas": 1}, keys=2, think_s=think_s
    )
    job = ReplicatedStore(scheme=scheme, replicas=names, clients=asking, workload=workload, timeout_s=0.5, **fields)
    storage = StorageSpec(seek_s=1e-4, flush_s=1e-3)
    machines = (*nodes("r", replicas, storage=storage), *nodes("c", clients), *extra)
    cluster = ClusterSpec(nodes=machines, network=NetworkSpec(latency=Exponential(mean=0.001)))
    return Scenario(cluster=cluster, job=job, horizon_s=30.0, trace_kinds=("invoke", "complete", "fault"))


def linearizes(result):
    """Every key's history is linearizable."""
    history = History.of(result.trace)
    if any(each.status == "ok" for each in history):
        verdict = linearizability(history, MODEL).verdict
        yield None if verdict == "valid" else Broken(f"a history must be linearizable, not {verdict}")


def swarm(names, drift=SmallDrift, kinds=KINDS):
    """Schedules of all kinds together."""
    return Swarm(nodes=names, horizon_s=HORIZON_S, kinds=(*kinds, drift) if drift else kinds)


def trial(under):
    """Runs a schedule and asks whether the history is linearizable."""
    return trial_of(lambda faults, seed: run(under.under(faults), seed), linearizes)
