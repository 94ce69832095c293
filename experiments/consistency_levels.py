"""What does a consistency level cost, and what does it promise?

Three clients read and write two keys through three copies in two places: two copies and two clients here, the third of
both there, 20 ms away. One client's clock is half a second ahead. The same operations meet the same faults under seven
schemes, from copies that merge some time to an atomic register. What clients saw is checked: how many reads missed a
write that was done, and whether the history is of a causally consistent store, or of a linearizable one.

Expected: who asks one copy near by is answered in a millisecond or two, and sees what is old. Who asks a majority
waits for the other place where its own has no majority, and in a partition the smaller side gets no answer at all
(Gilbert & Lynch 2002). A strict quorum need not be linearizable, for a read may see a write come and go, and a partial
one is not. A wrong clock loses writes where it decides. Causal consistency is as fast and as available as the weakest,
and breaks nothing but recency.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, nodes
from simcluster.cluster import ClockSpec, WideArea
from simcluster.engine import Exponential
from simcluster.experiment import Experiment
from simcluster.faults import CrashNode, Fault, LoseMessages, PartitionNetwork
from simcluster.measurement.checkers import MODELS, linearizability
from simcluster.measurement.checkers.clients.causal import causal
from simcluster.measurement.histories import History
from simcluster.measurement.operations import missed_s, operation_metrics
from simcluster.replication import Abd, Causal, Eventual, LwwRegister, Mix, Quorum, ReplicatedStore, Replication
from simcluster.report import COLOURS, figure, legend, seeds_in_words
from simcluster.scenario import Result
from simcluster.sweep import Label, Seeded

QUESTION = "What does a consistency level cost, and what does it promise?"
HERE, THERE = ("copy-0", "copy-1", "client-0", "client-1"), ("copy-2", "client-2")
COPIES = tuple(name for name in (*HERE, *THERE) if name.startswith("copy"))
CLIENTS = tuple(name for name in (*HERE, *THERE) if name.startswith("client"))
BEGIN_S, END_S = 2.0, 6.0  # of the fault
EVENTS_S = 10.0
RATE_PER_S = 10.0
#: From the weakest to the strongest.
LEVELS: dict[str, Replication] = {
    "eventual": Eventual(),
    "eventual, physical clock": Eventual(data=LwwRegister(clock="physical")),
    "causal": Causal(),
    "R = W = 1": Quorum(reads=1, writes=1, clock="hybrid"),
    "sloppy quorum": Quorum(copies=2, sloppy=True),
    "quorum": Quorum(),
    "atomic register": Abd(),
}
FAULTS: dict[str, tuple[Fault, ...]] = {
    "none": (),
    "crash": (CrashNode(node="copy-0", begin_s=BEGIN_S, end_s=END_S),),
    "partition": (PartitionNetwork(groups=(HERE, THERE), begin_s=BEGIN_S, end_s=END_S),),
    "loss": (LoseMessages(probability=0.1, begin_s=BEGIN_S, end_s=END_S),),
}
SMALL = ("eventual", "causal", "atomic register")


def scenario(level: str, fault: str) -> Scenario:
    """One level under one fault; clients ask at a rate, whatever becomes of what they have asked."""
    ahead = NodeSpec(name="client-1", clock=ClockSpec(offset_s=0.5))
    machines = (*nodes("copy", len(COPIES)), NodeSpec(name="client-0"), ahead, NodeSpec(name="client-2"))
    job = ReplicatedStore(
        scheme=LEVELS[level],
        replicas=COPIES,
        clients=CLIENTS,
        workload=Mix(operations=int(EVENTS_S * RATE_PER_S), keys=2, mix={"read": 3, "write": 1}, per_s=RATE_PER_S),
        timeout_s=0.5,
        retry_s=0.1,
    )
    zones = {"here": HERE, "there": THERE}
    area = WideArea(zones=zones, latency_s={"here": {"there": 0.02}, "there": {"here": 0.02}})
    network = NetworkSpec(latency=Exponential(mean=0.0005), topology=area)
    return Scenario(
        cluster=ClusterSpec(nodes=machines, network=network),
        job=job,
        faults=FAULTS[fault],
        horizon_s=600.0,
        trace_kinds=("invoke", "complete", "send"),
    )


def scenarios(small: bool = False) -> dict[Label, Seeded]:
    """One scenario for each level and fault; the small version has three levels."""
    return {(level, fault): scenario(level, fault) for level in (SMALL if small else LEVELS) for fault in FAULTS}


def measure(result: Result) -> list[dict[str, Any]]:
    """What it cost, what clients on the smaller side got during the fault, and what they saw."""
    history = History.of(result.trace)
    figures = operation_metrics(result.trace, "store.")
    behind_s = np.array(missed_s(history))
    during = [each for each in history if BEGIN_S + 0.5 <= each.invoke_s < END_S - 0.5]
    answered = [each.status == "ok" for each in during]
    due = len(CLIENTS) * RATE_PER_S * (END_S - BEGIN_S - 1.0)
    return [
        {
            "latency_s_p50": figures["operation_s_p50"],
            "latency_s_p99": figures["operation_s_p99"],
            "throughput_per_s": figures["throughput_per_s"],
            "messages_per_operation": figures["messages_per_operation"],
            "available": min(1.0, answered.count(True) / due),
            "stale_share": float(np.mean(behind_s >= 0)),
            "stale_s_p99": float(np.percentile(np.nan_to_num(behind_s), 99)),
            "causal": causal(history).valid,
            "linearizable": linearizability(history, MODELS["register"]()).valid,
        }
    ]


MARKERS = "osD^"
PANELS = {
    "latency_s_p50": ("latency (ms)", 1e3),
    "available": ("answered (%)", 100.0),
    "stale_share": ("stale reads (%)", 100.0),
    "linearizable": ("linearizable (%)", 100.0),
}


def draw(table: pd.DataFrame) -> Figure:
    """Latency, availability, staleness and anomalies of each level, by fault: a mark for each fault."""
    about = f"Three copies and clients in two places; means of {seeds_in_words(table['seed'])}"
    titles = tuple(title for title, _ in PANELS.values())
    drawn, panels = figure(QUESTION, "", "", subtitle=f"{about}; answered: during the fault", panels=titles)
    levels = list(table["level"].unique())[::-1]
    for axes, (name, (_, unit)) in zip(panels, PANELS.items(), strict=True):
        for place, fault in enumerate(table["fault"].unique()):
            means = table[table["fault"] == fault].groupby("level")[name].mean()
            heights = np.arange(len(levels)) + 0.15 * (1.5 - place)
            axes.plot(
                unit * means[levels].to_numpy(dtype=float), heights, label=fault, linestyle="none",
                marker=MARKERS[place], color=COLOURS[place],
            )  # fmt: skip
        axes.set_yticks(range(len(levels)), levels if axes is panels[0] else [])
        axes.set_ylim(-0.5, len(levels) - 0.5)
    panels[0].set_xscale("log")
    legend(panels[2], location="lower right")
    return drawn


def score(table: pd.DataFrame) -> pd.DataFrame:
    """The share of operations that were not answered while the places could not reach each other."""
    rows = table[table["fault"] == "partition"]
    return 1 - rows.groupby(["seed", "level"], sort=False)["available"].first().unstack("level")


experiment = Experiment(
    name="consistency_levels",
    question=QUESTION,
    labels=("level", "fault"),
    scenarios=scenarios,
    measure=measure,
    figure=draw,
    score=score,
    quantity="share of operations that were not answered in the partition",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
