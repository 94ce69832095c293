"""An experiment: one question, the scenarios that answer it, and one figure; and how it is run by itself."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from matplotlib.figure import Figure
from rich.text import Text

from simcluster.command_line import Formats, OutFolder, PictureWidth, Processes, call, say
from simcluster.engine import printable
from simcluster.measurement import Comparison, Interval, verdict
from simcluster.report import check_folder, check_formats, save
from simcluster.report.plots.picture import png
from simcluster.scenario import NEVER_BEGAN
from simcluster.study import Crossed, Progress
from simcluster.study.progress import in_a_notebook, shown
from simcluster.study.study import all_metrics
from simcluster.sweep import Interrupted, Label, Measure, Seeded, Workers, sweep, verdicts_in_words, workers
from simcluster.sweep import Progress as Report


@dataclass(frozen=True, repr=False)
class Answer:
    """What an experiment found: the verdict on its score, the table behind it, and where the picture is."""

    experiment: Experiment
    verdict: Comparison
    table: pd.DataFrame
    picture: Path | None

    def __repr__(self) -> str:
        """The answer in a few lines, which is also what a session and a notebook print."""
        return answers([self]).plain

    def _repr_html_(self) -> str:
        """The verdict as a table, and the picture below it, as a notebook shows them."""
        it, by = self.verdict, self.experiment
        rows = (
            ("winner" if it.clear else "leads", it.best, in_unit(it.best_mean, by.unit)),
            ("then", it.runner_up, in_unit(it.runner_up_mean, by.unit)),
        )
        cells = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        said = _said(self.table, by)
        below = f"<p>{escape(said)}</p>" if said else ""
        picture = base64.b64encode(self._png()).decode()
        return (
            f"<table><caption><b>{escape(by.question)}</b>{'' if it.clear else '<br>no clear winner'}</caption>"
            f"<thead><tr><th></th><th></th><th>{escape(by.quantity)}</th></tr></thead><tbody>{cells}</tbody></table>"
            f'{below}<img alt="{escape(by.question)}" style="max-width:100%" src="data:image/png;base64,{picture}">'
        )

    def _png(self) -> bytes:
        """The picture that was written, or where there is no such file, or it is no PNG, the same drawn anew."""
        written = self.picture
        if written is not None and written.suffix == ".png" and written.is_file():
            return written.read_bytes()
        return png(self.experiment._drawn(self.table))


@dataclass(frozen=True)
class Experiment:
    """A question that a sweep can answer.

    ``scenarios(small)`` gives the scenarios by label; the label's values fill the columns ``labels``, which those of
    ``Crossed`` know themselves. ``figure`` draws the table of all runs. ``score`` reduces that table to one row per
    seed and one column per strategy (see ``decided``): the ``quantity`` (in ``unit``) that decides. ``measure`` gives
    the rows of one result; without it, it is the result's metrics.
    """

    name: str
    question: str
    scenarios: Callable[[bool], Mapping[Label, Seeded]]
    figure: Callable[[pd.DataFrame], Figure]
    score: Callable[[pd.DataFrame], pd.DataFrame]
    quantity: str
    unit: str = ""
    measure: Measure | None = None
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.labels and isinstance(self.scenarios, Crossed):
            object.__setattr__(self, "labels", self.scenarios.labels)
        if self.measure is None:
            object.__setattr__(self, "measure", partial(all_metrics, besides=self.labels))

    def compare(
        self,
        seeds: Sequence[int],
        *,
        small: bool = False,
        out: Path | str | None = None,
        within: Workers = None,
        progress: Report | None = None,
        formats: Sequence[str] = ("png",),
        width: str = "slide",
    ) -> Answer:
        """Run the experiment over ``seeds``; ``small`` is the version of the demo, ``out`` a folder to write to.

        It runs in this process, or ``within`` what ``sweep.workers`` gives. ``progress(done, total)`` is called after
        each run; without one, a notebook shows a line of text. ``formats`` and ``width`` of the picture
        are those of ``report.save``.

        Raises ``ValueError`` before anything runs when ``out`` cannot be written. Ctrl-C raises ``Interrupted``;
        the runs that were done are then in ``out`` as the table ``name``.csv.
        """
        at_least("number of seeds", 1, len(seeds))
        at_least("seeds", 0, min(seeds))
        check_formats(formats, width)
        if out is not None:
            check_folder(out)
        shows = one_bar(self.name) if progress is None and in_a_notebook() else nullcontext(progress)
        try:
            with shows as report:
                cells, measure = self.scenarios(small), self.measure or all_metrics
                table = sweep(cells, seeds, measure, labels=self.labels, within=within, progress=report)
        except Interrupted as interrupt:
            if out is not None:
                save(None, interrupt.table, out, self.name)
            raise
        picture = None
        if out is not None:
            picture = save(self._drawn(table), table, out, self.name, formats=formats, width=width)
        scores = {str(name): values.to_numpy() for name, values in self.score(table).items()}
        return Answer(self, verdict(scores), table, picture)

    def _drawn(self, table: pd.DataFrame) -> Figure:
        """The figure, and below it what the runs say of themselves."""
        drawn = self.figure(table)
        if said := _said(table, self):
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
            formats: Formats = ["png"],  # noqa: B006 (typer reads the default, nobody writes it)
            width: PictureWidth = "slide",
            processes: Processes = None,
        ) -> None:
            at_least("seeds", 1, seeds)
            with workers(processes) as within, one_bar(self.name) as report:
                answer = self.compare(
                    range(seeds), out=out, within=within, progress=report, formats=formats, width=width
                )
            say(answers([answer]))

        call(app)


def decided(
    by: str, metric: str, at: Mapping[str, Any] | None = None, *, at_most: float = math.inf
) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The score by a metric: of each strategy in the column ``by``, where other columns have the values ``at``.

    Of several rows of a run it is their mean. What is more than ``at_most``, as a time that the horizon cuts, is that.
    """

    def score(table: pd.DataFrame) -> pd.DataFrame:
        rows = table
        for column, value in (at or {}).items():
            rows = rows[rows[column] == value]
        clipped = rows.assign(**{metric: rows[metric].clip(upper=at_most)})
        return clipped.pivot_table(index="seed", columns=by, values=metric, sort=False)

    return score


