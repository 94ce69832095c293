"""YAML text as a document: from the events of PyYAML's parser, none of which makes an object."""

from __future__ import annotations

import re
from typing import Any

import yaml

from simcluster.scenario.text.document import Broken, Counted, Node, check_new, number

# libyaml's parser where PyYAML has it, which is fifteen times as fast.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULL = re.compile(r"|~|null|Null|NULL")
_TRUTH = re.compile(r"true|True|TRUE|false|False|FALSE")
_WHOLE = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def parse(text: str) -> Node:
    """The document that a YAML text is. Raises ``Broken``."""
    try:
        return _Reader(text).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        context = f" {error.context}" if error.context else ""
        raise Broken(mark.line + 1 if mark else None, f"the text must be YAML, got: {error.problem}{context}") from None
    except yaml.YAMLError as error:
        raise Broken(None, f"the text must be YAML, got: {' '.join(str(error).split())}") from None


def resolved(text: str, line: int = 0) -> Any:
    """What a plain scalar means by the core schema. Raises ``Broken`` for a number that Python does not have."""
    begin = text[:1]
    if begin in "~nN" and _NULL.fullmatch(text):
        return None
    if begin in "tTfF" and _TRUTH.fullmatch(text):
        return begin in "tT"
    if begin in "-+.0123456789":
        if _WHOLE.fullmatch(text) or _FLOAT.fullmatch(text):
            return number(text, line)
        if _NOT_FINITE.fullmatch(text):
            return float(text.replace(".", "").lower())
    return text


class _Reader:
    """Reads events one by one, so that what is too much is not read to its end."""

    def __init__(self, text: str) -> None:
        self.loader = _LOADER(text)
        self.counted = Counted()
        self.anchors: dict[str, Node | None] = {}  # None: its end has not come

    def document(self) -> Node:
        """The one document of the stream."""
        self.next()
        if not isinstance(self.next(), yaml.DocumentStartEvent):
            raise Broken(None, "the file must hold a mapping of fields, got nothing")
        root = self.node(self.next(), 0)
        self.next()
        more = self.next()
        if not isinstance(more, yaml.StreamEndEvent):
            raise Broken(more.start_mark.line + 1, "a file must hold one document, got a second")
        return root

    def next(self) -> Any:
        """The next event."""
        return self.loader.get_event()

    def node(self, event: Any, depth: int) -> Node:
        """The value that begins with this event, and lies in so many others."""
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            return self.alias(str(event.anchor), line, depth)
        if event.tag is not None:
            raise Broken(line, f"a value must have no tag, got {event.tag!r}")
        self.counted.add(line)
        if isinstance(event, yaml.ScalarEvent):
            value = resolved(event.value, line) if event.implicit[0] else event.value
            found = Node(value, line)
        else:
            self.counted.deep(line, depth + 1)
            if event.anchor is not None:
                self.anchors[event.anchor] = None
            mapping = isinstance(event, yaml.MappingStartEvent)
            found = self.mapping(line, depth + 1) if mapping else self.sequence(line, depth + 1)
        if event.anchor is not None:
            self.anchors[event.anchor] = found
        return found

    def sequence(self, line: int, depth: int) -> Node:
        """A sequence whose beginning has been read."""
        items: list[Node] = []
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            items.append(self.node(event, depth))
        return _collection(items, items, line)

    def mapping(self, line: int, depth: int) -> Node:
        """A mapping whose beginning has been read."""
        fields: dict[str, Node] = {}
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            at = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent):
                raise Broken(at, "a key must be text, got an alias, a list or a mapping")
            if event.tag is not None or event.anchor is not None:
                raise Broken(at, f"a key must have no tag and no anchor, got {event.tag or event.anchor!r}")
            key = str(event.value)
            if key == "<<" and event.implicit[0]:
                raise Broken(at, "fields must be written out, got the merge key '<<'")
            self.counted.add(at)
            check_new(key, fields, at)
            value = self.node(self.next(), depth)
            fields[key] = Node(value.value, at, value.size)
        return _collection(fields, list(fields.values()), line)

    def alias(self, anchor: str, line: int, depth: int) -> Node:
        """What an alias stands for."""
        if anchor not in self.anchors:
            raise Broken(line, f"an alias must follow its anchor, got {anchor!r} without one")
        found = self.anchors[anchor]
        if found is None:
            raise Broken(line, f"an alias must not lie in what it stands for, got {anchor!r}")
        self.counted.add(line, found.size)
        self.counted.deep(line, depth + _height(found))
        return Node(found.value, line, found.size)


def _collection(value: Any, parts: list[Node], line: int) -> Node:
    size = 1
    for part in parts:
        size += part.size
    return Node(value, line, size)


def _height(node: Node) -> int:
    """How many mappings and sequences lie in each other here."""
    parts = node.value.values() if isinstance(node.value, dict) else node.value
    return 1 + max(map(_height, parts), default=0) if isinstance(node.value, dict | list) else 0
