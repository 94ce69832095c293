"""Retry: ask again until there is an answer, so that a lost message costs time and nothing else."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

from simcluster.cluster import UNANSWERED, Message, Node, TimedOut
from simcluster.cluster.messages.message import freeze
from simcluster.engine import Event, check_whole


def ask(
    node: Node,
    target: str,
    kind: str,
    body: Any = None,
    *,
    timeout_s: float,
    size_bytes: float | None = None,
    attempts: int | None = None,
    transfer_s: float = 0.0,
) -> Generator[Event, Any, Message]:
    """The reply to a request that is sent again whenever ``timeout_s`` pass without one, or after it was refused.

    All attempts carry one request id, so the receiver can tell a retry from a new request, and the reply to any
    of them will do. After ``attempts`` (``None``: never) it gives up and raises ``TimedOut``, or the last refusal
    (``Partitioned``, ``LinkDown``, ``NodeDown`` or ``Overloaded``) when each attempt was refused, and none carried out.

    Where the bytes of the reply may be under way for long, ``transfer_s`` says how long: it is waited for that much
    more, and twice as much after each time that it was not enough, so that repeats cannot fill the links.
    """
    if attempts is not None:
        check_whole("attempts", attempts, 1)
    reply = node.request(target, kind, body, size_bytes, timeout_s + transfer_s)
    attempt = 1
    indefinite: TimedOut | None = None
    while True:
        try:
            return (yield reply)  # type: ignore[no-any-return]
        except UNANSWERED as failure:
            if isinstance(failure, TimedOut):
                indefinite = failure
                transfer_s *= 2
            if attempts is not None and attempt >= attempts:
                raise indefinite or failure from None
            if failure.definite:  # it took no time, so the next attempt must not come at the same moment
                yield node.timer(timeout_s)
        attempt += 1
        said = reply.message  # a request that is sent again is the same, whatever became of its body meanwhile
        reply = node.request(target, kind, said.body, said.size_bytes, timeout_s + transfer_s, said.request_id)


def ask_all(
    node: Node, targets: Iterable[str], kind: str, body: Any = None, *, timeout_s: float
) -> Generator[Event, Any, list[Any]]:
    """The bodies of the replies to one request to each of ``targets``, at once, in their order; see ``ask``."""
    frozen, _ = freeze(body)  # once for all
    asked = [node.spawn(ask(node, target, kind, frozen, timeout_s=timeout_s)) for target in targets]
    answers = []
    for each in asked:
        answers.append((yield each).body)
    return answers
