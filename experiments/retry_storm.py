"""What ends a retry storm?

Four servers with a load of 85 % stand behind a front end. For two seconds each computes ten times slower, as when a
cache is cold or a disk is scrubbed. A query that has no answer within a quarter of a second is asked again, up to four
times in all; an answer counts that comes within half a second.

Expected: without retries the queue that has grown drains and all is as before. With retries the slow-down ends and the
storm does not: each query is sent four times, which is more than three times what the servers can do, so every answer
comes too late and is asked for again (a metastable failure: N. Bronson et al., "Metastable failures in distributed
systems", HotOS 2021; L. Huang et al., "Metastable failures in the wild", OSDI 2022). What ends it either lets fewer
retries through (a budget; a breaker, which lets nothing through for a while), or does not do what nobody waits for any
more (a deadline that requests carry; a queue that turns away those who have waited long, or takes the newest first).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes
from simcluster.engine import Constant, Exponential
from simcluster.experiment import Experiment
from simcluster.faults import SlowNode
from simcluster.measurement import metastability
from simcluster.report import band, figure, legend, seeds_in_words
from simcluster.scenario import Result
from simcluster.serving import Poisson, ServiceJob
from simcluster.serving.resilience import (
    AdaptiveLifo,
    Bulkhead,
    CircuitBreaker,
    CoDel,
    Deadline,
    FailureShare,
    FullJitter,
    LengthLimit,
    Retry,
    ServerQueue,
    TokenBucket,
)
from simcluster.serving.services import Synthetic
from simcluster.sweep import Label, Seeded

QUESTION = "What ends a retry storm?"
SERVERS, DEMAND_S, LOAD = 4, 0.01, 0.85
PER_S = LOAD * SERVERS / DEMAND_S
TIMEOUT_S, WITHIN_S = 0.25, 0.5
BEGIN_S, FOR_S, FACTOR = 5.0, 2.0, 10.0
END_S, SMALL_END_S = 40.0, 20.0
LOW_S = 12.0  # goodput that is less than half for so long after the slow-down is a metastable failure
RETRY = Retry(attempts=4, backoff=FullJitter(base_s=0.05))
BREAKER = CircuitBreaker(trip=FailureShare(share=0.5, window_s=1.0, least=20), open_s=1.0)
CLUSTER = ClusterSpec(nodes=(NodeSpec(name="front-end"), *nodes("server", SERVERS, jitter=Exponential(mean=1.0))))
FRONT_END, SERVER = "what lets fewer retries through", "what does not do what nobody waits for"
#: By strategy: the panel that it stands in (both, where it is none), and what it is of the job.
STRATEGIES: dict[str, tuple[str | None, dict[str, Any]]] = {
    "no retries": (None, {"resilience": (RETRY.replace(attempts=1),)}),
    "retries": (None, {"resilience": (RETRY,)}),
    "a budget of a tenth": (FRONT_END, {"resilience": (RETRY.replace(budget=TokenBucket(share=0.1)),)}),
    "a breaker, open for 1 s": (FRONT_END, {"resilience": (RETRY,), "guards": (BREAKER,)}),
    "a breaker, open for 3 s": (FRONT_END, {"resilience": (RETRY,), "guards": (BREAKER.replace(open_s=3.0),)}),
    "a bulkhead of 10": (FRONT_END, {"resilience": (RETRY,), "guards": (Bulkhead(limit=10),)}),
    "a deadline, carried": (
        SERVER, {"resilience": (Deadline(within_s=WITHIN_S), RETRY), "queue": ServerQueue()},
    ),
    "CoDel": (SERVER, {"resilience": (RETRY,), "queue": ServerQueue(shedding=(CoDel(),))}),
    "a queue of 20": (SERVER, {"resilience": (RETRY,), "queue": ServerQueue(shedding=(LengthLimit(waiting=20),))}),
    "newest first": (SERVER, {"resilience": (RETRY,), "queue": ServerQueue(order=AdaptiveLifo(longer_than=10))}),
}  # fmt: skip
SMALL = ("no retries", "retries", "a budget of a tenth", "a deadline, carried")


def scenario(strategy: str, end_s: float = END_S) -> Scenario:
    """One strategy under the slow-down."""
    servers = CLUSTER.names[1:]
    job = ServiceJob(
        service=Synthetic(demand_s=Constant(value=DEMAND_S)),
        arrivals=Poisson(per_s=PER_S),
        queries=int(PER_S * end_s),
        front_end="front-end",
        servers=servers,
        timeout_s=TIMEOUT_S,
        **STRATEGIES[strategy][1],
    )
    slow = tuple(SlowNode(node=name, factor=FACTOR, begin_s=BEGIN_S, end_s=BEGIN_S + FOR_S) for name in servers)
    kinds = ("query", "query_failed", "query_lost", "attempt")
    return Scenario(cluster=CLUSTER, job=job, faults=slow, horizon_s=10 * end_s, trace_kinds=kinds)


def scenarios(small: bool = False) -> dict[Label, Seeded]:
    """One scenario for each strategy; the small version has four, for half the time."""
    end_s = SMALL_END_S if small else END_S
    return {strategy: scenario(strategy, end_s) for strategy in (SMALL if small else STRATEGIES)}


def measure(result: Result) -> list[dict[str, Any]]:
    """Of the queries that came in each second how many were answered in time, and whether the failure is metastable."""
    came: Counter[int] = Counter()
    in_time: Counter[int] = Counter()
    for row in result.trace.rows("query", "query_failed", "query_lost"):
        second = int(row["arrival_s"])
        came[second] += 1
        in_time[second] += row["kind"] == "query" and row["sojourn_s"] <= WITHIN_S
    last = max(came)  # the last second is not over when the last query comes
    goodput_per_s = [in_time[second] for second in range(last)]
    found = metastability(range(last), goodput_per_s, (BEGIN_S, BEGIN_S + FOR_S), for_s=LOW_S)
    of_run = {"amplification": result.metrics["amplification"], "metastable": found.failed}
    return [{"second": at, "came": came[at], "in_time": in_time[at], **of_run} for at in range(last)]


def score(table: pd.DataFrame) -> pd.DataFrame:
    """The share of queries that came since the slow-down began and had no answer in time."""
    since = table[table["second"] >= BEGIN_S].groupby(["seed", "strategy"], sort=False)[["came", "in_time"]].sum()
    return (100 * (1 - since["in_time"] / since["came"])).unstack("strategy")


def draw(table: pd.DataFrame) -> Figure:
    """Goodput over time, a line for each strategy."""
    here = list(table["strategy"].unique())
    drawn, panels = figure(
        QUESTION,
        "time at which queries came (s)",
        "answered in time (% of those that came)",
        subtitle=f"{SERVERS} servers at a load of {LOAD:.0%}, {FACTOR:g} times slower in the grey time; up to "
        f"{RETRY.attempts} attempts; 95 % intervals, {seeds_in_words(table['seed'])}",
        panels=(FRONT_END, SERVER),
    )
    for axes, panel in zip(panels, (FRONT_END, SERVER), strict=True):
        axes.axvspan(BEGIN_S, BEGIN_S + FOR_S, color="0.92")
        for place, strategy in enumerate(name for name in here if STRATEGIES[name][0] in (None, panel)):
            rows = table[table["strategy"] == strategy]
            shares = rows.assign(share=100 * rows["in_time"] / rows["came"])
            samples = shares.pivot(index="seed", columns="second", values="share").dropna(axis="columns")
            band(axes, samples.columns + 0.5, samples, strategy, place)
        axes.set_ylim(-3, 103)
        legend(axes, below=True, columns=2, points=9)
    return drawn


experiment = Experiment(
    name="retry_storm",
    question=QUESTION,
    labels=("strategy",),
    scenarios=scenarios,
    measure=measure,
    figure=draw,
    score=score,
    quantity="queries without an answer in time, of those since the slow-down began",
    unit="%",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
