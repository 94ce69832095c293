"""Faults and schedules that fit the cluster that they are for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from simcluster.cluster import ClusterSpec
from simcluster.engine import names_what
from simcluster.faults import Fault
from simcluster.faults.vocabulary import KINDS
from simcluster.testing.ground import Ground, Where
from simcluster.testing.times import TICKS, lengths_s, rounded
from simcluster.testing.values import Absent, Fields, Unknown, valid, value

Kinds = Sequence[type[Fault]]


def faults(
    where: Where, last_s: float, kinds: Kinds | None = None, fields: Fields | None = None
) -> SearchStrategy[Fault]:
    """One fault of one of ``kinds`` (``None``: of any) that can happen ``where`` it is for, over by ``last_s``.

    A scenario accepts each that is drawn for it, and so does one on the cluster that is given. Of nodes that are given
    by their names alone nothing else is known, so what is drawn fits every cluster that has them: no fault of a link, a
    rack, a program or a limited memory.

    What a field holds follows from its type: a number keeps its bounds, one of several literals is one of them, and a
    name is one of what there is. ``fields`` gives strategies for fields by name, where nothing is known of what they
    hold, or where a rule goes beyond one fault. Of any kind means any that can happen and whose required fields are
    all known.

    Raises ``ValueError`` when there is no node or no kind to choose from, or when one of ``kinds`` needs a field that
    neither is known nor in ``fields``.
    """
    ground, kinds_checked = Ground.of(where), _checked(kinds)
    drawn = []
    for kind in kinds_checked:
        try:
            drawn.append(_of_kind(kind, ground, last_s, fields or {}))
        except Unknown:
            if kinds is not None:
                raise
    return _any_of(drawn)


def schedules(
    where: Where,
    last_s: float,
    *,
    max_size: int = 6,
    kinds: Kinds | None = None,
    fields: Fields | None = None,
) -> SearchStrategy[tuple[Fault, ...]]:
    """Up to ``max_size`` faults, each as ``faults`` draws it; shrinks to those that a failure needs."""
    if max_size < 0:
        raise ValueError(f"max_size must be at least 0, got {max_size}")
    return several(faults(where, last_s, kinds, fields), max_size)


def several(fault: SearchStrategy[Fault], max_size: int) -> SearchStrategy[tuple[Fault, ...]]:
    """Up to ``max_size`` of them."""
    # Places that may be empty rather than a list: Hypothesis puts the simplest thing in a place of any length, but
    # takes an item out of a list only when that is a few choices long.
    perhaps = _perhaps(fault)
    return st.tuples(*[perhaps] * max_size).map(lambda drawn: tuple(fault for fault in drawn if fault is not None))


def possible(ground: Ground, last_s: float, kinds: Kinds | None, fields: Fields) -> SearchStrategy[Fault] | None:
    """One fault of those of ``kinds`` that can happen on this ground; ``None`` where none can."""
    drawn = []
    for kind in _checked(kinds):
        try:
            drawn.append(_of_kind(kind, ground, last_s, fields))
        except Absent:
            continue
        except Unknown:
            if kinds is not None:
                raise
    return _any_of(drawn) if drawn else None


def links(cluster: ClusterSpec) -> SearchStrategy[str]:
    """The names of the links of a cluster's topology, for the field ``link`` of faults.

    Raises ``ValueError`` where it has no topology, or one without a link.
    """
    found = Ground.of(cluster).links
    if not found:
        raise ValueError(f"cluster must have a topology with links, got {cluster.network.topology!r}")
    return st.sampled_from(found)


def _of_kind(kind: type[Fault], ground: Ground, last_s: float, given: Fields) -> SearchStrategy[Fault]:
    """Faults of one kind that fit the ground; a program is one of those that the same fault's node boots."""
    if names_programs(kind) - set(given) and len(ground.nodes) > 1 and ground.booting:
        return st.one_of([_of_kind(kind, ground.at(node), last_s, given) for node in ground.booting])
    begin_s, length_s = lengths_s(0, TICKS - 1, last_s), lengths_s(1, TICKS, last_s)
    fields = strategies(kind, ground, given)
    drawn: SearchStrategy[Fault] = st.builds(partial(_over_by, last_s, kind), begin_s, length_s, **fields)
    # What stands in ``given`` for a cluster of which little is known is left to whoever gives it.
    return drawn.filter(ground.fits) if ground.known or not set(given) & set(kind.model_fields) else drawn


def names_programs(kind: type[Fault]) -> set[str]:
    """The fields of a kind that name programs."""
    return {name for name, field in kind.model_fields.items() if names_what(field.metadata) == "program"}


def _any_of(drawn: Sequence[SearchStrategy[Fault]]) -> SearchStrategy[Fault]:
    any_kind = st.one_of(drawn)

    @st.composite
    def fault(draw: DrawFn) -> Fault:  # whose description is short, as that of ``any_kind`` is not
        return draw(any_kind)

    return fault()


@st.composite
def _perhaps(draw: DrawFn, fault: SearchStrategy[Fault]) -> Fault | None:
    return draw(fault) if draw(st.booleans()) else None


def _over_by(last_s: float, kind: type[Fault], begin_s: float, length_s: float, **fields: Any) -> Fault:
    fault: Fault = valid(kind, begin_s=begin_s, end_s=min(last_s, rounded(begin_s + length_s)), **fields)
    return fault


def _checked(kinds: Kinds | None) -> Kinds:
    if kinds is None:
        return tuple(KINDS.values())
    if not kinds or not all(isinstance(kind, type) and issubclass(kind, Fault) for kind in kinds):
        raise ValueError(f"kinds must be some of {list(KINDS)}, as classes, or one's own, got {list(kinds)}")
    return kinds


def strategies(kind: type[Fault], ground: Ground, given: Fields) -> dict[str, SearchStrategy[Any]]:
    """A strategy for each field of a kind of fault but its times; one of which nothing is known keeps its default."""
    drawn: dict[str, SearchStrategy[Any]] = {}
    for name, field in kind.model_fields.items():
        if name in given:
            drawn[name] = given[name]
        elif name not in ("kind", "begin_s", "end_s"):
            try:
                anything = value(f"{kind.__name__}.{name}", field.annotation, field.metadata, ground)
            except Unknown as unknown:
                # A default that names something (all nodes, as a ring) is of no use where there is not enough of it.
                if field.is_required() or (isinstance(unknown, Absent) and field.get_default() is not None):
                    raise
            else:
                drawn[name] = anything if field.is_required() else st.just(field.get_default()) | anything
    return drawn
