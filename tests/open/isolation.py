"""An isolation of one's own: optimistic validation, which locks nothing before the end, and two clients that meet."""
from simcluster import ClusterSpec, Scenario, nodes, run
from simcluster.measurement.checkers.transactions.list_append import list_append
from simcluster.measurement.histories import History
from simcluster.replication import ShardedStore, TransactionMix, snapshot_isolation


def optimistic(transaction):
    began = yield from transaction.now()
    for f, key, value in transaction.steps:
        if f == "r":
            yield from transaction.read(key, at=began)
        else:
            transaction.write(f, key, value)
    for key in sorted({key for _, key, _ in transaction.steps}):  # of what it has read, too, nothing has changed since
        yield from transaction.lock(key, at=began)
    yield from transaction.commit(stamped=True)


for isolation in (snapshot_isolation, optimistic):
    job = ShardedStore(isolation=isolation, shards=("n-0", "n-1"), clients=("n-2", "n-3", "n-4", "n-5"),
                       workload=TransactionMix(operations=100, keys=3))
    result = run(Scenario(cluster=ClusterSpec(nodes=nodes("n", 6)), job=job), seed=0)
    found = list_append(History.of(result.trace), "serializable")
    print(f"{isolation.__name__}: {result.outcome}, {found.verdict}", *(each.name for each in found.anomalies))
