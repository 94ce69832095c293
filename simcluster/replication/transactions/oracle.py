"""Time stamps that only grow, whatever crashes."""

from __future__ import annotations

from simcluster.cluster import Node
from simcluster.engine import Program
from simcluster.replication.journal import Journal

AHEAD = 1000
"""How many stamps are durable as taken at once: after a crash the rest of them is skipped."""


def oracle(node: Node, kind: str) -> Program:
    """Answer each message of a kind with the next stamp (Peng & Dabek, Percolator, OSDI 2010, section 2.3)."""
    last = reserved = 0
    journal = Journal(node, kind, lambda: [reserved])
    if kept := (yield from journal.restore()):
        last = reserved = kept[-1]
    node.spawn(journal.run())
    while True:
        message = yield node.receive(kind)
        if last == reserved:
            reserved += AHEAD
            journal.append(reserved)
            yield from journal.durable()
        last += 1
        node.reply(message, last)
