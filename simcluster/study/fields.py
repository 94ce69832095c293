"""Fields of a scenario by dotted path: ``job.waiting.staleness``, ``faults.0.factor``, ``cluster.nodes.2.speed``."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from simcluster.engine import Spec, hint


def with_fields(spec: Spec, values: Mapping[str, Any]) -> Any:
    """The same specification with other values at these paths, checked like any that is made anew.

    All are put in at once, so that two that only fit each other may be changed together. Raises ``ValueError`` for a
    path that leads nowhere, and what the specification raises for a value that breaks its rule.
    """
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *way, last = _parts(path)
        inner = tree
        for part in way:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ValueError(f"paths must not lead into each other, got {path!r} beside a shorter one")
        if last in inner:
            raise ValueError(f"paths must not lead into each other, got {path!r} beside a longer one")
        inner[last] = _Value(value)
    return _changed(spec, tree, "")


def field(spec: Spec, path: str) -> Any:
    """What stands at a path. Raises ``ValueError`` for one that leads nowhere."""
    found: Any = spec
    way = ""
    for part in _parts(path):
        found = _part(found, part, way)
        way = f"{way}{part}."
    return found


def short_names(paths: Iterable[str]) -> dict[str, str]:
    """Each path's shortest end by which it can be told from the others: what its column is called."""
    each = list(paths)
    named = {}
    for path in each:
        parts = path.split(".")
        ends = [".".join(parts[-count:]) for count in range(1, len(parts) + 1)]
        others = [other for other in each if other != path]
        named[path] = next(
            (end for end in ends if not end.isdigit() and not any(f".{other}".endswith(f".{end}") for other in others)),
            path,
        )
    return named


class _Value:
    def __init__(self, value: Any) -> None:
        self.value = value


def _parts(path: str) -> list[str]:
    parts = path.split(".") if isinstance(path, str) else []
    if not parts or not all(parts):
        raise ValueError(f"a path must be names with dots between, such as 'job.steps', got {path!r}")
    return parts


def _changed(thing: Any, tree: Mapping[str, Any], way: str) -> Any:
    """``thing`` with the values of ``tree`` in it."""
    new = {
        part: inner.value if isinstance(inner, _Value) else _changed(_part(thing, part, way), inner, f"{way}{part}.")
        for part, inner in tree.items()
    }
    for part in new:
        _part(thing, part, way)
    if isinstance(thing, Spec):
        try:
            return thing.replace(**new)
        except ValueError as error:
            said = "; ".join(f"{way}{line}" for line in str(error).splitlines())
            raise ValueError(said) from None
    if isinstance(thing, Mapping):
        return {**thing, **new}
    if isinstance(thing, functools.partial):
        return functools.partial(thing.func, *thing.args, **{**thing.keywords, **new})
    return tuple(new.get(str(place), each) for place, each in enumerate(thing))


def _part(thing: Any, part: str, way: str) -> Any:
    """One step along a path."""
    known: Sequence[str]
    if isinstance(thing, BaseModel):
        known = list(type(thing).model_fields)
        if part in known:
            return getattr(thing, part)
    elif isinstance(thing, Mapping | functools.partial):
        found = thing.keywords if isinstance(thing, functools.partial) else thing
        known = [str(name) for name in found]
        if part in found:
            return found[part]
    elif isinstance(thing, list | tuple):
        known = [str(place) for place in range(len(thing))]
        if part in known:
            return thing[int(part)]
    else:
        raise ValueError(f"{way}{part}: there is nothing inside of {way.rstrip('.')}, which is {thing!r:.80}")
    shown = f"one of {', '.join(known[:12])}" if known else "nothing"
    where = way.rstrip(".") or "the top"
    raise ValueError(f"{way}{part}: there is {shown} at {where}, got {part!r}{hint(part, known)}")
