"""How close to its lower bound does each policy bring which kind of task graph?

Some hundred tasks on eight nodes whose speeds are drawn between 1 and 4, over links of 1 Gbit/s: random layered graphs
whose edges take a tenth of the time of their tasks, as much, or ten times as much (their ratio of communication to
computation, CCR), fork-join, Cholesky, FFT, Gaussian elimination and the Epigenomics workflow. No transfer waits for
another, as the papers assume. Nine planners know the whole graph before anything runs; three greedy policies see what
is ready and who is idle; two schedulers have no master: work stealing, and Sparrow. The lower bound of a makespan is
the longest way with every task on the fastest node, or all work over all nodes, whichever is greater; it counts no
transfer, so that a large CCR cannot come close.

Expected: HEFT is close to the best at little cost, and PEFT and look-ahead, which weigh what follows, gain over it a
few percent where transfers are long (Arabnejad and Barbosa 2014; Bittencourt et al. 2010); who looks only at what is
ready falls behind as transfers and unequal nodes matter (Topcuoglu et al. 2002).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario
from simcluster.engine import stream
from simcluster.experiment import Experiment
from simcluster.measurement.schedules import lower_bounds, makespan_s
from simcluster.report import heat_map
from simcluster.scenario import Result
from simcluster.scheduling import (
    Cholesky,
    Cpop,
    DecentralisedJob,
    DynamicLevel,
    Epigenomics,
    Fft,
    ForkJoin,
    GaussianElimination,
    Heft,
    Layered,
    ListScheduling,
    LookAhead,
    Lpt,
    MaxMin,
    MinMin,
    Peft,
    Sparrow,
    TaskGraphJob,
    WorkStealing,
    fifo,
    priority,
    utilisation,
)
from simcluster.study import Crossed

QUESTION = "How close to its lower bound does each policy bring which kind of task graph?"
GRAPHS: dict[str, Any] = {
    "random, CCR 0.1": Layered(ccr=0.1),
    "random, CCR 1": Layered(ccr=1.0),
    "random, CCR 10": Layered(ccr=10.0),
    "fork-join": ForkJoin(stages=5, width=20, size_bytes=1e7),
    "Cholesky": Cholesky(tiles=8, tile_rows=1024),
    "FFT": Fft(points=32, block=2**15),
    "Gaussian elimination": GaussianElimination(columns=14, block=512),
    "Epigenomics": Epigenomics(lanes=4, chunks=6),
}
POLICIES: dict[str, Any] = {
    "HEFT": Heft(),
    "PEFT": Peft(),
    "look-ahead": LookAhead(),
    "CPOP": Cpop(),
    "DLS": DynamicLevel(),
    "min-min": MinMin(),
    "max-min": MaxMin(),
    "LPT": Lpt(),
    "list": ListScheduling(),
    "priority": priority,
    "FIFO": fifo,
    "utilisation": utilisation,
    "work stealing": WorkStealing(),
    "Sparrow": Sparrow(),
}
WORKERS = tuple(f"worker-{place}" for place in range(8))
FLOPS_PER_S = 1e9  # of a node of speed 1, the reference core of the graphs
RETRY_S = 1e4  # longer than any transfer takes
RATIO = "makespan / lower bound"


def scenario(policy: Any, graph: Any, seed: int) -> Scenario:
    """One graph under one policy, on nodes whose speeds are drawn, the same for all policies."""
    speeds = np.exp(stream(seed, "experiments", "speeds").uniform(0.0, np.log(4.0), len(WORKERS))).tolist()
    workers = (
        NodeSpec(name=name, flops_per_s=FLOPS_PER_S, speed=speed)
        for name, speed in zip(WORKERS, speeds, strict=True)
    )
    common: dict[str, Any] = {"work": graph, "master": "master", "workers": WORKERS, "retry_s": RETRY_S}
    if isinstance(policy, WorkStealing | Sparrow):
        job: Any = DecentralisedJob(scheduler=policy, **common)
    else:
        job = TaskGraphJob(policy=policy, **common)
    return Scenario(
        cluster=ClusterSpec(nodes=(NodeSpec(name="master"), *workers), network=NetworkSpec(fidelity="latency")),
        job=job,
        trace_kinds=("task_begin", "task_end"),
    )


def measure(result: Result) -> dict[str, float]:
    """The makespan, and how many times as long as its lower bound it is."""
    job: Any = result.scenario.job
    bounds = lower_bounds(job.work.graph(result.seed), result.scenario.cluster.nodes[1:])
    found_s = makespan_s(result.trace.rows("task_begin", "task_end"))
    return {"makespan_s": found_s, RATIO: found_s / bounds.makespan_s}


def score(table: pd.DataFrame) -> pd.DataFrame:
    """The geometric mean of the ratio over the graphs, of each policy under each seed."""
    logs = table.assign(log=np.log(table[RATIO])).pivot_table(index="seed", columns="policy", values="log")
    return logs[list(dict.fromkeys(table["policy"]))].apply(np.exp)


def draw(table: pd.DataFrame) -> Figure:
    """Policies by graphs, in colour and in numbers."""
    return heat_map(table, "graph", "policy", RATIO, title=QUESTION)


experiment = Experiment(
    name="task_graphs",
    question=QUESTION,
    scenarios=Crossed(
        scenario, {"policy": POLICIES, "graph": GRAPHS},
        small={"policy": ("HEFT", "PEFT", "FIFO"), "graph": ("random, CCR 1", "fork-join")},
    ),
    measure=measure,
    figure=draw,
    score=score,
    quantity=f"geometric mean of {RATIO} over the graphs",
)

if __name__ == "__main__":
    experiment.main()
