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

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes
from simcluster.cluster import StorageSpec
from simcluster.engine import Lognormal
from simcluster.experiment import Experiment, decided
from simcluster.faults import draw_crashes
from simcluster.measurement import bootstrap_interval
from simcluster.recovery import Checkpoints
from simcluster.report import Panel, curves, legend, plain_log, reference_line
from simcluster.study import Crossed
from simcluster.training import BoundedStaleness, GradientDescent, ParameterServer, Softmax, TrainingJob

QUESTION = "What should training on unreliable machines pay for?"
STRATEGIES: dict[str, dict[str, Any]] = {
    "no recovery": {},
    "checkpoints": {"recovery": Checkpoints(every=10)},
    "backup workers": {"waiting": BoundedStaleness(backup_workers=2)},
    "both": {"recovery": Checkpoints(every=10), "waiting": BoundedStaleness(backup_workers=2)},
}
SERVER = NodeSpec(name="server", flops_per_s=1e8, storage=StorageSpec(flush_s=0.5))
CLUSTER = ClusterSpec(
    nodes=(SERVER, *nodes("worker", 10, flops_per_s=1e5, jitter=Lognormal(mean=1.0, sigma=0.2)))
)
MTTFS_S = (100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0)
MTTR_S = 20.0
HORIZON_S = 2000.0
TARGET_LOSS = 0.25


def scenario(strategy: dict[str, Any], mttf_s: float, seed: int) -> Scenario:
    """One strategy on machines that fail; when they fail depends on the MTTF and the seed only."""
    job = TrainingJob(
        model=Softmax(),
        optimiser=GradientDescent(learning_rate=1.0),
        exchange=ParameterServer(server="server", retry_s=2.0),
        workers=CLUSTER.names[1:],
        steps=100_000,
        evaluate_every=2,
        target_loss=TARGET_LOSS,
        **strategy,
    )
    faults = draw_crashes(CLUSTER.names, mttf_s, MTTR_S, HORIZON_S, seed)
    return Scenario(cluster=CLUSTER, job=job, faults=faults, horizon_s=HORIZON_S, trace_kinds=("restore", "loss"))


def draw(table: pd.DataFrame) -> Figure:
    """Time to the target against MTTF, medians: a few runs that never end would be all that a mean shows."""
    y_label = f"time to loss {TARGET_LOSS} (s), median over seeds"
    panel = Panel("mttf_s", "time_to_target_s", "mean time to failure of each machine (s)", y_label)
    about = f"10 workers and a parameter server, each repaired in {MTTR_S:.0f} s on average; medians by bootstrap"
    drawn, (axes,) = curves(
        table, "strategy", (panel,), QUESTION, about, interval=bootstrap_interval, horizon=HORIZON_S
    )
    reference_line(axes, HORIZON_S, "given up; above, how many runs were")
    plain_log(axes.xaxis, sorted(table["mttf_s"].unique()))
    plain_log(axes.yaxis, (100, 200, 500, 1000, 2000))
    legend(axes, location=(0.52, 0.52))  # where no run lies, and below the line of those given up
    return drawn


experiment = Experiment(
    name="fault_tolerance",
    question=QUESTION,
    scenarios=Crossed(scenario, {"strategy": STRATEGIES, "mttf_s": MTTFS_S}, small={"mttf_s": MTTFS_S[::2]}),
    figure=draw,
    score=decided("strategy", "time_to_target_s", {"mttf_s": MTTFS_S[0]}, at_most=HORIZON_S),
    quantity=f"time to loss {TARGET_LOSS} at MTTF {MTTFS_S[0]:.0f} s",
    unit="s",
)

if __name__ == "__main__":
    experiment.main()
