"""Byzantine nodes: they take part in the protocol, and lie about the numbers.

The adversaries are those that robust aggregation is measured against (Blanchard et al., "Machine learning with
adversaries: Byzantine tolerant gradient descent", NIPS 2017; Lamport et al. 1982 for the one that equivocates).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Protocol

import numpy as np
from pydantic import Field

from simcluster.cluster import Cluster, Message, Released, Rewrite
from simcluster.engine import Name, Open, Positive, stream
from simcluster.faults.fault import Fields, Lift
from simcluster.faults.kinds.bodies import Change, Numbers, map_numbers
from simcluster.faults.kinds.node_faults import NodeFault
from simcluster.faults.target import named

if TYPE_CHECKING:
    from simcluster.faults.knobs import Knobs


class Adversary(Protocol):
    """What a liar makes of numbers; a plain function serves."""

    def __call__(
        self, numbers: Numbers, strength: float, generator: np.random.Generator, receiver: float
    ) -> Numbers:
        """The lie, of the shape of the true ``numbers``.

        ``generator`` belongs to the link, and ``receiver``, in [−1, 1), to whoever is told, so that no two are told the
        same.
        """
        ...


def negate(numbers: Numbers, strength: float, generator: np.random.Generator, receiver: float) -> Numbers:
    """−s·x."""
    return -strength * numbers


def scale(numbers: Numbers, strength: float, generator: np.random.Generator, receiver: float) -> Numbers:
    """s·x."""
    return strength * numbers


def noise(numbers: Numbers, strength: float, generator: np.random.Generator, receiver: float) -> Numbers:
    """x + s·N(0, 1)."""
    return numbers + strength * generator.standard_normal(numbers.shape)


def gaussian(numbers: Numbers, strength: float, generator: np.random.Generator, receiver: float) -> Numbers:
    """s·N(0, 1)."""
    return strength * generator.standard_normal(numbers.shape)


def zero(numbers: Numbers, strength: float, generator: np.random.Generator, receiver: float) -> Numbers:
    """0."""
    return np.zeros_like(numbers)


def equivocate(numbers: Numbers, strength: float, generator: np.random.Generator, receiver: float) -> Numbers:
    """s·u·x, where u is the receiver's own."""
    return strength * receiver * numbers


ADVERSARIES: dict[str, Adversary] = {
    "negate": negate, "scale": scale, "noise": noise, "zero": zero, "equivocate": equivocate, "gaussian": gaussian,
}  # fmt: skip
"""The adversaries that are here, by their words."""

AnyAdversary = Annotated[Adversary, Open(Adversary, **ADVERSARIES)]
"""One of them, or one's own; in a file ``kind`` says which."""


class Byzantine(NodeFault):
    """A node that rewrites the floating-point numbers in the messages it sends; whole numbers and text in them stay.

    Where several of these overlap on a node, the one that began first has its way.
    """

    on_demand: ClassVar[bool] = True

    kind: Literal["byzantine"] = "byzantine"
    adversary: AnyAdversary
    """What it makes of a number x, with strength s.

    In the order of their words, −s·x, s·x, x + s·N(0, 1), 0, s·u·x, where u is the receiver's own, and s·N(0, 1).
    """
    strength: Positive = 10.0
    """s, which does nothing to "zero"."""
    kinds: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    """Which kinds of messages it rewrites (``None``: all)."""

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Let the node lie from now on."""
        liars = frozenset(named(cluster, self.targets))
        lie = self.adversary
        streams: dict[tuple[str, str], tuple[np.random.Generator, float]] = {}

        def change(message: Message) -> Change:
            link = (message.source, message.target)
            if link not in streams:
                receiver = stream(cluster.seed, "faults", key, "receiver", message.target).uniform(-1, 1)
                streams[link] = (stream(cluster.seed, "faults", key, *link), float(receiver))
            generator, receiver = streams[link]
            return lambda numbers: lie(numbers, self.strength, generator, receiver)

        def rule(message: Message) -> Rewrite | None:
            if message.source not in liars or message.source == message.target or isinstance(message, Released):
                return None  # what is released has been lied about when it was sent
            if self.kinds is not None and message.kind not in self.kinds:
                return None
            return Rewrite(map_numbers(message.body, change(message)), by_sender=True)

        cluster.network.add(rule)
        return lambda: cluster.network.remove(rule)

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """Any adversary, with a strength from 0.1 to 100."""
        return {
            "node": knobs.node(),
            "adversary": knobs.choice(*ADVERSARIES),
            "strength": knobs.log_uniform(0.1, 100),
        }
