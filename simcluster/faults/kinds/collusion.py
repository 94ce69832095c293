"""Colluding liars: they know what the others have said, and agree about a lie that is hard to tell from it.

Such lies are not far from the truth, which is what rules against liars look for, but always on the same side of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Protocol

import numpy as np
from pydantic import Field

from simcluster.cluster import Cluster, Message, Released, Rewrite
from simcluster.engine import Name, Open, Positive
from simcluster.faults.fault import Fields, Lift
from simcluster.faults.kinds.bodies import Change, Numbers, map_numbers
from simcluster.faults.kinds.node_faults import NodeFault
from simcluster.faults.target import named

if TYPE_CHECKING:
    from simcluster.faults.knobs import Knobs


class Attack(Protocol):
    """What colluding liars say, who have heard the others; a plain function serves."""

    def __call__(self, honest: Numbers, liars: int, strength: float) -> Numbers:
        """The lie (…), of what each of h honest nodes has said (h, …), by so many ``liars``. Pure."""
        ...


def inner_product_manipulation(honest: Numbers, liars: int, strength: float) -> Numbers:
    """−ε times the honest mean, ε the strength (Xie, Koyejo & Gupta, "Fall of empires", UAI 2020).

    The mean over all n points backwards when ε > (n − f)/f, with f liars.
    """
    return np.asarray(-strength * honest.mean(axis=0))


def a_little_is_enough(honest: Numbers, liars: int, strength: float) -> Numbers:
    """The honest mean less z standard deviations of each number (Baruch, Baruch & Goldberg, NeurIPS 2019).

    z is the strength times ``unsuspicious_deviations``, so that 1 is the paper's attack.
    """
    z = strength * unsuspicious_deviations(len(honest) + liars, liars)
    return np.asarray(honest.mean(axis=0) - z * honest.std(axis=0))


def unsuspicious_deviations(nodes: int, liars: int) -> float:
    """z of Baruch et al.: how far from the mean, in standard deviations, enough honest nodes are to back the liars.

    Φ(z) = (n − f − s)/(n − f) with s = ⌊n/2 + 1⌋ − f supporters, of n nodes and f liars; at least 0, and as for one
    supporter where liars need none. 0.3360 for n = 50 and f = 12. Raises ``ValueError`` unless some are honest.
    """
    from scipy.special import ndtri  # which no other fault waits for

    if not 0 <= liars < nodes:
        raise ValueError(f"liars must be at least 0 and fewer than the {nodes} nodes, got {liars}")
    supporters = max(1, nodes // 2 + 1 - liars)
    return max(0.0, float(ndtri((nodes - liars - supporters) / (nodes - liars))))


ATTACKS: dict[str, Attack] = {
    "a_little_is_enough": a_little_is_enough, "inner_product_manipulation": inner_product_manipulation,
}  # fmt: skip
"""The attacks that are here, by their words."""

AnyAttack = Annotated[Attack, Open(Attack, **ATTACKS)]
"""One of them, or one's own; in a file ``kind`` says which."""


class Collude(NodeFault):
    """Nodes that agree about a lie, and tell it in the place of the floating-point numbers in their messages.

    They hear all messages of the cluster: of each other node what it has last sent of the same kind to the same
    target, as many numbers of the same shape. A liar that sends after the others, as one that is slower does, or that
    is served later, so knows what they say in this step (a rushing adversary), and else of some what they said in the
    last. Where nobody has said such a thing, the liar's own truth stands for it. Whole numbers and text stay.
    """

    on_demand: ClassVar[bool] = True

    kind: Literal["collude"] = "collude"
    attack: AnyAttack
    """What they say: −ε times what the others say in the mean, or that less some of its deviations, or one's own."""
    strength: Positive = 1.0
    """ε; or how many times the deviations of the paper."""
    kinds: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    """Which kinds of messages they rewrite (``None``: all)."""

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Let the nodes listen, and lie from now on."""
        liars = frozenset(named(cluster, self.targets))
        heard: dict[tuple[str, str], dict[str, list[Numbers]]] = {}

        def rule(message: Message) -> Rewrite | None:
            if message.source == message.target or isinstance(message, Released):
                return None  # what is released has been lied about when it was sent
            if self.kinds is not None and message.kind not in self.kinds:
                return None
            others = heard.setdefault((message.target, message.kind), {})
            if message.source in liars:
                lie = self._lie(list(others.values()), len(liars))
                return Rewrite(map_numbers(message.body, lie), by_sender=True)
            others[message.source] = _numbers(message.body)
            return None

        cluster.network.add(rule)
        return lambda: cluster.network.remove(rule)

    def _lie(self, others: list[list[Numbers]], liars: int) -> Change:
        """What they make of one array in a message after the other."""
        place = -1

        def lie(truth: Numbers) -> Numbers:
            nonlocal place
            place += 1
            alike = [said[place] for said in others if len(said) > place and said[place].shape == truth.shape]
            with np.errstate(over="ignore", invalid="ignore"):
                return self.attack(np.array(alike or [truth], dtype=np.float64), liars, self.strength)

        return lie

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """Any attack, with a strength from 0.1 to 10."""
        return {"node": knobs.node(), "attack": knobs.choice(*ATTACKS), "strength": knobs.log_uniform(0.1, 10)}


def _numbers(body: object) -> list[Numbers]:
    """The floating-point numbers in a body, in order."""
    found: list[Numbers] = []

    def keep(numbers: Numbers) -> Numbers:
        found.append(numbers)
        return numbers

    map_numbers(body, keep)
    return found
