"""Answers: what a store replies, a value or the cause of a failure, which is raised at whoever asked."""

from __future__ import annotations

from typing import Any

from simcluster.cluster import Failure, Message

Answer = tuple[str, Any]
"""("done", value), or (cause, text)."""

_FAILURES = {failure.cause: failure for failure in Failure.__subclasses__()}
_MISSING = "missing"


def shelf_of(kind: str, name: str) -> str:
    """What the keys of a store begin with on a disk: no two kinds and names of stores share any."""
    return f"{kind}:{len(name)}:{name}/"


def refusal(error: Failure | KeyError) -> Answer:
    """The answer that says why there is no value."""
    if isinstance(error, KeyError):
        return _MISSING, error.args[0]
    return error.cause, str(error)


def value_of(reply: Message) -> Any:
    """The value that an answer brings. Raises the ``Failure`` or ``KeyError`` that it brings instead."""
    outcome, value = reply.body
    if outcome == "done":
        return value
    raise KeyError(value) if outcome == _MISSING else _FAILURES[outcome](value)
