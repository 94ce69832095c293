"""Strategies for Hypothesis: clusters, faults, schedules and scenarios that shrink to something readable.

Needs Hypothesis: ``pip install simcluster[test]``. A property test of a job reads::

    @given(schedules(("server", "worker-0"), last_s=5.0), st.integers(0, 9))
    def test_no_acknowledged_write_is_lost(faults, seed):
        assert lost_writes(run(scenario.under(faults), seed)) == []

Times are mostly multiples of a hundredth of ``last_s``, so that faults often begin and end together and shrink to
round numbers; the rest are any floats. Fewer, earlier and shorter faults are simpler, and so are the kinds that are
named first.
"""

from __future__ import annotations

import itertools
import math
import types
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from simcluster.cluster import Cluster, ClusterSpec, Job, NetworkSpec, NodeSpec
from simcluster.cluster.topology import FatTree, OneSwitch, Racks, Ring, Star, Topology, Torus, WideArea
from simcluster.engine import (
    Constant,
    Distribution,
    Environment,
    Exponential,
    InvalidSpec,
    Lognormal,
    Open,
    Spec,
    Trace,
    Uniform,
    names_what,
)
from simcluster.faults import Fault, Injector
from simcluster.faults.vocabulary import KINDS
from simcluster.scenario import Scenario

try:
    from hypothesis import reject
    from hypothesis import strategies as st
    from hypothesis.strategies import DrawFn, SearchStrategy
except ImportError as error:
    raise ImportError("simcluster.testing needs Hypothesis, which is missing: pip install simcluster[test]") from error

__all__ = [
    "clusters",
    "distributions",
    "faults",
    "links",
    "networks",
    "scenarios",
    "schedules",
    "times_s",
    "topologies",
]

_TICKS = 100
_MOST = 100.0
_MEAN = 0.01
_NODES_TO_SORT = 6

Fields = Mapping[str, SearchStrategy[Any]]


def times_s(last_s: float) -> SearchStrategy[float]:
    """Seconds from 0 to ``last_s``, half of them at one of a hundred equal steps; shrinks to 0."""
    return _lengths_s(0, _TICKS, last_s)


def faults(
    nodes: Sequence[str],
    last_s: float,
    kinds: Sequence[type[Fault]] | None = None,
    fields: Fields | None = None,
) -> SearchStrategy[Fault]:
    """One fault of one of ``kinds`` (``None``: of any) on some of ``nodes``, over by ``last_s``.

    What a field holds follows from its type: a number keeps its bounds, one of several literals is one of them, and a
    name of a node is one of ``nodes``. ``fields`` gives strategies for fields by name, for
    names of anything else (a rack, a program) and where a rule goes beyond one fault. Of any kind means any whose
    required fields are all known.

    Raises ``ValueError`` when there is no node or no kind to choose from, or when one of ``kinds`` needs a field that
    neither is known nor in ``fields``.
    """
    if not nodes:
        raise ValueError(f"nodes must be at least one name, got {nodes!r}")
    drawn: dict[type[Fault], Fields] = {}
    for kind in _checked(kinds):
        try:
            drawn[kind] = _fields(kind, tuple(nodes), fields or {})
        except _Unknown:
            if kinds is not None:
                raise
    begin_s, length_s = _lengths_s(0, _TICKS - 1, last_s), _lengths_s(1, _TICKS, last_s)
    any_kind = st.one_of(
        [st.builds(partial(_over_by, last_s, kind), begin_s, length_s, **given) for kind, given in drawn.items()]
    )

    @st.composite
    def fault(draw: DrawFn) -> Fault:  # whose description is short, as that of ``any_kind`` is not
        return draw(any_kind)

    return fault()


def schedules(
    nodes: Sequence[str],
    last_s: float,
    *,
    max_size: int = 6,
    kinds: Sequence[type[Fault]] | None = None,
    fields: Fields | None = None,
) -> SearchStrategy[tuple[Fault, ...]]:
    """Up to ``max_size`` faults, each as ``faults`` draws it; shrinks to those that a failure needs."""
    if max_size < 0:
        raise ValueError(f"max_size must be at least 0, got {max_size}")
    # Places that may be empty rather than a list: Hypothesis puts the simplest thing in a place of any length, but
    # takes an item out of a list only when that is a few choices long.
    perhaps = _perhaps(faults(nodes, last_s, kinds, fields))
    return st.tuples(*[perhaps] * max_size).map(lambda drawn: tuple(fault for fault in drawn if fault is not None))


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


def networks(latency_s: float = 0.0005, nodes: Sequence[str] = ()) -> SearchStrategy[NetworkSpec]:
    """Networks of each fidelity, order and way to report failures, with and without limit of bandwidth.

    Latency is constant or random with mean ``latency_s``. ``nodes`` are those that a topology, if one is drawn, joins.
    """
    return st.builds(
        NetworkSpec,
        latency=distributions(latency_s),
        bandwidth_bytes_per_s=st.sampled_from([None, 1.25e8, 1.25e6]),
        fidelity=st.sampled_from(["nic", "latency", "flow"]),
        order=st.sampled_from(["datagram", "fifo"]),
        failures=st.sampled_from(["silent", "reported"]),
        topology=topologies(nodes) if nodes else st.none(),
    )


