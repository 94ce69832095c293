"""When does it matter which rows lie on which machine?

The digits lie on eight workers, the last of which is eight times as fast as the first: at random, as they stand, sorted
by label, in two pieces of that order for each worker, as a Dirichlet draw mixes classes, or at random in shards of
lognormal sizes. Softmax regression learns from all rows at each step, from eight of each worker's, or from eight and
never waits (asynchronously); a forest grows trees of each worker's own rows.

Expected: a sum over all rows is the same wherever they lie, so a full-batch step differs by rounding alone. A batch of
each worker's rows stands for all of them while shards are equally large, however skewed their labels; where they are
not, it weighs the rows of small shards more. Who never waits hears more often of the classes that lie on fast workers,
as clients' drift does in federated learning (Zhao et al., "Federated learning with non-IID data", 2018; Hsu, Qi &
Brown 2019). Trees of few classes can vote for no other. The bytes of a step never depend on where rows lie; where
rows themselves travel, as to the trees, what grows of them does.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NodeSpec, Scenario
from simcluster.engine import Lognormal
from simcluster.experiment import Experiment
from simcluster.learning import Bundled, ByLabel, Dirichlet, GradientDescent, LogNormalSizes, by_key, ordered, random
from simcluster.report import Panel, curves, legend, plain_log
from simcluster.scenario import Result
from simcluster.scheduling import RandomForest, TaskGraphJob
from simcluster.study import Crossed
from simcluster.training import BoundedStaleness, ParameterServer, Softmax, TrainingJob

QUESTION = "When does it matter which rows lie on which machine?"
SHARDINGS: dict[str, Any] = {
    "random": random,
    "as they stand": ordered,
    "lognormal sizes": LogNormalSizes(sigma=1.0),
    "Dirichlet 0.3": Dirichlet(alpha=0.3),
    "two pieces": ByLabel(pieces=2),
    "sorted by label": by_key,
}
#: By algorithm of training: rows of a worker's step, steps that a worker may be ahead, and steps.
TRAININGS: dict[str, tuple[int | None, float, int]] = {
    "all rows": (None, 0, 60),
    "batches of 8": (8, 0, 150),
    "asynchronous": (8, math.inf, 100_000),
}
FOREST = "trees of own rows"
WORKERS = tuple(f"worker-{place}" for place in range(8))
SPEEDS = np.geomspace(1.0, 8.0, len(WORKERS)).tolist()
HORIZON_S = 0.5
HELD_OUT = 0.25


def scenario(algorithm: str, sharding: Any) -> Scenario:
    """One algorithm on rows that lie so; where fast workers do more steps than others, the clock ends it."""
    if algorithm == FOREST:
        work = RandomForest(data=Bundled(), held_out=HELD_OUT, trees=32, tasks=8, rows="shard", sharding=sharding)
        job: Any = TaskGraphJob(work=work, master="server", workers=WORKERS)
    else:
        batch_size, staleness, steps = TRAININGS[algorithm]
        job = TrainingJob(
            model=Softmax(),
            held_out=HELD_OUT,
            evaluate_held_out=True,
            sharding=sharding,
            batch_size=batch_size,
            optimiser=GradientDescent(learning_rate=1.0),
            waiting=BoundedStaleness(staleness=staleness),
            exchange=ParameterServer(server="server", retry_s=60.0),
            workers=WORKERS,
            steps=steps,
            evaluate_every=20,
        )
    workers = (
        NodeSpec(name=name, flops_per_s=1e6, speed=speed, jitter=Lognormal(mean=1.0, sigma=0.1))
        for name, speed in zip(WORKERS, SPEEDS, strict=True)
    )
    return Scenario(
        cluster=ClusterSpec(nodes=(NodeSpec(name="server"), *workers)),
        job=job,
        horizon_s=HORIZON_S if algorithm == "asynchronous" else 3600.0,
        trace_kinds=("send", "held_out"),
    )


def measure(result: Result) -> dict[str, Any]:
    """The error over the rows held out (of training at its last evaluation), the traffic, and the simulated time."""
    scores = [row["score"] for row in result.trace.rows("held_out")]
    accuracy = scores[-1] if scores else result.outcome.held_out_score
    return {"error": 1 - accuracy, "sent_bytes": result.metrics["sent_bytes"], "time_s": result.ended_s}


def score(table: pd.DataFrame) -> pd.DataFrame:
    """The error that sorting by label adds to that of random rows."""
    errors = table.pivot(index="seed", columns=["algorithm", "rows"], values="error")
    return pd.DataFrame({
        name: errors[name, "sorted by label"] - errors[name, "random"] for name in (*TRAININGS, FOREST)
    })


def draw(table: pd.DataFrame) -> Figure:
    """Error and traffic by how rows lie."""
    panels = (
        Panel("rows", "error", "", "share of wrong predictions, held out", "what is learned"),
        Panel("rows", "sent_bytes", "", "on the network (MB)", "traffic", unit=1e6),
    )
    about = f"Digits on {len(WORKERS)} workers, the fastest 8 times as fast as the slowest"
    drawn, (learned, traffic) = curves(table, "algorithm", panels, QUESTION, about)
    plain_log(learned.yaxis, (0.02, 0.05, 0.1, 0.2, 0.5, 1.0))
    traffic.set_ylim(bottom=0)
    legend(learned, points=10)
    return drawn


experiment = Experiment(
    name="data_distribution",
    question=QUESTION,
    scenarios=Crossed(
        scenario, {"algorithm": (*TRAININGS, FOREST), "rows": SHARDINGS},
        small={"rows": ("random", "lognormal sizes", "sorted by label")},
    ),
    measure=measure,
    figure=draw,
    score=score,
    quantity="held-out error that sorting by label adds",
)

if __name__ == "__main__":
    experiment.main()
