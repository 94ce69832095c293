"""Loss: a rule of the network by which messages are lost by chance."""

from __future__ import annotations

import numpy as np

from simcluster.cluster.messages.message import Message
from simcluster.cluster.messages.verdict import Drop, Rule, link_of
from simcluster.engine import stream


def loss(probability: float, seed: int, *name: str | int) -> Rule:
    """A rule that loses each message that crosses a link with ``probability``, by draws of its own for each link."""
    if not 0 <= probability <= 1:
        raise ValueError(f"probability must be within [0, 1], got {probability}")
    generators: dict[tuple[str, ...], np.random.Generator] = {}
    lost = Drop("loss")

    def judge(message: Message) -> Drop | None:
        if message.source == message.target:
            return None
        link = link_of(message)
        generator = generators.get(link)
        if generator is None:
            generator = generators[link] = stream(seed, *name, "loss", *link)
        return lost if generator.random() < probability else None

    return judge
