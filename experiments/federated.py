"""How many steps should a client make by itself, where clients have other labels than each other?

Sixteen clients have digits at random, as a Dirichlet draw mixes classes (α = 0.3), or sorted by label, so that each
knows two classes at most. In each round half of them, drawn anew, make H steps of softmax regression on batches of 16
of their own rows and send how far they came to a server, over links of 100 kB/s and 50 ms; after 30 simulated seconds
the rows held out are predicted. H = 1 is synchronous descent, more is FedAvg (McMahan et al., AISTATS 2017); with a
proximal term (FedProx, Li et al., MLSys 2020) H = 64 is held near where the round began.

Expected: of rows that are dealt at random each client's optimum is nearly that of all, and a round that costs hundreds
of milliseconds should have many steps. Of skewed labels a client drifts towards its own optimum (Karimireddy et al.,
"SCAFFOLD", ICML 2020), and a round of too many steps forgets what absent clients know: the best H falls with the skew.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, nodes
from simcluster.engine import Constant, Lognormal
from simcluster.experiment import Experiment
from simcluster.learning import Dirichlet, GradientDescent, by_key, random
from simcluster.report import band, figure, legend, seeds_in_words, wide
from simcluster.report.plots.line_plots import named_ticks
from simcluster.scenario import Result
from simcluster.sweep import Label, Seeded
from simcluster.training import ClientSampling, LocalSteps, ParameterServer, Softmax, TrainingJob

SKEWS: dict[str, Any] = {"random": random, "Dirichlet 0.3": Dirichlet(alpha=0.3), "sorted by label": by_key}
#: By name: local steps, and the weight of the proximal term.
WORK: dict[str, tuple[int, float]] = {
    "1 step": (1, 0.0),
    "4 steps": (4, 0.0),
    "16 steps": (16, 0.0),
    "64 steps": (64, 0.0),
    "64 steps, proximal": (64, 0.1),
}
SMALL = ("1 step", "16 steps")
CLIENTS = 16
HORIZON_S = 30.0


def scenario(skew: str, work: str, horizon_s: float = HORIZON_S) -> Scenario:
    """So many local steps on labels skewed so; the clock ends it."""
    steps, proximal = WORK[work]
    clients = nodes("client", CLIENTS, flops_per_s=1e7, jitter=Lognormal(mean=1.0, sigma=0.2))
    network = NetworkSpec(bandwidth_bytes_per_s=1e5, latency=Constant(value=0.05))
    return Scenario(
        cluster=ClusterSpec(nodes=(NodeSpec(name="server", nic_bytes_per_s=1e7), *clients), network=network),
        job=TrainingJob(
            model=Softmax(),
            held_out=0.25,
            evaluate_held_out=True,
            sharding=SKEWS[skew],
            batch_size=16,
            optimiser=GradientDescent(learning_rate=0.5),
            local=LocalSteps(steps=steps, proximal=proximal),
            waiting=ClientSampling(fraction=0.5),
            exchange=ParameterServer(server="server", retry_s=3600.0),
            workers=tuple(client.name for client in clients),
            steps=100_000,
        ),
        horizon_s=horizon_s,
        trace_kinds=("send", "held_out"),
    )


def scenarios(small: bool = False) -> dict[Label, Seeded]:
    """One scenario for each skew and number of local steps; the small version has two of each, and a third of time."""
    skews = [skew for skew in SKEWS if not small or skew != "Dirichlet 0.3"]
    horizon_s = HORIZON_S / 3 if small else HORIZON_S
    return {(work, skew): scenario(skew, work, horizon_s) for work in (SMALL if small else WORK) for skew in skews}


def measure(result: Result) -> dict[str, Any]:
    """The error over the rows held out, in the mean over the last third of the time; rounds, and the traffic."""
    rows = list(result.trace.rows("held_out"))
    late = [1 - row["score"] for row in rows if row["time_s"] > 2 / 3 * result.ended_s]
    return {"error": float(np.mean(late)), "rounds": rows[-1]["step"], "sent_bytes": result.metrics["sent_bytes"]}


def score(table: pd.DataFrame) -> pd.DataFrame:
    """The error where labels are sorted."""
    rows = table[table["skew"] == "sorted by label"]
    return rows.pivot(index="seed", columns="work", values="error")[list(dict.fromkeys(rows["work"]))]


def draw(table: pd.DataFrame) -> Figure:
    """The error by local steps, for each skew."""
    names = list(dict.fromkeys(table["work"]))
    drawn, (axes,) = figure(
        "How many steps should a client make by itself?",
        "local steps in a round",
        "share of wrong predictions, held out",
        subtitle=f"Digits on {CLIENTS} clients, half of them in a round, {HORIZON_S:g} simulated seconds; "
        f"95 % intervals, {seeds_in_words(table['seed'])}",
    )
    for place, skew in enumerate(dict.fromkeys(table["skew"])):
        samples = wide(table[table["skew"] == skew], "work", "error")[names]
        band(axes, np.arange(len(names)), samples, skew, place, markers=True)
    named_ticks(axes, "x", names)
    axes.set_ylim(bottom=0)
    legend(axes)
    return drawn


experiment = Experiment(
    name="federated",
    question="How many steps should a client make by itself, where clients have other labels than each other?",
    labels=("work", "skew"),
    scenarios=scenarios,
    measure=measure,
    figure=draw,
    score=score,
    quantity="held-out error where labels are sorted",
    unit="",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
