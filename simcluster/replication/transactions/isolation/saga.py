"""A saga: a long transaction as many short ones, each of which can be taken back."""

from typing import Literal

from simcluster.cluster import UNANSWERED
from simcluster.engine import Count, Program, Spec
from simcluster.replication.protocols import Refused
from simcluster.replication.transactions.transaction import Transaction


class Saga(Spec):
    """Each step is done by itself and seen by all at once; where one cannot be, those before it are compensated.

    So in the end there is all or nothing, and nobody is blocked meanwhile; but others see what is then taken back. A
    change is compensated by taking it out of the changes of its key. That it is due is durable before the first step,
    so a saga that a crash has cut short is compensated when its node is back. Garcia-Molina & Salem, "Sagas", SIGMOD
    1987 (backward recovery).
    """

    kind: Literal["saga"] = "saga"
    attempts: Count = 4
    """How often a step is asked for, ``retry_s`` of the store apart, before what was done is compensated."""

    def __call__(self, transaction: Transaction) -> Program:
        """Do it step by step."""
        yield from transaction.promise_to_undo()
        try:
            for f, key, value in transaction.steps:
                if f == "r":
                    yield from transaction.read(key)
                else:
                    yield from transaction.do(f, key, value, attempts=self.attempts)
        except UNANSWERED as failure:
            yield from transaction.undo()
            raise Refused(f"what was done has been undone: {failure}") from None
        yield from transaction.keep()
