"""Multi-Paxos: one instance of Paxos for each place of a log, all under one ballot (Lamport 2001)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import model_validator

from simcluster.cluster import Node
from simcluster.engine import Count, Period, Program, Spec
from simcluster.replication.leader_session import LeaderSession
from simcluster.replication.protocols import Replicas, Session
from simcluster.replication.schemes.multi_paxos.replica import Replica
from simcluster.replication.state_machine import OPERATIONS


class MultiPaxos(Spec):
    """Whoever has the promises of a majority for its ballot proposes; what a majority has accepted in a slot is chosen.

    Raft's other half: any replica may lead, whatever it lacks, for a majority tells it what may have been chosen, and
    it proposes that anew under its own ballot, slot by slot. Raft elects only who has it all, and so its log flows one
    way. A read is a command like any other. Sources: Lamport, "Paxos made simple", 2001, section 3; van Renesse &
    Altinbuken, "Paxos made moderately complex", ACM Computing Surveys 47(3), 2015.
    """

    kind: Literal["multi_paxos"] = "multi_paxos"
    election_s: tuple[Period, Period] = (0.15, 0.3)
    """Between which times, drawn evenly, a replica that hears no leader asks for promises."""
    heartbeat_s: Period = 0.03
    """How often a leader says that it is there, and says again what has not been accepted."""
    snapshot_slots: Count | None = 10_000
    """After how many slots a snapshot takes their place (``None``: never)."""
    batch_slots: Count = 1000
    """How many slots a message carries at most."""

    @model_validator(mode="after")
    def _times_fit(self) -> MultiPaxos:
        low_s, high_s = self.election_s
        if not self.heartbeat_s < low_s <= high_s:
            rule = f"election_s must rise, and begin after a heartbeat of {self.heartbeat_s} s"
            raise ValueError(f"{rule}, got {self.election_s}")
        return self

    @property
    def operations(self) -> Sequence[str]:
        """What may be asked."""
        return OPERATIONS

    def refuses(self, replicas: int) -> str | None:
        """Nothing: any number will do."""
        return None

    def start(self, replicas: Replicas) -> None:
        """Boot the replicas."""

        def replica(node: Node) -> Program:
            return self.replica(node, replicas).run()

        replicas.boot(replica)

    def replica(self, node: Node, replicas: Replicas) -> Replica:
        """What runs on one node."""
        return Replica(node, self, replicas)

    def session(self, replicas: Replicas, node: Node, client: int) -> Session:
        """The way of a client to the leader."""
        return LeaderSession(replicas, node, client)
