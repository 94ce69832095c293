"""EDN, Clojure's notation of data, form by form, from lines of any number: what Jepsen writes its histories in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from simcluster.measurement.histories.operation import BadHistory

_TOKEN = re.compile(
    r"""[\s,]+ | ;[^\n]* | (?P<open>\#?\{|[\[(]) | (?P<close>[\])}]) | (?P<discard>\#_)
    | (?P<tag>\#[A-Za-z][\w./*+!?<>=-]*) | (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<char>\\(?:newline|space|tab|return|u[0-9a-fA-F]{4}|.))
    | (?P<atom>[^\s,;"\[\](){}]+) """,
    re.VERBOSE | re.DOTALL,
)
_NUMBER = re.compile(r"[-+]?[0-9]+N?")
_REAL = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?M?")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "\\": "\\"}
_NAMED = {"newline": "\n", "space": " ", "tab": "\t", "return": "\r"}
_CLOSES = {"[": "]", "(": ")", "{": "}", "#{": "}"}
_DEEPEST = 50


class _Form:
    """A collection that is being read: what opens it, its line, and what it has so far."""

    def __init__(self, opens: str, line: int) -> None:
        self.opens, self.line = opens, line
        self.parts: list[Any] = []


_DISCARD = object()  # what stands before a form that is to be passed over


def forms(lines: Iterable[tuple[int, str]], limit: int, inside: bool = True) -> Iterator[tuple[int, Any]]:
    """The forms of numbered lines, each with the line where it begins; those ``inside`` an outermost list one by one.

    Keywords and symbols are their names, lists, vectors and sets are tuples, maps are dictionaries. A form has at most
    ``limit`` parts. Raises ``BadHistory`` where something else must stand.
    """
    stack: list[_Form] = []
    pending: list[Any] = []  # discards before the next form at the outermost level
    outermost: _Form | None = None
    begun = 0
    for line, text in _whole_strings(lines):
        for token in _tokens(line, text):
            kind, word = token
            if inside and not stack and kind == "open" and word in "[(" and outermost is None and not pending:
                outermost = _Form(word, line)
                continue
            if not stack and kind == "close" and outermost is not None and word == _CLOSES.get(outermost.opens):
                outermost = _Form("", line)
                continue
            begun = line if not stack else begun
            if kind in ("discard", "tag"):
                (stack[-1].parts if stack else pending).append(_DISCARD) if kind == "discard" else None
                continue
            if kind == "open":
                if len(stack) == _DEEPEST:
                    raise BadHistory(line, f"forms must lie in at most {_DEEPEST} others, got one deeper")
                stack.append(_Form(word, line))
                continue
            value = _closed(stack, line, word) if kind == "close" else _atom(kind, word, line)
            into = stack[-1].parts if stack else pending
            if into and into[-1] is _DISCARD:
                into.pop()
            elif stack:
                into.append(value)
                if len(into) > limit:
                    since = stack[-1].line
                    raise BadHistory(line, f"a form must have at most {limit} parts, got more since line {since}")
            else:
                yield begun, value
    if pending:
        raise BadHistory(begun, "a form must follow #_, got the end of the file")
    last = stack[-1] if stack else outermost
    if last is not None and last.opens:
        raise BadHistory(last.line, f"what opens must close, got the end of the file in {last.opens!r} of this line")


def read_edn(text: str) -> Any:
    """The one value that a text is. Raises ``BadHistory`` for none, several, and what is no EDN."""
    values = [value for _, value in forms([(1, text)], 10**6, inside=False)]
    if len(values) != 1:
        raise BadHistory(1, f"there must be one value, got {len(values)}")
    return values[0]


def _whole_strings(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Lines, several together where a string goes on over their ends."""
    kept, since = "", 0
    for line, text in lines:
        if not kept and '"' not in text:
            yield line, text
            continue
        kept, since = kept + text, since or line
        if _in_string(kept):
            continue
        yield since, kept
        kept, since = "", 0
    if kept:
        raise BadHistory(since, "a string must end, got the end of the file")


def _in_string(text: str) -> bool:
    place = 0
    while (match := _TOKEN.match(text, place)) is not None:
        place = match.end()
    return text[place : place + 1] == '"'


def _tokens(line: int, text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise BadHistory(line, f"a form must be EDN, got {text[place : place + 40]!r}")
        place = match.end()
        if match.lastgroup is not None:
            yield match.lastgroup, match[0]


def _closed(stack: list[_Form], line: int, word: str) -> Any:
    if not stack or _CLOSES[stack[-1].opens] != word:
        raise BadHistory(line, f"what closes must have been opened, got {word!r}")
    form = stack.pop()
    if form.parts and form.parts[-1] is _DISCARD:
        raise BadHistory(line, f"a form must follow #_, got {word!r}")
    if form.opens != "{":
        return tuple(form.parts)
    if len(form.parts) % 2:
        raise BadHistory(line, f"a map must have a value for each key, got {len(form.parts)} forms")
    try:
        found = dict(zip(form.parts[::2], form.parts[1::2], strict=True))
    except TypeError:
        raise BadHistory(line, "a key of a map must not be a map, got one") from None
    if 2 * len(found) < len(form.parts):
        keys = form.parts[::2]
        twice = next(key for key in found if keys.count(key) > 1)
        raise BadHistory(line, f"keys of a map must differ, got {twice!r:.80} twice")
    return found


def _atom(kind: str, word: str, line: int) -> Any:
    if kind == "string":
        return _ESCAPE.sub(lambda match: _unescaped(match, line), word[1:-1])
    if kind == "char":
        name = word[1:]
        return chr(int(name[1:], 16)) if len(name) == 5 and name[0] == "u" else _NAMED.get(name, name)
    return atom(word, line)


def atom(word: str, line: int = 0) -> Any:
    """What a word is: nil, a truth value, a number, or else the name of a keyword or a symbol."""
    if word in ("nil", "true", "false"):
        return {"nil": None, "true": True, "false": False}[word]
    try:
        if _NUMBER.fullmatch(word):
            return int(word.rstrip("N"))
        if _REAL.fullmatch(word):
            return float(word.rstrip("M"))
    except ValueError:  # of more digits than Python reads
        raise BadHistory(line, f"a number must have at most 4300 digits, got {len(word)}") from None
    if word == ":":
        raise BadHistory(line, "a keyword must have a name, got ':' (JSON is read as one object a line)")
    return word[1:] if word[0] == ":" else word


def _unescaped(match: re.Match[str], line: int) -> str:
    word = match[1]
    if len(word) < 5 and word not in _ESCAPES:
        raise BadHistory(line, f"what a \\ escapes must be one of n t r b f \" \\ uXXXX, got {word!r}")
    return chr(int(word[1:], 16)) if len(word) == 5 else _ESCAPES[word]
