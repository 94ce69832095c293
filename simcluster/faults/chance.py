"""Chance: which messages a fault hits, independently or in bursts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from simcluster.cluster import Message, link_of
from simcluster.engine import NUMBER, Probability, Spec, stream

Transition = Annotated[float, Field(gt=0, le=1), NUMBER]
Chance = Callable[[Message], bool]


class GilbertElliott(Spec):
    """A link that is in a good or a bad state, with a step at each message: Gilbert–Elliott bursts.

    A fault's own probability h holds in the bad state. In the long run (p·h + r·g)/(p + r) of the messages are hit,
    and the bad state lasts 1/r messages in the mean (Gilbert 1960; Elliott 1963; Hasslinger & Hohlfeld, MMB 2008). A
    link starts in the bad state with the chance p/(p + r).
    """

    good_to_bad: Transition
    """p, the chance that a good state turns bad from one message to the next."""
    bad_to_good: Transition
    """r, the chance that a bad state turns good from one message to the next."""
    probability_in_good: Probability = 0.0
    """g, the chance of a message to be hit in the good state."""

    @property
    def share_bad(self) -> float:
        """The share of messages that find the link in the bad state, in the long run."""
        return self.good_to_bad / (self.good_to_bad + self.bad_to_good)

    @property
    def burst_length_mean(self) -> float:
        """Messages for which a bad state lasts, in the mean."""
        return 1 / self.bad_to_good

    def rate(self, probability: float = 1.0) -> float:
        """The share of messages hit in the long run, by a fault that has ``probability`` in the bad state."""
        return self.share_bad * probability + (1 - self.share_bad) * self.probability_in_good


def chance(probability: float, bursts: GilbertElliott | None, seed: int, *name: str | int) -> Chance:
    """Whether each message is hit, by draws of its own for each pair of sender and receiver."""
    if bursts is None:
        return _independent(probability, seed, *name)
    return _bursty(probability, bursts, seed, *name)


def _independent(probability: float, seed: int, *name: str | int) -> Chance:
    generators: dict[tuple[str, ...], np.random.Generator] = {}

    def hit(message: Message) -> bool:
        link = link_of(message)
        generator = generators.get(link)
        if generator is None:
            generator = generators[link] = stream(seed, *name, "chance", *link)
        return generator.random() < probability

    return hit


def _bursty(probability: float, bursts: GilbertElliott, seed: int, *name: str | int) -> Chance:
    links: dict[tuple[str, ...], tuple[np.random.Generator, bool]] = {}

    def hit(message: Message) -> bool:
        link = link_of(message)
        if link not in links:
            generator = stream(seed, *name, "chance", *link)
            links[link] = (generator, generator.random() < bursts.share_bad)
        generator, bad = links[link]
        struck = generator.random() < (probability if bad else bursts.probability_in_good)
        change = generator.random() < (bursts.bad_to_good if bad else bursts.good_to_bad)
        links[link] = (generator, bad != change)
        return struck

    return hit
