"""The way of every message from the node that sends it to the one that takes it, in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

from simcluster.cluster.messages.message import Message, whole
from simcluster.cluster.network.carrier import Carrier
from simcluster.engine import Environment, Trace

if TYPE_CHECKING:
    from simcluster.cluster.network.endpoint import Endpoint

Freeze = Callable[[Any], tuple[Any, float]]


class Transport:
    """What happens to each message, as far as it is the same for all: ``Network`` adds the rest.

    It asks ``_latency_s`` of its subclass where latencies differ, ``_meet`` where there are rules, ``_carry`` and
    ``_account`` where messages are accounted for (or do not leave their node), ``_lose`` for those that are lost, and
    ``_unknown`` for the error about a target that is no node.
    """

    def __init__(
        self,
        env: Environment,
        nodes: Mapping[str, Endpoint],
        trace: Trace,
        message_type: type[Message],
        freeze: Freeze,
        header_bytes: int,
    ) -> None:
        self._env = env
        self._message_type = message_type
        self._freeze = freeze
        self._header_bytes = header_bytes
        self._nodes = nodes
        self._names: set[str] = set()  # of all nodes that ever were
        self._ids = count()
        self._carrier: Carrier
        self._constant_latency_s: float | None = None
        self._accounts = False  # whether anything has to be looked up when a message is sent or arrives
        self.rules: dict[Any, None] = {}
        keeps, recorder = trace.keeps, trace.recorder
        self._keeps_send, self._keeps_deliver = keeps("send"), keeps("deliver")
        self._record_send = recorder("send", "message", "source", "target", "message_kind", "size_bytes")
        self._record_deliver = recorder("deliver", "message", "source", "target", "message_kind")

    def new_id(self) -> int:
        """A number that no other message or request of this run has."""
        return next(self._ids)

    def write(
        self,
        source: str,
        target: str,
        kind: str,
        body: Any,
        size_bytes: float | None,
        request_id: int | str | None = None,
        reply_to: int | str | None = None,
    ) -> Message:
        """Make a message, immutable. Raises ``ValueError`` for an unknown target or a negative size."""
        if target not in self._names:
            raise self._unknown("target", target)
        frozen, own_bytes = (None, 0.0) if body is None else self._freeze(body)
        if size_bytes is None:
            size_bytes = self._header_bytes + own_bytes
        elif not 0 <= size_bytes < math.inf:
            raise ValueError(f"size_bytes must be finite and at least 0, got {size_bytes}")
        return self._message_type(next(self._ids), source, target, kind, frozen, size_bytes, request_id, reply_to)

    def send(self, message: Message) -> None:
        """Judge a message and put it on its way."""
        whole(message)
        if self._keeps_send:
            self._record_send(*message[:4], message.size_bytes)
        latency_s = self._constant_latency_s
        if latency_s is None:
            latency_s = self._latency_s(message.source, message.target)
        if self.rules and self._meet(message, latency_s):
            return
        if self._accounts or message.source == message.target:
            self._carry(message, latency_s)
        else:
            self._carrier.carry(message, latency_s)

    def _arrive(self, message: Message) -> None:
        """The last bit is at the receiver's interface."""
        if self._accounts:
            self._account(message)
        else:
            self._deliver(message)

    def _deliver(self, message: Message) -> None:
        node = self._nodes.get(message.target)
        if node is None or node.state == "down":
            self._lose(message, "target_left" if node is None else "target_down")
            return
        if node.inbox_is_full and message.reply_to is None:
            self._lose(message, "overloaded")
            return
        if self._keeps_deliver:
            self._record_deliver(*message[:4])
        node.deliver(message)

    # What Network says

    def _unknown(self, field: str, name: object) -> ValueError:
        raise NotImplementedError

    def _latency_s(self, source: str, target: str) -> float:
        raise NotImplementedError

    def _meet(self, message: Message, latency_s: float) -> bool:
        raise NotImplementedError

    def _carry(self, message: Message, latency_s: float) -> None:
        raise NotImplementedError

    def _account(self, message: Message) -> None:
        raise NotImplementedError

    def _lose(self, message: Message, cause: str) -> None:
        raise NotImplementedError
