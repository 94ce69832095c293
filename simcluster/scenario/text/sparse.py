"""Sparse data: of a specification what somebody would write, which gives it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

from simcluster.engine import InvalidSpec, Spec, plugins


def sparse(spec: BaseModel) -> dict[str, Any]:
    """The fields of a specification that differ from their defaults, each in the same way, and its kind."""
    full: dict[str, Any] = spec.model_dump(mode="json")
    return _fields(spec, full)


def kinds(data: Any) -> Iterator[str]:
    """What stands at ``kind`` anywhere in plain data."""
    if isinstance(data, Mapping):
        if isinstance(data.get("kind"), str):
            yield data["kind"]
        for each in data.values():
            yield from kinds(each)
    elif isinstance(data, list):
        for each in data:
            yield from kinds(each)


def _fields(spec: BaseModel, full: dict[str, Any]) -> dict[str, Any]:
    """Of ``full``, which is all of ``spec``, what is to be written."""
    written = {}
    for name, field in type(spec).model_fields.items():
        value = getattr(spec, name)
        default = field.get_default(call_default_factory=True, validated_data={})
        if name != "kind" and (field.is_required() or type(value) is not type(default) or value != default):
            written[name] = _part(value, full[name])
    kind = {"kind": full["kind"]} if "kind" in full else {}
    return {**kind, **written}


def _part(value: Any, full: Any) -> Any:
    """Of ``full``, which is all of ``value``, what is to be written."""
    if isinstance(value, Spec):
        fields = _fields(value, full)
        return _complete(value, full, fields) if _fills_in(type(value)) else fields
    if isinstance(value, tuple | list) and isinstance(full, list) and len(value) == len(full):
        return [_part(*pair) for pair in zip(value, full, strict=True)]
    if isinstance(value, Mapping) and isinstance(full, dict) and len(value) == len(full):
        return {key: _part(each, full[key]) for each, key in zip(value.values(), full, strict=True)}
    return full


@cache
def _fills_in(kind: type[Spec]) -> bool:
    """Whether a validator may make one field of another, as a class of hardware gives a node its cores."""
    validators = kind.__pydantic_decorators__.model_validators
    return any(each.info.mode != "after" and name != "_in_an_order" for name, each in validators.items())


def _complete(spec: Spec, full: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """``fields`` and what else is needed where one field fills in others, less what one fills in."""
    filled = [name for name in full if name not in fields and _made(spec, fields).get(name) != full[name]]
    fields |= {name: _part(getattr(spec, name), full[name]) for name in filled if name != "kind"}
    for name, field in reversed(type(spec).model_fields.items()):
        if name not in fields or name == "kind" or field.is_required():
            continue
        fewer = {key: value for key, value in fields.items() if key != name}
        if _made(spec, fewer) == full:
            fields = fewer
    return fields


def _made(spec: Spec, fields: dict[str, Any]) -> dict[str, Any]:
    """All fields of what these would make; none where they make nothing."""
    own = {name: value for name, value in fields.items() if name != "kind" or "kind" in type(spec).model_fields}
    if own.get("kind") and ":" in own["kind"]:
        own["kind"] = type(spec).model_fields["kind"].default
    try:
        with plugins(*(kind.partition(":")[0] for kind in kinds(own) if ":" in kind)):
            made = type(spec).model_validate(own).model_dump(mode="json")
    except InvalidSpec:
        return {}
    kind = {"kind": fields["kind"]} if "kind" in fields else {}
    return {**made, **kind}
