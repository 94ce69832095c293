"""A study as it is stored: its runs as a table, what failed, and what the numbers say."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcluster.measurement.statistics import Ranking
from simcluster.scenario import Result, Scenario, run, run_again
from simcluster.study.analysis import compared, summarised, what_matters
from simcluster.study.plan import MEASURED
from simcluster.study.store import Store, StoredRun

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def _modules(written: Any) -> list[str]:
    """The modules of the user's own parts in a scenario that is written."""
    found: dict[str, None] = {}
    inner = written.values() if isinstance(written, dict) else written if isinstance(written, list) else ()
    if isinstance(written, dict) and isinstance(kind := written.get("kind"), str) and ":" in kind:
        found[kind.partition(":")[0]] = None
    for each in inner:
        found |= dict.fromkeys(_modules(each))
    return list(found)


class _Columns:
    """Rows that are kept as columns: of many, a mapping for each costs more than its values."""

    def __init__(self) -> None:
        self.values: dict[str, list[Any]] = {}
        self.rows = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """One row more; NaN stands where it, or an earlier one, has no value."""
        for name, value in row.items():
            if name not in self.values:
                self.values[name] = [math.nan] * self.rows
            self.values[name].append(value)
        self.rows += 1
        if len(row) < len(self.values):
            for column in self.values.values():
                column.extend([math.nan] * (self.rows - len(column)))


