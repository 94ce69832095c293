"""Places: where in a document it stands what a rule is about, and which words were known there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel

from simcluster.engine import Open, hint
from simcluster.scenario.text.document import Node

Path = tuple[str | int, ...]

_ABOUT = re.compile(r"(?:\w+ )?([\w.]+) must\b")
_GOT = re.compile(r"got \[?'([^']*)'")
_HINT = re.compile(r" \(did you mean '([^']*)'\?\)")


class Place(NamedTuple):
    """A field, its line where it has one, and the words that are fields there."""

    path: Path
    line: int | None
    known: Iterable[str] = ()


def sentence(root: Node, kind: type[BaseModel], location: Sequence[int | str], rule: str) -> tuple[int | None, str]:
    """The line, and "field.path: rule, got value; did you mean `word`?", of a rule that pydantic locates so."""
    place, node = _followed(root, kind, location)
    if node is not None and isinstance(node.value, dict | list):
        place = _meant(place, node, rule)
    near = _HINT.findall(rule)
    if len(near) == 1:
        rule = _HINT.sub("", rule)
    elif rule.startswith("there is no such field"):
        near = _HINT.findall(hint(place.path[-1], place.known))
    end = f"; did you mean `{near[0]}`?" if len(near) == 1 else ""
    return place.line, ": ".join(filter(None, (".".join(map(str, place.path)), rule + end)))


def _followed(root: Node, kind: type[BaseModel], location: Sequence[int | str]) -> tuple[Place, Node | None]:
    """The field of this location, without the words of unions in it; and its value, if it has one."""
    node, path, tagged = root, [], False
    here: type[BaseModel] | None = kind
    annotation: Any = kind
    for number, part in enumerate(location):
        value = node.value
        if isinstance(part, str) and "[" in part and not (isinstance(value, dict) and part in value):
            continue  # a type of a union
        if part == (value.get("kind", node).value if isinstance(value, dict) else value) and not tagged:
            tagged = True
            continue
        fields = here.model_fields if here is not None else {}
        path.append(part)
        if isinstance(value, dict) and part in value:
            field = fields.get(str(part))
            node, annotation = value[str(part)], _annotated(field) if field else _item(annotation, 1)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            node, annotation = value[part], _item(annotation, part)
        else:  # it is missing, or came from a short form of this name
            rest = [each for each in location[number + 1 :] if "[" not in str(each)]
            short = value.get(location[-1]) if isinstance(value, dict) else None
            line = short.line if short is not None else node.line
            return Place((*path, *rest), line, tuple(fields)), None
        known = tuple(fields)
        here, tagged = _class(annotation, node), False
        if number == len(location) - 1:
            return Place(tuple(path), node.line, known), node
    return Place(tuple(path), node.line if path else None), node


def _meant(place: Place, node: Node, rule: str) -> Place:
    """The part of a value that a rule on the whole of it is about, by the name and the value that it says."""
    about, got = _ABOUT.match(rule), _GOT.search(rule)
    names = about[1].split(".") if about else []
    if got is not None:
        same = [(path, each.line) for path, each in node.scalars() if _shown(each.value) == got[1]]
        same = [each for each in same if names and names[-1] in each[0]] or same
        if same:
            path, line = same[1 if "more than once" in rule and len(same) > 1 else 0]
            return Place((*place.path, *path), line)
    if names and isinstance(node.value, dict) and names[0] in node.value:
        return Place((*place.path, names[0]), node.value[names[0]].line)
    return place


def _shown(value: Any) -> str | None:
    """Text as an error shows it, between its quotes."""
    return repr(value)[1:-1] if isinstance(value, str) else None


def _annotated(field: Any) -> Any:
    """What a field takes, with its metadata."""
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _item(annotation: Any, place: int) -> Any:
    """What the item of a tuple, or the value of a mapping, takes."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    parts = get_args(annotation)
    if get_origin(annotation) in (Union, UnionType):
        return next((found for part in parts if (found := _item(part, place)) is not None), None)
    if not parts:
        return None
    return parts[0] if parts[-1] is Ellipsis else parts[min(place, len(parts) - 1)]


def _class(annotation: Any, node: Node) -> type[BaseModel] | None:
    """The specification that a value is to be, if it is to be one."""
    parts = get_args(annotation)
    if get_origin(annotation) is Annotated:
        opened = next((each for each in parts[1:] if isinstance(each, Open)), None)
        if opened is None:
            return _class(parts[0], node)
        kind = node.value.get("kind") if isinstance(node.value, dict) else None
        return opened.kinds.get(str(kind.value)) if kind is not None else None
    if get_origin(annotation) in (Union, UnionType):
        return next((found for part in parts if (found := _class(part, node)) is not None), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
