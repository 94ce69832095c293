"""Requests per second of wall time beside plain SimPy and Ciw: ``python benchmarks/serving.py``.

A front end asks one of many servers for each query, by the power of two choices: Poisson arrivals at 70 % load,
exponential work, half a millisecond of network in each direction. In simcluster each request and each reply is a message
that a fault could hit, and each computation keeps a core busy; the peers have two delays and a queue. SimPy's model is
the plain one, a process for each query; Ciw's routes each customer from a node without queue to one of the others (it
has no network, and is skipped where ``pip install ciw`` has not been done). The rows with real work search the digits
for nearest neighbours. All take turns; times are those of the process. That the mean sojourn times agree is asserted.
Prints the median rate, and the ratio of medians to each peer.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import simpy
import typer

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.engine import Exponential
from simcluster.serving import NearestNeighbours, Poisson, Service, ServiceJob, Synthetic, power_of_two_choices

LOAD, WORK_S, LATENCY_S = 0.7, 0.01, 0.0005
SEARCH_S = 276e3 / 1e9  # what a search of the digits takes on a core of 10⁹ flops/s


def ours(service: Service, work_s: float, servers: int, queries: int) -> Callable[[], tuple[int, float]]:
    """A run of simcluster: how many were answered, and the mean sojourn time."""
    cluster = ClusterSpec(nodes=(NodeSpec(name="front"), *nodes("r", servers)))
    job = ServiceJob(
        service=service,
        arrivals=Poisson(per_s=LOAD * servers / work_s),
        queries=queries,
        balancer=power_of_two_choices,
        front_end="front",
        servers=cluster.names[1:],
    )
    scenario = Scenario(cluster=cluster, job=job, horizon_s=1e6, trace_kinds=("query",))

    def once() -> tuple[int, float]:
        result = run(scenario, 0)
        return len(result.outcome.answers), statistics.fmean(row["sojourn_s"] for row in result.trace.rows("query"))

    return once


def in_simpy(servers: int, queries: int) -> tuple[int, float]:
    """The same as one writes it in SimPy: a process for each query."""
    env, dice = simpy.Environment(), random.Random(1)
    cores = [simpy.Resource(env) for _ in range(servers)]
    outstanding, sojourns_s = [0] * servers, []
    over = env.event()

    def query() -> Any:
        begin_s = env.now
        one, other = dice.sample(range(servers), 2)
        chosen = other if outstanding[other] < outstanding[one] else one
        outstanding[chosen] += 1
        yield env.timeout(LATENCY_S)
        with cores[chosen].request() as turn:
            yield turn
            yield env.timeout(dice.expovariate(1 / WORK_S))
        yield env.timeout(LATENCY_S)
        outstanding[chosen] -= 1
        sojourns_s.append(env.now - begin_s)
        if len(sojourns_s) == queries:
            over.succeed()

    def arrivals() -> Any:
        for _ in range(queries):
            yield env.timeout(dice.expovariate(LOAD * servers / WORK_S))
            env.process(query())

    env.process(arrivals())
    env.run(over)
    return queries, statistics.fmean(sojourns_s)


def in_ciw(servers: int, queries: int) -> tuple[int, float]:
    """The same in Ciw, without a network."""
    import ciw

    class TwoChoices(ciw.routing.NodeRouting):  # type: ignore[misc]
        """The less loaded of two nodes."""

        def next_node(self, individual: Any) -> Any:
            one, other = (self.simulation.nodes[2 + place] for place in random.sample(range(servers), 2))
            return other if other.number_of_individuals < one.number_of_individuals else one

    ciw.seed(1)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(LOAD * servers / WORK_S), *[None] * servers],
        service_distributions=[ciw.dists.Deterministic(0.0), *[ciw.dists.Exponential(1 / WORK_S)] * servers],
        number_of_servers=[float("inf"), *[1] * servers],
        routing=ciw.routing.NetworkRouting([TwoChoices(), *[ciw.routing.Leave() for _ in range(servers)]]),
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(queries, method="Complete")
    waits = [row for row in simulation.get_all_records() if row.node > 1]
    return queries, 2 * LATENCY_S + statistics.fmean(row.exit_date - row.arrival_date for row in waits)


def measured(what: dict[str, Callable[[], tuple[int, float]]], rounds: int) -> tuple[dict[str, list[float]], Any]:
    """Requests per second of each, of every round, all taking turns; and the last mean sojourn time of each."""
    rates: dict[str, list[float]] = {name: [] for name in what}
    means_s = {}
    for _ in range(rounds):
        for name, once in what.items():
            gc.collect()
            begin_s = time.process_time()
            count, means_s[name] = once()
            rates[name].append(count / (time.process_time() - begin_s))
    return rates, means_s


def main(
    file: Annotated[Path | None, typer.Option("--json", help="Where to write the rates.")] = None,
    rounds: Annotated[int, typer.Option(help="How often each is measured.")] = 5,
    small: Annotated[bool, typer.Option(help="As small as a test has it.")] = False,
) -> None:
    """Measure all, print the table."""
    all_rates: dict[str, dict[str, list[float]]] = {}
    queries = 2_000 if small else 30_000
    for servers in (10, 50) if small else (10, 1000):
        what = {
            "simcluster": ours(Synthetic(demand_s=Exponential(mean=WORK_S)), WORK_S, servers, queries),
            "SimPy": lambda servers=servers: in_simpy(servers, queries),
        }
        if importlib.util.find_spec("ciw"):
            few = queries if servers < 100 else queries // 30
            what["Ciw"] = lambda servers=servers, few=few: in_ciw(servers, few // 3)
        what["real work"] = ours(NearestNeighbours(), SEARCH_S, servers, queries // 4)
        rates, means_s = measured(what, rounds)
        if abs(means_s["simcluster"] / means_s["SimPy"] - 1) > 0.15:  # of 2,000 and more, correlated as queues are
            raise ValueError(f"the mean sojourn times must agree, got {means_s}")
        all_rates[f"{servers} servers"] = rates
        ours_per_s = statistics.median(rates["simcluster"])
        for name, each in rates.items():
            beside = "" if name in ("simcluster", "real work") else f"{ours_per_s / statistics.median(each):8.1f} ×"
            print(f"{servers:5} servers  {name:12} {statistics.median(each):10,.0f} requests/s{beside}")
    if file is not None:
        file.write_text(json.dumps(all_rates), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
