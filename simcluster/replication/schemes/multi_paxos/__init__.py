"""Multi-Paxos, in the parts of its papers: what a replica accepts and learns, and what one does that leads."""

from simcluster.replication.schemes.multi_paxos.spec import MultiPaxos

__all__ = ["MultiPaxos"]
