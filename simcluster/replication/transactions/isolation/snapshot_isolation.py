"""Snapshot isolation: a transaction reads what there was when it began; of two that write one key the first wins."""

from simcluster.engine import Program
from simcluster.replication.transactions.transaction import Transaction


def snapshot_isolation(transaction: Transaction) -> Program:
    """A transaction reads as of a stamp, and commits at a later one if nobody has changed meanwhile what it writes.

    Of two that each read what the other writes both succeed: write skew. Sources: Berenson et al., "A critique of ANSI
    SQL isolation levels", SIGMOD 1995; over shards Peng & Dabek, "Large-scale incremental processing using distributed
    transactions and notifications" (Percolator), OSDI 2010, by whose rule a read waits for a lock on its key.
    """
    began = yield from transaction.now()
    for f, key, value in transaction.steps:
        if f == "r":
            yield from transaction.read(key, at=began)
        else:
            transaction.write(f, key, value)
    for key in sorted(transaction.written):
        yield from transaction.lock(key, at=began)
    yield from transaction.commit(stamped=True)
