"""How a replica takes messages in, and how a client asks replicas in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from simcluster.cluster import UNANSWERED, Message, Node
from simcluster.engine import Program
from simcluster.replication.protocols import Replicas


def serve(node: Node, replicas: Replicas, **handlers: Callable[[Message], object]) -> Program:
    """Steps for ever: each message of the store goes to the handler whose word is its kind's. No handler waits."""
    by_kind = {replicas.kind(word): handler for word, handler in handlers.items()}
    kinds = tuple(by_kind)
    while True:
        message = yield node.receive(*kinds)
        by_kind[message.kind](message)


def ask_in_turn(
    node: Node, targets: Sequence[str], kind: str, body: Any, *, retry_s: float, first: int = 0
) -> Program:
    """Steps whose value is the place among ``targets`` of the one that answered, and its answer.

    They ask the ``first`` of them, and, whenever ``retry_s`` pass without an answer, the next one, for ever.
    """
    place, refused = first, 0
    while True:
        try:
            reply = yield node.request(targets[place], kind, body, timeout_s=retry_s)
        except UNANSWERED as failure:
            place = (place + 1) % len(targets)
            refused = refused + 1 if failure.definite else 0
            if refused == len(targets):  # all at once, so the next round must not come at the same moment
                yield node.timer(retry_s)
                refused = 0
        else:
            return place, reply.body
