"""How many servers should run when the load changes, and what does it cost that they take a while to start?

Twelve servers stand ready, of which as many run as an autoscaler says. Queries come as in two short days of a minute,
from next to nothing to what keeps eight servers busy; or at a quarter of that with two bursts, of five seconds each.
A server takes a while to start, and costs while it does. The policies are all servers (fixed, for the peak), as many as
the mean needs and a half more (fixed, for the mean), target tracking (so many as would be 60 % busy, or would have one
request each), and step scaling (two more above 80 %, two fewer below 40 %).

Expected: a fixed number is cheap or fast, but not both, where the peak is twice the mean. Whoever follows the load pays
about load/target, and the tail is that of the time until more servers are there: the period of looking and the cold
start. So reactive scaling is good for days, which are slow beside a cold start, and comes too late for bursts that are
shorter than a cold start (Gandhi et al., "AutoScale", ACM TOCS 30(4), 2012).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes
from simcluster.engine import Exponential
from simcluster.experiment import Experiment, decided
from simcluster.report import Panel, curves, legend, plain_log
from simcluster.scenario import Result
from simcluster.serving import (
    Arrivals,
    Autoscaler,
    Diurnal,
    Fixed,
    ServiceJob,
    Steps,
    StepScaling,
    Synthetic,
    TargetTracking,
    least_loaded,
)
from simcluster.study import Crossed

QUESTION = "How many servers should run when the load changes?"
SERVERS = 12
DAY_S = 60.0
DAYS = 2
SERVICE_S = 0.1
PEAK = 8.0  # servers' worth of work
IN_TIME_S = 1.0
ARRIVALS: dict[str, Arrivals] = {
    "days": Diurnal(per_s=PEAK / 2 / SERVICE_S, swing=1.0, period_s=DAY_S, phase_s=-DAY_S / 4),
    "bursts": Steps(
        begin_s=tuple(day * DAY_S + time_s for day in range(DAYS) for time_s in (0.0, 40.0, 45.0)),
        per_s=(PEAK / 4 / SERVICE_S, PEAK / SERVICE_S, PEAK / 4 / SERVICE_S) * DAYS,
    ),
}
#: What becomes of a policy whose servers take so long to start.
POLICIES: dict[str, Any] = {
    "fixed, for the peak": lambda cold_start_s: Fixed(servers=SERVERS),
    "fixed, for the mean": lambda cold_start_s: Fixed(servers=6),
    "60 % busy": lambda cold_start_s: TargetTracking(target=0.6, least=2, cold_start_s=cold_start_s),
    "one request each": lambda cold_start_s: TargetTracking(
        metric="concurrency", target=1.0, least=2, period_s=0.5, cold_start_s=cold_start_s
    ),
    "steps of two": lambda cold_start_s: StepScaling(step=2, least=2, cold_start_s=cold_start_s),
}
COLD_STARTS_S = (0.0, 3.0, 10.0)
DECIDING = {"arrivals": "days", "cold_start_s": 3.0}


def scenario(policy: Any, cold_start_s: float, arrivals: Arrivals, days: int) -> Scenario:
    """One policy, whose servers take so long to start, under some days of arrivals."""
    scaler: Autoscaler = policy(cold_start_s)
    cluster = ClusterSpec(nodes=(NodeSpec(name="front-end"), *nodes("server", SERVERS)))
    per_day = PEAK / SERVICE_S * DAY_S * (0.5 if isinstance(arrivals, Diurnal) else 0.25 + 0.75 * 5.0 / DAY_S)
    job = ServiceJob(
        service=Synthetic(demand_s=Exponential(mean=SERVICE_S)),
        arrivals=arrivals,
        queries=round(days * per_day),
        balancer=least_loaded,
        front_end="front-end",
        servers=cluster.names[1:],
        autoscaler=scaler,
    )
    return Scenario(cluster=cluster, job=job, horizon_s=100.0 * DAY_S, trace_kinds=("query", "server"))


def measure(result: Result) -> dict[str, float]:
    """The tail, how many servers ran in the mean, and what an answer in time costs, in seconds of a server."""
    sojourns_s = np.array([row["sojourn_s"] for row in result.trace.rows("query")])
    in_time = int(np.count_nonzero(sojourns_s <= IN_TIME_S))
    server_s = float(result.metrics["server_s"])
    return {
        "sojourn_s_p99": float(np.percentile(sojourns_s, 99)),
        "servers": server_s / result.ended_s,
        "late": 1.0 - in_time / len(sojourns_s),
        "cost_s": server_s / in_time if in_time else math.inf,
    }


def draw(table: pd.DataFrame) -> Figure:
    """Tail by each kind of arrivals, and what the days cost, against the cold start."""
    across, tail = "cold start (s)", "99th percentile of sojourn (s)"
    panels = [
        Panel("cold_start_s", "sojourn_s_p99", across, tail, f"{kind}: tail", where={"arrivals": kind})
        for kind in ARRIVALS
    ]
    cost = {"arrivals": DECIDING["arrivals"]}
    panels.append(Panel("cold_start_s", "servers", across, "servers running, mean", "days: cost", where=cost))
    about = f"{SERVERS} servers, work for {PEAK:g} at the peak, service of {1e3 * SERVICE_S:g} ms"
    drawn, axes = curves(table, "policy", panels, QUESTION, about)
    for panel in axes[:-1]:
        plain_log(panel.yaxis, (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50))
    axes[-1].set_ylim(0, SERVERS + 1)
    legend(axes[-1])
    return drawn


experiment = Experiment(
    name="autoscaling",
    question=QUESTION,
    scenarios=Crossed(
        scenario,
        {"policy": POLICIES, "cold_start_s": COLD_STARTS_S, "arrivals": ARRIVALS, "days": [DAYS]},
        small={"cold_start_s": (0.0, 3.0), "days": [1]},
    ),
    figure=draw,
    score=decided("policy", "cost_s", DECIDING),
    quantity=f"server-seconds for an answer within {IN_TIME_S:g} s, days, cold start 3 s",
    unit="s",
    measure=measure,
)

if __name__ == "__main__":
    experiment.main()
