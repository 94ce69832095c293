"""Types: what lies under a key, as a state that copies can change apart and merge."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.replication.protocols import DataType
from simcluster.replication.types.counters import GCounter, PnCounter
from simcluster.replication.types.or_set import OrSet
from simcluster.replication.types.registers import LwwRegister, MvRegister

AnyDataType = Annotated[DataType, Open(DataType, LwwRegister, MvRegister, GCounter, PnCounter, OrSet)]
"""A type that is here, or one's own; in a file ``kind`` says which."""

__all__ = ["AnyDataType", "GCounter", "LwwRegister", "MvRegister", "OrSet", "PnCounter"]
