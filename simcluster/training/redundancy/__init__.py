"""Redundancy: what several workers compute of the same shards, so that nobody in particular is waited for."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.training.protocols import Code, Reexecution
from simcluster.training.redundancy.cyclic_code import CyclicCode
from simcluster.training.redundancy.fractional_repetition import FractionalRepetition
from simcluster.training.redundancy.replication import Replication
from simcluster.training.redundancy.speculation import Speculation

AnyRedundancy = Annotated[
    Code | Reexecution, Open((Code, Reexecution), FractionalRepetition, CyclicCode, Replication, Speculation)
]
"""A code or a rule of re-execution of this folder, or one's own; in a file ``kind`` says which."""

__all__ = ["AnyRedundancy", "CyclicCode", "FractionalRepetition", "Replication", "Speculation"]
