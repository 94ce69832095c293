"""Verdicts: what a reader of a run's figures has to know of it. Nothing is said of a run in which all is well."""

from __future__ import annotations

import cmath
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np

from simcluster.cluster import Cluster
from simcluster.engine import Verdict, named_by
from simcluster.faults import Fault
from simcluster.scenario.progress import Look
from simcluster.scenario.result import Result

NEVER_BEGAN = "fault never began"

#: From which share of its time on the cores of a node count as busy all the time.
BUSY = 0.99
#: At how many looks a backlog has to be greater than at the one before.
RISES = 8
_SHOWN = 2
_ALWAYS_FINITE = frozenset({int, str, bool, type(None)})


@dataclass(frozen=True)
class Observed:
    """A run that is over: its result so far, its cluster, and what was seen of it on the way.

    ``met`` is what arithmetic met, how often, and when first; ``gone`` says which programs a failure has ended.
    """

    result: Result
    cluster: Cluster
    looks: Sequence[Look]
    met: Mapping[str, tuple[int, float]]
    gone: Sequence[str]


def verdicts(run: Observed) -> tuple[Verdict, ...]:
    """What there is to say: what jobs have said themselves, then what the run shows, one for each name of RULES."""
    said = list(run.cluster.trace.verdicts)
    for name, rule in RULES.items():
        sentence = rule(run)
        if sentence is not None and not (name in _ONCE and any(each.name in _ONCE for each in said)):
            said.append(Verdict(name, sentence))
    return tuple(said)


def _diverged(run: Observed) -> str | None:
    lost = next((path for path, value in _parts("outcome", run.result.outcome) if _is_lost(value)), None)
    return None if lost is None else f"{lost} is no longer finite"


