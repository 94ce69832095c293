"""What a store of transactions is made of: how a transaction is kept apart from others."""

from __future__ import annotations

from typing import Protocol

from simcluster.engine import Program
from simcluster.replication.transactions.transaction import Transaction


class Isolation(Protocol):
    """What a transaction may see of others, and what they must not do meanwhile; a plain function serves."""

    def __call__(self, transaction: Transaction) -> Program:
        """Steps on the client's node that read and write as ``transaction.steps`` say, and end by its ``commit``.

        They raise a ``Failure`` where it cannot be; the client may give up meanwhile and close them. What they have
        not committed is undone in both cases.
        """
        ...
