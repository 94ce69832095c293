"""Balancers of one's own, a function and one that remembers, beside built-in ones: waits with their intervals."""
import numpy as np

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, sweep
from simcluster.measurement import mean_interval
from simcluster.serving import Poisson, RoundRobin, ServiceJob, power_of_two_choices


def heard_last(query, replicas, generator):
    return max(replicas, key=lambda replica: replica.heard_s or 0.0).name


class Stay:
    last = None

    def __call__(self, query, replicas, generator):
        self.last = next((r.name for r in replicas if r.name == self.last and r.outstanding < 2), None)
        self.last = self.last or min(replicas, key=lambda replica: replica.outstanding).name
        return self.last


balancers = {"two choices": power_of_two_choices, "in turn": RoundRobin(), "heard last": heard_last, "stay": Stay()}
cluster = ClusterSpec(nodes=(NodeSpec(name="front"), *nodes("r", 4, flops_per_s=2e7)))
job = ServiceJob(arrivals=Poisson(per_s=300), queries=400, front_end="front", servers=cluster.names[1:])
cases = {name: Scenario(cluster=cluster, job=job.replace(balancer=balancer)) for name, balancer in balancers.items()}
table = sweep(cases, range(5), lambda result: {"wait_s": np.mean(
    [row["sojourn_s"] for row in result.trace.rows("query")])}, labels=("balancer",))
for name, rows in table.groupby("balancer", sort=False):
    print(f"{name}: {rows['wait_s'].mean():.4f} s", mean_interval(rows["wait_s"]))
