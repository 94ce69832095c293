"""How fresh must the model be that answers queries while it learns?

A parameter server and four workers train softmax regression on the digits; beside them twelve nodes predict labels with
the parameters that they fetched last. To fetch them more often makes what they say less stale, but takes bandwidth of
the parameter server, whose link carries those of the workers too.

Expected: with rare fetches the error follows the training late, by half the interval in the mean. With very frequent
ones the parameter server's link is full, steps take longer, and what is fetched is fresh but has learned less: the best
interval is in between, where a fetch costs about what its staleness does (the freshness of a cache that is refreshed
from a source of limited bandwidth: Cho & Garcia-Molina, "Synchronizing a database to improve freshness", SIGMOD 2000).
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NodeSpec, Scenario, Spec, Together, nodes
from simcluster.cluster import Cluster, Node
from simcluster.engine import Event, NodeName, NodeNames, Positive, Program, stream
from simcluster.experiment import Experiment, decided
from simcluster.learning import Bundled, call
from simcluster.report import Panel, curves, legend
from simcluster.scenario import Result
from simcluster.serving import fetch_always
from simcluster.study import Crossed
from simcluster.training import GradientDescent, ParameterServer, Softmax, TrainingJob

QUESTION = "How fresh must the model be that answers queries?"
INTERVALS_S = {"without pause": 0.001, "every 200 ms": 0.2, "every second": 1.0}
PREDICTORS = 12
HORIZON_S = 3.0
BINS = 20
LINK_BYTES_PER_S = 1.5e6


class Predictions(Spec):
    """Nodes that predict the label of one row after the other with the parameters of a training job beside it."""

    records: ClassVar[tuple[str, ...]] = ("prediction",)

    kind: Literal["predictions"] = "predictions"
    trainer: NodeName
    """The parameter server."""
    servers: NodeNames
    """The nodes that predict."""
    interval_s: Positive
    """After how long they fetch the parameters again."""
    per_s: Positive = 200.0
    """How many queries come to each of them in a second, in the mean."""

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Boot the servers; they go on for ever."""
        for name in self.servers:
            cluster[name].boot(partial(self.predict, seed=seed), "predictions.server")
        return cluster.env.event()

    def predict(self, node: Node, *, seed: int) -> Program:
        """Answer queries, which come as a Poisson process, with the newest parameters that are here."""
        record = node.cluster.trace.recorder("prediction", "wrong")
        data, generator = Bundled().load(), stream(seed, "predictions", node.name)
        known = {"parameters": Softmax().initial(data, generator)}

        def take(body: Any) -> None:
            known["parameters"] = body[1]

        node.spawn(fetch_always(node, self.trainer, "training.parameters", self.interval_s, take))
        while True:
            yield node.timer(generator.exponential(1 / self.per_s))
            row = int(generator.integers(len(data)))
            scores = yield node.compute(call(np.dot, data.with_ones[row], known["parameters"]))
            record(float(np.argmax(scores) != data.targets[row]))


def scenario(interval_s: float) -> Scenario:
    """One interval between fetches."""
    cluster = ClusterSpec(
        nodes=(
            NodeSpec(name="server", nic_bytes_per_s=LINK_BYTES_PER_S),
            *nodes("worker", 4, flops_per_s=1e8),
            *nodes("predictor", PREDICTORS),
        )
    )
    training = TrainingJob(
        model=Softmax(),
        optimiser=GradientDescent(learning_rate=0.05),
        exchange=ParameterServer(server="server"),
        workers=cluster.names[1:5],
        steps=100_000,
        evaluate_every=100_000,
    )
    predictions = Predictions(trainer="server", servers=cluster.names[5:], interval_s=interval_s)
    job = Together(jobs=(training, predictions))
    return Scenario(cluster=cluster, job=job, horizon_s=HORIZON_S, trace_kinds=("prediction",))


def measure(result: Result) -> list[dict[str, Any]]:
    """The share of wrong predictions in each of equal parts of the time: one row for each."""
    rows = pd.DataFrame(result.trace.rows("prediction"))
    bins = np.ceil(rows["time_s"] / HORIZON_S * BINS) * (HORIZON_S / BINS)
    return [{"time_s": time_s, "wrong": wrong} for time_s, wrong in rows["wrong"].groupby(bins).mean().items()]


def draw(table: pd.DataFrame) -> Figure:
    """The share of wrong predictions against time."""
    link = f"one link of {LINK_BYTES_PER_S / 1e6:g} MB/s"
    about = f"Softmax regression on digits, 4 workers and {PREDICTORS} predictors on {link}"
    panel = Panel("time_s", "wrong", "simulated time (s)", "share of wrong predictions")
    drawn, (axes,) = curves(table, "fetch", (panel,), QUESTION, about, markers=False)
    axes.set_ylim(0, 1)
    legend(axes, "parameters are fetched")
    return drawn


experiment = Experiment(
    name="fresh_predictions",
    question=QUESTION,
    scenarios=Crossed(scenario, {"fetch": INTERVALS_S}),
    measure=measure,
    figure=draw,
    score=decided("fetch", "wrong"),
    quantity="share of wrong predictions",
)

if __name__ == "__main__":
    experiment.main()
