"""Read committed: nobody sees what was not committed, and that is all."""

from simcluster.engine import Program
from simcluster.replication.transactions.transaction import Transaction


def read_committed(transaction: Transaction) -> Program:
    """A transaction reads what is committed just then, and locks what it writes until the commit.

    Of two that read a key and then write it both succeed, and one does not know of the other: a lost update. Berenson
    et al., "A critique of ANSI SQL isolation levels", SIGMOD 1995, table 2; PL-2 of Adya 1999.
    """
    for f, key, value in transaction.steps:
        if f == "r":
            yield from transaction.read(key)
        else:
            yield from transaction.lock(key)
            transaction.write(f, key, value)
    yield from transaction.commit()
