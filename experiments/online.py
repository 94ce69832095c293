"""How fresh must an online learner's model be when the world drifts?

Rows of digits come at 2,000 a second, in batches, whatever becomes of the learner, which tests softmax regression by
each and then learns from it. Four copies answer queries about the rows that come next with the parameters that they
fetched last. The world stands still, or all labels move on by one class every second, at once or over half a second.

Expected: a model is stale twice over. A batch of b rows is one step, and it is tested by a model that knows none of
them: small batches follow a drift sooner and make more steps, but single rows make noisy ones (what is judged is
prequential accuracy: Gama, Sebastião & Rodrigues, "On evaluating stream learning algorithms", Machine Learning, 2013).
A copy that is refreshed every r seconds is r/2 older in the mean than what it is a copy of (Cho & Garcia-Molina,
"Synchronizing a database to improve freshness", SIGMOD 2000): of a world that changes at once every T seconds it
gives r/(2T) of its answers with what was right before.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes
from simcluster.experiment import Experiment
from simcluster.learning import Bundled, GradientDescent, RotatedLabels, Softmax
from simcluster.report import band, figure, legend, plain_log, seeds_in_words, wide
from simcluster.scenario import Result
from simcluster.serving import ArrivingBatches, Copies, OnlineLearning, Poisson
from simcluster.sweep import Label, Seeded

ROWS = 6000
ROWS_PER_S = 2000
#: By world: after how many rows labels move on by a class, and over how many.
WORLDS = {"still": (ROWS, 0), "gradual": (2000, 1000), "abrupt": (2000, 0)}
DECIDING = "abrupt"
BATCHES = (1, 4, 16, 64, 256)
REFRESHES_S = (0.01, 0.03, 0.1, 0.3, 0.7)  # none divides the second between two changes
BATCH, REFRESH_S = 4, 0.03
BEGIN_S = 1.0  # what is told before counts for nothing: the model knows nothing yet
COPIES = 4


def scenario(world: str, batch_size: int, refresh_s: float) -> Scenario:
    """One world, so many rows a batch, and copies that are refreshed so often."""
    every, width = WORLDS[world]
    cluster = ClusterSpec(nodes=(NodeSpec(name="learner", flops_per_s=1e8), *nodes("copy", COPIES)))
    job = OnlineLearning(
        model=Softmax(),
        data=RotatedLabels(data=Bundled(), rows=ROWS, every=every, width=width),
        batch_size=batch_size,
        optimiser=GradientDescent(learning_rate=0.5),
        batches=ArrivingBatches(arrivals=Poisson(per_s=ROWS_PER_S / batch_size)),
        learner="learner",
        copies=Copies(servers=cluster.names[1:], arrivals=Poisson(per_s=400.0), refresh_s=refresh_s),
    )
    return Scenario(cluster=cluster, job=job, trace_kinds=("tested", "served", "send"))


def scenarios(small: bool = False) -> dict[Label, Seeded]:
    """Each world with each size of a batch and with each interval; the small version has two of each."""
    sizes, refreshes_s = ((BATCH, 64), (REFRESH_S, 0.7)) if small else (BATCHES, REFRESHES_S)
    return {
        (world, batch_size, refresh_s): scenario(world, batch_size, refresh_s)
        for world in WORLDS
        if not small or world != "gradual"
        for batch_size in sizes
        for refresh_s in refreshes_s
        if batch_size == BATCH or refresh_s == REFRESH_S
    }


def measure(result: Result) -> dict[str, Any]:
    """The share of wrong predictions, of the learner and of its copies, how old their model was, and the bytes."""
    tested, served = (
        [row for row in result.trace.rows(kind) if row["time_s"] >= BEGIN_S] for kind in ("tested", "served")
    )
    right, rows = (math.fsum(row[what] for row in tested) for what in ("total", "rows"))
    return {
        "learner_wrong": 1.0 - right / rows,
        "copies_wrong": 1.0 - math.fsum(row["total"] for row in served) / len(served),
        "model_age_s": math.fsum(row["age_s"] for row in served) / len(served),
        "sent_bytes": result.metrics["sent_bytes"],
    }


def of_batches(table: pd.DataFrame) -> pd.DataFrame:
    """The runs whose copies are refreshed as usual."""
    return table[table["refresh_s"] == REFRESH_S]


def of_refreshes(table: pd.DataFrame) -> pd.DataFrame:
    """The runs whose batches have as many rows as usual."""
    return table[table["batch"] == BATCH]


def score(table: pd.DataFrame) -> pd.DataFrame:
    """What copies get wrong in the abrupt world, by how often they are refreshed."""
    deciding = of_refreshes(table)
    rows = deciding[deciding["world"] == DECIDING]
    wrong = rows.pivot_table(index="seed", columns="refresh_s", values="copies_wrong", sort=False)
    return wrong.rename(columns=lambda refresh_s: f"{1000 * refresh_s:g} ms")


def draw(table: pd.DataFrame) -> Figure:
    """What the learner gets wrong by the rows of a batch, and its copies by the interval between two fetches."""
    drawn, panels = figure(
        "How fresh must an online learner's model be when the world drifts?",
        ("rows a batch", "copies fetch every (ms)"),
        ("share of wrong predictions", "share of wrong predictions"),
        subtitle=f"Softmax regression on digits, {ROWS_PER_S} rows a second, labels move on by a class each second; "
        f"95 % intervals, {seeds_in_words(table['seed'])}",
        panels=("the learner, before it learns from them", f"its {COPIES} copies, of batches of {BATCH}"),
    )
    left, right = of_batches(table), of_refreshes(table).assign(refresh_ms=lambda rows: 1000 * rows["refresh_s"])
    for axes, rows, column, what in (
        (panels[0], left, "batch", "learner_wrong"),
        (panels[1], right, "refresh_ms", "copies_wrong"),
    ):
        for place, world in enumerate(WORLDS):
            if (of_world := rows[rows["world"] == world]).empty:
                continue
            samples = wide(of_world, column, what)
            band(axes, samples.columns, samples, world, place, markers=True)
        plain_log(axes.xaxis, sorted(rows[column].unique().tolist()))
        axes.set_ylim(0, 1)
    legend(panels[0])
    return drawn


experiment = Experiment(
    name="online",
    question="How fresh must an online learner's model be when the world drifts?",
    labels=("world", "batch", "refresh_s"),
    scenarios=scenarios,
    measure=measure,
    figure=draw,
    score=score,
    quantity="share of wrong answers of the copies, in an abrupt world",
    unit="",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
