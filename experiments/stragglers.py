"""Which copies of late tasks are worth their work?

A cross-validated grid search, 120 equal trainings in five waves, runs on 24 machines, of which six are slower than
the others by a factor that nobody has told the scheduler; each computation also varies by chance. Tasks go first come,
first served. Without copies the last wave waits for the slow machines. A copy of a task that is late may end before it,
and costs a core the while, of which the work of one of the two is thrown away.

Expected: a threshold on progress copies much that is not late, since the tasks of the last wave are all behind the
average of those that are done, and takes the first that began; LATE ranks tasks by when they will end, trusts no slow
machine with a copy and keeps to a cap (Zaharia et al., "Improving MapReduce performance in heterogeneous environments",
2008). A hedge needs no report of progress: it copies what takes longer than 95 % of what is done, and so adds little
work by construction (Dean and Barroso, "The tail at scale", 2013), as long as it is less than 5 % that are late.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes
from simcluster.engine import Lognormal
from simcluster.experiment import Experiment, decided
from simcluster.faults import SlowNode
from simcluster.report import Panel, curves, legend, plain_log
from simcluster.scenario import Result
from simcluster.scheduling import Fifo, GridSearch, Hedged, Late, NaiveSpeculation, TaskGraphJob, WatchingPolicy
from simcluster.study import Crossed

QUESTION = "Which copies of late tasks are worth their work?"
PROGRESS_S = 0.05
COPIES: dict[str, WatchingPolicy] = {
    "none": Fifo(),
    "naive threshold": NaiveSpeculation(progress_s=PROGRESS_S, after_s=2 * PROGRESS_S),
    "LATE": Late(progress_s=PROGRESS_S, after_s=2 * PROGRESS_S),
    "hedged": Hedged(),
}
SLOWER = (1.0, 2.0, 4.0, 8.0, 16.0)
WORKERS = nodes("worker", 24, flops_per_s=1e7, jitter=Lognormal(mean=1.0, sigma=0.2))
SLOW = [worker.name for worker in WORKERS[::4]]
CLUSTER = ClusterSpec(nodes=(NodeSpec(name="master"), *WORKERS))
SEARCH = GridSearch(
    dataset="breast_cancer", learning_rates=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5), l2s=(0.0, 0.001, 0.01, 0.1), steps=(60,)
)


def scenario(copies: WatchingPolicy, slower: float) -> Scenario:
    """One way to copy, where every fourth machine is so many times slower than the others from the beginning on."""
    return Scenario(
        cluster=CLUSTER,
        job=TaskGraphJob(work=SEARCH, master="master", workers=CLUSTER.names[1:], policy=copies),
        faults=tuple(SlowNode(node=name, factor=slower, begin_s=0.0) for name in SLOW if slower > 1),
        trace_kinds=("task_begin", "task_end", "task_cancel", "task_speculate"),
    )


def measure(result: Result) -> dict[str, Any]:
    """The makespan, how many copies there were, and which share of the machines' work was thrown away."""
    begun: dict[tuple[str, str], float] = {}
    kept: set[str] = set()
    last_s, all_s, wasted_s, copies = 0.0, [], [], 0
    for row in result.trace.rows("task_begin", "task_end", "task_cancel", "task_speculate"):
        what = row["task"], row["node"]
        if row["kind"] == "task_begin":
            begun[what] = row["time_s"]
        elif row["kind"] == "task_speculate":
            copies += 1
        else:
            took_s = row["time_s"] - begun.pop(what)
            all_s.append(took_s)
            if row["kind"] == "task_cancel" or row["task"] in kept:
                wasted_s.append(took_s)
            else:
                kept.add(row["task"])
                last_s = row["time_s"]
    return {"makespan_s": last_s, "copied": copies, "wasted_share": math.fsum(wasted_s) / math.fsum(all_s)}


def draw(table: pd.DataFrame) -> Figure:
    """Makespan and wasted work against how slow the slow machines are."""
    x_label = f"how many times slower {len(SLOW)} of {len(WORKERS)} machines are"
    panels = (
        Panel("slower", "makespan_s", x_label, "makespan (s)"),
        Panel("slower", "wasted_share", x_label, "work thrown away (%)", unit=0.01),
    )
    about = f"Grid search with {SEARCH.folds}-fold cross-validation, 120 equal trainings, first come, first served"
    drawn, both = curves(table, "copies", panels, QUESTION, about)
    for axes in both:
        plain_log(axes.xaxis, sorted(table["slower"].unique()))
        axes.set_ylim(bottom=0)
    legend(both[0])
    return drawn


experiment = Experiment(
    name="stragglers",
    question=QUESTION,
    scenarios=Crossed(scenario, {"copies": COPIES, "slower": SLOWER}, small={"slower": SLOWER[::3]}),
    measure=measure,
    figure=draw,
    score=decided("copies", "makespan_s", {"slower": SLOWER[3]}),
    quantity=f"makespan where some machines are {SLOWER[3]:.0f} times slower",
    unit="s",
)

if __name__ == "__main__":
    experiment.main()
