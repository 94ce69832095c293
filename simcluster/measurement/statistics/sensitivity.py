"""Sensitivity: which parameter matters, by Sobol's indices of a full factorial study or of a Saltelli design.

The first-order index of a parameter is the share of a metric's variance that it explains alone, Var(E[Y | x])/Var(Y);
its total index adds all interactions that it takes part in, 1 − Var(E[Y | all others])/Var(Y). Of parameters that do
not interact the two are equal; a parameter whose total index is 0 does not matter. Source: Saltelli et al., Global
Sensitivity Analysis: The Primer, 2008, chapter 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simcluster.engine import check_differ, check_whole, stream
from simcluster.measurement.statistics.intervals import Array, check_level

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("first_order", "first_order_low", "first_order_high", "total", "total_low", "total_high")


def sensitivity(frame: pd.DataFrame, parameters: Sequence[str], metric: str, level: float = 0.95) -> pd.DataFrame:
    """Sobol's indices of a full factorial study: one row for each parameter, with intervals.

    ``frame`` has one row for each combination of the values of ``parameters`` and each of the same seeds, at least
    three, in a column "seed": what ``sweep`` makes. Each value counts as equally likely, so that the indices are those
    of the grid. The columns are first_order, first_order_low, first_order_high, total, total_low, total_high.

    A parameter that does nothing still moves the mean of its runs a little, for seeds act on each combination
    otherwise; what they do, by the residual variance of the table combinations × seeds, is taken off each sum of
    squares, so that its indices are near 0 and may be less. The intervals are by the jackknife over seeds with
    Student's t (Efron and Tibshirani, 1993, chapter 11): with three or four seeds they are wide.

    Raises ``ValueError`` for a column that is not there, a combination that is missing or there twice, fewer than three
    seeds, a metric that is not finite or never varies.
    """
    check_level(level)
    table = _factorial(frame, list(parameters), metric)
    sizes = tuple(len(frame[name].unique()) for name in parameters)

    def indices(kept: NDArray[np.intp]) -> Array:
        return _anova(table[:, kept], sizes)

    return _with_jackknife(indices, table.shape[1], parameters, level)


def saltelli_design(
    bounds: Mapping[str, tuple[float, float]], points: int = 64, replicates: int = 8, seed: int = 0
) -> pd.DataFrame:
    """The points at which to run what ``sobol_indices`` is to judge: one row for each run.

    ``bounds`` has for each of d parameters the least and the greatest value, between which it is uniform. For each of
    ``replicates`` there are two matrices A and B of ``points`` rows (a power of 2), from scrambled Sobol sequences that
    are independent of each other, and for each parameter A with its column from B: replicates × points × (d + 2) rows.
    The columns are ``replicate``, ``matrix`` ("A", "B" or the name of the parameter whose column is from B), and the
    parameters. Run all rows of replicate r under seed r, and the intervals will allow for what seeds do. Source:
    Saltelli et al., "Variance based sensitivity analysis of model output", Computer Physics Communications 181, 2010.

    Raises ``ValueError`` for no bounds or empty ones, points that are no power of 2, fewer than 3 replicates.
    """
    import pandas as pd
    from scipy import stats

    check_whole("points", points, 2)
    check_whole("replicates", replicates, 3)
    if points & (points - 1):
        raise ValueError(f"points must be a power of 2, got {points}")
    if not bounds:
        raise ValueError(f"bounds must be of at least 1 parameter, got {bounds}")
    for name, (least, most) in bounds.items():
        if name in ("replicate", "matrix", "A", "B"):
            raise ValueError(f"a parameter must not be called as a column or a matrix of the design, got {name!r}")
        if not -math.inf < least < most < math.inf:
            raise ValueError(f"bounds must be finite and rise, got {name!r}: ({least}, {most})")
    lows, highs = np.array(list(bounds.values()), dtype=np.float64).T
    names = list(bounds)
    blocks: list[Array] = []
    for replicate in range(replicates):
        sobol = stats.qmc.Sobol(2 * len(names), rng=stream(seed, "saltelli", replicate))
        a, b = (lows + half * (highs - lows) for half in np.split(sobol.random(points), 2, axis=1))
        mixed = (np.column_stack([a[:, :at], b[:, at], a[:, at + 1 :]]) for at in range(len(names)))
        blocks += [a, b, *mixed]
    design = pd.DataFrame(np.concatenate(blocks), columns=names)
    design.insert(0, "matrix", np.tile(np.repeat(["A", "B", *names], points), replicates))
    design.insert(0, "replicate", np.repeat(np.arange(replicates), points * (len(names) + 2)))
    return design


def sobol_indices(design: pd.DataFrame, outputs: ArrayLike, level: float = 0.95) -> pd.DataFrame:
    """Sobol's indices of what was measured at the rows of a Saltelli design: one row for each parameter.

    ``outputs`` (rows,) stand in the order of ``design``, which is as ``saltelli_design`` made it. The columns are those
    of ``sensitivity``. The first-order estimator is (b) and the total one (f) of Saltelli et al. 2010, table 2, as
    SciPy's ``sobol_indices`` has them, with the sums over all replicates; the intervals are by the jackknife over
    replicates with Student's t, so that they profit from the even spread of a Sobol sequence, which a bootstrap over
    points does not.

    Raises ``ValueError`` for outputs of another number, that are not finite, or never vary.
    """
    check_level(level)
    measured = np.asarray(outputs, dtype=np.float64)
    if measured.shape != (len(design),):
        raise ValueError(f"outputs must be one for each of {len(design)} rows of the design, got {measured.shape}")
    _check_metric(measured)
    names = [str(name) for name in design.columns if name not in ("replicate", "matrix")]
    replicates = int(design["replicate"].nunique())
    by_matrix = measured.reshape(replicates, len(names) + 2, -1)
    centred = by_matrix - np.mean(by_matrix[:, :2])

    def indices(kept: NDArray[np.intp]) -> Array:
        a, b, mixed = centred[kept, 0], centred[kept, 1], centred[kept, 2:]
        variance = float(np.var(centred[kept, :2]))
        first = np.mean(b[:, None] * (mixed - a[:, None]), axis=(0, 2)) / variance
        total = np.mean((a[:, None] - mixed) ** 2, axis=(0, 2)) / (2 * variance)
        return np.stack([first, total])

    return _with_jackknife(indices, replicates, names, level)


def _factorial(frame: pd.DataFrame, parameters: list[str], metric: str) -> Array:
    """The metric by combination, in the order of the parameters' values, and seed."""
    import pandas as pd

    check_differ("parameters", parameters)
    for name in (*parameters, "seed", metric):
        if name not in frame.columns:
            raise ValueError(f"the frame must have a column {name!r}, got {list(frame.columns)}")
    if not parameters:
        raise ValueError(f"parameters must be at least 1, got {parameters}")
    _check_metric(frame[metric].to_numpy(dtype=np.float64))
    codes = [pd.factorize(frame[name])[0] for name in (*parameters, "seed")]
    sizes = [int(code.max()) + 1 for code in codes]
    if sizes[-1] < 3:  # the jackknife leaves one out, and of a single one there is no residual
        raise ValueError(f"there must be at least 3 seeds, got {sizes[-1]}")
    cells = np.ravel_multi_index(tuple(codes), tuple(sizes))
    counts = np.bincount(cells, minlength=math.prod(sizes))
    if np.any(counts != 1):
        place = int(np.flatnonzero(counts != 1)[0])
        at = zip((*parameters, "seed"), np.unravel_index(place, tuple(sizes)), strict=True)
        named = ", ".join(f"{name}={frame[name].unique()[index]}" for name, index in at)
        raise ValueError(f"each combination must have 1 row for each seed, got {counts[place]} for {named}")
    table = np.empty(len(cells))
    table[cells] = frame[metric].to_numpy(dtype=np.float64)
    return table.reshape(-1, sizes[-1])


