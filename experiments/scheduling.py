"""How should tasks be placed on unequal machines?

A cross-validated grid search of softmax regression on the breast cancer data, 72 tasks of very unequal length, runs
on twelve machines of the same total speed: all alike, or the fastest up to sixteen times as fast as the slowest. FIFO
gives the task that has waited longest to the machine that has idled longest, "utilisation" to the one that has worked
least; "priority" gives the longest task to the fastest idle machine; "dependency" follows the plan of HEFT, which
weighs each task's way to the end and each machine's speed beforehand.

Expected: on equal machines the order of tasks is all that matters, and longest first is good (Graham, "Bounds on
multiprocessing timing anomalies", 1969). The more the machines differ, the more it costs to give a long task to a
slow machine because that one happens to be idle; HEFT leaves it idle (Topcuoglu et al., "Performance-effective and
low-complexity task scheduling for heterogeneous computing", 2002).
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NodeSpec, Scenario
from simcluster.engine import Lognormal
from simcluster.experiment import Experiment, decided
from simcluster.report import Panel, curves, legend, plain_log, reference_line
from simcluster.scheduling import GridSearch, Heft, Planner, Policy, TaskGraphJob, fifo, priority, utilisation
from simcluster.study import Crossed

QUESTION = "How should tasks be placed on unequal machines?"
POLICIES: dict[str, Policy | Planner] = {
    "FIFO": fifo,
    "utilisation": utilisation,
    "priority (longest first)": priority,
    "dependency (HEFT)": Heft(),
}
WORKERS = tuple(f"worker-{place}" for place in range(12))
RATIOS = (1.0, 2.0, 4.0, 8.0, 16.0)
FLOPS_PER_S = 1e7  # of all workers together, divided by their number
SEARCH = GridSearch(learning_rates=(0.3,), l2s=(0.0, 0.01), steps=(10, 30, 90))


def scenario(policy: Policy | Planner, ratio: float) -> Scenario:
    """One policy on workers whose speeds rise in equal factors; the last is ``ratio`` times as fast as the first."""
    rising = np.geomspace(1.0, ratio, len(WORKERS))
    workers = (
        NodeSpec(name=name, flops_per_s=FLOPS_PER_S, speed=speed, jitter=Lognormal(mean=1.0, sigma=0.1))
        for name, speed in zip(WORKERS, (rising / rising.mean()).tolist(), strict=True)
    )
    return Scenario(
        cluster=ClusterSpec(nodes=(NodeSpec(name="master"), *workers)),
        job=TaskGraphJob(work=SEARCH, master="master", workers=WORKERS, policy=policy),
        trace_kinds=("task_begin", "task_end"),
    )


def draw(table: pd.DataFrame) -> Figure:
    """Makespan against how unequal the machines are."""
    tasks = SEARCH.graph(seed=0)
    x_label = "speed of the fastest machine / speed of the slowest (total speed is the same)"
    about = (
        f"Grid search with {SEARCH.folds}-fold cross-validation, {len(tasks)} tasks on {len(WORKERS)} machines"
    )
    panel = Panel("ratio", "makespan_s", x_label, "makespan (s)")
    drawn, (axes,) = curves(table, "policy", (panel,), QUESTION, about)
    work_s = math.fsum(tasks.nodes[name]["task"].cost.flops for name in tasks) / (FLOPS_PER_S * len(WORKERS))
    reference_line(axes, work_s, "every machine always busy")
    plain_log(axes.xaxis, sorted(table["ratio"].unique()))
    axes.set_ylim(bottom=0)
    legend(axes)
    return drawn


experiment = Experiment(
    name="scheduling",
    question=QUESTION,
    scenarios=Crossed(scenario, {"policy": POLICIES, "ratio": RATIOS}, small={"ratio": RATIOS[::2]}),
    figure=draw,
    score=decided("policy", "makespan_s", {"ratio": RATIOS[-1]}),
    quantity=f"makespan at a speed ratio of {RATIOS[-1]:.0f}",
    unit="s",
)

if __name__ == "__main__":
    experiment.main()
