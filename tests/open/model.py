"""A ridge regression of one's own, on a file of one's own, under three waiting rules."""
import math

import numpy as np
from sklearn.datasets import load_diabetes

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, sweep
from simcluster.report import band, figure, legend, save, wide
from simcluster.training import BoundedStaleness, Csv, GradientDescent, ParameterServer, TrainingJob, call


class Ridge:
    def initial(self, data, generator):
        return np.zeros(data.features.shape[1])
    def contribution(self, w, rows):
        return call(lambda X, y: X.T @ (X @ w - y), rows.features, rows.targets)
    def gradient(self, w, total, rows):
        return total / rows + 0.01 * w
    def loss(self, w, rows):
        return call(lambda X, y: np.mean((X @ w - y) ** 2) / 2 + 0.005 * w @ w, rows.features, rows.targets)
load_diabetes(as_frame=True).frame.to_csv("diabetes.csv", index=False)
CLUSTER = ClusterSpec(nodes=(NodeSpec(name="server"), *nodes("w", 4, flops_per_s=1e6)))
job = TrainingJob(model=Ridge(), data=Csv(path="diabetes.csv", target="target", scaled=True), steps=40,
    optimiser=GradientDescent(learning_rate=0.3), exchange=ParameterServer(server="server"), workers=CLUSTER.names[1:])
rules = {name: BoundedStaleness(staleness=s) for name, s in [("BSP", 0), ("SSP", 3), ("ASP", math.inf)]}
cases = {name: Scenario(cluster=CLUSTER, job=job.replace(waiting=rule)) for name, rule in rules.items()}
table = sweep(cases, range(3), lambda result: list(result.trace.rows("loss")), labels=("rule",))
drawn, (axes,) = figure("Ridge regression, 4 workers", "steps", "loss (half the mean squared error)")
for place, (rule, rows) in enumerate(table.groupby("rule", sort=False)):
    band(axes, range(1, 41), wide(rows, "step", "loss"), rule, place)
legend(axes)
save(drawn, table, "out", "ridge")
