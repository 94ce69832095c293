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
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes
from simcluster.engine import Constant, Lognormal
from simcluster.experiment import Experiment
from simcluster.faults import SlowNode, draw_faults
from simcluster.report import Panel, curves, legend, plain_log, reference_line
from simcluster.scenario import Result
from simcluster.study import Crossed
from simcluster.training import BoundedStaleness, GradientDescent, ParameterServer, Softmax, TrainingJob, by_key

QUESTION = "Does it pay to wait for stragglers?"
STRATEGIES = {"BSP": 0, "SSP (4 steps)": 4, "ASP": math.inf}
WORKERS = nodes("worker", 8, flops_per_s=1e7, jitter=Lognormal(mean=1.0, sigma=0.3))
CLUSTER = ClusterSpec(nodes=(NodeSpec(name="server", flops_per_s=1e9), *WORKERS))
SLOW_EVERY_S, SLOW_S = 1.0, 0.1
HORIZON_S = 3.0
TARGET_LOSS = 0.5


def slow(worker: str, begin_s: float, end_s: float) -> SlowNode:
    """One worker is ten times slower for a while."""
    return SlowNode(node=worker, factor=10.0, begin_s=begin_s, end_s=end_s)


def scenario(staleness: float, seed: int) -> Scenario:
    """One strategy on the cluster, whose stragglers depend on the seed only."""
    workers = CLUSTER.names[1:]
    job = TrainingJob(
        model=Softmax(),
        sharding=by_key,
        optimiser=GradientDescent(learning_rate=1.0),
        waiting=BoundedStaleness(staleness=staleness),
        exchange=ParameterServer(server="server"),
        workers=workers,
        steps=10_000,
    )
    stragglers = draw_faults(workers, slow, "slow", SLOW_EVERY_S, Constant(value=SLOW_S), HORIZON_S, seed)
    return Scenario(cluster=CLUSTER, job=job, faults=stragglers, horizon_s=HORIZON_S, trace_kinds=("loss",))


def measure(result: Result) -> list[dict[str, Any]]:
    """The loss curve of a run: one row for each step."""
    return cast(list[dict[str, Any]], result.series["loss"].to_dict("records"))


def score(table: pd.DataFrame) -> pd.DataFrame:
    """Simulated seconds until the loss is at most the target (the horizon if it never is)."""
    reached = table.assign(time_s=table["time_s"].where(table["loss"] <= TARGET_LOSS, HORIZON_S))
    return reached.groupby(["seed", "strategy"], sort=False)["time_s"].min().unstack()


def draw(table: pd.DataFrame) -> Figure:
    """The loss against time, where strategies differ in speed, and against steps, where they differ in worth."""
    loss, steps = "loss over all rows (mean cross-entropy)", f"steps ({len(WORKERS)} gradients each)"
    times = np.linspace(0.1, HORIZON_S, 117)
    all_did = np.arange(1, table.groupby(["seed", "strategy"])["step"].max().min() + 1)
    panels = (
        Panel("time_s", "loss", "simulated time (s)", loss, "by the clock: how fast", at=times),
        Panel("step", "loss", steps, loss, "by the step: what a step is worth", at=all_did),
    )
    about = "Softmax regression on digits; 8 workers, each 10 times slower for 0.1 s about once a second"
    drawn, both = curves(table, "strategy", panels, QUESTION, about)
    for axes in both:
        plain_log(axes.yaxis, (0.2, 0.3, 0.5, 1.0, 2.0))
        axes.set_ylim(0.17, 2.3)
        reference_line(axes, TARGET_LOSS, f"target, {TARGET_LOSS}")
    legend(both[0])
    return drawn


experiment = Experiment(
    name="consistency",
    question=QUESTION,
    scenarios=Crossed(scenario, {"strategy": STRATEGIES}),
    measure=measure,
    figure=draw,
    score=score,
    quantity=f"time to loss {TARGET_LOSS}",
    unit="s",
)

if __name__ == "__main__":
    experiment.main()
