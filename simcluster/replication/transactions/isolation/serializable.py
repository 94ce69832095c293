"""Serialisable: transactions are as if one came after the other, by strict two-phase locking."""

from simcluster.engine import Program
from simcluster.replication.transactions.transaction import Transaction


def serializable(transaction: Transaction) -> Program:
    """A transaction locks each key before it reads or writes it, and gives no lock back before all are taken.

    It is strict in time too: what was over before another began comes before it. Eswaran, Gray, Lorie & Traiger, "The
    notions of consistency and predicate locks in a database system", CACM 1976.
    """
    for f, key, value in transaction.steps:
        if f == "r":
            yield from transaction.read(key, lock=True)
        else:
            yield from transaction.lock(key)
            transaction.write(f, key, value)
    yield from transaction.commit()
