"""Result: what a run gave."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from simcluster.cluster import ClusterSpec, Ending
from simcluster.engine import Trace, Verdict
from simcluster.faults import Fault
from simcluster.scenario.scenario import Scenario
from simcluster.scenario.shown import printed, tabulated
from simcluster.scenario.stored import StoredResult, read, write
from simcluster.scenario.versions import machine, versions

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Result:
    """What a run gave.

    ``ended`` is "finished" (the job is over), "horizon" (time ran out) or "deadlock" (nothing was left that could
    happen before the horizon); printed it says also who waits for what, see ``Ending``. ``ended_s`` is when, in
    simulated seconds. ``outcome`` is the job's own, ``None`` unless it finished. ``verdicts`` say what a reader of the
    figures has to know, and are empty when all is well (docs/verdicts.md). ``backlog`` says how much waits at each
    node where anything does (messages in its inbox, computations, operations of its disk, what a pause holds back) and,
    as "network", how many messages wait at interfaces or are held.

    Printed it is a dozen lines, in a notebook a table. ``save`` writes it to a file without pickle, and ``load`` reads
    it from one and runs no code.

    It can be pickled where scenario and outcome can; else pickling raises ``TypeError``, which says what cannot.
    """

    scenario: Scenario
    seed: int
    trace: Trace
    outcome: Any
    ended: Ending
    ended_s: float
    verdicts: tuple[Verdict, ...]
    faults_never_begun: tuple[Fault, ...]
    backlog: dict[str, int]

    def __repr__(self) -> str:
        return printed(self, self._what)

    def _repr_html_(self) -> str:
        return tabulated(self, self._what)

    @property
    def _what(self) -> str:
        return f"{type(self.scenario.job).__name__} on {len(self.scenario.cluster.nodes)} nodes"

    @cached_property
    def digest(self) -> str:
        """The fingerprint of the trace: the same scenario and seed always give the same."""
        return self.trace.digest()

    @property
    def scenario_digest(self) -> str:
        """The fingerprint of the scenario, see ``Scenario.digest``."""
        return self.scenario.digest

    @property
    def cluster(self) -> ClusterSpec:
        """The cluster of the scenario."""
        return self.scenario.cluster

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults of the run: those that were drawn."""
        return self.scenario.faults

    @cached_property
    def metrics(self) -> dict[str, float | str]:
        """Flat figures by name, units last: ``ended_s``, the job's own, and of the trace those whose records were kept.

        Nothing is computed before somebody asks. The job's are what its ``metrics(result)`` gives, if it has that; a
        name of it must be none of the others. Raises ``ValueError`` for what are no figures.
        """
        # With SciPy's statistics, which no run waits for that is not asked.
        from simcluster.measurement.metrics import flat, trace_metrics

        of_trace = trace_metrics(self.trace)
        given = getattr(self.scenario.job, "metrics", None)
        taken = {"ended_s": float(self.ended_s), **of_trace}
        own = flat(given(self), type(self.scenario.job).__name__, taken) if callable(given) else {}
        return {"ended_s": taken["ended_s"], **own, **of_trace}

    @cached_property
    def series(self) -> dict[str, pd.DataFrame]:
        """What changed over time, by name: a frame with a column for each quantity, as the job's ``series`` gives.

        And where messages were refused, ``refused``: the audit log of which, from whom to whom, and for what reason.
        """
        import pandas as pd  # which a run that nobody asks for frames goes without

        given = getattr(self.scenario.job, "series", None)
        frames = dict(given(self)) if callable(given) else {}
        if self.trace.keeps("refuse") and (refused := list(self.trace.rows("refuse"))):
            frames.setdefault("refused", pd.DataFrame(refused).drop(columns="kind"))
        return {str(name): pd.DataFrame(frame) for name, frame in frames.items()}

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """Where the seconds of each node have gone, see ``simcluster.measurement.ledger``.

        Raises ``ValueError`` where the trace does not keep the records that it is made of.
        """
        from simcluster.measurement import ledger

        return ledger(self.trace, self.scenario.cluster.names, self.ended_s)

    @cached_property
    def versions(self) -> dict[str, str]:
        """The versions of what has computed it, see ``versions``."""
        return versions()

    @cached_property
    def machine(self) -> str:
        """The family of the machine that has computed it, such as "Linux x86_64"."""
        return machine()

    def save(self, path: Path | str) -> Path:
        """Write it to a file (JSON and arrays in a zip) that is whole or not there.

        Raises ``ValueError`` where the file cannot be written, or where the scenario has a part that no file can hold.
        What no file can hold of the outcome is written as what it looks like, and is a ``NotStored`` when it is read.
        """
        return write(self, path)

    @staticmethod
    def load(path: Path | str) -> StoredResult:
        """The result in a file. No code is run by that, whatever the file holds.

        Raises ``ValueError`` where it cannot be read, or is not as ``save`` left it.
        """
        return read(path)

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle holds. Raises ``TypeError`` for a part that cannot be in one."""
        for name in ("scenario", "outcome"):
            found = _not_picklable(name, getattr(self, name))
            if found is not None:
                raise TypeError(f"a result can be pickled where all its parts can, got {found}")
        # And with which versions it was made, which nobody knows elsewhere.
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**kept, "versions": self.versions, "machine": self.machine}


def _not_picklable(path: str, value: object) -> str | None:
    """The innermost part that cannot be pickled, and why."""
    try:
        pickle.dumps(value)
    except Exception as error:  # whatever a class raises that was not made for it
        parts = (_not_picklable(f"{path}.{name}", part) for name, part in _parts(value))
        return next((found for found in parts if found is not None), f"{path} = {value!r} ({error})")
    return None


def _parts(value: object) -> Iterator[tuple[object, object]]:
    if isinstance(value, BaseModel):
        yield from ((name, getattr(value, name)) for name in type(value).model_fields)
    elif is_dataclass(value):
        yield from ((field.name, getattr(value, field.name)) for field in fields(value))
    elif isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from enumerate(value)
