"""What tests of transactions share: a cluster, a workload, and what must hold whatever the isolation."""

from simcluster import ClusterSpec, NetworkSpec, Scenario, nodes, run
from simcluster.cluster import StorageSpec
from simcluster.engine import Constant, Exponential
from simcluster.faults import Swarm
from simcluster.measurement.checkers.transactions.list_append import list_append
from simcluster.measurement.histories import History
from simcluster.replication import Asked, ShardedStore, TransactionMix
from tests.replication.stores import FAULTS_S, KINDS

SHARDS = ("s-0", "s-1", "s-2")
CLIENTS = ("c-0", "c-1", "c-2", "c-3")
SWARM = Swarm(nodes=(*SHARDS, *CLIENTS), horizon_s=FAULTS_S, heal_at_s=FAULTS_S, kinds=KINDS, include=0.4)
DISK = StorageSpec(flush_s=0.0005)
MIX = TransactionMix(operations=25, think_s=Exponential(mean=0.03))


class Scripted:
    """Clients that ask what is written down: of each a list of (gap_s, steps)."""

    asks = ("txn",)

    def __init__(self, *scripts):
        self.scripts = scripts

    def client(self, number, clients, generator):
        for gap_s, *steps in self.scripts[number]:
            yield Asked("txn", None, tuple(steps), gap_s)


def scenario(isolation, faults=(), *, latency=None, clients=CLIENTS, **fields):
    """Clients of three shards."""
    machines = (*nodes("s", 3, storage=DISK), *nodes("c", 4, storage=DISK))
    network = NetworkSpec(latency=latency or Exponential(mean=0.002))
    times = {"timeout_s": 0.5, "retry_s": 0.05, "settle_s": 3.0}
    job = ShardedStore(isolation=isolation, shards=SHARDS, clients=clients, **{"workload": MIX, **times, **fields})
    kinds = ("invoke", "complete", "apply", "vote", "outcome", "fault")
    cluster = ClusterSpec(nodes=machines, network=network)
    return Scenario(cluster=cluster, job=job, faults=tuple(faults), horizon_s=60.0, trace_kinds=kinds)


def ran(isolation, seed, *, faulty=True, **fields):
    """A run under the schedule of its seed, which comes to its end."""
    result = run(scenario(isolation, SWARM.draw(seed) if faulty else (), **fields), seed)
    assert result.ended == "finished", (seed, result.ended)
    return result


def scripted(isolation, *scripts, faults=(), seed=0, **fields):
    """A run of what is written down, where a message takes 2 ms."""
    clients, latency = CLIENTS[: len(scripts)], Constant(value=0.002)
    fields = {"latency": latency, "workload": Scripted(*scripts), **fields}
    return run(scenario(isolation, faults, clients=clients, **fields), seed)


def not_at(level, **fields):
    """A check: what a history shows that a level forbids."""

    def check(result):
        judgement = list_append(History.of(result.trace), level, **fields)
        return None if judgement.valid else judgement

    return check


def torn(result):
    """What is wrong with the end: of a transaction a part, of an acknowledged one not all, of a failed one something.

    All clients read all keys when everything is over; they must have read the same, and nobody may be in doubt.
    """
    operations = History.of(result.trace).operations
    last = {}
    for each in operations:  # the last reads are those of the processes that are left
        last[each.process] = each
    closing = [each.result for each in last.values() if each.status == "ok" and each.invoke_s > result.ended_s - 1.0]
    if not closing or any(each != closing[0] for each in closing):
        return f"closing reads must be there and equal, got {closing}"
    held = [(key, value) for _, key, values in closing[0] for value in values or ()]
    for each in operations:
        wrote = [(key, value) for f, key, value in each.value if f == "append"]
        there = [held.count(change) for change in wrote]
        right = {"ok": {1}, "fail": {0}, "info": {0, 1}}[each.status]
        if len({*there}) > 1 or not {*there} <= right:
            return f"all or nothing must be there, got {there} of {each}"
    return [row for row in result.series["in_doubt"].to_dict("records") if row["outcome"] is None] or None
