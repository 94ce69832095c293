"""Which replication should keep a parameter server's state, by what it costs and what it saves?

A server and four workers train softmax regression on the digits, synchronously, each worker with eight rows a step.
After each step the server keeps its parameters: on its own disk, or on three copies by a replication scheme. Every two
seconds or so one copy, drawn at random, is cut off from the other two and from the schemes' master, not from the
server; half a second later both that copy and the server crash. The server comes back half a second after that, with an
empty disk, and reads what there is; the copy stays away as long again. All schemes meet the same failures.

Expected: what is linearizable gives back the last step that it has acknowledged, whoever is away, and pays for that at
each step: a quorum and ABD by two round trips of the server to a majority, Raft and Multi-Paxos by one to the leader
and one of its own, a chain by the way through all of them. What acknowledges when one copy has it is a round trip
faster, and goes back by the steps of the half second in which that copy was cut off, if it was the one that the server
had used: one time in three. From its own disk the server goes on from nothing.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, Constant, NetworkSpec, NodeSpec, Scenario, nodes
from simcluster.engine import stream
from simcluster.experiment import Experiment
from simcluster.faults import CrashNode, LoseDisk, PartitionBridge
from simcluster.learning import Bundled
from simcluster.measurement import mean_interval
from simcluster.recovery import Checkpoints, LocalStore
from simcluster.replication import (
    Abd,
    Causal,
    ChainReplication,
    Craq,
    Eventual,
    MultiPaxos,
    PrimaryBackup,
    Quorum,
    Raft,
    SchemeStore,
    Views,
)
from simcluster.report import COLOURS, figure, seeds_in_words
from simcluster.scenario import Result
from simcluster.study import Crossed
from simcluster.training import GradientDescent, ParameterServer, Softmax, TrainingJob

QUESTION = "Which replication should keep a parameter server's state?"
COPIES = ("copy-0", "copy-1", "copy-2")
WORKERS = tuple(f"worker-{place}" for place in range(4))
VIEWS = Views(master="master")
OWN_DISK = "own disk"
SCHEMES: dict[str, Any] = {
    OWN_DISK: None,
    "eventual": Eventual(),
    "causal": Causal(),
    "backups, asynchronous": PrimaryBackup(views=VIEWS, backups=0),
    "R = W = 1": Quorum(reads=1, writes=1),
    "quorum": Quorum(),
    "ABD": Abd(),
    "backups, synchronous": PrimaryBackup(views=VIEWS),
    "chain": ChainReplication(views=VIEWS),
    "CRAQ": Craq(views=VIEWS),
    "Raft": Raft(),
    "Multi-Paxos": MultiPaxos(),
}
SMALL = (OWN_DISK, "eventual", "Raft")
END_S, EVERY_S, CUT_S, DOWN_S = 8.0, 2.0, 0.5, 0.5
FAILING = {"none": False, "failovers": True}


def failures(seed: int) -> list[tuple[str, float]]:
    """Which copy is cut off, and when the server fails with it."""
    generator = stream(seed, "replicated_training", "failures")
    return [
        (COPIES[int(generator.integers(len(COPIES)))], float(at_s + generator.uniform(0.0, 0.5)))
        for at_s in np.arange(1.0, END_S - 1.0, EVERY_S)
    ]


def faults(seed: int) -> list[Any]:
    """The cut, the crashes, and the loss of the server's disk, of each failure."""
    found: list[Any] = []
    for copy, at_s in failures(seed):
        others = (*(name for name in COPIES if name != copy), "master")
        found += [
            PartitionBridge(sides=((copy,), others), begin_s=at_s - CUT_S, end_s=at_s),
            CrashNode(node="server", begin_s=at_s, end_s=at_s + DOWN_S),
            LoseDisk(node="server", begin_s=at_s),
            CrashNode(node=copy, begin_s=at_s, end_s=at_s + 2 * DOWN_S),
        ]
    return found


