"""How much is learned of how many bytes, by what is left out of contributions?

Eight workers learn digits by softmax regression, (65, 10) parameters, with batches of 32 and a parameter server, over
links of 1 MB/s. They send their contributions whole, in half precision, their greatest numbers, numbers at random, few
levels (QSGD), signs that vote, or a product of two thin matrices (PowerSGD); each for 400 steps, at one learning rate,
but for signs, whose steps are as long as it is. What is counted is what workers send; parameters come back whole.

Expected: half precision is as good as the whole for a quarter of the bytes. What remembers what it leaves out (top-k,
random-k, PowerSGD) learns about as much by the step, later, and by the byte far more (Stich et al., NeurIPS 2018;
Vogels et al., NeurIPS 2019). QSGD, whose noise is not remembered, learns a little less; signs, all of one size, do not
come to rest where the loss is least.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, nodes
from simcluster.engine import Constant
from simcluster.experiment import Experiment
from simcluster.report import band, figure, legend, plain_log, seeds_in_words, wide
from simcluster.scenario import Result
from simcluster.sweep import Label, Seeded
from simcluster.training import (
    Bundled,
    Float16,
    GradientDescent,
    ParameterServer,
    PowerSgd,
    Qsgd,
    RandomK,
    SignSgd,
    Softmax,
    TopK,
    TrainingJob,
    majority_vote,
    total,
)

WAYS: dict[str, Any] = {
    "dense": None,
    "float16": Float16(),
    "top-k, 5 %": TopK(share=0.05),
    "random-k, 5 %": RandomK(share=0.05),
    "QSGD, 4 bits": Qsgd(),
    "signs": SignSgd(),
    "PowerSGD, rank 1": PowerSgd(),
}
STEPS = 400
EVERY = 4
WORKERS = 8
#: The loss that decides, which a dense run reaches after about half of its steps.
TARGET = 0.3


def scenario(way: str, steps: int) -> Scenario:
    """One way to write contributions."""
    workers = nodes("worker", WORKERS, flops_per_s=1e8)
    votes = way == "signs"
    return Scenario(
        cluster=ClusterSpec(
            nodes=(NodeSpec(name="server"), *workers),
            network=NetworkSpec(bandwidth_bytes_per_s=1e6, latency=Constant(value=0.0005)),
        ),
        job=TrainingJob(
            model=Softmax(),
            data=Bundled(),
            optimiser=GradientDescent(learning_rate=0.005 if votes else 0.5),
            exchange=ParameterServer(server="server"),
            compression=WAYS[way],
            aggregation=majority_vote if votes else total,
            workers=tuple(worker.name for worker in workers),
            steps=steps,
            evaluate_every=EVERY,
        ),
        trace_kinds=("send", "loss"),
    )


def scenarios(small: bool = False) -> dict[Label, Seeded]:
    """One scenario for each way; the small version has fewer steps."""
    return {way: scenario(way, STEPS // 4 if small else STEPS) for way in WAYS}


def measure(result: Result) -> list[dict[str, Any]]:
    """After every four steps, how many kB workers have sent, the simulated seconds and the loss."""
    sent = [row for row in result.trace.rows("send") if row["source"] != "server"]
    times_s = np.array([row["time_s"] for row in sent])
    kilobytes = np.cumsum([row["size_bytes"] / 1000 for row in sent])
    return [
        {
            "step": row["step"],
            "sent_kb": float(kilobytes[np.searchsorted(times_s, row["time_s"], side="right") - 1]),
            "time_s": row["time_s"],
            "loss": row["loss"],
        }
        for row in result.trace.rows("loss")
    ]


def score(table: pd.DataFrame) -> pd.DataFrame:
    """The kB that workers have sent when the loss is first at most ``TARGET``, or in all where it never is."""
    last = table.groupby(["seed", "way"], sort=False)["sent_kb"].max()
    reached = table[table["loss"] <= TARGET].groupby(["seed", "way"], sort=False)["sent_kb"].min()
    return reached.reindex(last.index).fillna(last).unstack()[list(WAYS)]


def draw(table: pd.DataFrame) -> Figure:
    """The loss against what workers have sent, and against simulated time."""
    drawn, panels = figure(
        "How much is learned of how many bytes?",
        ("sent by workers (kB)", "simulated time (s)"),
        "loss",
        subtitle=f"Softmax regression on digits, 8 workers; 95 % intervals, {seeds_in_words(table['seed'])}",
        panels=("by the byte", "by the second"),
    )
    for axes, x in zip(panels, ("sent_kb", "time_s"), strict=True):
        for place, way in enumerate(WAYS):
            rows = table[table["way"] == way]
            samples = wide(rows, "step", "loss")
            band(axes, rows.groupby("step")[x].mean().reindex(samples.columns), samples, way, place)
        plain_log(axes.yaxis, (0.1, 0.2, 0.5, 1, 2))
        axes.set_xscale("log")
    legend(panels[1], points=10, location="lower left")
    return drawn


experiment = Experiment(
    name="compression",
    question="How much is learned of how many bytes, by what is left out of contributions?",
    labels=("way",),
    scenarios=scenarios,
    measure=measure,
    figure=draw,
    score=score,
    quantity=f"what workers send until the loss is {TARGET}",
    unit="kB",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
