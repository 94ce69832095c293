"""Which replica should answer?

Eight replicas hold the digits; a front end sends each nearest-neighbour query, as it arrives by a Poisson process, to
one of them. The time of a search varies from one to the next like an exponential variable. The machines are all alike,
or half of them are four times as fast as the others, with the same total. The balancers know nothing (random), their
own last choice (round robin; weighted, by speed), what is asked (consistent hash, bounded), the queues of two replicas
(power of two choices), who is idle (join-idle-queue), all queues (least loaded), also how long answers take (least
response time; peak EWMA, of two), or what probes say (Prequal).

Expected: at a low load nothing matters. At a high load random choice makes each replica an M/M/1 queue, whose 99th
percentile is ln(100)/(μ − λ) in the long run, without bound as λ nears μ (Kleinrock, Queueing Systems I, 1975, section
3.2). At load 0.9 that takes hundreds of times as many queries as are sent here; the thin line is that of as many,
which begin with empty queues, by Lindley's recursion ("The theory of queues with a single server", 1952). Round
robin smooths the arrivals and gains a little; a look at two queues instead of none gains exponentially much, and a
look at all of them only a little more (Mitzenmacher, "The power of two choices in randomized load balancing", 2001).
Among unequal machines whoever knows neither speeds nor queues overloads the slow half from a load of 0.4 on, and a
queue says less of a wait than a latency does (Wydrowski et al., "Load is not what you should balance", NSDI 2024).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NodeSpec, Scenario
from simcluster.engine import Exponential, stream
from simcluster.experiment import Experiment, decided
from simcluster.report import Panel, curves, legend, plain_log
from simcluster.serving import (
    Balancer,
    ConsistentHash,
    JoinIdleQueue,
    LeastResponseTime,
    NearestNeighbours,
    PeakEwma,
    Poisson,
    Prequal,
    RoundRobin,
    ServiceJob,
    Weighted,
    least_loaded,
    power_of_two_choices,
    random,
)
from simcluster.study import Crossed

QUESTION = "Which replica should answer?"
BALANCERS: dict[str, Balancer] = {
    "random": random,
    "round robin": RoundRobin(),
    "power of two choices": power_of_two_choices,
    "least loaded": least_loaded,
    "join idle queue": JoinIdleQueue(),
    "weighted": Weighted(),
    "consistent hash": ConsistentHash(epsilon=0.25),
    "least response time": LeastResponseTime(),
    "peak EWMA": PeakEwma(decay_s=1.0),
    "Prequal": Prequal(pool=4),
}
SMALL = tuple(BALANCERS)[:4]
SERVERS = 8
FLOPS_PER_S = 2.75e7
#: How many times as fast as the others half of the machines are.
MACHINES = {"alike": 1.0, "unequal": 4.0}
LOADS = (0.3, 0.5, 0.7, 0.8, 0.9)
QUERIES = 3000
WARM_UP = 0.1  # of the queries, which a service's percentiles leave out: queues still grow from empty
PERCENTILES = {50: "median", 99: "99th percentile"}
NETWORK_S = 0.001  # there and back
RUNS = 400  # of which theory is the mean


def cluster(ratio: float) -> ClusterSpec:
    """The front end and its replicas, of which the first half is ``ratio`` times as fast, with the same total."""
    half, slow = SERVERS // 2, 2 * FLOPS_PER_S / (1.0 + ratio)
    fast, others = ((slow * ratio, slow) if ratio != 1.0 else (FLOPS_PER_S, FLOPS_PER_S))
    speeds = (fast,) * half + (others,) * half
    replicas = (
        NodeSpec(name=f"replica-{place}", flops_per_s=speed, jitter=Exponential(mean=1.0))
        for place, speed in enumerate(speeds)
    )
    return ClusterSpec(nodes=(NodeSpec(name="front-end"), *replicas))


def scenario(balancer: Balancer, load: float, queries: int, ratio: float = 1.0) -> Scenario:
    """One balancer under one offered load: arrivals as a part of what the replicas can serve together."""
    rate_per_s = load * SERVERS / search_s()
    there = cluster(ratio)
    job = ServiceJob(
        arrivals=Poisson(per_s=rate_per_s),
        queries=queries,
        balancer=balancer,
        front_end="front-end",
        servers=there.names[1:],
    )
    return Scenario(cluster=there, job=job, horizon_s=100.0 * queries / rate_per_s, trace_kinds=("query",))


def search_s() -> float:
    """The mean time of one search on one replica of mean speed, in simulated seconds."""
    service = NearestNeighbours()
    (shard,) = service.shards(1, seed=0)
    return service.answer(shard, service.ask(stream(0))).cost.flops / FLOPS_PER_S


def random_choice_s(load: float, queries: int) -> list[float]:
    """What queueing theory says of random choice: the mean over many runs of as many queries of each percentile.

    Lindley's recursion, for each replica of each run: what is left to do when the next query comes is what was left
    at the last, less the time since then.
    """
    generator, every, mean_s = stream(0, "lindley"), np.arange(RUNS), search_s()
    left_s, sojourns_s = np.zeros((RUNS, SERVERS)), np.empty((queries, RUNS))
    for query in range(queries):
        left_s -= generator.exponential(mean_s / (load * SERVERS), (RUNS, 1))
        np.maximum(left_s, 0.0, out=left_s)
        chosen = generator.integers(SERVERS, size=RUNS)
        left_s[every, chosen] += generator.exponential(mean_s, RUNS)
        sojourns_s[query] = left_s[every, chosen]
    kept_s = NETWORK_S + sojourns_s[int(WARM_UP * queries) :]
    return [float(np.percentile(kept_s, q, axis=0).mean()) for q in PERCENTILES]


def draw(table: pd.DataFrame) -> Figure:
    """Median and 99th percentile against the offered load, with theory beside random choice; the latter by machines."""
    across, along = "offered load (share of capacity)", "sojourn time of a query (ms)"
    several = table["machines"].nunique() > 1
    shown = [(kind, 99) for kind in MACHINES] if several else [("alike", q) for q in PERCENTILES]
    panels = [
        Panel(
            "load", f"sojourn_s_p{q}", across, along, f"{PERCENTILES[q]}{f', machines {kind}' * several}",
            unit=1e-3, where={"machines": kind},
        )
        for kind, q in shown
    ]  # fmt: skip
    about = f"Exact nearest neighbours in digits on {SERVERS} replicas, Poisson arrivals, exponential service"
    drawn, axes = curves(table, "balancer", panels, QUESTION, about)
    loads, queries = sorted(table["load"].unique()), int(table["queries"].max())
    theory_s = np.transpose([random_choice_s(load, queries) for load in loads])
    for panel, (kind, q) in zip(axes, shown, strict=True):
        known = loads if kind == "alike" else []  # beside the last panel stands the legend of all
        expected_ms = 1e3 * theory_s[list(PERCENTILES).index(q)][: len(known)]
        panel.plot(known, expected_ms, color="0.3", linewidth=1.0, label=f"random, in theory, {queries} queries")
    for panel in axes:
        plain_log(panel.yaxis, (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000))
        panel.set_ylim(5, 7000 if several else 700)
    legend(axes[-1] if several else axes[0], points=10 if several else 12)
    return drawn


experiment = Experiment(
    name="load_balancing",
    question=QUESTION,
    scenarios=Crossed(
        scenario,
        {"balancer": BALANCERS, "load": LOADS, "queries": [QUERIES], "machines": MACHINES},
        small={"balancer": SMALL, "load": LOADS[::2], "queries": [QUERIES // 2], "machines": ["alike"]},
    ),
    figure=draw,
    score=decided("balancer", "sojourn_s_p99", {"load": LOADS[-1], "machines": "alike"}),
    quantity=f"99th percentile at load {LOADS[-1]}, machines alike",
    unit="s",
)

if __name__ == "__main__":
    experiment.main()