def scenario(scheme: Any, failing: bool, seed: int) -> Scenario:
    """One scheme, with and without failures."""
    store: Any = LocalStore() if scheme is None else SchemeStore(scheme=scheme, replicas=COPIES)
    machines = (NodeSpec(name="server"), *(NodeSpec(name=name) for name in COPIES), NodeSpec(name="master"))
    return Scenario(
        cluster=ClusterSpec(
            nodes=(*machines, *nodes("worker", len(WORKERS), flops_per_s=1e7)),
            network=NetworkSpec(latency=Constant(value=0.0005), bandwidth_bytes_per_s=1e8),
        ),
        job=TrainingJob(
            model=Softmax(),
            data=Bundled(),
            held_out=0.25,
            evaluate_held_out=True,
            batch_size=8,
            optimiser=GradientDescent(learning_rate=0.05),
            exchange=ParameterServer(server="server", retry_s=0.1),
            recovery=Checkpoints(every=1, store=store),
            workers=WORKERS,
            steps=10**6,
            evaluate_every=50,
        ),
        faults=tuple(faults(seed)) if failing else (),
        horizon_s=END_S,
        trace_kinds=("held_out", "checkpoint", "restore", "crash"),
    )


def measure(result: Result) -> dict[str, Any]:
    """Error and loss over held-out rows at the end, the steps done, those lost, and the longest time without one."""
    last = list(result.trace.rows("held_out"))[-1]
    times_s = [0.0, *(row["time_s"] for row in result.trace.rows("checkpoint")), END_S]
    return {
        "error": 1 - last["score"],
        "loss": last["loss"],
        "steps": last["step"],
        "step_ms": 1000 * END_S / len(times_s),
        "lost": steps_lost(result),
        "silent_s": float(np.diff(times_s).max()),
    }


def steps_lost(result: Result) -> int:
    """At each crash of the server, those from where it goes on to the last of which it was told that it was kept."""
    kept = [(row["time_s"], row["clock"]) for row in result.trace.rows("checkpoint")]
    found = [(row["time_s"], row["clock"]) for row in result.trace.rows("restore")]
    crashes_s = [row["time_s"] for row in result.trace.rows("crash") if row["node"] == "server"]
    lost = 0
    for crash_s, until_s in pairwise([*crashes_s, END_S]):
        had = [clock for time_s, clock in kept if time_s < crash_s][-1]
        going = [clock for time_s, clock in found if crash_s < time_s < until_s]
        anew = [0 for time_s, _ in kept if crash_s < time_s < until_s]
        lost += max(0, had - next(iter([*going, *anew]), had))  # it may not go on before it crashes again
    return lost


def score(table: pd.DataFrame) -> pd.DataFrame:
    """The loss at the end, with failovers."""
    return table[table["faults"] == "failovers"].pivot(index="seed", columns="scheme", values="loss")


PANELS = {
    "step_ms": ("none", "a step (ms)", "without failures"),
    "lost": ("failovers", "steps", "lost in failovers"),
    "loss": ("failovers", "loss, held out", f"with them, after {END_S:g} s"),
}


def draw(table: pd.DataFrame) -> Figure:
    """Of each scheme, from above: what a step takes, the steps lost, and the error that is left."""
    about = f"4 workers, {len(failures(0))} failovers in {END_S:g} s; 95 % intervals, {seeds_in_words(table['seed'])}"
    units, titles = [unit for _, unit, _ in PANELS.values()], [title for *_, title in PANELS.values()]
    drawn, panels = figure(QUESTION, units, ["", "", ""], subtitle=about, panels=titles)
    schemes = list(table["scheme"].unique())[::-1]
    for axes, (name, (faults, *_)) in zip(panels, PANELS.items(), strict=True):
        rows = table[table["faults"] == faults]
        for height, scheme in enumerate(schemes):
            found = mean_interval(rows[rows["scheme"] == scheme][name].to_numpy(dtype=float))
            axes.plot((found.low, found.high), (height, height), color=COLOURS[0], linewidth=3)
            axes.plot(found.estimate, height, marker="o", color=COLOURS[0])
        axes.set_yticks(range(len(schemes)), schemes if axes is panels[0] else [])
        axes.set_ylim(-0.5, len(schemes) - 0.5)
    panels[0].set_xlim(left=0.0)
    return drawn


experiment = Experiment(
    name="replicated_training",
    question=QUESTION,
    scenarios=Crossed(scenario, {"scheme": SCHEMES, "faults": FAILING}, small={"scheme": SMALL}),
    measure=measure,
    figure=draw,
    score=score,
    quantity=f"loss over held-out rows after {END_S:g} s with failovers",
    unit="",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
