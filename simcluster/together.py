"""Several jobs on one cluster."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from simpy.events import AllOf

from simcluster.cluster import Cluster, ClusterSpec, Ending, Job, Ran, check_job, start
from simcluster.engine import Environment, Event, Open, Spec, Trace
from simcluster.learning import MissingFile
from simcluster.replication import LockedCounter, ReplicatedStore, ShardedStore
from simcluster.scheduling import DecentralisedJob, TaskGraphJob
from simcluster.serving import NearestNeighbourBatch, NearestNeighbourService, OnlineLearning, ServiceJob
from simcluster.training import KMeansSeeding, PipelineTraining, TrainingJob


class Together(Spec):
    """Jobs that share a cluster, each beginning as it would alone under the same seed; the end is that of the last.

    The event's value is the tuple of their outcomes. Their names tell their programs and messages apart.
    """

    kind: Literal["together"] = "together"
    jobs: Annotated[tuple[AnyJob, ...], Field(min_length=1)]
    """What runs."""

    @property
    def records(self) -> tuple[str, ...]:
        """The kinds of records that they make."""
        return tuple(dict.fromkeys(kind for job in self.jobs for kind in getattr(job, "records", ())))

    @model_validator(mode="after")
    def _names_differ(self) -> Together:
        names = [job.name for job in self.jobs if hasattr(job, "name")]
        if len(set(names)) < len(names):
            raise ValueError(f"the names of jobs must differ, got {names}")
        return self

    def check(self, cluster: ClusterSpec) -> None:
        """Raise ``ValueError`` where one of the jobs does, and where they cannot start beside each other."""
        for job in self.jobs:
            check_job(job, cluster)
        env = Environment()
        try:  # on a cluster that never runs
            deepcopy(self).start(Cluster(env, cluster, 0, Trace(env, ())), 0)
        except MissingFile:
            return  # it may be there where this is run
        except ValueError as error:
            rule = "jobs must start beside each other, each with names and stores of its own"
            raise ValueError(f"{rule}: {error}") from None

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Start them all."""
        done = cluster.env.event()
        ends = [start(job, cluster, seed) for job in self.jobs]

        def over(_: Event) -> None:
            done.succeed(tuple(end.value for end in ends))

        AllOf(cluster.env, ends).callbacks.append(over)
        return done

    def metrics(self, result: Ran) -> dict[str, Any]:
        """Those of each job, after its name and a dot."""
        return self._of_each(result, "metrics")

    def series(self, result: Ran) -> dict[str, Any]:
        """Those of each job, after its name and a dot."""
        return self._of_each(result, "series")

    def _of_each(self, result: Ran, what: str) -> dict[str, Any]:
        counts = Counter(kind for job in self.jobs for kind in dict.fromkeys(getattr(job, "records", ())))
        apart = Counter(kind for job in self.jobs for kind in getattr(job, "told_apart", ()))
        mixed = [kind for kind, count in counts.items() if count > max(1, apart[kind])]
        trace = result.trace.without(*mixed) if mixed else result.trace
        outcomes = result.outcome or (None,) * len(self.jobs)
        found: dict[str, Any] = {}
        for place, (job, outcome) in enumerate(zip(self.jobs, outcomes, strict=True)):
            asked = getattr(job, what, None)
            name = getattr(job, "name", f"job-{place}")
            if callable(asked):
                given = asked(_Part(outcome, result.ended, result.ended_s, trace, result.seed, result.cluster))
                found |= {f"{name}.{each}": value for each, value in given.items()}
        return found


@dataclass(frozen=True)
class _Part:
    """What one of several jobs had in a run."""

    outcome: Any
    ended: Ending
    ended_s: float
    trace: Trace
    seed: int
    cluster: ClusterSpec


AnyJob = Annotated[
    Job,
    Open(
        Job,
        TrainingJob,
        TaskGraphJob,
        ServiceJob,
        NearestNeighbourService,
        Together,
        PipelineTraining,
        NearestNeighbourBatch,
        KMeansSeeding,
        OnlineLearning,
        ReplicatedStore,
        LockedCounter,
        ShardedStore,
        DecentralisedJob,
    ),
]
"""A job that is here, or one's own; in a file ``kind`` says which."""
Together.model_rebuild()
