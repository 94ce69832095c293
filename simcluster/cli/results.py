"""Results of a study: ``results`` in figures, ``compare`` in order, ``plot`` as a picture, ``export`` for others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simcluster.cli.options import AsJson, Database, Force, StudyKey, print_json, refuse_to_overwrite
from simcluster.command_line import say

if TYPE_CHECKING:
    import pandas as pd

    from simcluster.study import StoredStudy


SHOWN = 3  # errors, of however many

By = Annotated[
    list[str], typer.Option("--by", metavar="COLUMN", help="What tells the rows apart; may be given more than once.")
]


def results(
    db: Database,
    study: StudyKey = None,
    by: By = [],  # noqa: B006 (typer reads the default, nobody writes it)
    metric: Annotated[
        list[str], typer.Option("--metric", metavar="M", help="Which metrics; may be given more than once.")
    ] = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Show the means of a study, with their 95 % intervals.

    Each cell has the mean of each metric over its seeds. Without --metric it is those that differ between runs, as
    many as there is room for.
    """
    from simcluster.cli.means import means, means_table
    from simcluster.study import open_study
    from simcluster.study.analysis import check_metric, metrics_of

    stored = open_study(db, study)
    frame = stored.frame()
    numeric = metrics_of(frame, stored.columns)
    done, failed = stored.store.counts(stored.key)
    chosen = list(by) or list(stored.columns)
    for name in chosen:
        _known("by", name, [*stored.columns, *numeric])
    for name in metric:
        check_metric(frame, stored.columns, name)
    found = means(frame, chosen, metric or _that_differ(frame, numeric))
    if as_json:
        failures = [
            {"cell": run.cell, "seed": run.seed, "error": run.error, "command": stored.command(run.cell, run.seed)}
            for run in stored.failed()
        ]
        print_json({"study": stored.key, "name": stored.name, "done": done, "failed": failed, "total": stored.total,
                    "by": chosen, "cells": [cell.json() for cell in found], "failures": failures})  # fmt: skip
        return
    say(repr(stored).strip("<>"))
    if found:
        means_table(found, chosen, metric)
    _say_failures(stored)


def _say_failures(stored: StoredStudy) -> None:
    """Say which errors there were, how often, and what runs one of each again."""
    alike: dict[str, list[str]] = {}
    for run in stored.failed():
        alike.setdefault(" ".join(str(run.error).split()), []).append(stored.command(run.cell, run.seed))
    for error, commands in list(alike.items())[:SHOWN]:
        say(f"{len(commands)} failed: {error}\n  again: {commands[0]}")
    if len(alike) > SHOWN:
        say(f"and {len(alike) - SHOWN} more errors: --json says which")


def compare(
    db: Database,
    column: Annotated[str, typer.Argument(metavar="COLUMN", help="Column whose values are compared.")],
    metric: Annotated[str, typer.Option(metavar="M", help="By which metric.")],
    higher_is_better: Annotated[
        bool, typer.Option("--higher-is-better", help="The greatest is best; the least when left out.")
    ] = False,
    study: StudyKey = None,
    as_json: AsJson = False,
) -> None:
    """Rank the values of a column by a metric.

    It says also which of them the seeds cannot tell apart.
    """
    from simcluster.study import open_study

    stored: Any = open_study(db, study)
    ranking = stored.compare(column, metric, lower_is_better=not higher_is_better)
    if not as_json:
        say(str(ranking))
        return
    pairs = [
        {"ahead": pair.ahead, "behind": pair.behind, "difference": _interval(pair.difference),
         "p_value": pair.p_value, "differ": pair.differ}
        for pair in ranking.pairs
    ]  # fmt: skip
    means = {name: _interval(mean) for name, mean in ranking.means.items()}
    print_json({"column": column, "metric": metric, "winner": ranking.winner, "order": ranking.order,
                "level": ranking.level, "means": means, "pairs": pairs, "alike": ranking.groups})  # fmt: skip


def plot(
    db: Database,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Picture: .png, .pdf or .svg; its table is beside it.")],
    kind: Annotated[str, typer.Option(metavar="lines|cdf|heat_map|pareto", help="What is drawn.")] = "lines",
    x: Annotated[str | None, typer.Option("--x", metavar="COLUMN", help="Across.")] = None,
    y: Annotated[str | None, typer.Option("--y", metavar="COLUMN", help="Along.")] = None,
    by: By = [],  # noqa: B006
    metric: Annotated[str | None, typer.Option(metavar="M", help="What a heat map has in its cells.")] = None,
    study: StudyKey = None,
    force: Force = False,
) -> None:
    """Draw the runs of a study."""
    from simcluster.report import plot as drawn
    from simcluster.report import save
    from simcluster.study import open_study

    refuse_to_overwrite(out, force)
    refuse_to_overwrite(out.with_suffix(".csv"), force)
    frame = open_study(db, study).frame()
    options = {"x": x, "y": y, "by": by, "value": metric}
    given = {name: value for name, value in options.items() if value}
    picture = save(drawn(frame, kind, **given), frame, out.parent, out.stem, formats=[out.suffix.removeprefix(".")])
    say(f"{picture}\n{picture.with_suffix('.csv')}")


def export(
    db: Database,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="Table: .csv, or .parquet, which keeps types.")],
    study: StudyKey = None,
    force: Force = False,
) -> None:
    """Write the runs of a study as a table, a row for each."""
    from simcluster.study import open_study

    refuse_to_overwrite(to, force)
    stored = open_study(db, study)
    stored.export(to)
    failed = stored.store.counts(stored.key)[1]
    left_out = f"; {failed} failed runs are not in it" if failed else ""
    say(f"{to}: {repr(stored).strip('<>')}{left_out}")


def _that_differ(frame: pd.DataFrame, metrics: Sequence[str]) -> list[str]:
    """Those that are not alike in all runs, if there are such."""
    return [name for name in metrics if frame[name].nunique(dropna=False) > 1] or list(metrics)


def _known(what: str, word: str, known: Sequence[str]) -> None:
    from simcluster.engine import hint

    if word not in known:
        raise ValueError(f"{what}: must be one of {', '.join(known)}, got {word!r}{hint(word, known)}")


def _interval(interval: Any) -> dict[str, float]:
    return {"mean": interval.estimate, "low": interval.low, "high": interval.high}
