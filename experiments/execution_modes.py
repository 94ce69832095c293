"""How should learning be cut up on unequal machines, and how much of it should run at once?

The digits are learned by data (softmax regression, an eighth of the rows on each of eight machines), by resource (the
same, with shares of the rows in proportion to speed), or by algorithm (seven different learners, one task each, whose
votes are counted). Each runs in parallel, mixed, two at a time, or serially, one after the other: workers of training
in turn, tasks of the ensemble on the fastest machine. Machines have one total speed: all alike, or the fastest eight
times as fast as the slowest. A quarter of the rows is held out.

Expected: how much runs at once changes no bit of an answer. With s_i the speed of machine i, and but for messages,
training takes Σ w_i/s_i in turn and max w_i/s_i at once, for w_i operations on machine i: so m machines are m times as
fast together where all w_i/s_i are alike, which shares by speed see to, and less so the slower the slowest is. Tasks
that cannot be cut take Σ c_j/s_max one after the other, and no less than the longest, max c_j/s_max, however many
machines there are (Graham, "Bounds on multiprocessing timing anomalies", 1969).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NodeSpec, Scenario
from simcluster.engine import Lognormal
from simcluster.experiment import Experiment
from simcluster.report import band, figure, legend, plain_log, seeds_in_words, wide
from simcluster.report.plots.line_plots import named_ticks
from simcluster.scenario import Result
from simcluster.scheduling import (
    BayesEstimator,
    ForestEstimator,
    KernelEstimator,
    LogisticEstimator,
    Mixed,
    NeighboursEstimator,
    Parallel,
    Serial,
    SoftmaxEstimator,
    TaskGraphJob,
    TreeEstimator,
    Voted,
    VotingEnsemble,
)
from simcluster.sweep import Label, Seeded
from simcluster.training import (
    BoundedStaleness,
    Bundled,
    GradientDescent,
    InTurn,
    ParameterServer,
    Softmax,
    TrainingJob,
)

#: By mode: the execution of a task graph, and the waiting rule of training.
MODES: dict[str, tuple[Any, Any]] = {
    "parallel": (Parallel(), BoundedStaleness()),
    "mixed": (Mixed(by_level=False, at_once=2), InTurn(at_once=2)),
    "serial": (Serial(), InTurn()),
}
SHARES: dict[str, Any] = {"by data": "equal", "by resource": "speed"}
ALGORITHM = "by algorithm"
CUTS = (*SHARES, ALGORITHM)
MACHINES = {"alike": 1.0, "unequal": 8.0}
DECIDING = "unequal"
WORKERS = tuple(f"worker-{place}" for place in range(8))
FLOPS_PER_S = 1e7  # of all workers together, divided by their number
STEPS = 100
HELD_OUT = 0.25
MEMBERS = (
    SoftmaxEstimator(),
    LogisticEstimator(steps=50),
    ForestEstimator(trees=60),
    KernelEstimator(),
    NeighboursEstimator(),
    TreeEstimator(),
    BayesEstimator(),
)


def scenario(cut: str, mode: str, ratio: float) -> Scenario:
    """One way to cut learning up, in one mode, where the last worker is ``ratio`` times as fast as the first."""
    execution, waiting = MODES[mode]
    job: Any
    if cut == ALGORITHM:
        work = VotingEnsemble(data=Bundled(), held_out=HELD_OUT, members=MEMBERS)
        job = TaskGraphJob(work=work, execution=execution, master="server", workers=WORKERS, retry_s=60.0)
    else:
        job = TrainingJob(
            model=Softmax(),
            held_out=HELD_OUT,
            shares=SHARES[cut],
            batch_size=None,
            optimiser=GradientDescent(learning_rate=1.0),
            waiting=waiting,
            exchange=ParameterServer(server="server", retry_s=60.0),
            workers=WORKERS,
            steps=STEPS,
            evaluate_every=STEPS,
        )
    rising = np.geomspace(1.0, ratio, len(WORKERS))
    workers = (
        NodeSpec(name=name, flops_per_s=FLOPS_PER_S, speed=speed, jitter=Lognormal(mean=1.0, sigma=0.1))
        for name, speed in zip(WORKERS, (rising / rising.mean()).tolist(), strict=True)
    )
    return Scenario(cluster=ClusterSpec(nodes=(NodeSpec(name="server"), *workers)), job=job, trace_kinds=())


def scenarios(small: bool = False) -> dict[Label, Seeded]:
    """One scenario for each cut, mode and kind of machines; the small version has unequal machines only."""
    return {
        (cut, mode, machines): scenario(cut, mode, ratio)
        for cut in CUTS
        for mode in MODES
        for machines, ratio in MACHINES.items()
        if not small or machines == DECIDING
    }


def measure(result: Result) -> dict[str, Any]:
    """The simulated seconds, and the share of wrong predictions of the rows held out."""
    learned = result.outcome
    accuracy = learned.held_out_score if isinstance(learned, Voted) else result.metrics["held_out_accuracy"]
    return {"time_s": result.ended_s, "error": 1 - float(accuracy)}


def score(table: pd.DataFrame) -> pd.DataFrame:
    """Which share of the serial time it takes in parallel, on unequal machines."""
    times_s = table[table["machines"] == DECIDING].pivot(index="seed", columns=["cut", "mode"], values="time_s")
    return pd.DataFrame({cut: times_s[cut, "parallel"] / times_s[cut, "serial"] for cut in CUTS})


def draw(table: pd.DataFrame) -> Figure:
    """Time by mode on each kind of machines, and the error, which no mode changes."""
    shown = [machines for machines in MACHINES if machines in set(table["machines"])]
    drawn, panels = figure(
        "How should learning be cut up, and how much of it should run at once?",
        "",
        (*("time (s)" for _ in shown), "share of wrong predictions, held out"),
        subtitle=f"Digits on {len(WORKERS)} workers of one total speed, unequal: the fastest 8 times as fast as the "
        f"slowest; 95 % intervals, {seeds_in_words(table['seed'])}",
        panels=(*(f"machines {machines}" for machines in shown), "what is learned"),
    )
    for axes, machines in zip(panels, (*shown, DECIDING), strict=True):
        column = "error" if axes is panels[-1] else "time_s"
        for place, cut in enumerate(CUTS):
            rows = table[(table["cut"] == cut) & (table["machines"] == machines)]
            band(axes, np.arange(len(MODES)), wide(rows, "mode", column)[list(MODES)], cut, place, markers=True)
        named_ticks(axes, "x", list(MODES))
        if column == "time_s":
            plain_log(axes.yaxis, (3, 10, 30, 100))
            axes.set_ylim(2, 200)
    panels[-1].set_ylim(bottom=0)
    legend(panels[-2], points=10)
    return drawn


experiment = Experiment(
    name="execution_modes",
    question="How should learning be cut up on unequal machines, and how much of it should run at once?",
    labels=("cut", "mode", "machines"),
    scenarios=scenarios,
    measure=measure,
    figure=draw,
    score=score,
    quantity="share of the serial time that it takes in parallel, on unequal machines",
    unit="",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
