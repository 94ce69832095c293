"""From which size on does which all-reduce pay?

4, 8 and 32 nodes add up an array of 1 kB to 4 MB over links of 1.25 GB/s and 50 µs (lognormal, deviation 5 %): round
a ring, by recursive doubling, by recursive halving and doubling (Rabenseifner), up and down a binomial tree, or by
``auto``, which takes recursive doubling up to the size at which Rabenseifner's way is as short by the laws below.

Expected (Thakur, Rabenseifner & Gropp, "Optimization of collective communication operations in MPICH", 2005), for
p = 2^k nodes, latency α, bandwidth β and m bytes: a ring takes 2(p − 1)·α + 2(p − 1)/p·m/β, recursive doubling
k·α + k·m/β, Rabenseifner 2k·α + 2(p − 1)/p·m/β, a tree 2k·α + 2k·m/β. So recursive doubling is as long as
Rabenseifner's way at k·αβ/(k − 2(p − 1)/p) bytes, and as a ring at (2(p − 1) − k)·αβ/(k − 2(p − 1)/p); a ring is never
shorter than Rabenseifner's way, and a tree nowhere the shortest.
"""

from __future__ import annotations

from functools import partial
from math import log2
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NetworkSpec, Scenario, nodes
from simcluster.cluster import Cluster, Node
from simcluster.cluster.collectives import AnyAlgorithm, Auto, Member, binomial_tree, rabenseifner, ring
from simcluster.cluster.collectives import recursive_doubling as doubling
from simcluster.engine import Count, Event, Lognormal, Program, Spec
from simcluster.experiment import Experiment
from simcluster.report import COLOURS, band, figure, legend, plain_log, seeds_in_words, wide
from simcluster.scenario import Result
from simcluster.sweep import Label, Seeded

LATENCY_S, BYTES_PER_S = 50e-6, 1.25e9
NODES = (4, 8, 32)
SIZES = tuple(1000 * 4**power for power in range(7))
WAYS = ("ring", "recursive doubling", "Rabenseifner", "tree", "auto")
#: Pairs of ways that are as long as each other at some size.
CROSSINGS = (("recursive doubling", "Rabenseifner"), ("recursive doubling", "ring"), ("tree", "ring"))


