"""JSON text as a document, by the letter of RFC 8259."""

from __future__ import annotations

import json
import re

from simcluster.scenario.text.document import Broken, Counted, Node, check_new, number

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z0-9_.+-]+")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\.)*+"', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONSTANTS = {"true": True, "false": False, "null": None}


def parse(text: str) -> Node:
    """The document that a JSON text is. Raises ``Broken``."""
    reader = _Reader(text)
    found = reader.node(0)
    if reader.peek():
        raise reader.wrong("nothing after the value")
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0
        self.line, self._counted_to = 1, 0
        self.counted = Counted()

    def peek(self) -> str:
        """The next character that is no space, which is not taken; none at the end."""
        space = _SPACE.match(self.text, self.place)
        self.place = space.end() if space else self.place
        self.line += self.text.count("\n", self._counted_to, self.place)
        self._counted_to = self.place
        return self.text[self.place : self.place + 1]

    def wrong(self, wanted: str) -> Broken:
        """The error that something else must stand here."""
        word = _WORD.match(self.text, self.place)
        got = word[0][:40] if word else self.text[self.place : self.place + 1]
        return Broken(self.line, f"the text must be JSON, with {wanted} here, got {repr(got) if got else 'its end'}")

    def node(self, depth: int) -> Node:
        """The value that comes next, and lies in so many others."""
        begin = self.peek()
        line = self.line
        self.counted.add(line)
        if begin == '"':
            return Node(self.string(), line)
        if begin in ("{", "["):
            self.counted.deep(line, depth + 1)
            return self.mapping(line, depth + 1) if begin == "{" else self.sequence(line, depth + 1)
        word = _WORD.match(self.text, self.place)
        if word and word[0] in _CONSTANTS:
            self.place = word.end()
            return Node(_CONSTANTS[word[0]], line)
        if word is None or not _NUMBER.fullmatch(word[0]):
            raise self.wrong("a value")
        self.place = word.end()
        return Node(number(word[0], line), line)

    def string(self) -> str:
        """The text that begins here."""
        found = _STRING.match(self.text, self.place)
        if found is None:
            raise Broken(self.line, "the text must be JSON, got a text in quotes that does not end on its line")
        try:
            value = str(json.loads(found[0]))
        except json.JSONDecodeError as error:
            raise Broken(self.line, f"the text must be JSON, got: {error.msg}") from None
        if _SURROGATE.search(value):
            raise Broken(self.line, f"text must be Unicode, got half of a pair in {value[:80]!r}")
        self.place = found.end()
        return value

    def sequence(self, line: int, depth: int) -> Node:
        """The array that begins here."""
        items: list[Node] = []
        size = 1
        self.place += 1
        while self.peek() != "]" or items:
            items.append(self.node(depth))
            size += items[-1].size
            if not self.goes_on("]"):
                return Node(items, line, size)
        self.place += 1
        return Node(items, line)

    def mapping(self, line: int, depth: int) -> Node:
        """The object that begins here."""
        fields: dict[str, Node] = {}
        size = 1
        self.place += 1
        while (begin := self.peek()) != "}" or fields:
            at = self.line
            if begin != '"':
                raise self.wrong("a key in double quotes")
            self.counted.add(at)
            key = self.string()
            check_new(key, fields, at)
            if self.peek() != ":":
                raise self.wrong("':'")
            self.place += 1
            value = self.node(depth)
            size += value.size
            fields[key] = Node(value.value, at, value.size)
            if not self.goes_on("}"):
                return Node(fields, line, size)
        self.place += 1
        return Node(fields, line)

    def goes_on(self, end: str) -> bool:
        """Whether a comma comes, and not the end; it is taken."""
        found = self.peek()
        if found not in (",", end) or not found:
            raise self.wrong(f"',' or {end!r}")
        self.place += 1
        return found == ","
