"""Kinds of records: those of the library, and whether a scenario's words are among what may be recorded."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from pydantic import BaseModel

from simcluster.engine import hint

KINDS = (
    "send", "deliver", "drop", "duplicate", "hold", "release", "late_reply", "seal", "refuse",
    "node", "crash", "join", "leave", "compute", "abandoned", "disk", "fault",
    "load", "step", "contribution", "loss", "held_out", "privacy", "dropout",
    "consensus", "checkpoint", "restore", "checkpoint_failed",
    "suspect", "lead", "deal", "uncaught", "task_dispatch", "task_begin", "task_end", "task_cancel", "task_preempt",
    "task_speculate", "steal", "query", "query_lost", "query_failed", "attempt", "attempt_end", "guard", "shed",
    "server", "cache", "store", "pass", "tested", "learned", "batch_lost", "served", "takes_over", "counts", "invoke",
    "complete", "apply", "role", "view", "lock", "guarded", "vote", "outcome",
)  # fmt: skip
"""What the library records."""
_NEAR = 0.8  # "los" and "loss" are alike to 0.86, "seen" and "send" to 0.75


def check_kinds(words: Iterable[str], *parts: object) -> None:
    """Raise ``ValueError`` for a word that is no kind of records of a run that is made of ``parts``.

    Known are the library's kinds, and those that a part of somebody's own names in ``records``. A part of one's own
    that has no ``records`` may record anything: beside it a word is refused only when it is nearly a known one.
    """
    own = [part for part in _each(parts) if not _is_here(type(part) if not callable(part) else part)]
    known = dict.fromkeys([*KINDS, *(kind for part in own for kind in getattr(part, "records", ()))])
    all_known = all(hasattr(part, "records") for part in own)
    for word in words:
        if word not in known and (all_known or difflib.get_close_matches(word, known, 1, _NEAR)):
            rule = f"trace_kinds must be of {list(known)}, or of the records that a part of one's own names in records"
            raise ValueError(f"{rule}, got {word!r}{hint(word, known)}")


def _each(thing: object) -> Iterator[object]:
    """All that a job or a fault is made of: objects and functions, not numbers and names."""
    if isinstance(thing, tuple | list):
        for part in thing:
            yield from _each(part)
    elif isinstance(thing, dict):
        yield from _each(list(thing.values()))
    elif thing is not None and not isinstance(thing, str | int | float | PurePath):
        yield thing
        if isinstance(thing, BaseModel):
            yield from _each([getattr(thing, name) for name in type(thing).model_fields])


def _is_here(kind: object) -> bool:
    """Whether a class or a function is the library's, and no experiment's."""
    module = str(getattr(kind, "__module__", ""))
    return module.startswith("simcluster.") and not module.startswith("simcluster.experiments")
