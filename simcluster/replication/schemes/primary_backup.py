"""Primary–backup: one copy does everything first, and the others after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from simcluster.cluster import ClusterSpec, Message, Node
from simcluster.engine import NUMBER, Program, Spec
from simcluster.replication.leader_session import LeaderSession
from simcluster.replication.protocols import Replicas, Session
from simcluster.replication.schemes.views import Copy, View, Views
from simcluster.replication.schemes.views.copy import boot
from simcluster.replication.state_machine import OPERATIONS


class PrimaryBackup(Spec):
    """The primary acknowledges an operation when so many backups hold it: all of them, some, or none.

    When it is silent the master lets another take its place, of those that may have all that was acknowledged the
    foremost. An old primary cannot do harm as long as its operations, reads too, need a backup that has been fenced.
    Asynchronous replication needs none: fast, and what was acknowledged can be lost. Sources: Alsberg & Day, "A
    principle for resilient sharing of distributed resources", ICSE 1976; Budhiraja, Marzullo, Schneider & Toueg, "The
    primary-backup approach", 1993.
    """

    kind: Literal["primary_backup"] = "primary_backup"
    views: Views
    """Who says which copy is the primary."""
    backups: Annotated[int, Field(ge=0), NUMBER] | None = None
    """How many backups must hold an operation before it is acknowledged (``None``: all, synchronous; 0: asynchronous).
    """

    @property
    def operations(self) -> Sequence[str]:
        """What may be asked."""
        return OPERATIONS

    def refuses(self, replicas: int) -> str | None:
        """There must be as many backups as must hold an operation."""
        if self.backups is not None and self.backups >= replicas:
            return f"backups must be fewer than the {replicas} replicas, got {self.backups}"
        return None

    def check(self, cluster: ClusterSpec) -> None:
        """Raise ``ValueError`` unless the master is in the cluster."""
        cluster.require("master", self.views.master)

    def start(self, replicas: Replicas) -> None:
        """Boot the master and the copies."""
        self.views.start(replicas, self.heard)
        boot(self, replicas)

    def session(self, replicas: Replicas, node: Node, client: int) -> Session:
        """The way of a client to the primary."""
        return LeaderSession(replicas, node, client)

    def heard(self, members: int) -> int:
        """Of how many members of a view one has all that was acknowledged; asynchronous replication takes any."""
        return members - self.needed(members - 1) if self.backups != 0 else 1

    def behind(self, view: View, name: str) -> tuple[str, ...]:
        """The primary feeds all others."""
        return view.members[1:] if name == view.first else ()

    def needed(self, behind: int) -> int:
        """How many backups must hold an operation."""
        return behind if self.backups is None else min(self.backups, behind)

    def read(self, copy: Copy, message: Message, key: str) -> Program:
        """A read is an operation that changes nothing: who acknowledges it has not turned to another primary."""
        if copy.view is None or copy.view.first != copy.name:
            copy.node.reply(message, ("elsewhere", copy.last.first))
        else:
            answer = copy.machine.read(key)
            yield from copy.answer(message, answer, copy.take((None,)))