def answers(found: Sequence[Answer]) -> Text:
    """The answers in a few lines each: the question, who won by what, the runner-up, and where the picture is.

    No column is needed, so that a narrow terminal folds nothing and a path can be copied.
    """
    said = Text()
    for answer in found:
        it, by = answer.verdict, answer.experiment
        best, runner_up = printable(it.best), printable(it.runner_up)
        width = max(len(best), len(runner_up))
        said.append(f"{printable(by.question)}\n", style="bold")
        if not it.clear:
            said.append("  no clear winner\n")
        for rank, name, mean in (
            ("winner" if it.clear else "leads", best, it.best_mean),
            ("then", runner_up, it.runner_up_mean),
        ):
            amount = in_unit(mean, printable(by.unit))
            said.append(f"  {rank:<8}{name:<{width}}  {amount}\n", style="bold" * (rank == "winner"))
        said.append(f"  by {printable(by.quantity)}\n  {printable(answer.picture or '(not drawn)')}\n")
        if verdicts := _said(answer.table, by):
            said.append(f"  {printable(verdicts)}\n")
    return said


def _said(table: pd.DataFrame, by: Experiment) -> str:
    """What the runs say of themselves. Faults that are drawn for longer than a run takes are as they should be."""
    if "verdicts" not in table.columns:  # a table that is not a sweep's says nothing
        return ""
    return verdicts_in_words(table, by.labels, besides=(NEVER_BEGAN,))


def in_unit(interval: Interval, unit: str) -> str:
    """An interval with its unit, for example "1.23 s [1.1, 1.36]"."""
    return f"{interval.estimate:.3g} {unit}".rstrip() + f" [{interval.low:.3g}, {interval.high:.3g}]"


def at_least(name: str, low: int, value: int) -> None:
    """Raise ``ValueError`` for a ``value`` below ``low``."""
    if value < low:
        raise ValueError(f"{name}: must be at least {low}, got {value}")


@contextmanager
def one_bar(name: str) -> Iterator[Report]:
    """Progress of the runs of ``name``; gives the function that is told ``(done, total)``."""
    with shown(name) as report:
        yield lambda done, total: report(Progress(done, 0, total))
