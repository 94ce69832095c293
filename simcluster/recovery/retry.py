"""Retry: ask again until there is an answer, so that a lost message costs time and nothing else."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from simcluster.cluster import Message, Node, TimedOut
from simcluster.engine import Event


def ask(
    node: Node,
    target: str,
    kind: str,
    body: Any = None,
    *,
    timeout_s: float,
    size_bytes: float | None = None,
    attempts: int | None = None,
) -> Generator[Event, Any, Message]:
    """The reply to a request that is sent again whenever ``timeout_s`` pass without one.

    All attempts carry one request id, so the receiver can tell a retry from a new request, and the reply to any
    of them will do. After ``attempts`` (``None``: never) it gives up and raises ``TimedOut``.
    """
    if attempts is not None and attempts < 1:
        raise ValueError(f"attempts must be at least 1, got {attempts}")
    request_id = node.cluster.network.new_id()
    attempt = 0
    while True:
        attempt += 1
        try:
            reply: Message = yield node.request(target, kind, body, size_bytes, timeout_s, request_id)
        except TimedOut:
            if attempts is not None and attempt >= attempts:
                raise
        else:
            return reply
