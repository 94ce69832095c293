"""Write the reference of docs/scenario.md anew: every field and every built-in kind, from the models themselves.

What stands above the marker in that file is written by hand and kept. Usage: ``python docs/scenario.py``.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simcluster.scenario import schema
from simcluster.training.short_forms import COMMENT

PAGE = Path(__file__).resolve().with_suffix(".md")
MARKER = "<!-- Below here python docs/scenario.py writes. -->\n"

#: How the end of a field's name says its unit, the longest first.
UNITS = {
    "bytes_per_s": "bytes/s",
    "flops_per_s": "flops/s",
    "per_s": "1/s",
    "messages": "messages",
    "bytes": "bytes",
    "ppm": "millionths",
    "s": "s",
}
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
RULES = ("allOf", "dependentSchemas")  # what goes together, which names nothing that no field names
TYPES = {"string": "text", "number": "number", "integer": "whole number", "boolean": "true or false", "null": "null"}


def page() -> str:
    """The whole page."""
    return PAGE.read_text(encoding="utf-8").partition(MARKER)[0] + MARKER + reference()


def reference() -> str:
    """The reference: a section for each specification, in the order in which a reader comes to them."""
    whole = schema()
    known = whole.pop("$defs")
    parts = ["\n# Reference\n\n", *_section("Scenario", whole, known)]
    for name in _reached(whole, known):
        parts += _section(name, known[name], known)
    return "".join(parts).rstrip() + "\n"


def unit(field: str) -> str:
    """The unit that the name of a field says, if any."""
    return next((UNITS[end] for end in UNITS if field == end or field.endswith(f"_{end}")), "")


def _reached(part: Any, known: dict[str, Any]) -> list[str]:
    """The names of all specifications that this one may hold, those nearer by first."""
    found: dict[str, None] = {}
    level = [part]
    while level:
        named = dict.fromkeys(name for each in level for name in _refs(each) if name not in found)
        found |= named
        level = [known[name] for name in named]
    return list(found)


def _refs(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"].rpartition("/")[2]
        part = [value for key, value in part.items() if key not in ("discriminator", "default", *RULES)]
    for each in part if isinstance(part, list) else ():
        if not _beside_short_forms(each):
            yield from _refs(each)


def _section(name: str, spec: dict[str, Any], known: dict[str, Any]) -> Iterator[str]:
    """A specification: what it is, and its fields."""
    fields = spec.get("properties", {})
    kind = _kind(spec)
    yield f'<a id="{_anchor(name)}"></a>\n\n## {_title(spec)}\n\n'
    if kind:
        yield f"`kind: {kind}`\n\n"
    yield _prose(spec.get("description", "")) + "\n\n"
    rows = [field for field in fields if field != "kind"]
    if rows:
        yield "| field | type | default | unit | what it says |\n|---|---|---|---|---|\n"
    for field in rows:
        said = fields[field]
        default = _default(said["default"]) if "default" in said else ""
        if field in spec.get("required", ()):
            default = "must be given"
        elif any(field in rule["else"].get("required", ()) for rule in spec.get("allOf", ())):
            default = "must be given, or its short form"
        words = " ".join(_prose(said.get("description", "")).split())
        cells = (f"`{field}`", _type(said, known), default, unit(field), words)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
    if rows:
        yield "\n"


def _anchor(name: str) -> str:
    """What a link names; of what is called alike in two modules the schema has the whole path, and a number."""
    return re.sub(r"^.*__(\w+)__(\d+)$", r"\1-\2", name)


def _title(spec: dict[str, Any]) -> str:
    return str(spec["title"])


def _kind(spec: dict[str, Any]) -> str | None:
    found = spec.get("properties", {}).get("kind", {}).get("const")
    return None if found is None else str(found)


def _prose(text: str) -> str:
    return re.sub(r"``([^`]*)``", r"`\1`", inspect.cleandoc(text))


def _default(value: Any) -> str:
    """A default as a file would have it."""
    if isinstance(value, dict) and "kind" in value:
        fields = ", ".join(f"{name}: {json.dumps(each)}".replace('"', "") for name, each in value.items())
        return f"`{{{fields}}}`" if len(fields) < 48 else f"`{{kind: {value['kind']}}}`"
    if isinstance(value, dict) and value:
        return "all defaults"
    return f"`{json.dumps(value)}`" if not isinstance(value, str) else f"`{value}`"


def _type(part: dict[str, Any], known: dict[str, Any]) -> str:
    """What a field takes, in words."""
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return f"[{_kind(known[name]) or _title(known[name])}](#{_anchor(name)})"
    if "anyOf" in part or "oneOf" in part:
        # That a word alone may stand for its kind, the page says once.
        choices = [each for each in part.get("anyOf", part.get("oneOf", ())) if not _bare(each)]
        return " or ".join(dict.fromkeys(_type(each, known) for each in choices))
    if "const" in part or "enum" in part:
        return " or ".join(f"`{each}`" for each in part.get("enum", [part.get("const")]))
    if part.get("type") == "array":
        items = part.get("prefixItems") or [part.get("items", {})]
        return "list of " + ", ".join(_type(each, known) for each in items)
    if part.get("type") == "object":
        return "mapping of names to " + _type(part.get("additionalProperties") or {}, known)
    bounds = [f"{sign} {part[bound]:g}" for bound, sign in BOUNDS.items() if bound in part]
    named = f", of a {part['names']}" if part.get("names") in ("node", "rack", "link", "program") else ""
    return " ".join([TYPES.get(part.get("type", ""), "anything"), *bounds]) + named


def _beside_short_forms(part: Any) -> bool:
    """Whether it is what may stand beside the short form of one of its fields, which the schema says by itself."""
    return isinstance(part, dict) and part.get("$comment") == COMMENT


def _bare(part: dict[str, Any]) -> bool:
    return (set(part) == {"enum"} and "Infinity" not in part["enum"]) or _beside_short_forms(part)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
