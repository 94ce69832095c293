"""A store over a replication scheme: what a job keeps, such as a server's parameters, lies on several nodes."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from typing import Any, Literal
from weakref import WeakKeyDictionary

from pydantic import model_validator

from simcluster.cluster import Cluster, Failure, Node
from simcluster.cluster.messages.message import Sealed
from simcluster.engine import Event, Name, NodeNames, Period, Program, Spec, check_differ
from simcluster.replication.protocols import Operation, Replicas, Session, effects
from simcluster.replication.schemes import AnyReplication
from simcluster.replication.types import MvRegister
from simcluster.replication.within import within


class SchemeStore(Spec):
    """Each value is written and read by the operations of a replication scheme, and lasts as long as that promises.

    So a training job's ``Checkpoints(store=SchemeStore(…))`` go on from the last step that was saved under a
    linearizable scheme, and perhaps from an older one under an eventual one. A program that writes is one client of
    the scheme for as long as it lives. Recovery knows nothing of replication, so a file names it in full,
    ``kind: simcluster.replication.scheme_store:SchemeStore``, and is read with ``--plugin
    simcluster.replication.scheme_store``.
    """

    kind: Literal["scheme"] = "scheme"
    scheme: AnyReplication
    """How copies are kept; one with the operations "read" and "write"."""
    replicas: NodeNames
    """The nodes that hold a copy."""
    timeout_s: Period | None = None
    """After how long a write or a read is given up (``None``: never, so a program waits for a majority to be back)."""
    retry_s: Period = 0.1
    """How long a program waits for a node's answer before it asks anew, or another."""
    name: Name = "store"
    """What its programs and messages begin with; it tells stores on one node apart."""

    @model_validator(mode="after")
    def _scheme_fits(self) -> SchemeStore:
        check_differ("replicas", self.replicas)
        if (reason := self.scheme.refuses(len(self.replicas))) is not None:
            raise ValueError(reason)
        lacks = [f for f in ("read", "write") if f not in self.scheme.operations]
        if lacks:
            raise ValueError(f'scheme must have the operations "read" and "write", got {list(self.scheme.operations)}')
        if isinstance(data := getattr(self.scheme, "data", None), MvRegister):
            raise ValueError(f"scheme must keep one value under a key, got {data!r}")
        return self

    def start(self, cluster: Cluster) -> None:
        """Boot the replicas."""
        self.scheme.start(self._replicas(cluster))

    def write(self, node: Node, key: str, value: Any, size_bytes: float | None = None) -> Program:
        """Write ``value``; when this returns it lies where the scheme says.

        Raises ``TimedOut`` after ``timeout_s`` (it may have been written then, or may be yet), ``Refused``, and
        ``ValueError`` for a ``size_bytes``, for messages of a scheme weigh what they carry.
        """
        if size_bytes is not None:
            raise ValueError(f"size_bytes must be None in a store over a scheme, got {size_bytes}")
        yield from self._ask(node, key, "write", Sealed((value,)))

    def read(self, node: Node, key: str) -> Program:
        """The value under ``key``, as new as the scheme promises. Raises ``KeyError``, and ``TimedOut`` as above."""
        found = yield from self._ask(node, key, "read", None)
        if found is None:
            raise KeyError(key)
        return found.value[0]

    def _replicas(self, cluster: Cluster) -> Replicas:
        applied = effects(cluster, self.name)
        return Replicas(cluster, self.replicas, self.name, cluster.seed, self.retry_s, cluster.env.event(), applied)

    def _ask(self, node: Node, key: str, f: str, value: Any) -> Generator[Event, Any, Any]:
        lives = _SESSIONS.setdefault(node, {})
        life = (self.name, key, node.crashes)
        if (session := lives.get(life)) is None:
            session = lives[life] = self.scheme.session(self._replicas(node.cluster), node, _client(node, key))
        steps = session.ask(Operation(node.cluster.network.new_id(), f, key, value))
        try:
            return (yield from (steps if self.timeout_s is None else within(self.timeout_s, node, steps)))
        except Failure:
            lives.pop(life, None)  # who does not know what became of an operation goes on as another client
            raise


_SESSIONS: WeakKeyDictionary[Node, dict[tuple[str, str, int], Session]] = WeakKeyDictionary()
"""Of each node, the sessions of its programs, by store, key and how often it has crashed: memory that a crash ends."""


def _client(node: Node, key: str) -> int:
    """A number of who writes a key on a node, the same after a crash: its operations are numbered on, and done once."""
    return int.from_bytes(hashlib.blake2b(f"{node.name}/{key}".encode(), digest_size=6).digest(), "big")
