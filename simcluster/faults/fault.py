"""Faults: frozen data, each one thing that goes wrong, with a begin and an end.

A fault says what it does as a pair, ``begin(cluster)`` and what that returns, which takes it back. Both add to or
take from a stack of modifiers, so faults may overlap in any order and the cluster always returns to its baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import model_validator

from simcluster.cluster import Cluster, ClusterSpec, InFlight, Message, Rule
from simcluster.engine import Seconds, Spec, names_what
from simcluster.faults.target import expand

if TYPE_CHECKING:
    from simcluster.faults.knobs import Knobs

Lift = Callable[[], None]
Fields = dict[str, Any]


class Fault(Spec):
    """One thing that goes wrong.

    A target is the name of a node, a rack or a zone, or a pattern such as ``"worker-*"``; it means the nodes that
    are in the cluster when the fault begins.
    """

    on_demand: ClassVar[bool] = False
    """Whether a swarm draws it only when it is asked for: no protocol survives it that does not expect it."""

    begin_s: Seconds
    """When it begins, in simulated seconds."""
    end_s: Seconds | None = None
    """When it ends, after ``begin_s`` (``None``: never)."""

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Fault:
        if self.end_s is not None and self.end_s <= self.begin_s:
            raise ValueError(f"end_s must be after begin_s ({self.begin_s}), got {self.end_s}")
        return self

    @property
    def cause(self) -> str:
        """What the trace calls it, as the cause of a message in flight that it drops: its word in a file."""
        return str(getattr(self, "kind", type(self).__name__))

    @property
    def targets(self) -> tuple[str, ...]:
        """What the fault names."""
        return ()

    @property
    def takes_down(self) -> tuple[str, ...]:
        """The targets that are down from begin to end: what a budget of faults counts."""
        return ()

    def check(self, spec: ClusterSpec) -> None:
        """Raise ``ValueError`` when the fault cannot happen to this cluster, for instance to an unknown node."""
        expand(self.targets, spec.machines, f"{type(self).__name__} targets")

    def check_programs(self, cluster: Cluster) -> None:
        """Raise ``ValueError`` when the fault is of a program that no node boots; asked once the job has started."""

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Let it go wrong; the function returned takes it back. ``key`` tells this fault from its like."""
        raise NotImplementedError

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """How a swarm draws its fields, but for the times, for a run of ``run_s``; ``None`` where it cannot happen.

        By default each field that must be given is drawn by what its type names.
        Raises ``TypeError`` when there is one that names nothing.
        """
        fields: Fields = {}
        for name, field in cls.model_fields.items():
            if not field.is_required() or name in ("begin_s", "end_s"):
                continue
            what = names_what(field.metadata)
            if what is None:
                raise TypeError(f"{cls.__name__} must define draw(knobs, run_s), which says how {name} is drawn")
            fields[name] = knobs.named(what)
        return None if None in fields.values() else fields


def nothing_to_lift() -> None:
    """What takes back a fault that is over as soon as it has begun: its damage stays."""


def lift_all(lifts: Iterable[Lift]) -> Lift:
    """One function that takes back several things, in their order."""
    each = tuple(lifts)

    def lift() -> None:
        for one in each:
            one()

    return lift


def recall(
    cluster: Cluster,
    concerns: Callable[[Message], bool],
    in_flight: InFlight,
    cause: str,
    rule: Rule | None = None,
) -> Lift:
    """Say what becomes of messages under way that a fault ``concerns``; they are held until this is taken back.

    ``rule`` is the fault's own verdict on what is sent from now on, if it has one.
    """
    network = cluster.network
    if rule is None and in_flight == "deliver":
        return nothing_to_lift
    standing = rule or _let_pass()
    network.add(standing)
    if in_flight != "deliver":
        network.recall(concerns, standing, in_flight, cause)
    return lambda: network.remove(standing)


def _let_pass() -> Rule:
    # A rule of its own for each fault, so that taking one back never takes another's.
    return lambda message: None
