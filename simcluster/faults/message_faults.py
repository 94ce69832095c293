"""Faults of single messages: lost, duplicated, reordered, corrupted; each independently or in bursts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from simcluster.cluster import Cluster, Corrupt, Delay, Drop, Duplicate, Message, Rewrite, Rule, link_of
from simcluster.engine import AnyDistribution, Exponential, Probability, stream
from simcluster.faults.bodies import flip_bit
from simcluster.faults.chance import Chance, GilbertElliott, chance
from simcluster.faults.fault import Fields
from simcluster.faults.link_faults import Concerns, LinkFault, draws

if TYPE_CHECKING:
    from simcluster.faults.knobs import Knobs


class MessageFault(LinkFault):
    """A fault that hits each message with ``probability``; with ``bursts``, only while its link is in the bad state.

    The draws of a link are its own, so what one link carries never changes what another loses.
    """

    probability: Probability
    bursts: GilbertElliott | None = None

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
    """Messages arrive once more, later by a draw of ``delay_s``."""

    kind: Literal["duplicate_messages"] = "duplicate_messages"
    delay_s: AnyDistribution = Exponential(mean=0.01)

    def rule(self, cluster: Cluster, key: str, concerns: Concerns) -> Rule:
        """Duplicate what is hit."""
        hits, draw = self.hits(cluster, key), draws(self.delay_s, cluster.seed, key)
        return lambda message: Duplicate(draw(message)) if concerns(message) and hits(message) else None


class ReorderMessages(MessageFault):
    """Messages are held up by a draw of ``delay_s`` each, so that later ones overtake them.

    On a network whose order is "fifo" none can: those that follow wait as well.
    """

    kind: Literal["reorder_messages"] = "reorder_messages"
    delay_s: AnyDistribution = Exponential(mean=0.01)

    def rule(self, cluster: Cluster, key: str, concerns: Concerns) -> Rule:
        """Delay what is hit."""
        hits, draw = self.hits(cluster, key), draws(self.delay_s, cluster.seed, key)
        return lambda message: Delay(draw(message)) if concerns(message) and hits(message) else None


class CorruptMessages(MessageFault):
    """Bits flip in messages.

    A ``detected`` one has a wrong checksum and is thrown away where it arrives, with the cause "corrupted". One that
    is not detected arrives with a bit flipped in one of its floating-point numbers.
    """

    kind: Literal["corrupt_messages"] = "corrupt_messages"
    detected: bool = True

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
