"""Spoofing: a node that sends messages in another's name, or again what another has sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from simcluster.cluster import Cluster, ClusterSpec, Message, Released
from simcluster.engine import Name, NodeName, Positive, Seconds, stream
from simcluster.faults.fault import Fields, Lift
from simcluster.faults.kinds.bodies import Numbers, map_numbers
from simcluster.faults.kinds.byzantine import AnyAdversary, negate
from simcluster.faults.kinds.node_faults import NodeFault
from simcluster.faults.target import named

if TYPE_CHECKING:
    from simcluster.faults.knobs import Knobs


class SpoofMessages(NodeFault):
    """A node sends messages in the name of another, through its own interface; what it says itself is true.

    It ``forge``s: whatever it sends to somebody it sends once more, as if from the ``victim``, with the lie of an
    ``adversary`` in the place of the floating-point numbers. Or it ``replay``s: it hears all messages of the cluster,
    and sends those of the victim again, as they were. Where messages are authenticated both are refused by whoever
    receives them, for the node has none of the victim's keys.
    """

    on_demand: ClassVar[bool] = True

    kind: Literal["spoof_messages"] = "spoof_messages"
    victim: NodeName
    """In whose name it sends: one node."""
    how: Literal["forge", "replay"] = "forge"
    """Whether it makes messages up, or repeats the victim's."""
    adversary: AnyAdversary = negate
    """What it makes of the numbers that it forges, with ``strength``, as a ``Byzantine`` node does."""
    strength: Positive = 10.0
    """How strongly it lies."""
    delay_s: Seconds = 0.01
    """How long after a message it replays it."""
    kinds: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    """Which kinds of messages (``None``: all)."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Both."""
        return self.node, self.victim

    def check(self, spec: ClusterSpec) -> None:
        """The victim must be one node."""
        super().check(spec)
        spec.require("victim", self.victim)

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Let the node send in the other's name from now on."""
        network, at_work = cluster.network, [True]
        spoofers = [name for name in named(cluster, (self.node,)) if name != self.victim]
        streams: dict[tuple[str, str], tuple[np.random.Generator, float]] = {}

        def forged(message: Message) -> None:
            link = (message.source, message.target)
            if link not in streams:
                receiver = stream(cluster.seed, "faults", key, "receiver", message.target).uniform(-1, 1)
                streams[link] = (stream(cluster.seed, "faults", key, *link), float(receiver))
            generator, receiver = streams[link]

            def lie(numbers: Numbers) -> Numbers:
                return self.adversary(numbers, self.strength, generator, receiver)

            send(message.source, message, map_numbers(message.body, lie), None)

        def replayed(message: Message) -> None:
            for spoofer in spoofers:
                send(spoofer, message, message.body, message)

        def send(spoofer: str, like: Message, body: object, overheard: Message | None) -> None:
            if not at_work[0] or spoofer not in cluster.nodes or cluster[spoofer].state != "up":
                return
            request_id, reply_to = like.request_id, like.reply_to
            if overheard is None and request_id is not None:
                request_id = network.new_id()
            written = network.write(spoofer, like.target, like.kind, body, like.size_bytes, request_id, reply_to)
            network.spoof(written, self.victim, overheard)

        def rule(message: Message) -> None:
            if isinstance(message, Released) or network.is_spoofed(message) or message.source == message.target:
                return
            if self.kinds is not None and message.kind not in self.kinds:
                return
            if self.how == "forge" and message.source in spoofers and message.target != self.victim:
                cluster.env.call_later(0.0, forged, message)
            elif self.how == "replay" and message.source == self.victim and message.target not in spoofers:
                cluster.env.call_later(self.delay_s, replayed, message)

        network.add(rule)

        def lift() -> None:
            at_work[0] = False
            network.remove(rule)

        return lift

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """Any two nodes, either way."""
        return {"node": knobs.node(), "victim": knobs.node(), "how": knobs.choice("forge", "replay")}
