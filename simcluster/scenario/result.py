"""Result: what a run gave."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from pydantic import BaseModel

from simcluster.cluster import Ending
from simcluster.engine import Trace, Verdict
from simcluster.faults import Fault
from simcluster.scenario.scenario import Scenario


@dataclass(frozen=True)
class Result:
    """What a run gave.

    ``ended`` is "finished" (the job is over), "horizon" (time ran out) or "deadlock" (nothing was left that could
    happen before the horizon); printed it says also who waits for what, see ``Ending``. ``ended_s`` is when, in
    simulated seconds. ``outcome`` is the job's own, ``None`` unless it finished. ``verdicts`` say what a reader of the
    figures has to know, and are empty when all is well (docs/verdicts.md). ``backlog`` says how much waits at each
    node where anything does (messages in its inbox, computations, operations of its disk, what a pause holds back) and,
    as "network", how many messages wait at interfaces or are held.

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

    @property
    def digest(self) -> str:
        """The fingerprint of the trace: the same scenario and seed always give the same."""
        return self.trace.digest()

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle holds. Raises ``TypeError`` for a part that cannot be in one."""
        for name in ("scenario", "outcome"):
            found = _not_picklable(name, getattr(self, name))
            if found is not None:
                raise TypeError(f"a result can be pickled where all its parts can, got {found}")
        return dict(vars(self))


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
