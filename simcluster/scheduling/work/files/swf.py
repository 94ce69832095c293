"""Logs of parallel machines in the Standard Workload Format."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from simcluster.engine import Count, Positive
from simcluster.scheduling.work.files.text import text_of
from simcluster.scheduling.work.shapes.shape import Piece, Shape, Shaped
from simcluster.scheduling.work.streams.rigid import members

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = (
    "job number", "submit time", "wait time", "run time", "allocated processors", "average CPU time", "used memory",
    "requested processors", "requested time", "requested memory", "status", "user", "group", "executable", "queue",
    "partition", "preceding job", "think time",
)  # fmt: skip
"""What a line has, by version 2.2 of the format; -1 where nothing is known."""
UNKNOWN = -1.0
KILOBYTE = 1024.0


class _Job(NamedTuple):
    number: int
    submit_s: float
    run_s: float
    processors: int
    memory_bytes: float
    requested_s: float | None
    user: str


class SwfTrace(Shaped):
    """The rigid jobs of a file in the Standard Workload Format, those of the Parallel Workloads Archive (Feitelson).

    Job n is "job-n": a task of as many cores as it was given processors (where that is not known: as it requested),
    released when it was submitted, which takes on a reference core the seconds that it ran. Its user claims the time
    that was requested. Jobs that never ran, for no time or on no processor, are left out. That a job waited for another
    is in its time of submission already, so the fields of preceding jobs and of think times are not read.

    Raises ``ValueError`` for a line that breaks a rule, with its number, the field, the rule and the value.
    """

    kind: Literal["swf"] = "swf"
    path: Path
    """The file."""
    jobs: Count | None = None
    """How many jobs are taken, from the first on (``None``: all)."""
    cores_most: Count | None = None
    """How many cores of one node a job can have; one that has more is a gang (``None``: all are on one node)."""
    faster: Positive = 1.0
    """How many times as fast they come as they came, by which the load is raised."""
    memory: bool = False
    """Whether a job holds the memory that it used, where the file says so."""

    def shape(self, seed: int) -> Shape:
        """The file's jobs. Raises ``ValueError`` for a broken rule, ``MissingFile`` where there is no file."""
        made: dict[str, Piece] = {}
        taken = [job for job in _read(self.path) if job.run_s > 0 and job.processors > 0][: self.jobs]
        if not taken:
            raise ValueError(f"{self.path}: a trace must have a job that ran, got none")
        for job in taken:
            fields: dict[str, Any] = {
                "release_s": job.submit_s / self.faster, "user": job.user, "job": f"job-{job.number}",
                "estimate_s": job.requested_s, "memory_bytes": job.memory_bytes if self.memory else 0.0,
            }  # fmt: skip
            made |= members(f"job-{job.number}", job.processors, job.run_s, self.cores_most, fields)
        return made


def _read(path: Path) -> Iterator[_Job]:
    known: dict[int, int] = {}
    for place, line in enumerate(text_of(path).splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith(";"):
            continue
        here = f"{path}: line {place}"
        if len(words) != len(FIELDS):
            raise ValueError(f"{here}: a job must have {len(FIELDS)} fields, got {len(words)}")
        given = dict(zip(FIELDS, (_number(here, *pair) for pair in zip(FIELDS, words, strict=True)), strict=True))
        number = _whole(here, "job number", given)
        if number in known:
            raise ValueError(f"{here}: job number must be new, got {number}, which line {known[number]} has")
        known[number] = place
        if given["submit time"] < 0:
            raise ValueError(f"{here}: submit time must be at least 0, got {given['submit time']:g}")
        allocated, requested = (_whole(here, f"{which} processors", given) for which in ("allocated", "requested"))
        processors = allocated if allocated > 0 else requested
        memory_bytes = max(0.0, given["used memory"]) * KILOBYTE * max(0, processors)
        claimed_s = given["requested time"] if given["requested time"] > 0 else None
        user = _whole(here, "user", given)
        yield _Job(
            number, given["submit time"], given["run time"], processors, memory_bytes, claimed_s,
            f"user-{user}" if user >= 0 else "",
        )  # fmt: skip


def _number(here: str, field: str, word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        raise ValueError(f"{here}: {field} must be a number, got {word!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"{here}: {field} must be finite, got {word}")
    if number < 0 and number != UNKNOWN:
        raise ValueError(f"{here}: {field} must be at least 0, or -1 where it is unknown, got {word}")
    return number


def _whole(here: str, field: str, given: dict[str, float]) -> int:
    if not given[field].is_integer():
        raise ValueError(f"{here}: {field} must be a whole number, got {given[field]}")
    return int(given[field])
