"""From where on do more workers no longer pay for the bytes that they send?

Softmax regression learns digits by full-batch gradient descent: m workers divide the W = 4·n·(d + 1)·k operations of a
step, each at F a second, and then exchange its P = 8·(d + 1)·k bytes, over links of 1, 10 or 100 MB/s. A parameter
server sends all of the parameters to each worker, which sends its gradient back, whole or the greatest twentieth of it
(TopK, which remembers the rest). In a ring every worker sends 2(m − 1) blocks of P/m bytes to the next.

Expected, but for the heads of messages: a step with a server takes W/mF + (m + 1)·P/B + 2·L, for one worker still
receives while another computes, and the shortest is with √(W·B/(P·F)) workers. A ring takes
W/mF + 2(m − 1)·(P/(m·B) + L), whose bytes hardly depend on m (Patarasuk & Yuan, "Bandwidth optimal all-reduce
algorithms for clusters of workstations", JPDC 2009), but whose latencies add up: it pays where links are slow, and not
where they are fast. What is left out of gradients saves less than half of the server's bytes, and little time: the
parameters come back whole, one worker's after the other's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, nodes
from simcluster.engine import Constant, Lognormal
from simcluster.experiment import Experiment
from simcluster.report import COLOURS, Panel, curves, legend, plain_log
from simcluster.scenario import Result
from simcluster.study import Crossed
from simcluster.training import AllReduce, Bundled, GradientDescent, ParameterServer, Softmax, TopK, TrainingJob

#: By way: the exchange, and how contributions are compressed.
WAYS: dict[str, tuple[Any, Any]] = {
    "parameter server": (ParameterServer(server="server"), None),
    "server, top 5 %": (ParameterServer(server="server"), TopK(share=0.05)),
    "ring": (AllReduce(), None),
}
BANDWIDTHS = {"1 MB/s": 1e6, "10 MB/s": 1e7, "100 MB/s": 1e8}
DECIDING = "1 MB/s"
WORKERS = (1, 2, 4, 8, 16, 32)
STEPS = 10
FLOPS_PER_S = 1e8
LATENCY_S = 0.0005


def scenario(way: tuple[Any, Any], bandwidth_bytes_per_s: float, count: int) -> Scenario:
    """One way to exchange, over links of this bandwidth, between so many workers."""
    exchange, compression = way
    workers = nodes("worker", count, flops_per_s=FLOPS_PER_S, jitter=Lognormal(mean=1.0, sigma=0.1))
    network = NetworkSpec(bandwidth_bytes_per_s=bandwidth_bytes_per_s, latency=Constant(value=LATENCY_S))
    return Scenario(
        cluster=ClusterSpec(nodes=(NodeSpec(name="server"), *workers), network=network),
        job=TrainingJob(
            model=Softmax(),
            optimiser=GradientDescent(learning_rate=1.0),
            batch_size=None,
            exchange=exchange,
            compression=compression,
            workers=tuple(worker.name for worker in workers),
            steps=STEPS,
            evaluate_every=STEPS,
        ),
        trace_kinds=("send",),
    )


def measure(result: Result) -> dict[str, Any]:
    """The simulated milliseconds and the bytes of a step, and the loss after all of them."""
    return {
        "step_ms": 1000 * result.ended_s / STEPS,
        "step_bytes": float(result.metrics["sent_bytes"]) / STEPS,
        "loss": result.outcome.loss,
    }


def expected_ms(way: str, bandwidth: str, counts: Any) -> Any:
    """What the formulas above say of a step, for these numbers of workers, of whole contributions."""
    data = Bundled().load()
    numbers = data.with_ones.shape[1] * (data.classes or 1)
    computing_s = 4 * len(data) * numbers / (counts * FLOPS_PER_S)
    sending_s = 8 * numbers / BANDWIDTHS[bandwidth]
    if way == "ring":
        return 1000 * (computing_s + 2 * (counts - 1) * (sending_s / counts + LATENCY_S))
    return 1000 * (computing_s + (counts + 1) * sending_s + 2 * LATENCY_S)


def score(table: pd.DataFrame) -> pd.DataFrame:
    """The shortest step that any number of workers gives over the slowest links."""
    return table[table["bandwidth"] == DECIDING].groupby(["seed", "way"], sort=False)["step_ms"].min().unstack()


def draw(table: pd.DataFrame) -> Figure:
    """How long a step takes, against the number of workers, over links of each bandwidth."""
    panels = [
        Panel("workers", "step_ms", "workers", "a step (ms)", f"links of {bandwidth}", where={"bandwidth": bandwidth})
        for bandwidth in BANDWIDTHS
    ]
    about = "Full-batch softmax regression on digits; thin: what the formulas say"
    drawn, each = curves(table, "way", panels, "From where on do more workers no longer pay?", about)
    counts = np.sort(table["workers"].unique())
    for axes, bandwidth in zip(each, BANDWIDTHS, strict=True):
        for place, way in enumerate(WAYS):
            if WAYS[way][1] is None:
                law = expected_ms(way, bandwidth, counts)
                axes.plot(counts, law, color=COLOURS[place % len(COLOURS)], linewidth=0.9, label="_nolegend_")
        plain_log(axes.xaxis, counts.tolist())
        plain_log(axes.yaxis, (5, 10, 20, 50, 100, 200))
        axes.set_ylim(3, 300)
    legend(each[-1], points=11)
    return drawn


experiment = Experiment(
    name="communication",
    question="From where on do more workers no longer pay for the bytes that they send?",
    scenarios=Crossed(
        scenario, {"way": WAYS, "bandwidth": BANDWIDTHS, "workers": WORKERS}, small={"workers": WORKERS[::2]}
    ),
    measure=measure,
    figure=draw,
    score=score,
    quantity=f"shortest step of any number of workers, over links of {DECIDING}",
    unit="ms",
)

if __name__ == "__main__":
    experiment.main()
