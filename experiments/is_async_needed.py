"""Is asynchrony needed, or does it do to wait for some?

Eight workers train softmax regression on the digits through one server, each step on 32 rows of its own, under eight
rules of who waits for whom and four laws of how long a step takes: all about equally long (lognormal, σ = 0.1),
exponential, Pareto of shape 1.5, whose variance is infinite, and two machines that are eight times slower than the
others. Laws have mean 1, and all rules the same rate.

Expected: a step that waits for all takes as long as the slowest of eight, H₈ = 2.7 times the mean where times are
exponential. Waiting for six, or for eight batches from whomever they come, takes most of that away: H₈ − H₂ = 1.2 and
1 times the mean (Dutta et al., "Slow and stale gradients can win the race", AISTATS 2018). Then all that asynchrony
adds is stale gradients, the staler the slower a machine is: Ringmaster, which throws those away, and Rennala, which
collects fresh ones, are optimal for any speeds (Tyurin & Richtárik 2023; Maranjyan et al. 2025), up to a constant.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes
from simcluster.engine import Exponential, Lognormal, Pareto
from simcluster.experiment import Experiment
from simcluster.measurement import first_time_at_most, on_grid
from simcluster.report import band, figure, legend, plain_log, reference_line, seeds_in_words
from simcluster.scenario import Result
from simcluster.sweep import Label, Seeded
from simcluster.training import (
    BoundedStaleness,
    GradientDescent,
    KBatchSync,
    KSync,
    ParameterServer,
    Rennala,
    Ringmaster,
    SampledStaleness,
    Softmax,
    TrainingJob,
)

COUNT = 8
#: Who waits for whom, by name.
RULES: dict[str, Any] = {
    "BSP": BoundedStaleness(),
    "6-sync": KSync(k=6),
    "8-batch-sync": KBatchSync(k=COUNT),
    "Rennala": Rennala(batch=COUNT),
    "SSP (4 steps)": BoundedStaleness(staleness=4),
    "PSP (2 of 8, 4 steps)": SampledStaleness(share=0.25, staleness=4),
    "Ringmaster (16)": Ringmaster(delay=2 * COUNT),
    "ASP": BoundedStaleness(staleness=math.inf),
}
#: By law: what multiplies the time of a step, and how many of the machines are eight times slower.
LAWS: dict[str, tuple[Any, int]] = {
    "about equal": (Lognormal(mean=1.0, sigma=0.1), 0),
    "exponential": (Exponential(mean=1.0), 0),
    "Pareto": (Pareto(mean=1.0, shape=1.5), 0),
    "two slow": (Lognormal(mean=1.0, sigma=0.1), 2),
}
SMALL = ("BSP", "8-batch-sync", "ASP")
RATE = 3.0
HORIZON_S = 3.0
TARGET_LOSS = 0.2
TIMES_S = np.geomspace(0.05, HORIZON_S, 60)


def scenario(rule: str, law: str) -> Scenario:
    """One rule under one law."""
    jitter, slow = LAWS[law]
    workers = nodes("worker", COUNT - slow, flops_per_s=1e7, jitter=jitter)
    late = nodes("slow", slow, flops_per_s=1e7, speed=1 / 8, jitter=jitter)
    return Scenario(
        cluster=ClusterSpec(nodes=(NodeSpec(name="server"), *workers, *late)),
        job=TrainingJob(
            model=Softmax(),
            optimiser=GradientDescent(learning_rate=RATE),
            waiting=RULES[rule],
            exchange=ParameterServer(server="server", retry_s=60.0),
            workers=tuple(worker.name for worker in (*workers, *late)),
            steps=100_000,
        ),
        horizon_s=HORIZON_S,
        trace_kinds=("loss",),
    )


def scenarios(small: bool = False) -> dict[Label, Seeded]:
    """One scenario for each rule and law; the small version has three rules."""
    return {(rule, law): scenario(rule, law) for rule in (SMALL if small else RULES) for law in LAWS}


def measure(result: Result) -> list[dict[str, Any]]:
    """The loss at times on a grid, and when it first was at most the target, the horizon if it never was."""
    rows = list(result.trace.rows("loss"))
    times, losses = [row["time_s"] for row in rows], [row["loss"] for row in rows]
    reached_s = min(HORIZON_S, first_time_at_most(times, losses, TARGET_LOSS))
    curve = on_grid([0.0, *times], [math.log(10), *losses], TIMES_S)  # of no parameters yet it is that of a guess
    return [
        {"time_s": time_s, "loss": loss, "reached_s": reached_s, "steps": rows[-1]["step"]}
        for time_s, loss in zip(TIMES_S.tolist(), curve.tolist(), strict=True)
    ]


def reached(table: pd.DataFrame) -> pd.DataFrame:
    """Simulated seconds until the loss is at most the target, one row a seed, a column for each law and rule."""
    return table.groupby(["seed", "law", "rule"], sort=False)["reached_s"].first().unstack(["law", "rule"])


def score(table: pd.DataFrame) -> pd.DataFrame:
    """How many times as long as the fastest rule each takes to the target, under the law where it is worst."""
    taken = table.groupby(["seed", "law", "rule"], sort=False)["reached_s"].first()
    beside = taken / taken.groupby(["seed", "law"]).transform("min")
    return beside.groupby(["seed", "rule"], sort=False).max().unstack("rule")


def draw(table: pd.DataFrame) -> Figure:
    """The loss against time, by law."""
    drawn, panels = figure(
        "Is asynchrony needed, or does it do to wait for some?",
        "time (s)",
        "loss over all rows (mean cross-entropy)",
        subtitle=f"Softmax regression on digits, {COUNT} workers, by how long a step takes; simulated time; "
        f"95 % intervals, {seeds_in_words(table['seed'])}",
        panels=tuple(LAWS),
    )
    for axes, law in zip(panels, LAWS, strict=True):
        for place, rule in enumerate(table["rule"].unique()):
            rows = table[(table["law"] == law) & (table["rule"] == rule)]
            samples = rows.pivot(index="seed", columns="time_s", values="loss")
            band(axes, samples.columns, samples, rule, place)
        plain_log(axes.xaxis, (0.1, 0.3, 1.0, 3.0))
        plain_log(axes.yaxis, (0.2, 0.3, 0.5, 1.0, 2.0))
        axes.set_ylim(0.17, 2.4)
        reference_line(axes, TARGET_LOSS, f"target, {TARGET_LOSS}")
    legend(panels[-1], points=10)
    return drawn


experiment = Experiment(
    name="is_async_needed",
    question="Is asynchrony needed, or does it do to wait for some?",
    labels=("rule", "law"),
    scenarios=scenarios,
    measure=measure,
    figure=draw,
    score=score,
    quantity=f"time to loss {TARGET_LOSS} beside the fastest rule's, under the law where that is most",
    unit="times",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