class StoredStudy:
    """The runs of one study of a database, which only its definition can add to.

    ``columns`` are the names of what tells its cells apart, ``labels`` their values, one tuple for each cell.
    """

    def __init__(self, store: Store, key: str, name: str, definition: dict[str, Any]) -> None:
        self.store, self.key, self.name, self.definition = store, key, name, definition
        self.columns: tuple[str, ...] = tuple(definition["columns"])

    @property
    def path(self) -> str:
        """The file."""
        return self.store.path

    @property
    def labels(self) -> list[tuple[Any, ...]]:
        """The values of ``columns``, for each cell."""
        return [tuple(label) for label, _ in self.store.cells(self.key)]

    @property
    def total(self) -> int:
        """How many runs it has when it is whole."""
        return int(self.definition["cells"]) * len(self.definition["seeds"])

    def frame(self) -> pd.DataFrame:
        """A row for each run, or several where several were measured: what tells its cell, ``seed``, what it gave.

        A run that has failed is not in it, but in ``failures``.
        """
        import pandas as pd

        cells, seeds, measured = [], [], _Columns()
        for each in self.store.runs(self.key):
            for row in each.rows:
                cells.append(each.cell)
                seeds.append(each.seed)
                measured.add(row)
        if not cells:
            return pd.DataFrame(columns=[*self.columns, *MEASURED])
        labels = list(zip(*self.labels, strict=True))
        told = {name: [labels[place][cell] for cell in cells] for place, name in enumerate(self.columns)}
        return pd.DataFrame({**told, "seed": seeds, **measured.values})

    def failures(self) -> pd.DataFrame:
        """A row for each run that has failed: its cell's label, ``seed``, ``error``, ``traceback``, and ``command``.

        The command runs it again.
        """
        import pandas as pd

        labels = [dict(zip(self.columns, label, strict=True)) for label in self.labels]
        rows = [
            {
                **labels[run.cell], "seed": run.seed, "error": run.error, "traceback": run.traceback,
                "attempts": run.attempts, "command": self.command(run.cell, run.seed),
            }
            for run in self.failed()
        ]  # fmt: skip
        columns = [*self.columns, "seed", "error", "traceback", "attempts", "command"]
        return pd.DataFrame(rows, columns=columns)

    def failed(self) -> Iterator[StoredRun]:
        """The runs that have failed."""
        return self.store.runs(self.key, failed=True)

    def command(self, cell: int, seed: int) -> str:
        """What runs one run again: on the command line, or of the study in Python where no file can hold its cell."""
        text = None if self.path == ":memory:" else self.store.scenario(self.key, cell)
        modules = ["__main__"] if text is None else _modules(json.loads(text))
        if "__main__" in modules:
            return f"study.replay({cell}, {seed})"
        plugins = "".join(f" --plugin {shlex.quote(module)}" for module in modules)
        return f"simcluster replay {shlex.quote(self.path)} --study {self.key[:8]} --cell {cell} --seed {seed}{plugins}"

    def run_of(self, cell: int, seed: int) -> StoredRun:
        """One run. Raises ``ValueError`` where there is none."""
        found = next(self.store.runs(self.key, task=(cell, seed)), None)
        if found is None:
            raise ValueError(f"{self.path}: there must be a run of this cell and seed, got {cell} and {seed}")
        return found

    def scenario(self, cell: int) -> Scenario:
        """The scenario of a cell.

        Raises ``ValueError`` for one that was made by a function of the seed, or has parts that no file can hold; parts
        of one's own must be allowed (``plugins``).
        """
        cells = self.store.cells(self.key)
        if not 0 <= cell < len(cells):
            raise ValueError(f"cell must be from 0 to {len(cells) - 1}, got {cell}")
        text = cells[cell][1]
        if text is None:
            raise ValueError(
                f"{self.path}: cell {cell} is made by a function or has parts that no file can hold: run it in Python"
            )
        return Scenario.model_validate_json(text)

    def replay(self, cell: int, seed: int) -> Result:
        """Run a run again with its full trace; it must have the digest that is stored.

        One that has failed raises its error again. Raises ``NotTheSame`` for another digest, which says which versions
        differ, and what ``scenario`` raises.
        """
        stored, scenario = self.run_of(cell, seed), self._made(cell, seed)
        if stored.error is not None:
            return run(scenario.replace(trace_kinds=None), seed)
        known = {**self.definition["versions"], "machine": self.definition["machine"]}
        return run_again(scenario, seed, stored.rows[0]["digest"], known)

    def _made(self, cell: int, seed: int) -> Scenario:
        return self.scenario(cell)

    def summary(self, metrics: Sequence[str] | None = None, level: float = 0.95) -> pd.DataFrame:
        """A row for each cell and metric: how many runs have it, their mean and its interval, ``low`` to ``high``."""
        return summarised(self.frame(), self.columns, metrics, level)

    def compare(self, column: str, metric: str, *, lower_is_better: bool = True, level: float = 0.95) -> Ranking:
        """The values of ``column`` in order of their mean ``metric``, and which differ, paired by seed.

        Of each seed it is the mean over the values of the other columns.
        """
        return compared(self.frame(), self.columns, column, metric, lower_is_better=lower_is_better, level=level)

    def sensitivity(self, metric: str, level: float = 0.95) -> pd.DataFrame:
        """Which column matters to ``metric``: Sobol's indices of a grid, first order and total, with intervals."""
        return what_matters(self.frame(), self.columns, metric, level)

    def plot(self, kind: str = "lines", **options: Any) -> Figure:
        """A figure of the runs: "lines" with bands, "cdf", "heat_map" or "pareto"; see ``report.plot``."""
        from simcluster.report import plot

        return plot(self.frame(), kind, **options)

    def export(self, path: Path | str) -> Path:
        """Write the frame to a ``.csv`` or ``.parquet`` file, whole or not at all."""
        from simcluster.report import write_csv, write_parquet

        write = {".csv": write_csv, ".parquet": write_parquet}.get(Path(path).suffix.lower())
        if write is None:
            raise ValueError(f"path must end in .csv or .parquet, got {str(path)!r}")
        return write(self.frame(), path)

    def __repr__(self) -> str:
        """How many of its runs are done, in a line."""
        done, failed = self.store.counts(self.key)
        said = f", {failed} of them failed" if failed else ""
        return f"<study {self.name} {self.key[:8]}: {done} of {self.total} runs are done{said}>"


def open_study(path: Path | str, study: str | None = None) -> StoredStudy:
    """The study of a database whose key begins so, or that is called so; the newest one without.

    Nothing of what it holds is run.
    """
    store = Store(path, read=True)
    known = store.studies()
    if study is not None:
        found = [each for each in known if each[0].startswith(study) or each[1] == study]
        if not found:
            shown = ", ".join(f"{key[:8]} ({name})" for key, name, _ in known) or "none"
            raise ValueError(f"{path}: study must be one of {shown}, got {study!r}")
        known = found
    if not known:
        raise ValueError(f"{path}: there must be a study in it, got none")
    return StoredStudy(store, *known[-1])
