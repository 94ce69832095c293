"""Determinism: the same scenario and seed must give the same records, and if not, where they first differ."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

from simcluster.scenario import Scenario, run

HASH_SEEDS = ("1", "2")


@dataclass(frozen=True)
class Divergence:
    """Where two runs first differ.

    ``time_s`` is the simulated time, ``place`` the number of the record from 0, ``first`` and ``other`` are the two
    records (``None`` where a run had no more), and ``where`` says where the other run was made. The last record of
    a run has the kind "ended".
    """

    time_s: float
    place: int
    first: dict[str, Any] | None
    other: dict[str, Any] | None
    where: Literal["same process", "other process"]

    def __str__(self) -> str:
        return (
            f"two runs must be alike, but differ at {self.time_s} s in record {self.place} ({self.where}):\n"
            f"  {json.dumps(self.first)}\n  {json.dumps(self.other)}"
        )


def check_determinism(
    scenario: Scenario, seed: int, *, hash_seeds: Sequence[int | str] = HASH_SEEDS
) -> Divergence | None:
    """Run ``scenario`` under ``seed`` again and again, and say where a run first differs from the first one.

    The second run is made in this process, where what depends on addresses, on global counters or on what an
    earlier run has left behind shows. Then there is one more in a new process for each of ``hash_seeds``, where
    what depends on the order of a set or on a global that this process has changed shows. All kinds of records are
    kept and compared, whatever ``scenario.trace_kinds`` says. ``None`` means that all were alike.

    The scenario must be importable by another process, as for ``sweep``: its job is a class of a module. A run that
    raises, raises here.
    """
    scenario = scenario.replace(trace_kinds=None)
    first = records(scenario, seed)
    found = _compare(first, _noting("the second run", scenario, seed), "same process")
    for hash_seed in hash_seeds:
        if found is None:
            found = _compare(first, _elsewhere(scenario, seed, str(hash_seed)), "other process")
    return found


def records(scenario: Scenario, seed: int) -> list[str]:
    """The records of a run as lines of JSON, and one more that says how it ended."""
    result = run(scenario, seed)
    ended = {"time_s": result.ended_s, "kind": "ended", "ended": result.ended.word}
    return [*result.trace.lines(), json.dumps(ended)]


def _noting(which: str, scenario: Scenario, seed: int) -> list[str]:
    try:
        return records(scenario, seed)
    except Exception as error:
        error.add_note(f"in {which}; the first one went through")
        raise


def _elsewhere(scenario: Scenario, seed: int, hash_seed: str) -> list[str]:
    """The records of a run in a new process."""
    with (
        _environment("PYTHONHASHSEED", hash_seed),
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        return pool.submit(_noting, f"a process with PYTHONHASHSEED={hash_seed}", scenario, seed).result()


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """An environment variable for processes that are started meanwhile."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _compare(first: list[str], other: list[str], where: Literal["same process", "other process"]) -> Divergence | None:
    for place, (one, two) in enumerate(zip_longest(first, other)):
        if one != two:
            rows = [None if line is None else json.loads(line) for line in (one, two)]
            times = [row["time_s"] for row in rows if row is not None]
            return Divergence(min(times), place, rows[0], rows[1], where)
    return None
