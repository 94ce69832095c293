"""A network that demands something of messages: tags, encryption, permissions. Both ends pay for it in their time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from simcluster.cluster.messages.message import Message
from simcluster.cluster.messages.verdict import Released
from simcluster.cluster.network.fabric import Fabric
from simcluster.cluster.network.network import Network
from simcluster.cluster.network.network_spec import NetworkSpec
from simcluster.cluster.network.security import text_of
from simcluster.engine import Event, stream
from simcluster.kernels import Cost

if TYPE_CHECKING:
    from simcluster.cluster.cluster import Cluster


class Work(NamedTuple):
    """Something that a node does to a message before it leaves, or before a program has it."""

    message: Message
    seconds: float
    then: Callable[[], None]
    cause: str  # of its drop, when the node crashes before it is done


class Desk:
    """What a node has still to do to messages, the first of which it may be at."""

    def __init__(self) -> None:
        self.works: deque[Work] = deque()
        self.busy = False


class SecureNetwork(Network):
    """A message is sealed before any rule of the network sees it, and opened after it has arrived.

    Each node does one message at a time, in the order in which they are sent and arrive, on a core that it takes turns
    for with what programs compute: a ``seal`` record says what a message weighs more, and what is refused is a
    ``refuse`` record, and a drop with the same cause. What a node sends to itself crosses no link, and pays nothing.
    """

    def __init__(self, cluster: Cluster, spec: NetworkSpec, fabric: Fabric | None = None) -> None:
        super().__init__(cluster, spec, fabric)
        self._accounts = True
        self.rules[_always] = None  # so that it is asked of every message
        self._own_rules = len(self.rules)
        self._cluster = cluster
        self._desks: dict[str, Desk] = {}
        self._keys: dict[tuple[str, str], bytes] = {}
        self._tags: dict[int, tuple[int, bytes]] = {}  # of each message, the number that it was tagged with, and how
        self._taken: dict[tuple[str, str], set[int]] = {}
        self._permitted: dict[tuple[str, str, str], bool] = {}
        self._record_seal = cluster.trace.recorder("seal", "message", "node", "added_bytes")
        self._record_refuse = cluster.trace.recorder("refuse", "message", "source", "target", "message_kind", "reason")

    @property
    def out_of_turn(self) -> Counter[int]:
        """And those that are being sealed or opened."""
        found = super().out_of_turn.copy()
        found.update(work.message.id for desk in self._desks.values() for work in desk.works)
        return found

    def spoof(self, message: Message, source: str, overheard: Message | None = None) -> None:
        """As of any network; a message that was ``overheard`` is sent with its own tag."""
        if overheard is not None and overheard.id in self._tags:
            self._tags[message.id] = self._tags[overheard.id]
        super().spoof(message, source, overheard)

    def forget_unsent(self, source: str) -> None:
        """And drop what its node was about to seal, or to open."""
        for work in self._desks.pop(source, Desk()).works:
            self._lose(work.message, work.cause)
        super().forget_unsent(source)

    # Before it leaves

    def _meet(self, message: Message, latency_s: float) -> bool:
        if isinstance(message, Released) or message.source == message.target:
            return super()._meet(message, latency_s)
        if not self.is_spoofed(message) and not self._may(message.source, "sends", message.kind):
            self._refuse(message, "forbidden")
            return True
        added_bytes, seconds = self._price(message.source, message.size_bytes)
        sealed = message._replace(size_bytes=message.size_bytes + added_bytes) if added_bytes else message
        if added_bytes:
            self._record_seal(message.id, message.source, added_bytes)
        self._do(message.source, Work(sealed, seconds, partial(self._sealed, sealed, latency_s), "source_down"))
        return True

    def _sealed(self, message: Message, latency_s: float) -> None:
        if message.id not in self._tags:
            self._tag(message)
        if not super()._meet(message, latency_s):
            self._carry(message, latency_s)

    def _tag(self, message: Message) -> None:
        """Tag a message with what its sender, whom it says to be from or not, has: its own key."""
        if self.spec.authentication is not None:
            key = self._key(message.source, message.target)
            text = text_of(self.as_received(message), message.id)
            self._tags[message.id] = message.id, self.spec.authentication.tag(key, text)

    # After it has arrived

    def _deliver(self, message: Message) -> None:
        node = self._nodes.get(message.target)
        if message.source == message.target or node is None or node.state == "down":
            super()._deliver(message)
            return
        added_bytes, _ = self._price(message.target, 0.0)
        _, seconds = self._price(message.target, message.size_bytes - added_bytes)
        self._do(message.target, Work(message, seconds, partial(self._opened, message), "target_down"))

    def _opened(self, message: Message) -> None:
        received = self.as_received(message)
        reason = self._reason(message, received)
        if reason is None:
            super()._deliver(message)
        else:
            self._refuse(received, reason)

    def _reason(self, message: Message, received: Message) -> str | None:
        """Why a message is refused where it arrives, or ``None``: then it is remembered."""
        authentication = self.spec.authentication
        if authentication is not None:
            number, tag = self._tags[message.id]
            taken = self._taken.setdefault((received.source, received.target), set())
            if authentication.tag(self._key(received.source, received.target), text_of(received, number)) != tag:
                return "forged"
            if number in taken:
                return "replayed"
            taken.add(number)
        may = self._may(received.source, "sends", received.kind) and self._may(
            received.target, "receives", received.kind
        )
        return None if may else "forbidden"

    def _refuse(self, message: Message, reason: str) -> None:
        self.refused[reason] += 1
        self._record_refuse(*message[:4], reason)
        self._lose(message, reason)

    # What it takes

    def _price(self, name: str, size_bytes: float) -> tuple[float, float]:
        """Of a message that weighs so much without them: the bytes of tag and encryption, and an end's seconds."""
        spec, added_bytes, flops = self.spec, 0.0, 0.0
        if spec.encryption is not None:
            added_bytes, flops = spec.encryption(size_bytes)
        if spec.authentication is not None:
            flops += spec.authentication.flops(size_bytes + added_bytes)
            added_bytes += spec.authentication.tag_bytes
        return added_bytes, self._nodes[name].spec.seconds(Cost(flops, 0.0))

    def _do(self, name: str, work: Work) -> None:
        """Let a node do something to a message, after what it does already."""
        desk = self._desks.setdefault(name, Desk())
        desk.works.append(work)
        if not desk.busy:
            self._go_on(name, desk)

    def _go_on(self, name: str, desk: Desk) -> None:
        """Begin what is next, until something takes time, or the node crashes."""
        desk.busy = True
        while desk.works and self._desks.get(name) is desk:
            if desk.works[0].seconds > 0:
                done = Event(self._env)
                done.callbacks.append(lambda _: self._done(name, desk))
                self._nodes[name]._processor.submit(done, None, desk.works[0].seconds)
                return
            desk.works.popleft().then()
        desk.busy = False

    def _done(self, name: str, desk: Desk) -> None:
        if self._desks.get(name) is desk:  # or it has crashed at this very moment
            desk.works.popleft().then()
            self._go_on(name, desk)

    def _key(self, source: str, target: str) -> bytes:
        """What the two nodes have in common, for what the one sends to the other."""
        if (source, target) not in self._keys:
            self._keys[source, target] = stream(self._seed, "keys", source, target).bytes(32)
        return self._keys[source, target]

    def _may(self, name: str, verb: Literal["sends", "receives"], kind: str) -> bool:
        """Whether a node may send, or receive, messages of this kind."""
        known = self._permitted.get((name, verb, kind))
        if known is None:
            roles, node = self.spec.roles, self._nodes.get(name)
            known = not roles or (
                node is not None and any(role.has(node.spec) and role.allows(verb, kind) for role in roles)
            )
            self._permitted[name, verb, kind] = known
        return known


def _always(message: Message) -> None:
    """A rule that says nothing."""


def network_of(cluster: Cluster, spec: NetworkSpec, fabric: Fabric | None) -> Network:
    """The network that a specification is of: one that demands nothing costs nothing."""
    demands = spec.authentication is not None or spec.encryption is not None or spec.roles
    return SecureNetwork(cluster, spec, fabric) if demands else Network(cluster, spec, fabric)
