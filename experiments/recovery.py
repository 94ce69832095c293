"""How often should a server save its state, for how often it fails?

A server and two workers train softmax regression on the irises, synchronously. The server's disk takes a minute to keep
a state, wherever it is in training; it fails after exponential times of mean M, is back after two minutes, and then
goes on from its last checkpoint. Training is as long as 24 times M without checkpoints and failures, and a step is an
eighth of Young's interval for M. An interval is a multiple of Young's, once an hour for any M, Young's or Daly's own,
or the one that adapts itself, which begins with a failure a day.

Expected: work takes M e^{R/M} (e^{(τ + C)/M} − 1)/τ times as long as by itself where failures may also meet a restart
(Daly 2006, equation 20), and (M + R)(e^{(τ + C)/M} − 1)/τ where they do not, as here. Either is least at Daly's
interval, which is about √(2CM) − C (Young 1974), and flat there: half of it or twice of it cost a few percent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes
from simcluster.cluster import StorageSpec
from simcluster.engine import Constant
from simcluster.experiment import Experiment
from simcluster.faults import draw_crashes
from simcluster.learning import Bundled, Rows, Softmax
from simcluster.recovery import Adaptive, Checkpoints, Daly, Fixed, Young, daly_s, young_s
from simcluster.report import band, figure, legend, plain_log, seeds_in_words
from simcluster.report.plots.bands import COLOURS
from simcluster.scenario import Result
from simcluster.study import Crossed
from simcluster.training import ParameterServer, TrainingJob

QUESTION = "How often should a server save its state, for how often it fails?"
COST_S, RESTART_S, RETRY_S = 60.0, 120.0, 20.0
HOUR_S = 3600.0
MTTFS_H = (2, 8, 32)
#: How many steps of an eighth of Young's interval lie between two checkpoints.
EIGHTHS = (2, 3, 4, 6, 8, 12, 16, 24, 32)
MULTIPLES = {f"{eighths / 8:g} × Young's": eighths for eighths in EIGHTHS}
RULES: dict[str, Any] = {
    "once an hour": lambda mttf_s: Fixed(interval_s=HOUR_S),
    "Young": lambda mttf_s: Young(mttf_s=mttf_s),
    "Daly": lambda mttf_s: Daly(mttf_s=mttf_s),
    "adaptive": lambda mttf_s: Adaptive(mttf_s=24 * HOUR_S),
}
FAILURES = 24
IRIS = Bundled(name="iris").load(0)
#: What a step computes, of which the speed of a worker follows.
STEP = Softmax().contribution(np.zeros((5, 3)), Rows(IRIS, np.arange(8))).cost


def step_s(mttf_h: float) -> float:
    """How long a step takes."""
    return young_s(COST_S, mttf_h * HOUR_S) / 8


def steps(mttf_h: float) -> int:
    """How many there are."""
    return round(FAILURES * mttf_h * HOUR_S / step_s(mttf_h))


def scenario(interval: Any, mttf_h: float, seed: int) -> Scenario:
    """One interval on a server that fails so often; when it fails depends on the mean and the seed only."""
    length_s = step_s(mttf_h)
    # A step takes some milliseconds more than its computation, so that so many of them are long enough.
    every = Fixed(interval_s=interval * length_s) if isinstance(interval, int) else interval(mttf_h * HOUR_S)
    server = NodeSpec(name="server", storage=StorageSpec(bandwidth_bytes_per_s=1e18, flush_s=COST_S))
    cluster = ClusterSpec(nodes=(server, *nodes("worker", 2, flops_per_s=STEP.flops / length_s)))
    job = TrainingJob(
        model=Softmax(),
        data=IRIS,
        batch_size=8,
        exchange=ParameterServer(server="server", retry_s=RETRY_S),
        recovery=Checkpoints(every=every),
        workers=("worker-0", "worker-1"),
        steps=steps(mttf_h),
        evaluate_every=steps(mttf_h),
    )
    horizon_s = 4 * steps(mttf_h) * length_s
    crashes = draw_crashes(["server"], mttf_h * HOUR_S, Constant(value=RESTART_S), horizon_s, seed)
    return Scenario(cluster=cluster, job=job, faults=crashes, horizon_s=horizon_s, trace_kinds=("checkpoint", "crash"))


def measure(result: Result) -> dict[str, Any]:
    """How many times as long as by itself the work took, which share of the time was good for it, and what befell."""
    job: Any = result.scenario.job
    work_s = job.steps * STEP.flops / result.scenario.cluster.nodes[1].flops_per_s
    figures = result.metrics
    return {
        "stretch": result.ended_s / work_s,
        "goodput": work_s / result.ended_s,
        "checkpoints": figures["checkpoints"],
        "crashes": figures["crashes"],
    }


def best_s(table: pd.DataFrame, mttf_h: float) -> pd.Series:
    """By seed, the interval at which a curve a/τ + b + cτ + dτ² through its runs is least.

    The stretch is such a curve but for terms of higher order, and too flat to read off its least point.
    """
    rows = table[(table["mttf_h"] == mttf_h) & table["interval"].isin(MULTIPLES)]
    runs = rows.pivot(index="seed", columns="interval", values="stretch")
    at = np.array([MULTIPLES[name] / 8 for name in runs.columns])
    design = np.stack([1 / at, np.ones(len(at)), at, at**2], axis=1)
    grid = np.geomspace(at.min(), at.max(), 2001)
    curves = np.stack([1 / grid, np.ones(len(grid)), grid, grid**2], axis=1)
    found = curves @ np.linalg.lstsq(design, runs.to_numpy().T, rcond=None)[0]
    return pd.Series(grid[found.argmin(axis=0)] * young_s(COST_S, mttf_h * HOUR_S), index=runs.index)


def law(interval_s: Any, mttf_s: float) -> Any:
    """The stretch where no failure meets a restart, and a worker's request comes half of its time after that."""
    return (mttf_s + RESTART_S + RETRY_S / 2) * np.expm1((interval_s + COST_S) / mttf_s) / interval_s


