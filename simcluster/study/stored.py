"""A study as it is stored: its runs as a table, what failed, and what the numbers say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcluster.engine import hint
from simcluster.scenario import Scenario
from simcluster.study.plan import MEASURED
from simcluster.study.store import Store, StoredRun

if TYPE_CHECKING:
    import pandas as pd


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

        labels = [dict(zip(self.columns, label, strict=True)) for label in self.labels]
        rows = [{**labels[run.cell], "seed": run.seed, **row} for run in self.store.runs(self.key) for row in run.rows]
        return pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*self.columns, *MEASURED])

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
        return (run for run in self.store.runs(self.key) if run.error is not None)

    def command(self, cell: int, seed: int) -> str:
        """What runs one run again."""
        return f"simcluster replay {self.path} --study {self.key[:8]} --cell {cell} --seed {seed}"

    def run_of(self, cell: int, seed: int) -> StoredRun:
        """One run. Raises ``ValueError`` where there is none."""
        found = next((run for run in self.store.runs(self.key) if (run.cell, run.seed) == (cell, seed)), None)
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

    def numbers(self, metric: str, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame, after a look whether the metric is a column of numbers in it."""
        measured = [name for name in frame.columns if name not in (*self.columns, *MEASURED)]
        _among("metric", metric, measured)
        if frame[metric].dtype == object:
            raise ValueError(f"metric must be a column of numbers, got {metric!r} with {frame[metric].iloc[0]!r}")
        return frame

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


def _among(what: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        raise ValueError(f"{what} must be one of {', '.join(known) or 'nothing'}, got {word!r}{hint(word, known)}")
