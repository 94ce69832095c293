"""Values: what a field of a specification may hold, by its type, its rules and what it names."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic.fields import FieldInfo

from simcluster.engine import (
    Constant,
    Distribution,
    Exponential,
    InvalidSpec,
    Lognormal,
    Open,
    Spec,
    Uniform,
    names_what,
)
from simcluster.testing.ground import Ground

Fields = Mapping[str, SearchStrategy[Any]]
"""Strategies for fields, by name."""

_MOST = 100.0
_MEAN = 0.01
_NODES_TO_SORT = 6


class Unknown(ValueError):
    """Nothing is known of what a field may hold."""


class Absent(Unknown):
    """There is nothing on this ground that a field could name."""


def distributions(mean: float) -> SearchStrategy[Any]:
    """Constant, uniform, exponential or lognormal, each with this mean."""
    return st.sampled_from(
        [
            Constant(value=mean),
            Uniform(low=mean / 2, high=mean * 1.5),
            Exponential(mean=mean),
            Lognormal(mean=mean, sigma=1.0),
        ]
    )


def valid(kind: type[Spec], **fields: Any) -> Any:
    """One of a kind with these fields; a draw that breaks a rule between fields is given up."""
    try:
        return kind(**fields)
    except InvalidSpec:
        reject()


def value(name: str, annotation: Any, rules: Sequence[Any], ground: Ground) -> SearchStrategy[Any]:
    """Values of a type that keep its rules, the plainest first."""
    if get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        inner = [rule for info in more for rule in (info.metadata if isinstance(info, FieldInfo) else [info])]
        return value(name, annotation, [*rules, *inner], ground)
    what = names_what(rules)
    if what is not None:
        return _named(name, what, ground)
    if any(isinstance(rule, Open) and Distribution in rule.protocols for rule in rules):
        return distributions(_MEAN)
    functions = [function for rule in rules if isinstance(rule, Open) for function in rule.functions.values()]
    if functions:
        return st.sampled_from(functions)
    bound = {
        key: getattr(rule, key)
        for rule in rules
        for key in ("ge", "gt", "le", "lt", "min_length", "max_length")
        if getattr(rule, key, None) is not None
    }
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return st.one_of(*[value(name, part, rules, ground) for part in parts if part is not types.NoneType]) | (
            st.none() if types.NoneType in parts else st.nothing()
        )
    if origin is Literal:
        return st.sampled_from(parts)
    if origin is tuple and parts[-1] is not Ellipsis:
        return st.tuples(*[value(name, part, [], ground) for part in parts])
    if origin is tuple:
        fewest, most = max(1, bound.get("min_length", 0)), bound.get("max_length", len(ground.nodes))
        return st.lists(value(name, parts[0], [], ground), unique=True, min_size=fewest, max_size=most).map(tuple)
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        low = bound.get("ge", bound.get("gt", -1) + 1)
        return st.integers(low, min(bound.get("le", low + 10), low + 10))
    if annotation is float:
        return _float(bound)
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        of = annotation.model_fields.items()
        inside = {field: value(f"{name}.{field}", info.annotation, info.metadata, ground) for field, info in of}
        return st.builds(partial(valid, annotation), **inside)
    raise Unknown(f"fields must give a strategy for what is not known, got none for {name}")


def _named(name: str, what: str, ground: Ground) -> SearchStrategy[Any]:
    """Names of what the ground has, as the type of a field asks for them."""
    nodes = ground.nodes
    one_of = {
        "node": nodes,
        "limited": ground.limited,
        "rack": ground.racks,
        "link": ground.links,
        "program": ground.programs_of(nodes),
    }
    if what in one_of:
        if not one_of[what]:
            raise Absent(f"fields must give {name} a strategy, for the name of a {what}")
        return st.sampled_from(one_of[what])
    if what == "groups":
        return _groups(nodes)
    fewest = {"minority": 3, "sides": 3, "ring": 4}.get(what)
    if fewest is None:
        raise Unknown(f"fields must give {name} a strategy, for the name of a {what}")
    if len(nodes) < fewest:
        raise Absent(f"fields must give {name} a strategy where nodes are fewer than {fewest}, got {nodes}")
    if what == "ring":
        return st.lists(st.sampled_from(nodes), min_size=4, max_size=len(nodes), unique=True).map(tuple)
    if what == "minority":
        return st.lists(st.sampled_from(nodes), min_size=1, max_size=(len(nodes) - 1) // 2, unique=True).map(tuple)
    some = st.lists(st.sampled_from(nodes), min_size=2, max_size=len(nodes) - 1, unique=True)
    return some.map(lambda names: (tuple(names[:1]), tuple(names[1:])))


def _groups(nodes: tuple[str, ...]) -> SearchStrategy[tuple[tuple[str, ...], ...]]:
    """One node against the rest, or one group against the rest, or two; those that name few nodes are simpler."""
    one = st.sampled_from(nodes).map(lambda node: ((node,),))
    if len(nodes) == 1:
        return one
    numbers = range(1, 3 ** len(nodes))
    if len(nodes) <= _NODES_TO_SORT:
        splits = sorted({_split(nodes, number) for number in numbers}, key=lambda split: (sum(map(len, split)), split))
        return one | st.integers(0, len(splits) - 1).map(lambda place: splits[place])
    return one | st.integers(1, numbers[-1]).map(partial(_split, nodes))


def _split(nodes: tuple[str, ...], number: int) -> tuple[tuple[str, ...], ...]:
    """The groups of a partition that a number stands for: its digits to base 3 are the groups of the nodes."""
    digits = [number // 3**place % 3 for place in range(len(nodes))]
    groups = (tuple(node for node, digit in zip(nodes, digits, strict=True) if digit == which) for which in (1, 2))
    return tuple(sorted(group for group in groups if group))


def _float(bound: Mapping[str, float]) -> SearchStrategy[float]:
    """Round numbers within the bounds, then any."""
    low, high = bound.get("ge", bound.get("gt", 0.0)), bound.get("le", bound.get("lt", _MOST))
    round_ones = [
        number for number in (1.0, 2.0, 0.5, 10.0, 0.1) if low <= number <= high and number != bound.get("gt")
    ]
    anything = st.floats(low, high, exclude_min="gt" in bound, exclude_max="lt" in bound)
    return st.sampled_from(round_ones) | anything if round_ones else anything
