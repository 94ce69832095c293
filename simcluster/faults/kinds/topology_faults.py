"""Faults of the links of a topology: down, slow, throttled, lossy, for every message whose route uses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from simcluster.cluster import Cluster, ClusterSpec, Delay, Drop, Hold, InFlight, Message, Rule
from simcluster.engine import AnyDistribution, Constant, LinkName, Positive, Probability
from simcluster.faults.chance import GilbertElliott, chance
from simcluster.faults.fault import Fault, Fields, Lift, recall
from simcluster.faults.kinds.link_faults import Crossing, draws

if TYPE_CHECKING:
    from simcluster.faults.knobs import Knobs


Uses = Callable[[Message], tuple[str, ...]]
"""Those of a fault's links that a message passes, in the order of its route."""


class TopologyFault(Fault):
    """A fault of one link of the topology.

    It concerns every message whose route uses the link, at all fidelities. Routes are static: no message goes round a
    link that is down or slow, as where nobody has told the switches of another way.
    """

    link: LinkName
    """The link, as ``"switch->n-1"``."""
    both_ways: bool = False
    """Whether the fault is also of the way back."""

    @property
    def links(self) -> tuple[str, ...]:
        """The names of the links that it means."""
        source, _, target = self.link.partition("->")
        return (self.link, f"{target}->{source}") if self.both_ways else (self.link,)

    def check(self, spec: ClusterSpec) -> None:
        """Raise ``ValueError`` unless the cluster has a topology with these links."""
        spec.require_links("link", *self.links)

    def uses(self, cluster: Cluster) -> Uses:
        """Which of the links each message passes."""
        links = frozenset(self.links)
        found: dict[tuple[str, str], tuple[str, ...]] = {}

        def uses(message: Message) -> tuple[str, ...]:
            ends = (message.source, message.target)
            if ends not in found:
                found[ends] = tuple(link for link in cluster.network.route(*ends) if link in links)
            return found[ends]

        return uses


class BreakLink(TopologyFault):
    """A link of the topology is down; cause "link_down"."""

    kind: Literal["break_link"] = "break_link"
    crossing: Crossing = "drop"
    """What becomes of messages that are sent meanwhile: they are dropped, or held until it is up again."""
    in_flight: InFlight = "deliver"
    """What becomes of messages that are under way on a route that uses the link, wherever on it they are.

    They go on, are dropped, or are held until it is up again.
    """

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Let nothing pass."""
        uses, verdict = self.uses(cluster), Drop("link_down") if self.crossing == "drop" else Hold()
        rule: Rule = lambda message: verdict if uses(message) else None  # noqa: E731
        return recall(cluster, lambda message: bool(uses(message)), self.in_flight, "link_down", rule)

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """Any link."""
        return {"crossing": knobs.choice("drop", "hold"), **knobs.link()} if knobs.links else None


class DelayLink(TopologyFault):
    """A link of the topology has more latency."""

    kind: Literal["delay_link"] = "delay_link"
    extra_s: AnyDistribution = Constant(value=0.1)
    """How much more, drawn for each message from a stream of its source and target."""

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Delay what passes, by draws of the pair of nodes' own."""
        uses, draw = self.uses(cluster), draws(self.extra_s, cluster.seed, key)
        return _in_force(cluster, lambda message: Delay(draw(message)) if uses(message) else None)

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """Up to a tenth of the run in the mean, on any link."""
        return {"extra_s": knobs.times(run_s / 1e4, run_s / 10), **knobs.link()} if knobs.links else None


class ThrottleLink(TopologyFault):
    """A link of the topology has less bandwidth; overlapping factors multiply.

    Where messages do not share links (see the fidelities of ``NetworkSpec``) it counts if it makes the link the
    slowest of a message's way, and what has begun to leave its sender goes on as it began.
    """

    kind: Literal["throttle_link"] = "throttle_link"
    factor: Positive
    """What the bandwidth is divided by."""

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Take bandwidth away."""
        for link in self.links:
            cluster.network.throttle_link(key, link, self.factor)
        return lambda: cluster.network.unthrottle(key)

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """By a factor from 1.1 to 1000, on any link."""
        return {"factor": knobs.log_uniform(1.1, 1000), **knobs.link()} if knobs.links else None


class LoseOnLink(TopologyFault):
    """A link of the topology loses messages; cause "loss".

    The draws and the state are the link's, whoever sends over it: a burst hits the messages of all routes.
    """

    kind: Literal["lose_on_link"] = "lose_on_link"
    probability: Probability
    """The chance of each message to be lost; with ``bursts``, in the bad state."""
    bursts: GilbertElliott | None = None
    """How the link turns bad and good again (``None``: each message is lost or not by itself)."""

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Lose what is hit on any link of its way."""
        uses, lost = self.uses(cluster), Drop("loss")
        hits = chance(self.probability, self.bursts, cluster.seed, "faults", key)

        def judge(message: Message) -> Drop | None:
            for link in uses(message):
                source, _, target = link.partition("->")
                if hits(message._replace(source=source, target=target)):
                    return lost
            return None

        return _in_force(cluster, judge)

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """Single messages or bursts, on any link."""
        return {**knobs.chance(), **knobs.link()} if knobs.links else None


def _in_force(cluster: Cluster, rule: Rule) -> Lift:
    cluster.network.add(rule)
    return lambda: cluster.network.remove(rule)
