"""StudyFile: a study as a file says it, for the command ``simcluster sweep``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from simcluster.engine import Count, Seed, Spec
from simcluster.measurement.statistics import Precision
from simcluster.scenario import Result, Scenario
from simcluster.study.design import Design
from simcluster.study.plan import Row
from simcluster.study.study import Study, all_metrics


class Until(Precision):
    """When a cell has been run often enough: its mean ``metric`` is known so precisely, or the seeds run out."""

    metric: str
    """By which it is judged."""


class StudyFile(Spec):
    """A scenario, or several by name, the fields that vary, and the seeds."""

    scenario: Scenario | None = None
    """What is run, with the values of ``vary`` put in."""
    scenarios: dict[str, Scenario] | None = None
    """Or several, by the name that the column ``scenario`` has for each."""
    vary: Design | None = None
    """Which fields have which values."""
    seeds: Count | Annotated[tuple[Seed, ...], Field(min_length=1)] = 10
    """How many seeds, from 0, each cell is run under; or which."""
    until: Until | None = None
    """Run each cell under no more of the seeds than this asks for (``None``: under all)."""
    metrics: tuple[str, ...] | None = None
    """Which metrics of each result are kept (``None``: all)."""
    name: str = "study"
    """What it is called."""

    @model_validator(mode="after")
    def _one_of_both(self) -> StudyFile:
        if (self.scenario is None) == (not self.scenarios):
            raise ValueError("scenario, or scenarios, must be given, and not both")
        return self

    def study(self, path: Path | str = ":memory:") -> Study:
        """The study, whose runs are kept at ``path``."""
        seeds = range(self.seeds) if isinstance(self.seeds, int) else self.seeds
        chosen = all_metrics if self.metrics is None else partial(some_metrics, self.metrics)
        made = self.scenario or self.scenarios or {}
        return Study(made, seeds, chosen, vary=self.vary, path=path, name=self.name)


def some_metrics(names: tuple[str, ...], result: Result) -> Row:
    """These metrics of a result. Raises ``ValueError`` for one that it has not."""
    known = all_metrics(result)
    missing = [name for name in names if name not in known]
    if missing:
        raise ValueError(f"metrics must be of {', '.join(known)}, got {missing[0]!r}")
    return {name: known[name] for name in names}
