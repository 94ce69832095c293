"""Does it pay to wait for stragglers?

Eight workers train softmax regression on the digits, each with the rows of few classes. Every worker is now and then
ten times slower for a tenth of a second. Bulk-synchronous training (BSP) waits for all at every step,
stale-synchronous training (SSP) lets a worker be at most four steps ahead of the slowest, asynchronous training (ASP)
never waits.

Expected: the looser the rule, the more steps in a second and the less each of them is worth, because gradients are
computed from older parameters. For a convex model like this one, with delays of some steps, the gain in speed is
the larger (Ho et al., "More effective distributed ML via a stale synchronous parallel parameter server", NIPS 2013,
figures 2 and 3; Recht et al., "Hogwild!", NIPS 2011).
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import Scenario
from simcluster.cluster import ClusterSpec, NodeSpec, nodes
from simcluster.engine import Lognormal, stream
from simcluster.experiment import Experiment
from simcluster.faults import SlowNode
from simcluster.learning import GradientDescent, Softmax, by_key
from simcluster.measurement import first_time_at_most, on_grid
from simcluster.report import band, figure, legend, plain_log, reference_line, seeds_in_words
from simcluster.scenario import Result
from simcluster.sweep import Label, Seeded
from simcluster.training import BoundedStaleness, ParameterServer, TrainingJob

STRATEGIES = {"BSP": 0, "SSP (4 steps)": 4, "ASP": math.inf}
WORKERS = tuple(f"worker-{place}" for place in range(8))
HORIZON_S = 3.0
TARGET_LOSS = 0.5


def stragglers(seed: int) -> tuple[SlowNode, ...]:
    """Each worker is ten times slower for 0.1 s, about once in a second."""
    slow = []
    for worker in WORKERS:
        generator = stream(seed, "stragglers", worker)
        begin_s = generator.exponential(1.0)
        while begin_s < HORIZON_S:
            slow.append(SlowNode(node=worker, factor=10.0, begin_s=begin_s, end_s=begin_s + 0.1))
            begin_s += 0.1 + generator.exponential(1.0)
    return tuple(slow)


def scenario(staleness: float, seed: int) -> Scenario:
    """One strategy on the cluster, whose stragglers depend on the seed only."""
    return Scenario(
        cluster=ClusterSpec(
            nodes=(
                NodeSpec(name="server", flops_per_s=1e9),
                *nodes("worker", len(WORKERS), flops_per_s=1e7, jitter=Lognormal(mean=1.0, sigma=0.3)),
            )
        ),
        job=TrainingJob(
            model=Softmax(),
            sharding=by_key,
            optimiser=GradientDescent(learning_rate=1.0),
            waiting=BoundedStaleness(staleness=staleness),
            exchange=ParameterServer(server="server"),
            workers=WORKERS,
            steps=10_000,
        ),
        faults=stragglers(seed),
        horizon_s=HORIZON_S,
        trace_kinds=("loss",),
    )


def scenarios(small: bool = False) -> dict[Label, Seeded]:
    """One scenario for each strategy; the small version is the whole."""
    return {name: partial(scenario, staleness) for name, staleness in STRATEGIES.items()}


def measure(result: Result) -> list[dict[str, Any]]:
    """The loss curve of a run: one row for each step."""
    return [{key: row[key] for key in ("time_s", "step", "loss")} for row in result.trace.rows("loss")]


def score(table: pd.DataFrame) -> pd.DataFrame:
    """Simulated seconds until the loss is at most the target (the horizon if it never is)."""
    reached = {
        key: min(HORIZON_S, first_time_at_most(run["time_s"], run["loss"], TARGET_LOSS))
        for key, run in table.groupby(["seed", "strategy"], sort=False)
    }
    return pd.Series(reached).unstack()


def draw(table: pd.DataFrame) -> Figure:
    """The loss against time, where strategies differ in speed, and against steps, where they differ in worth."""
    drawn, (by_time, by_step) = figure(
        "Does it pay to wait for stragglers?",
        ("simulated time (s)", f"steps ({len(WORKERS)} gradients each)"),
        "loss over all rows (mean cross-entropy)",
        subtitle="Softmax regression on digits; 8 workers, each 10 times slower for 0.1 s about once a second; "
        f"95 % intervals, {seeds_in_words(table['seed'])}",
        panels=("by the clock: how fast", "by the step: what a step is worth"),
    )
    times = np.linspace(0.1, HORIZON_S, 117)
    steps = np.arange(1, table.groupby(["seed", "strategy"])["step"].max().min() + 1)
    for place, strategy in enumerate(STRATEGIES):
        runs = [run for _, run in table[table["strategy"] == strategy].groupby("seed")]
        band(by_time, times, [on_grid(run["time_s"], run["loss"], times) for run in runs], strategy, place)
        band(by_step, steps, [on_grid(run["step"], run["loss"], steps) for run in runs], strategy, place)
    for axes in (by_time, by_step):
        plain_log(axes.yaxis, (0.2, 0.3, 0.5, 1.0, 2.0))
        axes.set_ylim(0.17, 2.3)
        reference_line(axes, TARGET_LOSS, f"target, {TARGET_LOSS}")
    legend(by_time)
    return drawn


experiment = Experiment(
    name="consistency",
    question="Does it pay to wait for stragglers?",
    labels=("strategy",),
    scenarios=scenarios,
    measure=measure,
    figure=draw,
    score=score,
    quantity=f"time to loss {TARGET_LOSS}",
    unit="s",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