def _parts(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """An outcome, and all that it is made of but whole numbers and text: entries, fields, and theirs."""
    yield path, value
    named: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        named = () if _are_finite(value.values()) else value.items()
    elif isinstance(value, list | tuple):
        named = () if _are_finite(value) else enumerate(value)
    elif is_dataclass(value):
        named = ((field.name, getattr(value, field.name)) for field in fields(value))
    for name, part in named:
        if type(part) not in _ALWAYS_FINITE:
            yield from _parts(f"{path}.{name}", part)


def _are_finite(parts: Collection[Any]) -> bool:
    """Whether parts are whole numbers, text, and tuples of them, as the answers of a service are: seen at once."""
    tuples = [part for part in parts if type(part) is tuple]
    rest = parts if not tuples else (part for part in parts if type(part) is not tuple)
    whole = _ALWAYS_FINITE.issuperset
    return whole(map(type, rest)) and whole(map(type, chain.from_iterable(tuples)))


def _is_lost(value: Any) -> bool:
    """Whether it is a number, or an array of them, that is no longer finite."""
    if isinstance(value, float | complex):
        return not cmath.isfinite(value)
    return isinstance(value, (np.inexact, np.ndarray)) and value.dtype.kind in "fc" and not np.isfinite(value).all()


def _arithmetic(run: Observed) -> str | None:
    if not run.met:
        return None
    counts = ", ".join(f"{kind} {_times(count)}" for kind, (count, _) in run.met.items())
    return f"arithmetic met {counts}, first at {min(first_s for _, first_s in run.met.values()):.6g} s"


def _horizon(run: Observed) -> str | None:
    said = f"the job was not over at the horizon, {run.result.scenario.horizon_s:.6g} s"
    return _with_waits(said, run) if run.result.ended == "horizon" else None


def _deadlock(run: Observed) -> str | None:
    if run.result.ended != "deadlock":
        return None
    said = f"the job was not over, and nothing was left that could happen after {run.result.ended_s:.6g} s"
    return _with_waits(said, run)


def _with_waits(said: str, run: Observed) -> str:
    """And who waits for what, as ``ended`` says in full."""
    waits = run.result.ended.waits
    more = [f"and {len(waits) - _SHOWN} more"] if len(waits) > _SHOWN else []
    return "; ".join([said, *waits[:_SHOWN], *more])


def _backlog_grows(run: Observed) -> str | None:
    if len(run.looks) < RISES:
        return None
    chosen = [run.looks[(len(run.looks) - 1) * place // (RISES - 1)] for place in range(RISES)]
    rising = {}
    for name in chosen[-1].waiting:
        counts = [look.waiting.get(name, 0) for look in chosen]
        if all(before < after for before, after in pairwise(counts)):
            rising[f"{name} from {counts[0]} to"] = counts[-1]
    span = f"between {chosen[0].time_s:.6g} s and {chosen[-1].time_s:.6g} s"
    return f"what waits grew at each of {RISES} looks {span}: {_counted(rising)}" if rising else None


def _utilisation(run: Observed) -> str | None:
    nodes = run.cluster.nodes
    busy = {
        name: max(look.queued.get(name, 0) for look in run.looks)
        for name, count in Counter(name for look in run.looks for name in look.queued).items()
        if 2 * count >= len(run.looks) and name in nodes and nodes[name].utilisation >= BUSY
    }
    share = f"all cores were busy for at least {BUSY:.0%} of the time"
    return f"{share} while work queued, at the most: {_counted(busy)}" if busy else None


def _never_began(run: Observed) -> str | None:
    late = run.result.faults_never_begun
    if not late:
        return None
    first = min(late, key=lambda fault: fault.begin_s)
    end = {"finished": "the job was over", "horizon": "the horizon was"}.get(run.result.ended, "the last event was")
    all_of = f"{len(late)} of {len(run.result.scenario.faults)} faults never began"
    return f"{all_of}: {_what(first)} was to begin at {first.begin_s:.6g} s, and {end} at {run.result.ended_s:.6g} s"


def _began_too_late(run: Observed) -> str | None:
    end_s, never = run.result.ended_s, run.result.faults_never_begun
    late = [fault for fault in run.result.scenario.faults if fault.begin_s == end_s and fault not in never]
    if not late or run.result.ended == "deadlock":
        return None
    return f"{_what(late[0])} began at {end_s:.6g} s, when the run was over"


def _what(fault: Fault) -> str:
    names = ", ".join(dict.fromkeys(name for _, _, name in named_by(fault)))
    return f"{type(fault).__name__} of {names}" if names else type(fault).__name__


def _program_ended(run: Observed) -> str | None:
    return _gone(run, "end_program", "ended its program")


def _node_crashed(run: Observed) -> str | None:
    return _gone(run, "crash_node", "crashed its node")


def _gone(run: Observed, mode: str, how: str) -> str | None:
    if not run.gone or run.result.scenario.uncaught_failure != mode:
        return None
    return f"a failure that no program caught {how} {_times(len(run.gone))}, first {run.gone[0]}"


def _refused(run: Observed) -> str | None:
    refused = run.cluster.network.refused
    if not refused:
        return None
    what = _counted(dict(sorted(refused.items())))
    return f"messages were refused: {what}"


def _counted(counts: Mapping[str, int]) -> str:
    """The first four, in words."""
    listed = [f"{name} {count}" for name, count in list(counts.items())[:4]]
    return ", ".join([*listed, f"and {len(counts) - 4} more"] if len(counts) > 4 else listed)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


RULES: dict[str, Callable[[Observed], str | None]] = {
    "diverged": _diverged,
    "not finite": _arithmetic,
    "horizon": _horizon,
    "deadlock": _deadlock,
    "program ended": _program_ended,
    "node crashed": _node_crashed,
    "backlog grows": _backlog_grows,
    "utilisation 1": _utilisation,
    "messages refused": _refused,
    NEVER_BEGAN: _never_began,
    "fault at the end": _began_too_late,
}
"""What is asked of every run, by the name of the verdict."""

_ONCE = ("diverged", "not finite")
"""Of which the first says it all."""
