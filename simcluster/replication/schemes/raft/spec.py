"""Raft: a log that a leader keeps alike on a majority (Ongaro & Ousterhout 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from simcluster.cluster import Node
from simcluster.engine import NUMBER, Count, NodeName, Period, Program, Seconds, Spec
from simcluster.replication.leader_session import LeaderSession
from simcluster.replication.protocols import Replicas, Session
from simcluster.replication.schemes.raft.replica import Replica
from simcluster.replication.state_machine import OPERATIONS


class Change(Spec):
    """A change of membership by one server, which the leader makes as soon as it may."""

    at_s: Seconds
    """When, by the leader's clock."""
    what: Literal["add", "remove"]
    """Whether the server joins or leaves."""
    node: NodeName
    """The server, one of the replicas."""


class Raft(Spec):
    """A leader, elected by a majority, orders all operations in a log; what a majority holds durably is done.

    Everything that a replica answers rests on what it has flushed: term, vote and log. Source: Ongaro & Ousterhout, "In
    search of an understandable consensus algorithm", USENIX ATC 2014, and Ongaro's thesis, "Consensus: bridging theory
    and practice", Stanford 2014, for membership (chapter 4), snapshots (5), reads and leases (6.4), pre-vote (9.6).
    """

    kind: Literal["raft"] = "raft"
    election_s: tuple[Period, Period] = (0.15, 0.3)
    """Between which times, drawn evenly, a follower that hears no leader stands for election."""
    heartbeat_s: Period = 0.03
    """How often a leader with nothing to say says so."""
    pre_vote: bool = True
    """Whether who would stand first asks, without a new term, if it would be elected."""
    reads: Literal["log", "index", "lease"] = "index"
    """How reads are answered: as entries of the log; by the leader once a round of heartbeats has shown that it still
    leads; or at once, while none can have been elected since the last such round."""
    drift: Annotated[float, Field(ge=0, lt=1), NUMBER] = 0.01
    """By how much, at most, rates of clocks are taken to err; leases are shorter by it, and unsafe beyond it."""
    snapshot_entries: Count | None = 10_000
    """After how many entries a snapshot takes their place (``None``: never)."""
    batch_entries: Count = 1000
    """How many entries a message carries at most."""
    flush: bool = True
    """Whether what is written is flushed before anybody is told; without, a crash breaks what was promised."""
    voters: Count | None = None
    """How many of the replicas, the first, belong to the cluster at the beginning (``None``: all)."""
    changes: tuple[Change, ...] = ()
    """Changes of membership, one after the other."""

    @model_validator(mode="after")
    def _times_fit(self) -> Raft:
        low_s, high_s = self.election_s
        if not self.heartbeat_s < low_s < high_s:
            rule = f"election_s must rise, and begin after a heartbeat of {self.heartbeat_s} s"
            raise ValueError(f"{rule}, got {self.election_s}")
        return self

    @property
    def operations(self) -> Sequence[str]:
        """What may be asked."""
        return OPERATIONS

    def refuses(self, replicas: int) -> str | None:
        """Raft runs on any number of replicas that has the voters."""
        if self.voters is not None and self.voters > replicas:
            return f"voters must be at most the {replicas} replicas, got {self.voters}"
        return None

    def check_replicas(self, names: Sequence[str]) -> None:
        """Raise ``ValueError`` unless each change adds a replica that is no member, or removes one of several."""
        members = list(names[: self.voters])
        for change in self.changes:
            what, node = change.what, change.node
            if node not in names:
                raise ValueError(f"changes must be of the replicas, {list(names)}, got {node!r}")
            if (node in members) == (what == "add"):
                rule = "changes must add who is no member, and remove who is one"
                raise ValueError(f"{rule}, got {what} {node!r} where the members are {members}")
            if members == [node]:
                raise ValueError(f"changes must leave a member, got remove {node!r}, the last")
            members = [*members, node] if what == "add" else [name for name in members if name != node]

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
