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
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import Scenario
from simcluster.cluster import ClusterSpec, NodeSpec
from simcluster.engine import Lognormal
from simcluster.experiment import Experiment
from simcluster.report import band, figure, legend, plain_log, reference_line, seeds_in_words, wide
from simcluster.scenario import Result
from simcluster.scheduling import GridSearch, Heft, Planner, Policy, TaskGraphJob, fifo, priority, utilisation
from simcluster.sweep import Label, Seeded

POLICIES: dict[str, Policy | Planner] = {
    "FIFO": fifo,
    "utilisation": utilisation,
    "priority (longest first)": priority,
    "dependency (HEFT)": Heft(),
}
WORKERS = tuple(f"worker-{place}" for place in range(12))
RATIOS = (1.0, 2.0, 4.0, 8.0, 16.0)
DECIDING_RATIO = 16.0
FLOPS_PER_S = 1e7  # of all workers together, divided by their number
SEARCH = GridSearch(learning_rates=(0.3,), l2s=(0.0, 0.01), steps=(10, 30, 90))


def scenario(policy: Policy | Planner, ratio: float) -> Scenario:
    """One policy on workers whose speeds rise in equal factors; the last is ``ratio`` times as fast as the first."""
    rising = np.geomspace(1.0, ratio, len(WORKERS))
    speeds = rising / rising.mean()
    return Scenario(
        cluster=ClusterSpec(
            nodes=(
                NodeSpec(name="master"),
                *(
                    NodeSpec(name=name, flops_per_s=FLOPS_PER_S, speed=speed, jitter=Lognormal(mean=1.0, sigma=0.1))
                    for name, speed in zip(WORKERS, speeds.tolist(), strict=True)
                ),
            )
        ),
        job=TaskGraphJob(work=SEARCH, master="master", workers=WORKERS, policy=policy),
        trace_kinds=("task_begin",),
    )


def scenarios(small: bool = False) -> dict[Label, Seeded]:
    """One scenario for each policy and ratio; the small version has every other ratio."""
    ratios = RATIOS[::2] if small else RATIOS
    return {
        (label, ratio): scenario(policy, ratio) for label, policy in POLICIES.items() for ratio in ratios
    }


def measure(result: Result) -> dict[str, Any]:
    """The makespan in simulated seconds, and what the search found: the same whatever the policy."""
    best = result.outcome.best
    return {
        "makespan_s": result.ended_s,
        "accuracy": result.outcome.mean_accuracies[best],
        "learning_rate": best.learning_rate,
        "l2": best.l2,
        "steps": best.steps,
    }


def score(table: pd.DataFrame) -> pd.DataFrame:
    """The makespan on the most unequal machines."""
    return wide(table[table["ratio"] == DECIDING_RATIO], "policy", "makespan_s")


def draw(table: pd.DataFrame) -> Figure:
    """Makespan against how unequal the machines are."""
    tasks = SEARCH.graph(seed=0)
    drawn, (axes,) = figure(
        "How should tasks be placed on unequal machines?",
        "speed of the fastest machine / speed of the slowest (total speed is the same)",
        "makespan (s)",
        subtitle=f"Grid search with {SEARCH.folds}-fold cross-validation, {len(tasks)} tasks on {len(WORKERS)} "
        f"machines; 95 % intervals, {seeds_in_words(table['seed'])}",
    )
    for place, label in enumerate(POLICIES):
        samples = wide(table[table["policy"] == label], "ratio", "makespan_s")
        band(axes, samples.columns, samples, label, place, markers=True)
    work_s = math.fsum(tasks.nodes[name]["task"].cost.flops for name in tasks) / (FLOPS_PER_S * len(WORKERS))
    reference_line(axes, work_s, "every machine always busy")
    plain_log(axes.xaxis, sorted(table["ratio"].unique()))
    axes.set_ylim(bottom=0)
    legend(axes)
    return drawn


experiment = Experiment(
    name="scheduling",
    question="How should tasks be placed on unequal machines?",
    labels=("policy", "ratio"),
    scenarios=scenarios,
    measure=measure,
    figure=draw,
    score=score,
    quantity=f"makespan at a speed ratio of {DECIDING_RATIO:.0f}",
    unit="s",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
