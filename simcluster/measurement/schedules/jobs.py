"""The jobs of a stream: how long each took beside what it had to take, how fair that was, and who was late."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from simcluster.measurement.schedules.bounds import Machine, lower_bounds

if TYPE_CHECKING:
    import networkx as nx

Row = Mapping[str, Any]
THRESHOLD_S = 10.0
"""Below which a job counts as so long in a bounded slowdown: Feitelson's ten seconds."""


class JobRun(NamedTuple):
    """A job of a stream: ``end_s`` is that of its last task (infinite while one is not done).

    ``least_s`` is what it takes at least, alone on all machines, by its lower bounds.
    """

    job: str
    user: str
    release_s: float
    end_s: float
    least_s: float
    deadline_s: float

    @property
    def sojourn_s(self) -> float:
        """From its release to its end."""
        return self.end_s - self.release_s


def jobs(rows: Iterable[Row], graph: nx.DiGraph[Any], machines: Sequence[Machine]) -> list[JobRun]:
    """What became of each job of ``graph``, in its order, from "task_end" records. Tasks without a ``job`` are of none.

    A job is released with the first of its tasks; its deadline is the earliest of them.
    """
    ends: dict[str, float] = {}
    for row in rows:
        if row["kind"] == "task_end":
            ends.setdefault(row["task"], row["time_s"])
    members: dict[str, list[str]] = {}
    for name, node in graph.nodes.items():
        if node["task"].job:
            members.setdefault(node["task"].job, []).append(name)
    return [_job(job, names, ends, graph, machines) for job, names in members.items()]


def _job(
    job: str, names: Sequence[str], ends: Mapping[str, float], graph: nx.DiGraph[Any], machines: Sequence[Machine]
) -> JobRun:
    tasks = [graph.nodes[name]["task"] for name in names]
    release_s = min(task.release_s for task in tasks)
    end_s = max(ends.get(name, math.inf) for name in names)
    least_s = lower_bounds(graph.subgraph(names), machines).makespan_s - release_s
    return JobRun(job, tasks[0].user, release_s, end_s, least_s, min(task.deadline_s for task in tasks))


def slowdown(job: JobRun) -> float:
    """How many times as long as it had to a job took; 1 for one that takes no time and was done at once."""
    if job.least_s > 0:
        return job.sojourn_s / job.least_s
    return 1.0 if job.sojourn_s == 0 else math.inf


def bounded_slowdown(job: JobRun, threshold_s: float = THRESHOLD_S) -> float:
    """The slowdown, in which jobs shorter than the threshold count as that long, so that they do not weigh all.

    max(1, sojourn / max(least, threshold)): Feitelson, Rudolph, Schwiegelshohn, Sevcik and Wong (1997).
    """
    return max(1.0, job.sojourn_s / max(job.least_s, threshold_s))


def jain(shares: Iterable[float]) -> float:
    """Jain's index of fairness: (Σx)² / (n Σx²), 1 where all have the same, 1/n where one has all.

    Source: R. Jain, D.-M. Chiu, W. Hawe, "A quantitative measure of fairness and discrimination for resource allocation
    in shared computer systems", DEC-TR-301, 1984. Raises ``ValueError`` for none, and for a share that is negative or
    not finite. All zeros are the same.
    """
    given = [float(share) for share in shares]
    if not given or not all(0 <= share < math.inf for share in given):
        raise ValueError(f"shares must be finite and at least 0, and not none, got {given}")
    most = max(given)
    if most == 0:
        return 1.0
    scaled = [share / most for share in given]  # whose squares neither overflow nor vanish
    return math.fsum(scaled) ** 2 / (len(scaled) * math.fsum(share**2 for share in scaled))


def fairness(ran: Iterable[JobRun]) -> float:
    """Jain's index over users of the speed that each had: the mean over their jobs of least / sojourn.

    A job that is not done had none. NaN without a job.
    """
    speeds: dict[str, list[float]] = {}
    for job in ran:
        speeds.setdefault(job.user, []).append(1 / slowdown(job))
    if not speeds:
        return math.nan
    return jain(math.fsum(each) / len(each) for each in speeds.values())


def deadline_misses(ran: Iterable[JobRun]) -> int:
    """How many jobs have a deadline and were not done by it."""
    return len([job for job in ran if job.end_s > job.deadline_s])
