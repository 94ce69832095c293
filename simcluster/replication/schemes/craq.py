"""CRAQ: a chain in which every copy answers reads."""

from __future__ import annotations

from typing import Literal

from simcluster.cluster import UNANSWERED, Message, Node
from simcluster.engine import Program
from simcluster.replication.leader_session import LeaderSession
from simcluster.replication.protocols import Replicas, Session
from simcluster.replication.schemes.chain import ChainReplication, ChainSession
from simcluster.replication.schemes.views import Copy


class Craq(ChainReplication):
    """Chain replication with apportioned queries: a copy that holds a key clean, all of it acknowledged, answers.

    One that does not asks the tail up to where operations are done, and answers with the value of then, which it still
    has. Source: Terrace & Freedman, "Object storage on CRAQ", USENIX ATC 2009.
    """

    kind: Literal["craq"] = "craq"  # type: ignore[assignment]

    def session(self, replicas: Replicas, node: Node, client: int) -> Session:
        """The way of a client to the head, and for reads to a copy of its own."""
        return ChainSession(LeaderSession(replicas, node, client), LeaderSession(replicas, node, client))

    def read(self, copy: Copy, message: Message, key: str) -> Program:
        """Answer from here, with what is done by now."""
        view = copy.view
        if view is None or (copy.name != view.members[-1] and copy.acknowledged < 0):
            # What it has taken over may not have come to the tail, so it cannot tell clean from dirty yet.
            copy.node.reply(message, ("elsewhere", None))
            return
        tail = view.members[-1]
        if copy.name == tail:
            yield from super().read(copy, message, key)
            return
        there = copy.machine.values.get(key)
        dirty = [each for each in copy.held if each.command is not None and each.command.key == key]
        dirty = [each for each in dirty if each.number > copy.acknowledged]
        if not dirty:
            if (yield from copy.still()):
                copy.node.reply(message, ("done", there))
            return
        try:
            kind = copy.replicas.kind("done")
            done = (yield copy.node.request(tail, kind, view.epoch, None, copy.replicas.retry_s)).body
        except UNANSWERED:
            return
        if done is not None and (yield from copy.still()):
            later = [each for each in dirty if each.number > done]
            copy.node.reply(message, ("done", later[0].before if later else there))
