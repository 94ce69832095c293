"""How old may the information be by which a load balancer decides?

Eight replicas, all alike, serve nine tenths of what they can; how long a query takes is an exponential variable. The
front end learns how many requests each replica has every so many mean service times, all at once, and in between it
sees neither answers nor its own choices.

Expected: by fresh information the more queues one compares the better. By old information all queries of an interval go
to those that were short at its beginning, which are long at its end: the more queues one compares, the larger the herd.
So two choices beat the shortest of all queues from about one mean service time on, and by still older information even
random choice beats it, which does without (Mitzenmacher, "How useful is old information?", IEEE TPDS 11(1), 2000).
"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes
from simcluster.engine import Exponential
from simcluster.experiment import Experiment, decided
from simcluster.report import Panel, curves, legend, plain_log
from simcluster.serving import (
    Balancer,
    JoinIdleQueue,
    Poisson,
    PowerOfChoices,
    ServiceJob,
    Stale,
    Synthetic,
    least_loaded,
    power_of_two_choices,
    random,
)
from simcluster.study import Crossed

QUESTION = "How old may information be?"
BALANCERS: dict[str, Balancer] = {
    "random": random,
    "power of two choices": power_of_two_choices,
    "power of four choices": PowerOfChoices(choices=4),
    "least loaded": least_loaded,
    "join idle queue": JoinIdleQueue(),
}
SERVERS = 8
SERVICE_S = 0.01
CLUSTER = ClusterSpec(nodes=(NodeSpec(name="front-end"), *nodes("replica", SERVERS)))
INTERVALS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # mean service times
LOAD = 0.9
QUERIES = 6000
DECIDING = 10.0


def scenario(balancer: Balancer, interval: float, queries: int) -> Scenario:
    """One balancer by information that is renewed after every ``interval`` mean service times."""
    rate_per_s = LOAD * SERVERS / SERVICE_S
    job = ServiceJob(
        service=Synthetic(demand_s=Exponential(mean=SERVICE_S)),
        arrivals=Poisson(per_s=rate_per_s),
        queries=queries,
        balancer=Stale(balancer=balancer, update_s=interval * SERVICE_S),
        front_end="front-end",
        servers=CLUSTER.names[1:],
    )
    return Scenario(cluster=CLUSTER, job=job, horizon_s=100.0 * queries / rate_per_s, trace_kinds=("query",))


def draw(table: pd.DataFrame) -> Figure:
    """Mean and 99th percentile of the sojourn time against the age of the information."""
    across, along = "time between updates (mean service times)", "sojourn time of a query (ms)"
    titles = {"sojourn_s_mean": "mean", "sojourn_s_p99": "99th percentile"}
    panels = [Panel("interval", metric, across, along, title, unit=1e-3) for metric, title in titles.items()]
    about = f"{SERVERS} replicas at load {LOAD}, Poisson arrivals, exponential service"
    drawn, both = curves(table, "balancer", panels, QUESTION, about)
    for axes in both:
        axes.set_xscale("log")
        plain_log(axes.xaxis, sorted(table["interval"].unique()))
        plain_log(axes.yaxis, (10, 20, 50, 100, 200, 500, 1000))
    legend(both[0])
    return drawn


experiment = Experiment(
    name="stale_information",
    question=QUESTION,
    scenarios=Crossed(
        scenario,
        {"balancer": BALANCERS, "interval": INTERVALS, "queries": [QUERIES]},
        small={"interval": (0.1, DECIDING), "queries": [QUERIES // 3]},
    ),
    figure=draw,
    score=decided("balancer", "sojourn_s_mean", {"interval": DECIDING}),
    quantity=f"mean sojourn time, updates {DECIDING:g} mean service times apart",
    unit="s",
)

if __name__ == "__main__":
    experiment.main()
