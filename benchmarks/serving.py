"""Requests per second of wall time beside plain SimPy and Ciw: ``python benchmarks/serving.py``.

A front end asks one of many servers for each query, by the power of two choices: Poisson arrivals at 70 % load,
exponential work, half a millisecond of network in each direction. In simcluster each request and each reply is a
message that a fault could hit, and each computation keeps a core busy. SimPy stands here twice: with messages, as
simcluster has them (a process for each server, which takes requests from its store, and one for each query, which
awaits the reply in its own), and without, as two delays and a ``Resource``. Ciw has no network: it routes each
customer from a node without queue to one of the others (skipped where it is not installed; ``pip install --target
FOLDER ciw`` and ``PYTHONPATH=FOLDER``, for it brings a package called ``tests``). The rows with real work search the
digits for nearest neighbours. All take turns; times are those of the process, with the set-up. That the mean sojourn
times agree is asserted. Prints the median rate, and the ratio of medians to each peer.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import simpy
import typer

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.engine import Exponential
from simcluster.serving import NearestNeighbours, Poisson, Service, ServiceJob, Synthetic, power_of_two_choices

LOAD, WORK_S, LATENCY_S = 0.7, 0.01, 0.0005
SEARCH_S = 276e3 / 1e9  # what a search of the digits takes on a core of 10⁹ flops/s


Sojourns = Callable[[], list[float]]
"""What a run gives: the sojourn times of all that were answered, gathered when the time has been taken."""


def ours(service: Service, work_s: float, servers: int, queries: int) -> Callable[[], Sojourns]:
    """A run of simcluster."""
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

    def once() -> Sojourns:
        rows = run(scenario, 0).trace.rows("query")
        return lambda: [row["sojourn_s"] for row in rows]

    return once


def two_of(servers: int, dice: random.Random) -> tuple[int, int]:
    """Two different servers, as cheaply as Python can draw them."""
    one, other = int(servers * dice.random()), int((servers - 1) * dice.random())
    return one, other + (other >= one)


def in_simpy(servers: int, queries: int, messages: bool) -> Sojourns:
    """The same as one writes it in SimPy: a process for each query."""
    env, dice = simpy.Environment(), random.Random(1)
    cores = [simpy.Resource(env) for _ in range(servers)]
    inboxes = [simpy.Store(env) for _ in range(servers)]
    outstanding, sojourns_s = [0] * servers, []
    over = env.event()

    def delay(store: simpy.Store, message: Any) -> Any:
        yield env.timeout(LATENCY_S)
        yield store.put(message)

    def server(place: int) -> Any:
        while True:
            work_s, reply_to = yield inboxes[place].get()
            yield env.timeout(work_s)
            env.process(delay(reply_to, None))

    def by_messages(chosen: int, work_s: float) -> Any:
        reply = simpy.Store(env)
        env.process(delay(inboxes[chosen], (work_s, reply)))
        yield reply.get()

    def by_delays(chosen: int, work_s: float) -> Any:
        yield env.timeout(LATENCY_S)
        with cores[chosen].request() as turn:
            yield turn
            yield env.timeout(work_s)
        yield env.timeout(LATENCY_S)

    def query() -> Any:
        begin_s = env.now
        one, other = two_of(servers, dice)
        chosen = other if outstanding[other] < outstanding[one] else one
        outstanding[chosen] += 1
        yield from (by_messages if messages else by_delays)(chosen, dice.expovariate(1 / WORK_S))
        outstanding[chosen] -= 1
        sojourns_s.append(env.now - begin_s)
        if len(sojourns_s) == queries:
            over.succeed()

    def arrivals() -> Any:
        for _ in range(queries):
            yield env.timeout(dice.expovariate(LOAD * servers / WORK_S))
            env.process(query())

    if messages:
        for place in range(servers):
            env.process(server(place))
    env.process(arrivals())
    env.run(over)
    return lambda: sojourns_s


def in_ciw(servers: int, queries: int) -> Sojourns:
    """The same in Ciw, without a network."""
    import ciw

    dice = random.Random(1)

    class TwoChoices(ciw.routing.NodeRouting):  # type: ignore[misc]
        """The less loaded of two nodes."""

        def next_node(self, individual: Any) -> Any:
            one, other = (self.simulation.nodes[2 + place] for place in two_of(servers, dice))
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
    records = simulation.get_all_records()
    return lambda: [2 * LATENCY_S + row.exit_date - row.arrival_date for row in records if row.node > 1]


def measured(what: dict[str, Callable[[], Sojourns]], rounds: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Requests per second of each, of every round, all taking turns; and the last mean sojourn time of each."""
    rates: dict[str, list[float]] = {name: [] for name in what}
    means_s = {}
    for _ in range(rounds):
        for name, once in what.items():
            gc.collect()
            gc.freeze()  # what was there before is nobody's to look through
            begin_s = time.process_time()
            sojourns = once()
            taken_s = time.process_time() - begin_s
            rates[name].append(len(found := sojourns()) / taken_s)
            means_s[name] = statistics.fmean(found)
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
            "SimPy": partial(in_simpy, servers, queries, True),
            "SimPy, delays": partial(in_simpy, servers, queries, False),
        }
        if importlib.util.find_spec("ciw"):
            what["Ciw"] = partial(in_ciw, servers, queries // 3 if servers < 100 else queries // 100)
        what["real work"] = ours(NearestNeighbours(), SEARCH_S, servers, queries // 4)
        rates, means_s = measured(what, rounds)
        for peer in ("SimPy", "SimPy, delays"):  # means of 2,000 and more, correlated as queues are
            if abs(means_s["simcluster"] / means_s[peer] - 1) > 0.15:
                raise ValueError(f"the mean sojourn times must agree, got {means_s}")
        all_rates[f"{servers} servers"] = rates
        ours_per_s = statistics.median(rates["simcluster"])
        for name, each in rates.items():
            beside = "" if name in ("simcluster", "real work") else f"{ours_per_s / statistics.median(each):8.1f} ×"
            print(f"{servers:5} servers  {name:13} {statistics.median(each):10,.0f} requests/s{beside}")
    if file is not None:
        file.write_text(json.dumps(all_rates), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
