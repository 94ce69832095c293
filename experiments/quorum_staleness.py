"""How eventual is eventual?

A client writes to three copies and is done when W have answered; some milliseconds later it reads, of which the first R
answers count. Does it see what it has written? Every message takes a time by its kind, as Bailis et al.
("Probabilistically bounded staleness for practical partial quorums", VLDB 2012) fitted them to LinkedIn's data store,
on disks and on SSDs.

Expected: with R = W = 1 a read right after the write sees it in 43.9 % of all cases on disks, in 97 % on SSDs, and the
rest is a matter of the tail of the way to a copy: the thin lines are what follows from the fits. R + W > 3 always
sees it, and costs what the second of three takes longer than the first.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, Spec, nodes
from simcluster.cluster import Cluster, Delay, Message
from simcluster.engine import Constant, Count, Positive, Probability, Seconds, stream
from simcluster.experiment import Experiment
from simcluster.faults import Fault
from simcluster.measurement.operations import operation_columns
from simcluster.replication import Asked, Quorum, ReplicatedStore
from simcluster.report import band, figure, legend, seeds_in_words
from simcluster.scenario import Result
from simcluster.sweep import Label, Seeded

QUESTION = "How eventual is eventual?"
COPIES = 3
PAIRS = 4000
TIMES_S = (0.0, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064)
CONFIGURATIONS: dict[str, tuple[int, int]] = {
    "R = 1, W = 1": (1, 1),
    "R = 1, W = 2": (1, 2),
    "R = 2, W = 1": (2, 1),
    "R = 2, W = 2": (2, 2),
}
SMALL = ("R = 1, W = 1", "R = 2, W = 2")


class Fit(Spec):
    """A Pareto law for most, an exponential one for the rest, in milliseconds as the paper's table 3 has them."""

    kind: Literal["fit"] = "fit"
    share: Probability
    """The share of the Pareto law."""
    least_ms: Positive
    """Its least value."""
    shape: Positive
    """Its shape α."""
    per_ms: Positive
    """The rate λ of the exponential law."""

    @property
    def mean(self) -> float:
        """The expected value, in seconds."""
        pareto_ms = self.least_ms * self.shape / (self.shape - 1)
        return 1e-3 * (self.share * pareto_ms + (1 - self.share) / self.per_ms)

    def sample(self, generator: np.random.Generator) -> float:
        """One draw, in seconds."""
        first, second = generator.random(), 1 - generator.random()
        if first < self.share:
            return 1e-3 * self.least_ms * float(second ** (-1 / self.shape))
        return -1e-3 * math.log(second) / self.per_ms

    def draws(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """So many draws, in seconds."""
        first, second = generator.random(shape), 1 - generator.random(shape)
        pareto_ms = self.least_ms * second ** (-1 / self.shape)
        return 1e-3 * np.where(first < self.share, pareto_ms, -np.log(second) / self.per_ms)

    def beyond(self, times_s: np.ndarray) -> np.ndarray:
        """The probability of more than these times."""
        times_ms = 1e3 * np.maximum(times_s, 0.0)
        pareto = np.minimum(1.0, (self.least_ms / np.maximum(times_ms, self.least_ms)) ** self.shape)
        return np.asarray(self.share * pareto + (1 - self.share) * np.exp(-self.per_ms * times_ms))


SSD = Fit(share=0.9122, least_ms=0.235, shape=10.0, per_ms=1.66)
DISK = Fit(share=0.38, least_ms=1.05, shape=1.51, per_ms=0.183)
#: How long a write is on the way; its acknowledgement, a read and its answer take as long as on SSDs.
STORES: dict[str, Fit] = {"LNKD-DISK": DISK, "LNKD-SSD": SSD}


class KindDelays(Fault):
    """Messages take a time by their kind, and the others none."""

    kind: Literal["kind_delays"] = "kind_delays"
    laws: dict[str, Fit]
    """The law of each kind of messages."""

    def begin(self, cluster: Cluster, key: str) -> Any:
        """Delay each message by a draw from the stream of its kind and its link."""
        streams: dict[tuple[str, ...], np.random.Generator] = {}

        def rule(message: Message) -> Delay | None:
            law = self.laws.get(message.kind)
            if law is None:
                return None
            name = (message.kind, message.source, message.target)
            if name not in streams:
                streams[name] = stream(cluster.seed, "kind_delays", *name)
            return Delay(law.sample(streams[name]))

        cluster.network.add(rule)
        return lambda: cluster.network.remove(rule)


class WriteThenRead(Spec):
    """A write and, one of the given times after it is done, a read, again and again."""

    kind: Literal["write_then_read"] = "write_then_read"
    pairs: Count
    """How many of both."""
    times_s: tuple[Seconds, ...] = TIMES_S
    """After which times, each as likely as the next."""

    @property
    def asks(self) -> tuple[str, ...]:
        """What is asked."""
        return ("write", "read")

    def client(self, number: int, clients: int, generator: np.random.Generator) -> Generator[Asked, Any, None]:
        """Each client has a key of its own."""
        for pair in range(self.pairs):
            yield Asked("write", f"k{number}", pair + 1)
            yield Asked("read", f"k{number}", None, self.times_s[int(generator.integers(len(self.times_s)))])


def scenario(store: str, reads: int, writes: int, pairs: int = PAIRS, times_s: tuple[float, ...] = TIMES_S) -> Scenario:
    """One store with these quorums."""
    machines = (*nodes("copy", COPIES), NodeSpec(name="client"))
    laws = {f"store.{kind}": SSD for kind in ("write-reply", "read", "read-reply")}
    quorum = Quorum(reads=reads, writes=writes, read_repair=False, clock="physical", durable=False)
    return Scenario(
        cluster=ClusterSpec(
            nodes=machines, network=NetworkSpec(latency=Constant(value=0.0), bandwidth_bytes_per_s=None)
        ),
        job=ReplicatedStore(
            scheme=quorum,
            replicas=tuple(machine.name for machine in machines[:COPIES]),
            clients=("client",),
            workload=WriteThenRead(pairs=pairs, times_s=times_s),
            timeout_s=1e6,
            retry_s=1e5,
        ),
        faults=(KindDelays(begin_s=0.0, laws={"store.write": STORES[store], **laws}),),
        horizon_s=1e6,
        trace_kinds=("invoke", "complete"),
    )


def scenarios(small: bool = False) -> dict[Label, Seeded]:
    """One scenario for each store and each pair of quorums; the small version has two of these, and less of all."""
    chosen = SMALL if small else tuple(CONFIGURATIONS)
    pairs = PAIRS // 4 if small else PAIRS
    return {(store, name): scenario(store, *CONFIGURATIONS[name], pairs) for store in STORES for name in chosen}


def seen(result: Result) -> pd.DataFrame:
    """Of each pair how long after the write the read began, and whether it saw it; with the latencies of both."""
    columns = operation_columns(result.trace)
    values = [row["value"] for row in result.trace.rows("invoke")][::2]
    results = [row["result"] for row in result.trace.rows("complete")][1::2]
    begun_s, latencies_s = np.array(columns["begin_s"]), np.array(columns["latency_s"])
    return pd.DataFrame(
        {
            "after_s": begun_s[1::2] - (begun_s + latencies_s)[::2],
            "saw_it": np.equal(values, results),
            "write_s": latencies_s[::2],
            "read_s": latencies_s[1::2],
        }
    )


def measure(result: Result) -> list[dict[str, Any]]:
    """The share of reads that saw the write, by how long after it they began, and the latency of both together."""
    pairs = seen(result)
    workload = result.scenario.job.workload  # type: ignore[attr-defined]
    nearest = np.abs(np.subtract.outer(pairs["after_s"].to_numpy(), workload.times_s)).argmin(axis=1)
    shares = pairs["saw_it"].groupby(nearest).mean()
    both_s = float(np.percentile(pairs["write_s"] + pairs["read_s"], 99))
    return [
        {"after_s": workload.times_s[place], "saw_it": float(share), "both_s_p99": both_s}
        for place, share in shares.items()
    ]


def expected(store: str, reads: int, writes: int, times_s: np.ndarray, draws: int = 100_000) -> np.ndarray:
    """What the fits say: the probability that a read at these times after the write sees it, for R = 1.

    A read is stale when the copy that answers first has not got the write by then. That copy is then none of those that
    have answered the write, so the probability is the mean of that of a longer way than is left for it, over the times
    of all the others. For R = 2 the mean is over whether it is so with both, counted.
    """
    generator = stream(0, "expected", store)
    law, shape = STORES[store], (COPIES, draws)
    ways, backs = law.draws(generator, shape), SSD.draws(generator, shape)
    asks, answers = SSD.draws(generator, shape), SSD.draws(generator, shape)
    order = np.argsort(asks + answers, axis=0)
    if reads > 1:
        done_s = np.sort(ways + backs, axis=0)[writes - 1]
        left_s = np.take_along_axis(asks - ways, order[:reads], axis=0).max(axis=0) + done_s
        return np.array([np.mean(left_s + time_s >= 0) for time_s in times_s])
    first = order[:1]
    others = np.sort(np.where(np.arange(COPIES)[:, None] == first, np.inf, ways + backs), axis=0)
    left_s = others[writes - 1] + np.take_along_axis(asks, first, axis=0)[0]
    return np.array([1 - law.beyond(left_s + time_s).mean() for time_s in times_s])


def draw(table: pd.DataFrame) -> Figure:
    """The share of reads that see the write, against the time between, by store."""
    about = f"{COPIES} copies, a read so long after a write was done; thin: the fits; {seeds_in_words(table['seed'])}"
    drawn, panels = figure(
        QUESTION, "time from the write to the read (ms)", "share of reads that see it", subtitle=about,
        panels=tuple(STORES),
    )  # fmt: skip
    for axes, store in zip(panels, STORES, strict=True):
        for place, name in enumerate(table["quorums"].unique()):
            rows = table[(table["store"] == store) & (table["quorums"] == name)]
            samples = rows.pivot(index="seed", columns="after_s", values="saw_it")
            band(axes, 1e3 * samples.columns.to_numpy(), samples, name, place)
            times_s = np.array([0.0, *np.geomspace(1e-4, TIMES_S[-1], 100)])
            axes.plot(1e3 * times_s, expected(store, *CONFIGURATIONS[name], times_s), color="0.3", linewidth=0.8)
        axes.set_xscale("symlog", linthresh=0.5)
        axes.set_ylim(0.4, 1.02)
    legend(panels[-1])
    return drawn


def score(table: pd.DataFrame) -> pd.DataFrame:
    """What a write and a read take together, in the 99th percentile, on disks."""
    rows = table[table["store"] == "LNKD-DISK"]
    return rows.groupby(["seed", "quorums"], sort=False)["both_s_p99"].first().unstack("quorums")


experiment = Experiment(
    name="quorum_staleness",
    question=QUESTION,
    labels=("store", "quorums"),
    scenarios=scenarios,
    measure=measure,
    figure=draw,
    score=score,
    quantity="write and read together, 99th percentile, on disks",
    unit="s",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
