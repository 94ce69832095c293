"""How long it takes to plan a task graph: ``python benchmarks/scheduling.py [--json FILE] [--most N]``.

HEFT on random graphs, in layers of 32 tasks that take three outputs each, on 16 unequal nodes of one core: from the
job's task graph to the plan, and beside it, in the same run, the same arithmetic in networkx and NumPy, vectorised over
the processors. Both give the same plan, or this ends with an error. Processor time, the least of the rounds.
"""

from __future__ import annotations

import gc
import json
import time
from bisect import bisect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import networkx as nx
import numpy as np
import typer

from simcluster.engine import stream
from simcluster.learning import Call, Cost
from simcluster.scheduling import Heft, NodeView, Task, add_task

LAYER = 32
INPUTS = 3
NODES = 16
LATENCY_S = 0.001
BYTES_PER_S = 1e9


def layered(count: int) -> nx.DiGraph[Any]:
    """So many tasks in layers, each of which takes outputs of the layer before."""
    generator, graph = stream(count, "graph"), nx.DiGraph()
    flops, sizes = generator.uniform(1e7, 1e9, count).tolist(), generator.uniform(1e6, 1e8, INPUTS * count).tolist()
    for i in range(count):
        layer = i // LAYER
        earlier = generator.choice(LAYER, INPUTS, replace=False) + (layer - 1) * LAYER if layer else ()
        takes = tuple((int(before), "output", sizes[INPUTS * i + k]) for k, before in enumerate(earlier))
        add_task(graph, i, Task(lambda *parts: Call(dict, Cost(0, 0)), Cost(flops[i], 0)), takes)
    return graph


def views() -> list[NodeView]:
    """Nodes of rising speed."""
    speeds = np.geomspace(1e9, 8e9, NODES).tolist()
    return [NodeView(f"n-{i}", 1, 1, 0.0, 0.0, speed, 1e11) for i, speed in enumerate(speeds)]


def transfer_s(source: str, target: str, size_bytes: float) -> float:
    """The same between all nodes."""
    return LATENCY_S + size_bytes / BYTES_PER_S


def plainly(graph: nx.DiGraph[Any], nodes: list[NodeView]) -> dict[Any, tuple[str, float]]:
    """HEFT in networkx and NumPy: a row of seconds for each task, arrivals over all processors at once."""
    speeds, memory = np.array([[node.flops_per_s, node.memory_bytes_per_s] for node in nodes]).T
    costs = {task: data["task"].cost for task, data in graph.nodes(data=True)}
    seconds = {t: 2 * LATENCY_S + np.maximum(cost.flops / speeds, cost.bytes / memory) for t, cost in costs.items()}
    ranks: dict[Any, float] = {}
    order = list(nx.topological_sort(graph))
    for task in reversed(order):
        onward = [2 * LATENCY_S + edge["size_bytes"] / BYTES_PER_S + ranks[j] for j, edge in graph.adj[task].items()]
        ranks[task] = seconds[task].mean() + max(onward, default=0.0)
    place = {task: i for i, task in enumerate(order)}
    begins: list[list[float]] = [[] for _ in nodes]
    ends: list[list[float]] = [[] for _ in nodes]
    end: dict[Any, float] = {}
    where: dict[Any, int] = {}
    plan = {}
    for task in sorted(graph, key=lambda task: (-ranks[task], place[task])):
        ready = np.zeros(len(nodes))
        for before, edge in graph.pred[task].items():
            arrival = np.full(len(nodes), end[before] + (2 * LATENCY_S + edge["size_bytes"] / BYTES_PER_S))
            arrival[where[before]] = end[before]
            np.maximum(ready, arrival, out=ready)
        best = (float("inf"), 0, 0, 0.0)
        for p, (begin, duration) in enumerate(zip(ready.tolist(), seconds[task].tolist(), strict=True)):
            at = bisect(ends[p], begin)
            while at < len(begins[p]) and begin + duration > begins[p][at]:
                begin = max(begin, ends[p][at])
                at += 1
            if begin + duration < best[0]:
                best = (begin + duration, p, at, begin)
        finish, p, at, begin = best
        begins[p].insert(at, begin)
        ends[p].insert(at, finish)
        end[task], where[task] = finish, p
        plan[task] = (nodes[p].name, begin)
    return plan


def least_s(functions: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The least processor time of each, one after the other in every round."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            gc.collect()
            begin = time.process_time()
            function()
            times[name].append(time.process_time() - begin)
    return {name: min(each) for name, each in times.items()}


def planning(count: int, rounds: int = 3) -> dict[str, float]:
    """HEFT on a graph of so many tasks, in seconds: ours and the plain one, which must give the same plan."""
    graph, nodes = layered(count), views()
    ours, theirs = Heft().plan(graph, nodes, transfer_s), plainly(graph, nodes)
    assert list(ours) == list(theirs)
    for task, (node, begin_s) in theirs.items():
        assert ours[task][0] == node
        assert abs(ours[task][1] - begin_s) <= 1e-9 * begin_s
    return least_s(
        {
            "simcluster": lambda: Heft().plan(graph, nodes, transfer_s),
            "networkx and NumPy": lambda: plainly(graph, nodes),
        },
        rounds,
    )


def main(
    json_file: Annotated[Path | None, typer.Option("--json", help="Where the figures are written too.")] = None,
    most: Annotated[int, typer.Option(min=1, help="The tasks of the largest graph.")] = 10_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is measured.")] = 3,
) -> None:
    """Print the figures."""
    found = {}
    print(f"{'HEFT':<8}{'simcluster':>14}{'networkx + NumPy':>20}{'times':>8}")
    for count in (each for each in (1_000, 10_000) if each <= most):
        found[count] = planning(count, rounds)
        ours, plain = found[count].values()
        print(f"{count:<8,}{ours * 1e3:>11.1f} ms{plain * 1e3:>17.1f} ms{plain / ours:>8.1f}")
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
