"""How long is Raft silent when a leader is gone, by its election timeout?

Five servers and ten clients; each server in turn is down for two seconds, so that at least one of them leads when it
goes. A follower stands for election after a time drawn between T and 2T, and a leader says each T/3 that it is there.
Messages take half a millisecond, or, across a continent, 30 to 40 ms.

Expected: nobody is answered from the crash until the first of four remaining servers stands, (1 + 1/5)·T after it heard
the leader last, has its pre-vote and its vote (two round trips), and has committed an entry (one more). So a shorter
timeout is better, until it comes near the time of a round trip: then leaders are deposed that live, and below it nobody
is ever elected for long (Ongaro's thesis, chapter 9: ten times the latency is enough). Clients add a quarter of a
second where they wait in vain for the old leader, which is all that is left to see of short timeouts in one hall.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, Constant, NetworkSpec, Scenario, nodes
from simcluster.engine import Exponential, Uniform
from simcluster.experiment import Experiment
from simcluster.faults import CrashNode
from simcluster.replication import Mix, Raft, ReplicatedStore
from simcluster.report import band, figure, legend, plain_log, seeds_in_words
from simcluster.scenario import Result
from simcluster.sweep import Label, Seeded

SERVERS = 5
DOWN_S, EVERY_S = 2.0, 4.0
TIMEOUTS_S = (0.025, 0.05, 0.1, 0.2, 0.4, 0.8)
SMALL = (0.1, 0.4)
#: By network: the law of a message's way, and its mean.
NETWORKS: dict[str, tuple[Any, float]] = {
    "one hall (0.5 ms)": (Constant(value=0.0005), 0.0005),
    "a continent (30–40 ms)": (Uniform(low=0.03, high=0.04), 0.035),
}
END_S = EVERY_S * (SERVERS + 1)


def scenario(network: str, timeout_s: float) -> Scenario:
    """One timeout in one network, with every server down once."""
    servers, clients = nodes("server", SERVERS), nodes("client", 2 * SERVERS)
    raft = Raft(election_s=(timeout_s, 2 * timeout_s), heartbeat_s=timeout_s / 3)
    return Scenario(
        cluster=ClusterSpec(nodes=(*servers, *clients), network=NetworkSpec(latency=NETWORKS[network][0])),
        job=ReplicatedStore(
            scheme=raft,
            replicas=tuple(server.name for server in servers),
            clients=tuple(client.name for client in clients),
            workload=Mix(operations=110, think_s=Exponential(mean=0.25)),
            timeout_s=5.0,
            retry_s=0.25,
        ),
        faults=tuple(
            CrashNode(node=server.name, begin_s=EVERY_S * (place + 1), end_s=EVERY_S * (place + 1) + DOWN_S)
            for place, server in enumerate(servers)
        ),
        horizon_s=10 * END_S,
        trace_kinds=("invoke", "complete", "role"),
    )


def scenarios(small: bool = False) -> dict[Label, Seeded]:
    """One scenario for each network and timeout; the small version has two timeouts."""
    timeouts_s = SMALL if small else TIMEOUTS_S
    return {(network, timeout_s): scenario(network, timeout_s) for network in NETWORKS for timeout_s in timeouts_s}


def measure(result: Result) -> dict[str, Any]:
    """The longest time in which nobody was answered, from the first crash on, and how often somebody became leader."""
    answered = [row["time_s"] for row in result.trace.rows("complete") if row["status"] == "ok"]
    within = [time_s for time_s in answered if EVERY_S < time_s < END_S]
    times = np.array([EVERY_S, *within, min(END_S, result.ended_s)])
    leaders = [row for row in result.trace.rows("role") if row["role"] == "leader"]
    return {"silent_s": float(np.diff(times).max()), "elections": len(leaders)}


def score(table: pd.DataFrame) -> pd.DataFrame:
    """The longest silence across the continent, a column for each timeout."""
    far = table[table["network"] == list(NETWORKS)[-1]]
    return far.pivot(index="seed", columns="election_timeout_s", values="silent_s").rename(columns="T = {} s".format)


def draw(table: pd.DataFrame) -> Figure:
    """The longest silence against the timeout, and what is expected."""
    drawn, (axes,) = figure(
        "How long is Raft silent when a leader is gone?",
        "election timeout T, drawn between T and 2T (s)",
        "longest time without an answer (s)",
        subtitle=f"{SERVERS} servers, each down once for {DOWN_S:g} s; dotted: expected; 95 % intervals, "
        f"{seeds_in_words(table['seed'])}",
    )
    for place, network in enumerate(table["network"].unique()):
        rows = table[table["network"] == network]
        samples = rows.pivot(index="seed", columns="election_timeout_s", values="silent_s")
        band(axes, samples.columns, samples, network, place, markers=True)
    low_s, high_s = table["election_timeout_s"].min(), table["election_timeout_s"].max()
    times_s = np.geomspace(low_s, high_s, 50)
    for network in table["network"].unique():
        away_s = 6 * NETWORKS[network][1]
        axes.plot(times_s, 1.2 * times_s + away_s, color="0.5", linewidth=1.0, linestyle=":")
    plain_log(axes.xaxis, TIMEOUTS_S)
    plain_log(axes.yaxis, (0.1, 0.3, 1.0, 3.0, 10.0))
    legend(axes)
    return drawn


experiment = Experiment(
    name="raft_availability",
    question="How long is Raft silent when a leader is gone?",
    labels=("network", "election_timeout_s"),
    scenarios=scenarios,
    measure=measure,
    figure=draw,
    score=score,
    quantity="longest time without an answer, across a continent",
    unit="s",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