class OneSum(Spec):
    """All nodes add up an array of ones, and that is all."""

    algorithm: AnyAlgorithm
    """How."""
    size_bytes: Count
    """How large it is."""

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Begin; it is over when the last node has the sum."""
        ended: list[str] = []
        done = cluster.env.event()
        for node in cluster.nodes.values():
            node.boot(partial(self._add_up, members=tuple(cluster.nodes), ended=ended, done=done), "sum")
        return done

    def _add_up(self, node: Node, *, members: tuple[str, ...], ended: list[str], done: Event) -> Program:
        member = Member(node, members, "sum", self.algorithm, 3600.0, None)
        yield from member.add_up(np.ones(self.size_bytes // 8))
        ended.append(node.name)
        if len(ended) == len(members):
            done.succeed()


def laws_s(count: int, sizes: Any) -> dict[str, Any]:
    """What the formulas above say that each way takes, for these sizes."""
    power, share = log2(count), 2 * (count - 1) / count
    sending_s = np.asarray(sizes) / BYTES_PER_S
    return {
        "ring": 2 * (count - 1) * LATENCY_S + share * sending_s,
        "recursive doubling": power * (LATENCY_S + sending_s),
        "Rabenseifner": 2 * power * LATENCY_S + share * sending_s,
        "tree": 2 * power * (LATENCY_S + sending_s),
    }


def law_bytes(one: str, other: str, count: int) -> float:
    """At which size the formulas of two ways say the same."""
    low, high = laws_s(count, [0.0, 1e6])[one], laws_s(count, [0.0, 1e6])[other]
    return float(1e6 * (high[0] - low[0]) / ((low[1] - low[0]) - (high[1] - high[0])))


def algorithm(way: str, count: int) -> Any:
    """What a way is called by, among so many nodes."""
    fixed = {"ring": ring, "recursive doubling": doubling, "Rabenseifner": rabenseifner, "tree": binomial_tree}
    return fixed[way] if way in fixed else Auto(short_bytes=law_bytes(*CROSSINGS[0], count))


def scenarios(small: bool = False) -> dict[Label, Seeded]:
    """One scenario for each way, number of nodes and size; the small version has two numbers and four sizes."""
    fast = {"flops_per_s": 1e30, "memory_bytes_per_s": 1e30}  # links are what is compared
    latency = Lognormal(mean=LATENCY_S, sigma=0.05)
    network = NetworkSpec(latency=latency, bandwidth_bytes_per_s=BYTES_PER_S, order="datagram")
    clusters = {count: ClusterSpec(nodes=nodes("n", count, **fast), network=network) for count in NODES}
    return {
        (way, count, size): Scenario(
            cluster=clusters[count], job=OneSum(algorithm=algorithm(way, count), size_bytes=size), trace_kinds=()
        )
        for way in WAYS
        for count in (NODES[:2] if small else NODES)
        for size in (SIZES[2:-1] if small else SIZES)
    }


def measure(result: Result) -> dict[str, Any]:
    """The simulated milliseconds that it took."""
    return {"time_ms": 1000 * result.ended_s}


def crossings(table: pd.DataFrame, one: str, other: str, count: int) -> pd.Series:
    """By seed, at which size two ways took as long as each other: between two sizes, times are straight lines."""
    rows = table[(table["nodes"] == count) & table["way"].isin((one, other))]
    times = rows.pivot(index=["seed", "size"], columns="way", values="time_ms")
    differences = (times[one] - times[other]).unstack("seed")
    sizes = differences.index.to_numpy(dtype=float)
    return pd.Series({seed: _zero(sizes, values.to_numpy()) for seed, values in differences.items()})


def _zero(sizes: Any, differences: Any) -> float:
    place = int(np.flatnonzero(differences > 0)[0])
    if place == 0:
        return float(sizes[0])
    begin, end = differences[place - 1], differences[place]
    return float(sizes[place - 1] - begin * (sizes[place] - sizes[place - 1]) / (end - begin))


def score(table: pd.DataFrame) -> pd.DataFrame:
    """How much longer a way took than the shortest one, in the mean over sizes and numbers of nodes."""
    times = table.pivot(index=["seed", "nodes", "size"], columns="way", values="time_ms")[list(WAYS)]
    return times.div(times.drop(columns="auto").min(axis=1), axis=0).groupby("seed").mean()


def draw(table: pd.DataFrame) -> Figure:
    """Time against size for each number of nodes, beside the laws and the sizes at which two ways are as long."""
    counts = sorted(table["nodes"].unique())
    drawn, panels = figure(
        "From which size on does which all-reduce pay?",
        "array (kB)",
        "one all-reduce (ms)",
        subtitle="Thin: what the formulas say, and where two of them cross; dots: where measured times do; "
        f"95 % intervals, {seeds_in_words(table['seed'])}",
        panels=tuple(f"{count} nodes" for count in counts),
    )
    sizes = np.sort(table["size"].unique())
    for axes, count in zip(panels, counts, strict=True):
        for place, way in enumerate(WAYS):
            samples = wide(table[(table["way"] == way) & (table["nodes"] == count)], "size", "time_ms")
            band(axes, samples.columns / 1000, samples, way, place)
        for place, law in enumerate(laws_s(count, sizes).values()):
            axes.plot(sizes / 1000, 1000 * law, color=COLOURS[place], linewidth=0.9, label="_nolegend_")
        for one, other in CROSSINGS:
            at = law_bytes(one, other, count)
            axes.axvline(at / 1000, color="0.6", linewidth=0.9, label="_nolegend_")
            found = crossings(table, one, other, count)
            height = 1000 * laws_s(count, found.mean())[one]
            axes.plot(found / 1000, np.full(len(found), height), ".", color="0.2", label="_nolegend_")
        plain_log(axes.xaxis, (1, 10, 100, 1000))
        plain_log(axes.yaxis, (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50))
    legend(panels[0], points=10)
    return drawn


experiment = Experiment(
    name="all_reduce",
    question="From which size on does which all-reduce pay?",
    labels=("way", "nodes", "size"),
    scenarios=scenarios,
    measure=measure,
    figure=draw,
    score=score,
    quantity="time, as a multiple of the shortest way's, in the mean over sizes and nodes",
    unit="×",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
