"""An experiment: one question, the scenarios that answer it, and one figure; and how it is run by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from matplotlib.figure import Figure
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from simcluster.engine import InvalidSpec, broken_rules
from simcluster.measurement import Comparison, Interval, verdict
from simcluster.report import check_folder, save
from simcluster.sweep import Interrupted, Label, Measure, Seeded, Workers, sweep, verdicts_in_words, workers
from simcluster.sweep import Progress as Report

OutFolder = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Folder for the picture and its table.")
]
Processes = Annotated[
    int | None,
    typer.Option(metavar="N", help="Processes to run in; every core when left out."),
]

INTERRUPTED = 130  # what a shell says of a program that Ctrl-C ended


@dataclass(frozen=True)
class Answer:
    """What an experiment found: the verdict on its score, the table behind it, and where the picture is."""

    experiment: Experiment
    verdict: Comparison
    table: pd.DataFrame
    picture: Path | None


@dataclass(frozen=True)
class Experiment:
    """A question that a sweep can answer.

    ``scenarios(small)`` gives the scenarios by label; the label's values fill the columns ``labels``.
    ``measure`` gives the rows of one result, ``figure`` draws the table of them all. ``score`` reduces that table
    to one row per seed and one column per strategy: the ``quantity`` (in ``unit``) that decides.
    """

    name: str
    question: str
    labels: tuple[str, ...]
    scenarios: Callable[[bool], Mapping[Label, Seeded]]
    measure: Measure
    figure: Callable[[pd.DataFrame], Figure]
    score: Callable[[pd.DataFrame], pd.DataFrame]
    quantity: str
    unit: str

    def compare(
        self,
        seeds: Sequence[int],
        *,
        small: bool = False,
        out: Path | str | None = None,
        within: Workers = None,
        progress: Report | None = None,
    ) -> Answer:
        """Run the experiment over ``seeds``; ``small`` is the version of the demo, ``out`` a folder to write to.

        It runs in this process, or ``within`` what ``sweep.workers`` gives.

        Raises ``ValueError`` before anything runs when ``out`` cannot be written. Ctrl-C raises ``Interrupted``;
        the runs that were done are then in ``out`` as the table ``name``.csv.
        """
        at_least("number of seeds", 1, len(seeds))
        at_least("seeds", 0, min(seeds))
        if out is not None:
            check_folder(out)
        try:
            table = sweep(
                self.scenarios(small),
                seeds,
                self.measure,
                labels=self.labels,
                within=within,
                progress=progress,
            )
        except Interrupted as interrupt:
            if out is not None:
                save(None, interrupt.table, out, self.name)
            raise
        picture = None if out is None else save(self._drawn(table), table, out, self.name)
        scores = {str(name): values.to_numpy() for name, values in self.score(table).items()}
        return Answer(self, verdict(scores), table, picture)

    def _drawn(self, table: pd.DataFrame) -> Figure:
        """The figure, and below it what the runs say of themselves."""
        drawn = self.figure(table)
        if said := verdicts_in_words(table, self.labels):
            drawn.supxlabel(said, x=0.012, ha="left", fontsize=9, color="0.3")
        return drawn

    def main(self) -> None:
        """Run the experiment from the command line."""
        app = typer.Typer(add_completion=False)

        @app.command(help=self.question)
        def command(
            seeds: Annotated[
                int, typer.Option(metavar="N", help="Seeds 0 to N − 1 are run.")
            ] = 10,
            out: OutFolder = Path("out"),
            processes: Processes = None,
        ) -> None:
            at_least("seeds", 1, seeds)
            with workers(processes) as within, one_bar(self.name) as report:
                answer = self.compare(range(seeds), out=out, within=within, progress=report)
            Console().print(answers([answer]))

        call(app)


def answers(found: Sequence[Answer]) -> Table:
    """The answers as a table: question, what decides it, picture, verdicts; winner; its interval; runner-up."""
    table = Table(show_lines=True)
    for heading in ("question", "winner", "95 % interval", "runner-up"):
        table.add_column(heading, overflow="fold")
    for answer in found:
        it, by = answer.verdict, answer.experiment
        said = verdicts_in_words(answer.table, by.labels)
        about = [by.question, f"by {by.quantity}", str(answer.picture or "(not drawn)"), said]
        table.add_row(
            "\n".join(line for line in about if line),
            f"[bold]{it.best}[/bold]" if it.clear else f"no clear winner\n({it.best} leads)",
            figures(it.best_mean, by.unit),
            f"{it.runner_up}\n{figures(it.runner_up_mean, by.unit)}",
        )
    return table


def figures(interval: Interval, unit: str) -> str:
    """An interval in figures, for example "1.23 s" and below it "[1.10, 1.36]"."""
    return f"{interval.estimate:.3g} {unit}\n\\[{interval.low:.3g}, {interval.high:.3g}]"


def at_least(name: str, low: int, value: int) -> None:
    """Raise ``ValueError`` for a ``value`` below ``low``."""
    if value < low:
        raise ValueError(f"{name}: must be at least {low}, got {value}")


@contextmanager
def one_bar(name: str) -> Iterator[Report]:
    """A progress bar on standard error; gives the function that moves it."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def call(app: typer.Typer) -> None:
    """Run a command line and exit: 0 well done, 2 after one line about what the user got wrong, 130 after Ctrl-C."""
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    try:
        code = app(standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        # The command line's own complaints have no public base class, only a public way to read them.
        if not isinstance(error, ValueError) and not hasattr(error, "format_message"):
            raise
        errors.print("\n".join([f"error: {one_line(error)}", *getattr(error, "__notes__", ())]))
        raise SystemExit(2) from None
    if code == INTERRUPTED:
        errors.print("interrupted; the runs that were done are kept")
    raise SystemExit(code if isinstance(code, int) else 0)


def one_line(error: Exception) -> str:
    """What the user got wrong, in one line: "field: rule, got value" for each field that breaks its rule."""
    if isinstance(error, ValidationError):
        return "; ".join(broken_rules(error))
    if isinstance(error, InvalidSpec):
        return "; ".join(str(error).splitlines())
    text = error.format_message() if hasattr(error, "format_message") else str(error)
    return " ".join(text.split())
