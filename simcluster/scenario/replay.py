"""Replay: a run that is known by its digest is run again with its full trace, and must be the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from simcluster.scenario.result import Result
from simcluster.scenario.run import run
from simcluster.scenario.scenario import Scenario
from simcluster.scenario.stored import StoredResult, read
from simcluster.scenario.versions import machine, versions


class NotTheSame(RuntimeError):
    """A run that was to be the same has another digest; the text says which versions differ."""


def replay(result: Result | StoredResult | Path | str) -> Result:
    """Run a result, or the one in a file, again with its full trace.

    Raises ``NotTheSame`` when its records, of those kinds that were kept, have another digest, or when it ends
    otherwise, and what ``read``, ``StoredResult.scenario`` and ``run`` raise.
    """
    stored = result if isinstance(result, Result | StoredResult) else read(result)
    known = {**stored.versions, "machine": stored.machine}
    again = run_again(stored.scenario, stored.seed, stored.digest, known)
    ends = [f"{each.ended.word} at {each.ended_s} s" for each in (stored, again)]
    if ends[0] != ends[1]:  # which no digest says where no records were kept
        raise NotTheSame(f"the run under seed {stored.seed} must be {ends[0]}, got {ends[1]}; {_differ(known)}")
    return again


def run_again(scenario: Scenario, seed: int, digest: str, known: Mapping[str, str] | None = None) -> Result:
    """Run ``scenario`` under ``seed`` with its full trace, and make sure that it is the run that had this ``digest``.

    ``digest`` is of the records that ``scenario.trace_kinds`` keeps; what else the full trace has does not count.
    ``known`` are the versions, and maybe the ``"machine"``, of that run, so that a ``NotTheSame`` can tell them from
    those of this one.
    """
    result = run(scenario.replace(trace_kinds=None), seed)
    found = result.trace.digest(scenario.trace_kinds)
    if found != digest:
        raise NotTheSame(f"the run under seed {seed} must have the digest {digest}, got {found}; {_differ(known)}")
    return result


def _differ(known: Mapping[str, str] | None) -> str:
    """What is not as it was."""
    if known is None:
        return "with which versions it was made is not known"
    now = {**versions(), "machine": machine()}
    differ = [f"{name} was {was} and is {now.get(name, 'none')}" for name, was in known.items() if now.get(name) != was]
    if differ:
        return ", ".join(differ)
    return "no version differs, so it is its own parts, its data or the file of the result that were changed"
