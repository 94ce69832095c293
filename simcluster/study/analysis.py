"""What the runs of a study say: means with their intervals, comparisons, and which parameter matters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simcluster.engine import hint
from simcluster.measurement.statistics import Ranking, interval_for, ranking, sensitivity
from simcluster.study.plan import MEASURED

if TYPE_CHECKING:
    import pandas as pd


def metrics_of(frame: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """The columns of numbers that were measured."""
    measured = [name for name in frame.columns if name not in (*columns, *MEASURED)]
    return [name for name in measured if frame[name].dtype.kind in "biuf"]


def compared(
    frame: pd.DataFrame, columns: Sequence[str], column: str, metric: str, *, lower_is_better: bool = True,
    level: float = 0.95,
) -> Ranking:  # fmt: skip
    """The values of ``column`` in order of their mean ``metric``, and which of them differ, paired by seed.

    Of each seed it is the mean over the values of the other columns, for only seeds are independent. Raises
    ``ValueError`` for names that are none, and where a run is missing (it failed, say) or has no number.
    """
    _among("column", column, columns)
    table = _one_a_run(frame, columns, metric)
    sizes = table.pivot_table(index="seed", columns=column, values=metric, aggfunc="size", sort=False)
    if len(np.unique(sizes.to_numpy())) > 1:  # NaN, where there is none, is one more
        counts = {str(name): int(count) for name, count in table[column].value_counts(sort=False).items()}
        raise ValueError(f"{column} must have the same runs for each of its values, got so many: {counts}")
    means = table.pivot_table(index="seed", columns=column, values=metric, aggfunc=_mean, sort=False)
    alike = len({str(name) for name in means.columns}) < len(means.columns)  # 1 and "1", say
    named = {repr(name) if alike else str(name): means[name].to_numpy() for name in means.columns}
    return ranking(named, lower_is_better=lower_is_better, level=level)


def summarised(
    frame: pd.DataFrame, columns: Sequence[str], metrics: Sequence[str] | None = None, level: float = 0.95
) -> pd.DataFrame:
    """A row for each cell and metric: how many runs have a number, their mean and its interval, ``low`` to ``high``.

    Of several rows of a run their mean counts, for only runs are independent.
    """
    import pandas as pd

    chosen = metrics_of(frame, columns) if metrics is None else list(metrics)
    for metric in chosen:
        check_metric(frame, columns, metric)
    groups: Any = frame.groupby(list(columns), sort=False, dropna=False) if columns else [((), frame)]
    rows = []
    for label, group in groups:
        _, runs = np.unique(group["seed"].to_numpy(), return_inverse=True)
        counts = np.bincount(runs)
        for metric in chosen:
            # Not by pandas, whose mean leaves NaN out, and which asks of a function as often as there are runs.
            values = np.bincount(runs, weights=group[metric].to_numpy(dtype=float)) / counts
            values = values[np.isfinite(values)]
            found = interval_for(values)(values, level) if values.size else None
            rows.append(
                {
                    **dict(zip(columns, label, strict=True)), "metric": metric, "runs": values.size,
                    "mean": found.estimate if found else np.nan, "low": found.low if found else np.nan,
                    "high": found.high if found else np.nan,
                }
            )  # fmt: skip
    return pd.DataFrame(rows, columns=[*columns, "metric", "runs", "mean", "low", "high"])


def what_matters(frame: pd.DataFrame, columns: Sequence[str], metric: str, level: float = 0.95) -> pd.DataFrame:
    """Sobol's indices of the columns that have several values, of a grid; see ``measurement.sensitivity``."""
    table = _one_a_run(frame, columns, metric)
    several = [name for name in columns if table[name].nunique() > 1]
    return sensitivity(table, several, metric, level)


def _mean(values: pd.Series[Any]) -> float:
    return float(np.mean(values.to_numpy()))  # NaN stays, so that it is seen


def _one_a_run(frame: pd.DataFrame, columns: Sequence[str], metric: str) -> pd.DataFrame:
    check_metric(frame, columns, metric)
    if frame.duplicated([*columns, "seed"]).any():
        raise ValueError(f"metric must be one number a run, got several of {metric!r}: choose rows of frame() first")
    return frame


def check_metric(frame: pd.DataFrame, columns: Sequence[str], metric: str) -> None:
    """Raise ``ValueError`` for what is no column of numbers that was measured."""
    measured = [name for name in frame.columns if name not in (*columns, *MEASURED)]
    _among("metric", metric, measured)
    if frame[metric].dtype.kind not in "biuf":
        raise ValueError(f"metric must be a column of numbers, got {metric!r} with {frame[metric].iloc[0]!r}")


def _among(what: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        raise ValueError(f"{what} must be one of {', '.join(known) or 'nothing'}, got {word!r}{hint(word, known)}")
