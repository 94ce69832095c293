"""Raft, in the parts of its paper: the log, a replica's elections and replication, and how a leader answers."""

from simcluster.replication.schemes.raft.spec import Change, Raft

__all__ = ["Change", "Raft"]