def _anova(table: Array, sizes: tuple[int, ...]) -> Array:
    """First-order and total indices of a table combinations × seeds, without what the residual adds."""
    cells, seeds = table.shape
    means = np.mean(table, axis=1)
    away = table - means[:, None] - np.mean(table, axis=0) + np.mean(table)
    # Of one combination's mean over the seeds, and the share of it in an effect with so many degrees of freedom.
    noise = float(np.sum(away**2)) / ((cells - 1) * (seeds - 1)) / seeds / cells
    grid = means.reshape(sizes)
    variance = float(np.var(grid)) - (cells - 1) * noise
    first, total = [], []
    for axis, size in enumerate(sizes):
        others = tuple(other for other in range(len(sizes)) if other != axis)
        alone = float(np.var(np.mean(grid, axis=others))) - (size - 1) * noise
        without = float(np.var(np.mean(grid, axis=axis))) - (cells // size - 1) * noise
        first.append(alone / variance)
        total.append((variance - without) / variance)
    return np.array([first, total])


def _with_jackknife(
    indices: Callable[[NDArray[np.intp]], Array], count: int, names: Sequence[str], level: float
) -> pd.DataFrame:
    """The indices (2, d) of all replicates, with the intervals that leaving out each in turn gives."""
    import pandas as pd
    from scipy import stats

    every = np.arange(count)
    estimate = indices(every)
    without = np.stack([indices(np.delete(every, place)) for place in range(count)])
    spread = np.sum((without - np.mean(without, axis=0)) ** 2, axis=0)
    reach = float(stats.t.ppf((1 + level) / 2, count - 1)) * np.sqrt((count - 1) / count * spread)
    columns = [part for each, far in zip(estimate, reach, strict=True) for part in (each, each - far, each + far)]
    return pd.DataFrame(dict(zip(_COLUMNS, columns, strict=True)), index=pd.Index(list(names), name="parameter"))


def _check_metric(values: Array) -> None:
    wrong = values[~np.isfinite(values)]
    if wrong.size:
        raise ValueError(
            f"the metric must be finite, got {wrong[0]} ({wrong.size} of {values.size} are not): give the runs a "
            "longer horizon, or measure what every run has"
        )
    if values.size and np.all(values == values[0]):
        raise ValueError(f"the metric must vary, got {values[0]:g} in every run")
