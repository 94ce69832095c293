"""What do clients see while a cluster is cut in two, and when it heals?

Three copies and three clients, one beside each copy. From the first second to the third, copy 0 and client 0 are cut
off from the others. Under Raft, under primary–backup whose primary waits for both backups or for none, and where copies
only become equal in the end, each client reads and writes one key ten times a second.

Expected: no store can answer on both sides and be linearizable (Gilbert & Lynch, "Brewer's conjecture and the
feasibility of consistent, available, partition-tolerant web services", SIGACT News 33(2), 2002). Raft's majority goes
on after an election, and client 0 waits. A synchronous primary on the wrong side stops all until the master has another
take its place. Without waiting it goes on answering client 0, beside the new primary: what it has acknowledged is lost
when the cut heals. Eventual copies answer everybody, each side with what it knows.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes
from simcluster.experiment import Experiment
from simcluster.faults import PartitionNetwork
from simcluster.measurement.checkers import linearizability
from simcluster.measurement.checkers.models import Register
from simcluster.measurement.histories import History
from simcluster.measurement.operations import operation_columns
from simcluster.replication import Eventual, Mix, PrimaryBackup, Raft, ReplicatedStore, Views
from simcluster.report import COLOURS, figure, seeds_in_words
from simcluster.scenario import Result
from simcluster.sweep import Label, Seeded

CUT_S, HEAL_S, END_S = 1.0, 3.0, 4.0
PER_S = 10.0
VIEWS = Views(master="master")
SCHEMES: dict[str, Any] = {
    "Raft": Raft(),
    "backups, synchronous": PrimaryBackup(views=VIEWS),
    "backups, asynchronous": PrimaryBackup(views=VIEWS, backups=0),
    "eventual": Eventual(),
}
SMALL = ("Raft", "eventual")
CLIENTS = 3


def scenario(scheme: str) -> Scenario:
    """One scheme, cut and healed."""
    machines = (*nodes("copy", CLIENTS), *nodes("client", CLIENTS), NodeSpec(name="master"))
    return Scenario(
        cluster=ClusterSpec(nodes=machines),
        job=ReplicatedStore(
            scheme=SCHEMES[scheme],
            replicas=tuple(f"copy-{place}" for place in range(CLIENTS)),
            clients=tuple(f"client-{place}" for place in range(CLIENTS)),
            workload=Mix(operations=int(END_S * PER_S), per_s=PER_S),
            timeout_s=0.5,
        ),
        faults=(PartitionNetwork(groups=(("copy-0", "client-0"),), begin_s=CUT_S, end_s=HEAL_S),),
        horizon_s=30.0,
        trace_kinds=("invoke", "complete"),
    )


def scenarios(small: bool = False) -> dict[Label, Seeded]:
    """One scenario for each scheme; the small version has two."""
    return {scheme: scenario(scheme) for scheme in (SMALL if small else SCHEMES)}


def measure(result: Result) -> list[dict[str, Any]]:
    """Each operation: its client, when it began and ended, how; and whether all of them are linearizable."""
    verdict = linearizability(History.of(result.trace), Register()).verdict
    who = {row["operation"]: row["value"] for row in result.trace.rows("invoke")}
    rows = pd.DataFrame(operation_columns(result.trace))
    client_of = _clients(result)
    return [
        {
            "client": client_of[row["operation"]],
            "begin_s": row["begin_s"],
            "latency_s": row["latency_s"],
            "status": row["status"],
            "wrote": who[row["operation"]] is not None,
            "verdict": verdict,
        }
        for row in rows.to_dict("records")
    ]


def _clients(result: Result) -> dict[int, int]:
    """Which client began each operation: a process that does not know what became of one begins anew as another."""
    client_of_process: dict[int, int] = {}
    unknown = {row["operation"] for row in result.trace.rows("complete") if row["status"] == "info"}
    ends = {row["operation"]: row["time_s"] for row in result.trace.rows("complete")}
    free: list[tuple[float, int]] = []
    found: dict[int, int] = {}
    for row in result.trace.rows("invoke"):
        process, operation = row["process"], row["operation"]
        if process not in client_of_process:
            client_of_process[process] = process if process < CLIENTS else min(free)[1]
            free = [each for each in free if each[1] != client_of_process[process]]
        found[operation] = client_of_process[process]
        if operation in unknown:
            free.append((ends[operation], client_of_process[process]))
    return found


def score(table: pd.DataFrame) -> pd.DataFrame:
    """The share of the operations due while the cluster was cut that had no answer by the time it healed."""
    during = (table["begin_s"] > CUT_S - 0.5 / PER_S) & (table["begin_s"] + table["latency_s"] < HEAL_S)
    answered = ((table["status"] == "ok") & during).groupby([table["seed"], table["scheme"]], sort=False).sum()
    return (100 * (1 - answered / (CLIENTS * PER_S * (HEAL_S - CUT_S)))).unstack("scheme")


STATUS_COLOURS = {"ok": COLOURS[2], "info": COLOURS[1], "fail": "0.6"}


def draw(table: pd.DataFrame) -> Figure:
    """A line for each client, on it each operation from its beginning to its end, of the first seed."""
    seed = table["seed"].iloc[0]
    schemes = list(table["scheme"].unique())
    drawn, panels = figure(
        "What do clients see while a cluster is cut in two?",
        "time (s)",
        "client (0 is cut off in the grey time)",
        subtitle="each stroke is an operation, writes are thick: green was answered, grey and orange were not; "
        f"{seeds_in_words(table['seed'][:1])}",
        panels=schemes,
    )
    for axes, scheme in zip(panels, schemes, strict=True):
        rows = table[(table["scheme"] == scheme) & (table["seed"] == seed)]
        axes.axvspan(CUT_S, HEAL_S, color="0.92")
        for row in rows.to_dict("records"):
            ends_s = row["begin_s"] + max(row["latency_s"], 0.03)
            colour, width = STATUS_COLOURS[row["status"]], 18 if row["wrote"] else 7
            span_s = (row["begin_s"], ends_s)
            axes.plot(span_s, (row["client"],) * 2, solid_capstyle="butt", color=colour, linewidth=width)
        axes.set_yticks(range(CLIENTS))
        axes.set_ylim(-0.6, CLIENTS - 0.4)
        axes.set_xlim(0, END_S + 1)
        promised = "linearizable" if rows["verdict"].iloc[0] == "valid" else "not linearizable"
        axes.text(0.02, 0.97, promised, transform=axes.transAxes, va="top", fontsize=12)
    return drawn


experiment = Experiment(
    name="partition_and_heal",
    question="What do clients see while a cluster is cut in two?",
    labels=("scheme",),
    scenarios=scenarios,
    measure=measure,
    figure=draw,
    score=score,
    quantity="operations due while the cluster was cut that it left without an answer",
    unit="%",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
