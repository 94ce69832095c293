"""How much faster does a learning algorithm become with more machines?

Algorithms that reach one machine's answer run on 1 to 16 workers, and a node that adds up what they say, or hands out
tasks. The work is the same for any number of workers, or grows with it: twice the rows, of the forest twice the trees.

Expected, of the same work: Amdahl's law, S = 1/(s + (1 − s)/N), where s is the share of one worker's time that more
workers do not shorten (Amdahl, AFIPS 1967). Of work that grows: Gustafson's, S = s + (1 − s)·N (Gustafson, CACM 1988).
Neither is fitted here: s is what the run on one worker spends on other than its declared costs that are divided,
which are contributions and trees. Both take s to be the same for any N. In a cluster it grows: the server hears N
workers one after the other, and waits for the slowest, so measured speed-ups should stay below, the more so the less
there is to compute for each byte: a forest's rows go to every worker, and histograms of boosting are as large however
few rows are in them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes
from simcluster.cluster import Job
from simcluster.engine import Lognormal
from simcluster.experiment import Experiment
from simcluster.learning import Bundled, Dataset, Generated, GradientBoosting, GradientDescent, KMeans
from simcluster.learning import score as score_of
from simcluster.report import COLOURS, band, figure, legend, plain_log, seeds_in_words, wide
from simcluster.scenario import Result
from simcluster.scheduling import RandomForest, TaskGraphJob
from simcluster.serving import NearestNeighbourBatch, Predicted
from simcluster.study import Crossed
from simcluster.training import MultilayerPerceptron, NormalEquations, ParameterServer, Softmax, TrainingJob, arrays

NODES = (1, 2, 4, 8, 16)
MOST = max(NODES)
FLOPS_PER_S = 1e8
HELD_OUT = 0.25
ROWS, ASKED = 1797, 197
TREES = 32


def digits(rows: int) -> Dataset:
    """So many of the digits, the first."""
    data = Bundled().load()
    return arrays(data.features[:rows], data.targets[:rows])


def trained(workers: tuple[str, ...], data: Any, model: Any, steps: int) -> Job:
    """Training on all rows at each step."""
    return TrainingJob(
        model=model,
        data=data,
        held_out=HELD_OUT,
        optimiser=GradientDescent(learning_rate=0.5),
        batch_size=None,
        exchange=ParameterServer(server="server"),
        workers=workers,
        steps=steps,
        evaluate_every=steps,
    )


def forest(workers: tuple[str, ...], share: float) -> Job:
    """A task for each tree, or for two."""
    trees = round(share * TREES)
    work = RandomForest(data=Bundled(), held_out=HELD_OUT, trees=trees, tasks=min(trees, MOST))
    return TaskGraphJob(work=work, master="server", workers=workers)


def neighbours(workers: tuple[str, ...], share: float) -> Job:
    """As many questions whatever the share, of which the rows are that are searched."""
    rows = round(share * (ROWS - ASKED)) + ASKED
    return NearestNeighbourBatch(data=digits(rows), query_share=ASKED / rows, front_end="server", servers=workers)


#: By algorithm: its job, of its workers and the share of the whole work that there is.
ALGORITHMS: dict[str, Callable[[tuple[str, ...], float], Job]] = {
    "softmax": lambda workers, share: trained(workers, digits(round(share * ROWS)), Softmax(), 30),
    "ridge (normal equations)": lambda workers, share: trained(
        workers,
        Generated(name="regression", rows=round(share * 8000), options={"n_features": 40, "noise": 50.0}),
        NormalEquations(l2=0.001),
        1,
    ),
    "perceptron": lambda workers, share: trained(workers, digits(round(share * ROWS)), MultilayerPerceptron(), 30),
    "k-means": lambda workers, share: trained(workers, digits(round(share * ROWS)), KMeans(clusters=10), 20),
    "boosting": lambda workers, share: trained(
        workers,
        Generated(rows=round(share * 8000)),
        GradientBoosting(rounds=10, depth=3, max_bins=32, sibling_subtraction=True),
        30,
    ),
    "forest": forest,
    "neighbours": neighbours,
}


def scenario(make: Callable[[tuple[str, ...], float], Job], work: str, most: int) -> Scenario:
    """One algorithm on so many workers: the same work, that which grows with them, or that on one worker alone."""
    share, count = 1.0 if work == "same" else most / MOST, 1 if work == "grows, alone" else most
    workers = nodes("worker", count, flops_per_s=FLOPS_PER_S, jitter=Lognormal(mean=1.0, sigma=0.1))
    return Scenario(
        cluster=ClusterSpec(nodes=(NodeSpec(name="server"), *workers)),
        job=make(tuple(worker.name for worker in workers), share),
        trace_kinds=("compute", "send", "task_begin", "task_end"),
    )


def quality(outcome: Any) -> float:
    """Held-out accuracy, R² of numbers, and of clusters the adjusted Rand index, how well they are the classes."""
    if isinstance(outcome, Predicted):
        return float(np.mean(outcome.predictions == outcome.targets))
    judged = getattr(outcome, "held_out", None)
    if judged is None:
        return float(outcome.held_out_score)
    if judged.what == "clusters":
        from sklearn.metrics import adjusted_rand_score

        return float(adjusted_rand_score(judged.targets, judged.predicted))
    return score_of(judged)


def measure(result: Result) -> dict[str, Any]:
    """How good the answer is, the simulated time, how much of it workers spent on what is divided, and the traffic."""
    divided: Any
    if isinstance(result.scenario.job, TaskGraphJob):
        done = result.series["spans"]
        divided = (done["end_s"] - done["begin_s"])[done["task"].str.startswith("grow")]
    else:
        computed = (row for row in result.trace.rows("compute") if row["node"] != "server")
        divided = [row["time_s"] - row["begin_s"] for row in computed]
    return {
        "quality": quality(result.outcome),
        "time_s": result.ended_s,
        "divided_s": math.fsum(divided),
        "sent_bytes": result.metrics["sent_bytes"],
    }


def speed_ups(table: pd.DataFrame, algorithm: str, work: str) -> pd.DataFrame:
    """How many times as fast as one worker with the same work, one row for each seed."""
    mine = table[table["algorithm"] == algorithm]
    times_s, alone_s = (wide(mine[mine["work"] == each], "nodes", "time_s") for each in (work, "grows, alone"))
    return times_s.rdiv(times_s[1], axis=0) if work == "same" else alone_s / times_s


def predicted(table: pd.DataFrame, algorithm: str, work: str) -> pd.Series:
    """What Amdahl and Gustafson expect of the run on one worker."""
    one = table[(table["algorithm"] == algorithm) & (table["work"] == work) & (table["nodes"] == 1)]
    serial = float(np.mean(1 - one["divided_s"] / one["time_s"]))
    counts = np.sort(table["nodes"].unique())
    amdahl = 1 / (serial + (1 - serial) / counts)
    return pd.Series(amdahl if work == "same" else serial + (1 - serial) * counts, counts)


def score(table: pd.DataFrame) -> pd.DataFrame:
    """The time that the most workers need for the same work, as a share of that of one."""
    return pd.DataFrame({name: 1 / speed_ups(table, name, "same")[MOST] for name in ALGORITHMS})


def draw(table: pd.DataFrame) -> Figure:
    """Speed-ups beside what the two laws expect; and of the same work the time, the traffic, and how good it is."""
    drawn, panels = figure(
        "How much faster does learning become with more machines?",
        "workers",
        ("speed-up", "speed-up", "simulated time (s)", "on the network (MB)", "accuracy, R² or Rand index"),
        subtitle="Thin: the laws of Amdahl (left) and Gustafson (right), from what one worker does; "
        f"95 % intervals, {seeds_in_words(table['seed'])}",
        panels=("the same work", "work that grows", "time", "traffic", "how good it is"),
    )
    drawn.set_size_inches(10, 7.5)
    drawn.texts[-1].set_y(0.945)  # of a higher picture
    grid = drawn.add_gridspec(2, 6)
    for axes, cells in zip(panels, ((0, 0, 3), (0, 3, 6), (1, 0, 2), (1, 2, 4), (1, 4, 6)), strict=True):
        axes.set_subplotspec(grid[cells[0], cells[1] : cells[2]])
    for place, algorithm in enumerate(ALGORITHMS):
        for axes, work in zip(panels, ("same", "grows"), strict=False):
            samples = speed_ups(table, algorithm, work)
            band(axes, samples.columns, samples, algorithm, place, markers=True)
            law = predicted(table, algorithm, work)
            axes.plot(law.index, law, color=COLOURS[place % len(COLOURS)], linewidth=0.9, label="_nolegend_")
        same = table[(table["algorithm"] == algorithm) & (table["work"] == "same")]
        for axes, column, unit in zip(panels[2:], ("time_s", "sent_bytes", "quality"), (1, 1e6, 1), strict=True):
            samples = wide(same, "nodes", column) / unit
            band(axes, samples.columns, samples, algorithm, place, markers=True)
    for axes in panels:
        plain_log(axes.xaxis, NODES)
    for axes, ticks in zip(panels, (NODES, NODES, (0.01, 0.1, 1, 10), (0.01, 0.1, 1, 10)), strict=False):
        plain_log(axes.yaxis, ticks)
    for axes in panels[:2]:
        axes.set_ylim(0.55, 20)
    panels[4].set_ylim(0, 1)
    legend(panels[4], points=8, location="lower center")
    return drawn


experiment = Experiment(
    name="algorithms",
    question="How much faster does learning become with more machines?",
    scenarios=Crossed(
        scenario,
        {"algorithm": ALGORITHMS, "work": ("same", "grows", "grows, alone"), "nodes": NODES},
        small={"nodes": NODES[::4]},
    ),
    measure=measure,
    figure=draw,
    score=score,
    quantity=f"time on {MOST} workers as a share of that on one",
)

if __name__ == "__main__":
    experiment.main()