def links(cluster: ClusterSpec) -> SearchStrategy[str]:
    """The names of the links of a cluster's topology, for the field ``link`` of faults.

    Raises ``ValueError`` where it has no topology, or one without a link.
    """
    fabric = cluster.fabric()
    if fabric is None or not fabric.index:
        raise ValueError(f"cluster must have a topology with links, got {cluster.network.topology!r}")
    return st.sampled_from(list(fabric.index))


def topologies(nodes: Sequence[str]) -> SearchStrategy[Topology | None]:
    """None, or any kind of topology that holds these nodes and no others, with the bandwidth of its cables as it is."""
    count = len(nodes)
    shapes = [(rows, count // rows) for rows in range(1, count + 1) if count % rows == 0]
    trees = (k for k in itertools.count(2, 2) if k**3 // 4 >= count)
    zones = st.integers(1, count).map(lambda near: {"near": tuple(nodes[:near]), "far": tuple(nodes[near:])})
    ways = {"near": {"far": 0.001}, "far": {"near": 0.002}}
    kinds: list[SearchStrategy[Topology | None]] = [
        st.none(),
        st.just(OneSwitch()),
        st.builds(Star, hub=st.sampled_from(list(nodes))),
        st.just(Ring()),
        st.sampled_from([Torus(rows=rows, columns=columns) for rows, columns in shapes]),
        st.builds(Racks, racks=st.integers(1, count), oversubscription=st.sampled_from([1.0, 4.0])),
        st.just(FatTree(k=next(trees))),
        st.builds(partial(WideArea, latency_s=ways), zones=zones),
    ]
    return st.one_of(kinds)


@st.composite
def clusters(
    draw: DrawFn,
    min_nodes: int = 1,
    max_nodes: int = 5,
    prefix: str = "node",
    network: SearchStrategy[NetworkSpec] | None = None,
    fields: Fields | None = None,
) -> ClusterSpec:
    """Clusters of nodes ``prefix-0``, ``prefix-1``, … that may differ in cores, speed and jitter.

    ``network`` draws what joins them, by default any network with any topology that holds them. ``fields`` gives
    strategies for fields of ``NodeSpec``. Shrinks to few nodes as they are by default.
    """
    if not 1 <= min_nodes <= max_nodes:
        raise ValueError(f"min_nodes must be within [1, max_nodes = {max_nodes}], got {min_nodes}")
    usual: Fields = {
        "cores": st.sampled_from([1, 2, 4]),
        "speed": st.sampled_from([1.0, 0.5, 2.0]),
        "jitter": st.none() | distributions(1.0),
    }
    nodes = tuple(
        NodeSpec(name=f"{prefix}-{place}", **{name: draw(of) for name, of in {**usual, **(fields or {})}.items()})
        for place in range(draw(st.integers(min_nodes, max_nodes)))
    )
    names = tuple(node.name for node in nodes)
    return ClusterSpec(nodes=nodes, network=draw(networks(nodes=names) if network is None else network))


@st.composite
def scenarios(
    draw: DrawFn,
    job: Callable[[ClusterSpec], Job],
    last_s: float,
    horizon_s: float,
    cluster: SearchStrategy[ClusterSpec] | None = None,
    max_faults: int = 6,
    kinds: Sequence[type[Fault]] | None = None,
    fields: Fields | None = None,
) -> Scenario:
    """Scenarios of a job on some cluster under some faults that are all over by ``last_s``.

    Faults that cannot happen to the cluster are left out, for instance a partition that leaves no bridge.
    Where the cluster has a topology, faults of its links are among them.
    ``job(cluster)`` makes the job for a cluster. ``cluster`` draws that, by default as ``clusters()`` does.
    """
    spec = draw(clusters() if cluster is None else cluster)
    fabric = spec.fabric()
    if fabric is not None and fabric.links:
        fields = {"link": links(spec), **(fields or {})}
    schedule = draw(schedules(spec.names, last_s, max_size=max_faults, kinds=kinds, fields=fields))
    fitting = tuple(fault for fault in schedule if _fits(fault, spec))
    return Scenario(cluster=spec, job=job(spec), horizon_s=horizon_s).under(fitting)


def _fits(fault: Fault, spec: ClusterSpec) -> bool:
    env = Environment()
    try:
        Injector(Cluster(env, spec, 0, Trace(env, ())), [fault])
    except ValueError:
        return False
    return True


def _lengths_s(fewest: int, most: int, last_s: float) -> SearchStrategy[float]:
    """Seconds between two numbers of hundredths of ``last_s``."""
    if not (last_s > 0 and math.isfinite(last_s)):
        raise ValueError(f"last_s must be a number greater than 0, got {last_s}")
    step_s = last_s / _TICKS
    steps = st.integers(fewest, most).map(lambda tick: _round(tick * step_s))
    return steps | st.floats(fewest * step_s, most * step_s)


@st.composite
def _perhaps(draw: DrawFn, fault: SearchStrategy[Fault]) -> Fault | None:
    return draw(fault) if draw(st.booleans()) else None


def _over_by(last_s: float, kind: type[Fault], begin_s: float, length_s: float, **fields: Any) -> Fault:
    fault: Fault = _valid(kind, begin_s=begin_s, end_s=min(last_s, _round(begin_s + length_s)), **fields)
    return fault


def _valid(kind: type[Spec], **fields: Any) -> Any:
    try:
        return kind(**fields)
    except InvalidSpec:  # a rule between fields
        reject()


def _round(seconds: float) -> float:
    """Without the last bits of binary fractions."""
    return float(f"{seconds:.12g}")


def _checked(kinds: Sequence[type[Fault]] | None) -> Sequence[type[Fault]]:
    if kinds is None:
        return tuple(KINDS.values())
    if not kinds or not all(isinstance(kind, type) and issubclass(kind, Fault) for kind in kinds):
        raise ValueError(f"kinds must be some of {list(KINDS)}, as classes, or one's own, got {list(kinds)}")
    return kinds


def _fields(kind: type[Fault], nodes: tuple[str, ...], given: Fields) -> dict[str, SearchStrategy[Any]]:
    """A strategy for each field of a kind of fault but its times."""
    strategies: dict[str, SearchStrategy[Any]] = {}
    for name, field in kind.model_fields.items():
        if name in given:
            strategies[name] = given[name]
        elif name not in ("kind", "begin_s", "end_s"):
            try:
                anything = _value(f"{kind.__name__}.{name}", field.annotation, field.metadata, nodes)
            except _Unknown:
                if field.is_required():
                    raise
            else:
                required = field.is_required()
                strategies[name] = anything if required else st.just(field.get_default()) | anything
    return strategies


def _named(name: str, what: str, nodes: tuple[str, ...]) -> SearchStrategy[Any]:
    """Names of nodes, as the type of a field asks for them."""
    if what == "node":
        return st.sampled_from(nodes)
    if what == "groups":
        return _groups(nodes)
    if what not in ("minority", "sides"):
        raise _Unknown(f"fields must give {name} a strategy, for the name of a {what}")
    if len(nodes) < 3:
        raise _Unknown(f"fields must give {name} a strategy where nodes are fewer than 3, got {nodes}")
    if what == "minority":
        return st.lists(st.sampled_from(nodes), min_size=1, max_size=(len(nodes) - 1) // 2, unique=True).map(tuple)
    some = st.lists(st.sampled_from(nodes), min_size=2, max_size=len(nodes) - 1, unique=True)
    return some.map(lambda names: (tuple(names[:1]), tuple(names[1:])))


class _Unknown(ValueError):
    """Nothing is known of what a field may hold."""


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


def _value(name: str, annotation: Any, rules: Sequence[Any], nodes: tuple[str, ...]) -> SearchStrategy[Any]:
    """Values of a type that keep its rules, the plainest first."""
    if get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        inner = [rule for info in more for rule in (info.metadata if isinstance(info, FieldInfo) else [info])]
        return _value(name, annotation, [*rules, *inner], nodes)
    what = names_what(rules)
    if what is not None:
        return _named(name, what, nodes)
    if any(isinstance(rule, Open) and Distribution in rule.protocols for rule in rules):
        return distributions(_MEAN)
    bound = {
        key: getattr(rule, key)
        for rule in rules
        for key in ("ge", "gt", "le", "lt", "min_length", "max_length")
        if getattr(rule, key, None) is not None
    }
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return st.one_of(*[_value(name, part, rules, nodes) for part in parts if part is not types.NoneType]) | (
            st.none() if types.NoneType in parts else st.nothing()
        )
    if origin is Literal:
        return st.sampled_from(parts)
    if origin is tuple and parts[-1] is not Ellipsis:
        return st.tuples(*[_value(name, part, [], nodes) for part in parts])
    if origin is tuple:
        size = {"min_size": max(1, bound.get("min_length", 0)), "max_size": bound.get("max_length", max(1, len(nodes)))}
        return st.lists(_value(name, parts[0], [], nodes), unique=True, **size).map(tuple)
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        low = bound.get("ge", bound.get("gt", -1) + 1)
        return st.integers(low, min(bound.get("le", low + 10), low + 10))
    if annotation is float:
        return _float(bound)
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        of = annotation.model_fields.items()
        inside = {field: _value(f"{name}.{field}", info.annotation, info.metadata, nodes) for field, info in of}
        return st.builds(partial(_valid, annotation), **inside)
    raise _Unknown(f"fields must give a strategy for what is not known, got none for {name}")


def _float(bound: Mapping[str, float]) -> SearchStrategy[float]:
    """Round numbers within the bounds, then any."""
    low, high = bound.get("ge", bound.get("gt", 0.0)), bound.get("le", bound.get("lt", _MOST))
    round_ones = [
        number for number in (1.0, 2.0, 0.5, 10.0, 0.1) if low <= number <= high and number != bound.get("gt")
    ]
    anything = st.floats(low, high, exclude_min="gt" in bound, exclude_max="lt" in bound)
    return st.sampled_from(round_ones) | anything if round_ones else anything
