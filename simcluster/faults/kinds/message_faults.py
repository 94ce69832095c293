"""Faults of single messages: lost, duplicated, reordered, corrupted; each independently or in bursts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from simcluster.cluster import Cluster, Corrupt, Delay, Drop, Duplicate, Message, Rewrite, Rule, link_of
from simcluster.engine import AnyDistribution, Exponential, Probability, stream
from simcluster.faults.chance import Chance, GilbertElliott, chance
from simcluster.faults.fault import Fields
from simcluster.faults.kinds.bodies import flip_bit
from simcluster.faults.kinds.link_faults import Concerns, LinkFault, draws

if TYPE_CHECKING:
    from simcluster.faults.knobs import Knobs


class MessageFault(LinkFault):
    """A fault that hits some of the messages that are sent while it lasts; ``in_flight`` is of all that are under way.

    The draws of a link are its own, so what one link carries never changes what another loses.
    """

    probability: Probability
    """The chance of each message to be hit; with ``bursts``, while its link is in the bad state."""
    bursts: GilbertElliott | None = None
    """How links turn bad and good again (``None``: each message is hit or not by itself)."""

    def hits(self, cluster: Cluster, key: str) -> Chance:
        """Whether a message is hit."""
        return chance(self.probability, self.bursts, cluster.seed, "faults", key)

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """Single messages or bursts, of any node or of all."""
        return {**knobs.chance(), **knobs.ends()}


class LoseMessages(MessageFault):
    """Messages are lost; cause "loss"."""

    kind: Literal["lose_messages"] = "lose_messages"

    def rule(self, cluster: Cluster, key: str, concerns: Concerns) -> Rule:
        """Drop what is hit."""
        hits, lost = self.hits(cluster, key), Drop("loss")
        return lambda message: lost if concerns(message) and hits(message) else None


class DuplicateMessages(MessageFault):
    """Messages arrive once more."""

    kind: Literal["duplicate_messages"] = "duplicate_messages"
    delay_s: AnyDistribution = Exponential(mean=0.01)
    """How much longer the copy takes, drawn for each message."""

    def rule(self, cluster: Cluster, key: str, concerns: Concerns) -> Rule:
        """Duplicate what is hit."""
        hits, draw = self.hits(cluster, key), draws(self.delay_s, cluster.seed, key)
        return lambda message: Duplicate(draw(message)) if concerns(message) and hits(message) else None


class ReorderMessages(MessageFault):
    """Messages are held up, so that later ones overtake them.

    On a network whose order is "fifo" none can: those that follow wait as well.
    """

    kind: Literal["reorder_messages"] = "reorder_messages"
    delay_s: AnyDistribution = Exponential(mean=0.01)
    """How much longer they take, drawn for each message."""

    def rule(self, cluster: Cluster, key: str, concerns: Concerns) -> Rule:
        """Delay what is hit."""
        hits, draw = self.hits(cluster, key), draws(self.delay_s, cluster.seed, key)
        return lambda message: Delay(draw(message)) if concerns(message) and hits(message) else None


class CorruptMessages(MessageFault):
    """Bits flip in messages."""

    kind: Literal["corrupt_messages"] = "corrupt_messages"
    detected: bool = True
    """Whether the checksum is wrong, so that the message is thrown away where it arrives, with the cause "corrupted".

    Otherwise it arrives with a bit flipped in one of its floating-point numbers, if it has any.
    """

    def rule(self, cluster: Cluster, key: str, concerns: Concerns) -> Rule:
        """Corrupt what is hit."""
        hits = self.hits(cluster, key)
        generators: dict[tuple[str, ...], np.random.Generator] = {}

        def judge(message: Message) -> Corrupt | Rewrite | None:
            if not (concerns(message) and hits(message)):
                return None
            if self.detected:
                return Corrupt()
            link = link_of(message)
            if link not in generators:
                generators[link] = stream(cluster.seed, "faults", key, "bits", *link)
            return Rewrite(flip_bit(message.body, generators[link]))

        return judge
