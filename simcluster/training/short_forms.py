"""Short forms: fields of the usual parts of a training job that may stand in the job itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import GetJsonSchemaHandler

from simcluster.engine import Spec
from simcluster.engine.descriptions import descriptions
from simcluster.recovery import Checkpoints
from simcluster.training.exchange import ParameterServer
from simcluster.training.waiting import BoundedStaleness

#: By part: what it is then, and the field of that for each short form.
SHORT_FORMS: dict[str, tuple[type[Spec], dict[str, str]]] = {
    "exchange": (ParameterServer, {"server": "server", "retry_s": "retry_s"}),
    "waiting": (BoundedStaleness, {"staleness": "staleness", "backup_workers": "backup_workers"}),
    "recovery": (Checkpoints, {"checkpoint_every": "every"}),
}
NEVER = {"every": None}
"""Checkpoints after no number of steps are no recovery."""
COMMENT = "beside a short form"
"""How the JSON Schema marks what a part may say only there."""


def spelled_out(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a job that is to be made, with parts in place of their short forms.

    Raises ``ValueError`` for a short form beside a part of another kind, and beside one that says the same field.
    """
    found = dict(fields)
    for part, (kind, names) in SHORT_FORMS.items():
        given = {short: found.pop(short) for short in names if short in found}
        if given:
            found[part] = _with(part, kind, names, given, found) if part in found else _made(kind, names, given)
    return found


def changed(job: Spec, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Other ``fields`` of a job that there is: a short form changes its part, and makes one where there is none."""
    found = dict(fields)
    for part, (kind, names) in SHORT_FORMS.items():
        given = {short: found[short] for short in names if short in found}
        known = getattr(job, part)
        if not given or part in found or not (known is None or isinstance(known, kind)):
            continue  # what does not go together is refused when the job is made
        found = {name: value for name, value in found.items() if name not in given} | {part: _made(kind, names, given)}
        if known is not None and found[part] is not None:
            found[part] = known.replace(**{names[short]: value for short, value in given.items()})
    return found


def describe(job: dict[str, Any], handler: GetJsonSchemaHandler) -> None:
    """Say in a job's JSON Schema which short forms a file may have, and what of their part may stand beside them."""
    job |= {"dependentSchemas": {}, "allOf": []}
    for part, (kind, names) in SHORT_FORMS.items():
        whole, alone = handler.resolve_ref_schema(handler(kind.__pydantic_core_schema__)), job["properties"][part]
        of_part = {name: {key: of[key] for key in of if key != "default"} for name, of in whole["properties"].items()}
        beside: list[dict[str, Any]] = [
            {"$comment": COMMENT, "type": "object", "properties": of_part, "additionalProperties": False}
        ]
        if NEVER.keys() & names.values():
            beside.append(_NULL)
        for short, field in names.items():
            own = {"anyOf": [of_part[field], _NULL]} if field in NEVER else dict(of_part[field])
            job["properties"][short] = own
            own["description"] = f"Short for `{part}.{field}`: {descriptions(kind)[field]}"
            job["dependentSchemas"][short] = _once(part, short, field)
        then, other = _of(part, {"anyOf": beside}), _of(part, {"anyOf": alone["anyOf"]})
        for short, field in names.items():
            if field in whole.get("required", ()):
                then["anyOf"] = [{"required": [short]}, {**_of(part, {"required": [field]}), "required": [part]}]
        if part in job["required"]:
            job["required"].remove(part)
            other["required"] = [part]
        given = {"anyOf": [{"required": [short]} for short in names]}
        job["allOf"].append({"if": given, "then": then, "else": other})
        job["properties"][part] = {**alone, "anyOf": [*alone["anyOf"], *beside]}


_NULL = {"type": "null"}


def _once(part: str, short: str, field: str) -> dict[str, Any]:
    """What stands beside a short form does not say the same field, and is none beside one that says so."""
    other = _of(part, {"properties": {field: False}})
    if field not in NEVER:
        return other
    some = _of(part, {"type": "object", "properties": {field: False}})
    return {"if": _of(short, _NULL), "then": _of(part, _NULL), "else": some}


def _of(name: str, rule: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {name: rule}}


def _made(kind: type[Spec], names: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, Any] | None:
    """The part that short forms alone stand for."""
    values = {names[short]: value for short, value in given.items()}
    return None if values == NEVER else {"kind": _word(kind), **values}


def _with(
    part: str, kind: type[Spec], names: Mapping[str, str], given: Mapping[str, Any], beside: Mapping[str, Any]
) -> Any:
    """The part that is given beside short forms, with what they say."""
    known = beside[part]
    values, said = _made(kind, names, given), _fields(kind, known)
    if values is None:
        if known is not None:
            raise ValueError(f"checkpoint_every must not be None beside a recovery, got {known!r}")
        return None
    if said is None:
        rule = f"{' and '.join(given)} must not be given beside {part} that is no {_word(kind)}"
        raise ValueError(f"{rule}, got {' and '.join(map(repr, given.values()))} beside {known!r}")
    for short, value in given.items():
        if names[short] in said:
            rule = f"{short} must not be given beside {part}.{names[short]}, for which it is short"
            raise ValueError(f"{rule}, got {value!r} beside {said[names[short]]!r}")
    if isinstance(known, Spec):
        return known.replace(**{name: value for name, value in values.items() if name != "kind"})
    return {**said, **values}


def _fields(kind: type[Spec], known: Any) -> Mapping[str, Any] | None:
    """What a part says of itself; ``None`` where it is of another kind."""
    if isinstance(known, kind):
        return {name: getattr(known, name) for name in known.model_fields_set}
    ours = isinstance(known, Mapping) and known.get("kind", _word(kind)) == _word(kind)
    return known if ours else None


def _word(kind: type[Spec]) -> str:
    word: str = kind.model_fields["kind"].default
    return word