def score(table: pd.DataFrame) -> pd.DataFrame:
    """How many times as long as by itself work takes with each rule, in the mean over how often the server fails."""
    rows = table[table["interval"].isin(RULES)]
    return rows.groupby(["seed", "interval"], sort=False)["stretch"].mean().unstack("interval")


def draw(table: pd.DataFrame) -> Figure:
    """Goodput against the interval, beside the law; and the best interval against M, beside Young's and Daly's."""
    drawn, (left, right) = figure(
        QUESTION,
        ["time between checkpoints (min)", "mean time between failures (h)"],
        ["goodput: work that lasts, per time", "best interval (min)"],
        subtitle=f"A checkpoint takes {COST_S:.0f} s, a restart {RESTART_S:.0f} s; thin: what the formulas say; "
        f"95 % intervals, {seeds_in_words(table['seed'])}",
        panels=("what an interval costs", "the best one"),
    )
    mttfs_h = sorted(table["mttf_h"].unique())
    for place, mttf_h in enumerate(mttfs_h):
        rows = table[(table["mttf_h"] == mttf_h) & table["interval"].isin(MULTIPLES)]
        minutes = rows["interval"].map(MULTIPLES) / 8 * young_s(COST_S, mttf_h * HOUR_S) / 60
        samples = rows.assign(minutes=minutes.astype(float)).pivot(index="seed", columns="minutes", values="goodput")
        band(left, samples.columns, samples, f"a failure every {mttf_h} h", place, markers=True)
        at = np.geomspace(samples.columns.min(), samples.columns.max(), 100)
        left.plot(at, 1 / law(60 * at, mttf_h * HOUR_S), color=COLOURS[place], linewidth=0.9, label="_nolegend_")
        left.axvline(daly_s(COST_S, mttf_h * HOUR_S) / 60, color=COLOURS[place], linewidth=0.6, linestyle=":")
    found = pd.DataFrame({mttf_h: best_s(table, mttf_h) / 60 for mttf_h in mttfs_h})
    band(right, mttfs_h, found, "measured", len(mttfs_h), markers=True)
    for place, (name, formula) in enumerate({"Young": young_s, "Daly": daly_s}.items()):
        minutes = [formula(COST_S, mttf_h * HOUR_S) / 60 for mttf_h in mttfs_h]
        right.plot(mttfs_h, minutes, color="0.3", linewidth=0.9, linestyle=("-", "--")[place], label=name)
    plain_log(left.xaxis, (3, 10, 30, 100, 300))
    plain_log(right.xaxis, mttfs_h)
    plain_log(right.yaxis, (10, 20, 50, 100))
    legend(left, points=11)
    legend(right, points=11)
    return drawn


experiment = Experiment(
    name="recovery",
    question=QUESTION,
    scenarios=Crossed(
        scenario,
        {"interval": {**MULTIPLES, **RULES}, "mttf_h": MTTFS_H},
        small={"interval": [*list(MULTIPLES)[::2], *RULES], "mttf_h": MTTFS_H[:1]},
    ),
    measure=measure,
    figure=draw,
    score=score,
    quantity="time of the work, beside what it takes by itself, in the mean over how often the server fails",
    unit="times",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
