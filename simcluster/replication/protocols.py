"""What a replicated store is made of: how its copies are kept, how a client reaches them, and what clients ask."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from simcluster.cluster import Cluster, Failure, Node
from simcluster.cluster.node import Bootable
from simcluster.engine import Event, Program


class Refused(Failure):
    """The store would not do it, and nothing has changed: a condition of the operation did not hold."""

    cause: ClassVar[str] = "refused"


@dataclass(frozen=True, slots=True)
class Operation:
    """What one client asks of the store, once.

    ``number`` is unique in a run, so that replicas can tell a retry. ``f`` is what to do ("read", "write", "cas",
    "append", …), ``key`` the text that it is done to (``None`` where ``value`` names the keys), ``value`` plain data:
    of a "cas" what must be there and what shall be.
    """

    number: int
    f: str
    key: str | None
    value: Any = None


@dataclass(frozen=True, eq=False)
class Replicas:
    """The copies of a store in one run, as a scheme is told of them.

    ``names`` are the nodes that hold one, in order, ``name`` is that of the store, with which its programs and
    messages begin, ``retry_s`` how long an answer is awaited before another is asked for, and ``over`` happens when
    the job is done. ``applied(operation, node)`` records that a copy has taken in the effect of an operation, by its
    number: the true time, which only measurement knows.
    """

    cluster: Cluster
    names: tuple[str, ...]
    name: str
    seed: int
    retry_s: float
    over: Event
    applied: Callable[[int, str], None]

    def kind(self, word: str) -> str:
        """The kind of such messages of this store."""
        return f"{self.name}.{word}"

    def boot(self, program: Bootable, word: str = "replica") -> None:
        """Boot a program on every replica."""
        for name in self.names:
            self.cluster[name].boot(program, f"{self.name}.{word}")


def effects(cluster: Cluster, store: str) -> Callable[[int, str], None]:
    """What records an effect of a store of this name: the operation's number, and the node that has taken it in."""
    record = cluster.trace.recorder("apply", "operation", "node", "store")

    def applied(operation: int, node: str) -> None:
        record(operation, node, store)

    return applied


class Session(Protocol):
    """One client's way to the store, with what it remembers of it; made anew when a client begins anew."""

    def ask(self, operation: Operation) -> Program:
        """Steps on the client's node whose value is what the operation gave: of a "read" the value, or ``None``.

        They raise a ``Failure``, which is definite when the operation has changed nothing and never will. They may try
        for ever: the client gives up by itself, and closes them.
        """
        ...


class Replication(Protocol):
    """How the copies of a key-value store are kept, and what a client does to reach them.

    It may have ``check(cluster)`` and ``check_replicas(names)``, which raise ``ValueError`` where it does not fit.
    """

    @property
    def operations(self) -> Sequence[str]:
        """What may be asked: the names of its operations, as "read" and "write"."""
        ...

    def refuses(self, replicas: int) -> str | None:
        """Why it cannot be with so many replicas, or ``None``."""
        ...

    def start(self, replicas: Replicas) -> None:
        """Boot the programs of the replicas."""
        ...

    def session(self, replicas: Replicas, node: Node, client: int) -> Session:
        """The way of client number ``client``, which runs on ``node``, to the store."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client does next: an operation, ``gap_s`` after it began the one before, or after that ended."""

    f: str
    key: str | None
    value: Any = None
    gap_s: float = 0.0
    after: str = "end"


class Workload(Protocol):
    """What clients ask."""

    @property
    def asks(self) -> Sequence[str]:
        """The names of the operations that it may ask."""
        ...

    def client(self, number: int, clients: int, generator: np.random.Generator) -> Generator[Asked, Any, None]:
        """What client ``number`` of ``clients`` asks, one after another, until it is done.

        Each ``yield`` gives what the operation gave (``True`` of one that gives nothing), ``None`` where that is not
        known or it failed.
        """
        ...


class DataType(Protocol):
    """What lies under a key, as a state that copies can change apart and merge: a CRDT (Shapiro et al. 2011).

    States are plain data of one form: those that hold the same are equal. ``merge`` is commutative, associative and
    idempotent, and ``update`` gives a state that ``merge`` would make of the one before and something else, so copies
    that have seen the same updates are equal, in whatever order they came and however often.
    """

    @property
    def operations(self) -> Sequence[str]:
        """What may be asked, "read" among it."""
        ...

    @property
    def empty(self) -> Any:
        """The state of what nobody has changed."""
        ...

    @property
    def reads_first(self) -> bool:
        """Whether a client has to have seen a key's state before it may prepare an update of it."""
        ...

    def prepare(self, operation: Operation, seen: Any, memory: dict[str, Any], node: Node) -> Any:
        """What a client sends for an update: such that to do it twice is to do it once.

        ``seen`` is the state that it has seen last under this key, ``memory`` what the type keeps for its session.
        """
        ...

    def update(self, state: Any, f: str, body: Any) -> Any:
        """The state after an update, of which a client has sent this."""
        ...

    def merge(self, one: Any, other: Any) -> Any:
        """The least state that holds all that either holds."""
        ...

    def value(self, state: Any) -> Any:
        """What a "read" gives."""
        ...

    def operations_in(self, state: Any) -> Sequence[int]:
        """The numbers of the operations whose effect can be told from a state."""
        ...
