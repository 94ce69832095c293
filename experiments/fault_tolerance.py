"""What should training on unreliable machines pay for: checkpoints, backup workers, or nothing?

Ten workers and a parameter server train softmax regression on the digits, synchronously. Every machine fails and is
repaired, with exponential times. When the server fails, its parameters are lost back to the last checkpoint, or to
the beginning; when a worker fails, everybody waits for it, or for eight of ten with two backup workers.

Expected: with an MTTF far above the run's length nothing matters. As it falls, repeating lost work grows without
bound without checkpoints, E[time] = MTTF·(exp(length/MTTF) − 1) for one machine (Young, "A first order approximation
to the optimum checkpoint interval", 1974; Daly 2006); and waiting for the slowest of ten repairs costs more
than what checkpoints save, which backup workers avoid (Chen et al., "Revisiting distributed synchronous SGD", 2016).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from simcluster import Scenario
from simcluster.cluster import ClusterSpec, NodeSpec, StorageSpec, nodes
from simcluster.engine import Lognormal
from simcluster.experiment import Experiment
from simcluster.faults import draw_crashes
from simcluster.learning import GradientDescent, Softmax
from simcluster.measurement import bootstrap_interval
from simcluster.recovery import Checkpoints
from simcluster.report import band, figure, legend, plain_log, reference_line, seeds_in_words, wide
from simcluster.scenario import Result
from simcluster.sweep import Label, Seeded
from simcluster.training import BoundedStaleness, ParameterServer, TrainingJob

#: By name: complete steps between checkpoints, and backup workers.
STRATEGIES: dict[str, tuple[int | None, int]] = {
    "no recovery": (None, 0),
    "checkpoints": (10, 0),
    "backup workers": (None, 2),
    "both": (10, 2),
}
WORKERS = tuple(f"worker-{place}" for place in range(10))
MTTFS_S = (100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0)
DECIDING_MTTF_S = 100.0
MTTR_S = 20.0
HORIZON_S = 2000.0
TARGET_LOSS = 0.25


def scenario(checkpoint_every: int | None, backup_workers: int, mttf_s: float, seed: int) -> Scenario:
    """One strategy on machines that fail; when they fail depends on the MTTF and the seed only."""
    return Scenario(
        cluster=ClusterSpec(
            nodes=(
                NodeSpec(name="server", flops_per_s=1e8, storage=StorageSpec(flush_s=0.5)),
                *nodes("worker", len(WORKERS), flops_per_s=1e5, jitter=Lognormal(mean=1.0, sigma=0.2)),
            )
        ),
        job=TrainingJob(
            model=Softmax(),
            optimiser=GradientDescent(learning_rate=1.0),
            waiting=BoundedStaleness(backup_workers=backup_workers),
            exchange=ParameterServer(server="server", retry_s=2.0),
            recovery=Checkpoints(every=checkpoint_every) if checkpoint_every else None,
            workers=WORKERS,
            steps=100_000,
            evaluate_every=2,
            target_loss=TARGET_LOSS,
        ),
        faults=draw_crashes(("server", *WORKERS), mttf_s, MTTR_S, HORIZON_S, seed),
        horizon_s=HORIZON_S,
        trace_kinds=("restore",),
    )


def scenarios(small: bool = False) -> dict[Label, Seeded]:
    """One scenario for each strategy and MTTF; the small version has every other MTTF."""
    mttfs_s = MTTFS_S[::2] if small else MTTFS_S
    return {
        (name, mttf_s): partial(scenario, checkpoint_every, backup_workers, mttf_s)
        for name, (checkpoint_every, backup_workers) in STRATEGIES.items()
        for mttf_s in mttfs_s
    }


def measure(result: Result) -> dict[str, Any]:
    """Simulated seconds to the target (the horizon, when it was not reached by then)."""
    return {"reached": result.ended == "finished", "time_s": result.ended_s}


def score(table: pd.DataFrame) -> pd.DataFrame:
    """Simulated seconds to the target on the least reliable machines."""
    return wide(table[table["mttf_s"] == DECIDING_MTTF_S], "strategy", "time_s")


def draw(table: pd.DataFrame) -> Figure:
    """Time to the target against MTTF, medians: a few runs that never end would be all that a mean shows."""
    drawn, (axes,) = figure(
        "What should training on unreliable machines pay for?",
        "mean time to failure of each machine (s)",
        f"time to loss {TARGET_LOSS} (s), median over seeds",
        subtitle=f"10 workers and a parameter server, each repaired in {MTTR_S:.0f} s on average; "
        f"95 % bootstrap intervals, {seeds_in_words(table['seed'])}",
    )
    for place, strategy in enumerate(STRATEGIES):
        rows = table[table["strategy"] == strategy]
        samples = wide(rows.assign(time_s=rows["time_s"].where(rows["reached"])), "mttf_s", "time_s")
        band(
            axes, samples.columns, samples, strategy, place,
            markers=True, interval=bootstrap_interval, horizon=HORIZON_S,
        )  # fmt: skip
    reference_line(axes, HORIZON_S, "given up; above, how many runs were")
    plain_log(axes.xaxis, sorted(table["mttf_s"].unique()))
    plain_log(axes.yaxis, (100, 200, 500, 1000, 2000))
    legend(axes, location=(0.52, 0.52))  # where no run lies, and below the line of those given up
    return drawn


experiment = Experiment(
    name="fault_tolerance",
    question="What should training on unreliable machines pay for?",
    labels=("strategy", "mttf_s"),
    scenarios=scenarios,
    measure=measure,
    figure=draw,
    score=score,
    quantity=f"time to loss {TARGET_LOSS} at MTTF {DECIDING_MTTF_S:.0f} s",
    unit="s",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
