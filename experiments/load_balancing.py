"""Which replica should answer?

Eight replicas hold the digits; a front end sends each nearest-neighbour query, as it arrives by a Poisson process, to
one of them. The time of a search varies from one to the next like an exponential variable. The balancers know
nothing (random), their own last choice (round robin), the queues of two replicas (power of two choices) or all queues
(least loaded).

Expected: at a low load nothing matters. At a high load random choice makes each replica an M/M/1 queue, whose 99th
percentile is ln(100)/(μ − λ) in the long run, without bound as λ nears μ (Kleinrock, Queueing Systems I, 1975, section
3.2). At load 0.9 that takes hundreds of times as many queries as are sent here; the thin line is that of as many,
which begin with empty queues, by Lindley's recursion ("The theory of queues with a single server", 1952). Round
robin smooths the arrivals and gains a little; a look at two queues instead of none gains exponentially much, and a
look at all of them only a little more (Mitzenmacher, "The power of two choices in randomized load balancing", 2001).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import Scenario
from simcluster.cluster import ClusterSpec, NodeSpec, nodes
from simcluster.engine import Exponential, stream
from simcluster.experiment import Experiment
from simcluster.report import band, figure, legend, plain_log, seeds_in_words, wide
from simcluster.scenario import Result
from simcluster.serving import (
    Balancer,
    NearestNeighbours,
    Poisson,
    RoundRobin,
    ServiceJob,
    least_loaded,
    power_of_two_choices,
    random,
)
from simcluster.sweep import Label, Seeded

BALANCERS: dict[str, Balancer] = {
    "random": random,
    "round robin": RoundRobin(),
    "power of two choices": power_of_two_choices,
    "least loaded": least_loaded,
}
SERVERS = tuple(f"replica-{place}" for place in range(8))
FLOPS_PER_S = 2.75e7
LOADS = (0.3, 0.5, 0.7, 0.8, 0.9)
DECIDING_LOAD = 0.9
QUERIES = 3000
WARM_UP = 0.2  # of the queries, while queues still grow from empty
PERCENTILES = (50, 99)
NETWORK_MS = 1.0  # there and back
RUNS = 400  # of which theory is the mean


def scenario(balancer: Balancer, load: float, queries: int) -> Scenario:
    """One balancer under one offered load: arrivals as a part of what the replicas can serve together."""
    rate_per_s = load * len(SERVERS) / search_s()
    return Scenario(
        cluster=ClusterSpec(
            nodes=(
                NodeSpec(name="front-end"),
                *nodes("replica", len(SERVERS), flops_per_s=FLOPS_PER_S, jitter=Exponential(mean=1.0)),
            )
        ),
        job=ServiceJob(
            arrivals=Poisson(per_s=rate_per_s),
            queries=queries,
            balancer=balancer,
            front_end="front-end",
            servers=SERVERS,
        ),
        horizon_s=100.0 * queries / rate_per_s,
        trace_kinds=("query",),
    )


def search_s() -> float:
    """The mean time of one search on one replica, in simulated seconds."""
    service = NearestNeighbours()
    (shard,) = service.shards(1, seed=0)
    return service.answer(shard, service.ask(stream(0))).cost.flops / FLOPS_PER_S


def random_choice_ms(load: float, queries: int) -> list[float]:
    """What queueing theory says of random choice: the mean over many runs of as many queries of each percentile.

    Lindley's recursion, for each replica of each run: what is left to do when the next query comes is what was left
    at the last, less the time since then.
    """
    generator, every, mean_s = stream(0, "lindley"), np.arange(RUNS), search_s()
    left_s, sojourns_s = np.zeros((RUNS, len(SERVERS))), np.empty((queries, RUNS))
    for query in range(queries):
        left_s -= generator.exponential(mean_s / (load * len(SERVERS)), (RUNS, 1))
        np.maximum(left_s, 0.0, out=left_s)
        chosen = generator.integers(len(SERVERS), size=RUNS)
        left_s[every, chosen] += generator.exponential(mean_s, RUNS)
        sojourns_s[query] = left_s[every, chosen]
    kept_ms = NETWORK_MS + 1000 * sojourns_s[round(WARM_UP * queries) :]
    return [float(np.percentile(kept_ms, q, axis=0).mean()) for q in PERCENTILES]


def scenarios(small: bool = False) -> dict[Label, Seeded]:
    """One scenario for each balancer and load; the small version has fewer loads and queries."""
    loads, queries = ((0.5, 0.7, 0.9), QUERIES // 2) if small else (LOADS, QUERIES)
    return {
        (label, load): scenario(balancer, load, queries)
        for label, balancer in BALANCERS.items()
        for load in loads
    }


def measure(result: Result) -> dict[str, Any]:
    """Percentiles of the sojourn time in milliseconds, after the warm-up, and how many queries there were."""
    sojourns_s = [row["sojourn_s"] for row in sorted(result.trace.rows("query"), key=lambda row: row["query"])]
    kept_s = sojourns_s[round(WARM_UP * len(sojourns_s)) :]
    percentiles = {f"sojourn_ms_p{q}": 1000 * float(np.percentile(kept_s, q)) for q in PERCENTILES}
    return {"queries": len(sojourns_s), **percentiles}


def score(table: pd.DataFrame) -> pd.DataFrame:
    """The 99th percentile of the sojourn time under the deciding load."""
    return wide(table[table["load"] == DECIDING_LOAD], "balancer", "sojourn_ms_p99")


def draw(table: pd.DataFrame) -> Figure:
    """Median and 99th percentile against the offered load, with theory beside random choice."""
    drawn, panels = figure(
        "Which replica should answer?",
        "offered load (share of all replicas’ capacity)",
        "sojourn time of a query (ms)",
        subtitle=f"Exact nearest neighbours in digits on {len(SERVERS)} replicas, Poisson arrivals, exponential "
        f"service; 95 % intervals, {seeds_in_words(table['seed'])}",
        panels=("median", "99th percentile"),
    )
    loads, queries = sorted(table["load"].unique()), int(table["queries"].max())
    theory_ms = np.transpose([random_choice_ms(load, queries) for load in loads])
    for axes, q, expected_ms in zip(panels, PERCENTILES, theory_ms, strict=True):
        for place, label in enumerate(BALANCERS):
            samples = wide(table[table["balancer"] == label], "load", f"sojourn_ms_p{q}")
            band(axes, samples.columns, samples, label, place, markers=True)
        axes.plot(loads, expected_ms, color="0.3", linewidth=1.0, label=f"random, in theory, {queries} queries")
        plain_log(axes.yaxis, (5, 10, 20, 50, 100, 200, 500))
        axes.set_ylim(5, 700)
    legend(panels[0])
    return drawn


experiment = Experiment(
    name="load_balancing",
    question="Which replica should answer?",
    labels=("balancer", "load"),
    scenarios=scenarios,
    measure=measure,
    figure=draw,
    score=score,
    quantity=f"99th percentile at load {DECIDING_LOAD}",
    unit="ms",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
