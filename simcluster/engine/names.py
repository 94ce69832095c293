"""Names: what a field names. Early refusal, swarms, Hypothesis strategies and the schema all read it from the type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from simcluster.engine.rules import PRINTABLE, Name


@dataclass(frozen=True)
class Names:
    """Metadata of a field that names things of a cluster: ``what`` is "node", "rack", "link", "program", …"""

    what: str

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The schema says it too, as ``names``."""
        return {**handler(schema), "names": self.what}


NodeName = Annotated[Name, Names("node")]
"""A node. A fault takes also a rack, a zone, or a pattern (``"worker-*"``)."""
LimitedNode = Annotated[Name, Names("limited")]
"""A node whose memory has a limit, or what a fault takes for several."""
RackName = Annotated[Name, Names("rack")]
"""A rack, or a zone."""
LinkName = Annotated[str, Field(pattern=r"^.+->.+$"), PRINTABLE, Names("link")]
"""A link of the topology, ``"switch->n-1"``."""
ProgramName = Annotated[Name, Names("program")]
"""A program that a node boots."""
NodeNames = Annotated[tuple[NodeName, ...], Field(min_length=1)]
"""Some nodes."""
NodeGroups = Annotated[tuple[NodeNames, ...], Field(min_length=1), Names("groups")]
"""Groups of nodes that do not overlap."""
NodeSides = Annotated[tuple[NodeNames, NodeNames], Names("sides")]
"""Two groups of nodes that do not overlap, and leave others."""
NodeRing = Annotated[tuple[NodeName, ...], Field(min_length=1), Names("ring")]
"""At least four nodes, in the order of a ring."""
Minority = Annotated[tuple[NodeName, ...], Field(min_length=1), Names("minority")]
"""Fewer than half of the nodes."""


def named_by(thing: BaseModel, path: str = "") -> Iterator[tuple[str, str, str]]:
    """All that ``thing`` names, by the types of its fields and of theirs: the field, what it is, and its name."""
    for name, field in type(thing).model_fields.items():
        yield from _named(f"{path}{name}", field.annotation, field.metadata, getattr(thing, name))


def _named(path: str, kind: Any, metadata: Sequence[object], value: Any) -> Iterator[tuple[str, str, str]]:
    what, parts = names_what(metadata), get_args(kind)
    if get_origin(kind) is Annotated:
        yield from _named(path, parts[0], (*metadata, *parts[1:]), value)
    elif isinstance(value, BaseModel):
        yield from named_by(value, f"{path}.")
    elif get_origin(kind) in (Union, UnionType):
        for part in parts:
            yield from _named(path, part, metadata, value)
    elif isinstance(value, str) and kind is str and what is not None:
        yield path, what, value
    elif isinstance(value, Mapping) and len(parts) == 2:
        for key, item in value.items():
            yield from _named(path, parts[0], (), key)
            yield from _named(f"{path}.{key}", parts[1], (), item)
    elif isinstance(value, tuple) and parts:
        each = parts[:1] * len(value) if parts[-1] is Ellipsis else parts
        for part, item in zip(each, value, strict=False):
            yield from _named(path, part, (), item)


def names_what(metadata: Iterable[object]) -> str | None:
    """What a field with this metadata names, if anything."""
    return next((rule.what for rule in metadata if isinstance(rule, Names)), None)
