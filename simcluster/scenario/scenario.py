"""Scenario: cluster, job, faults and limits, frozen; with a seed it gives a result."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from copy import deepcopy
from typing import Literal

from pydantic import model_validator

from simcluster.cluster import Cluster, ClusterSpec, check_job, start
from simcluster.engine import Count, Environment, Event, Positive, Spec, Trace, named_by
from simcluster.faults import AnyFault, Fault, Injector
from simcluster.records import check_kinds
from simcluster.scenario.shown import differences, table
from simcluster.together import AnyJob


class Scenario(Spec):
    """All that decides a run but its seed.

    Faults that depend on the seed are drawn by whoever makes the scenario (``draw_crashes``), before the run.
    """

    cluster: ClusterSpec
    """The machines, and the network between them."""
    job: AnyJob
    """What the cluster runs."""
    faults: tuple[AnyFault, ...] = ()
    """What goes wrong, and when."""
    horizon_s: Positive = 3600.0
    """When a run ends that does not end by itself, in simulated seconds."""
    trace_kinds: tuple[str, ...] | None = None
    """Which kinds of records are kept (``None``: all)."""
    uncaught_failure: Literal["raise", "end_program", "crash_node"] = "raise"
    """What a failure of the simulated world does that a program does not catch: it is raised by ``run``, or ends the
    program, with all that it spawned, as that of a real machine would, or crashes its node. A restart boots it anew."""
    events_per_instant: Count = 10**6
    """How many events may happen while time stands still; more are a livelock, which ``run`` raises.

    Some thousand more are let happen, to find out who it is.
    """

    @model_validator(mode="after")
    def _all_that_is_named_is_there(self) -> Scenario:
        if isinstance(self.job, Spec):
            self.cluster.check_names(self.job)
        check_job(self.job, self.cluster)
        if self.trace_kinds is not None:
            check_kinds(self.trace_kinds, self.job, *self.faults)
        for fault in self.faults:
            fault.check(self.cluster)
        if any(what == "program" for fault in self.faults for _, what, _ in named_by(fault)):
            # Which programs there are is known when the job has started, on a cluster that never runs.
            env = Environment()
            started(self, 0, env, Trace(env, ()))[1].check_programs()
        return self

    @property
    def digest(self) -> str:
        """The fingerprint of all its fields: two scenarios that differ anywhere differ in it.

        Raises ``ValueError`` for a part that cannot be written to a file, such as a closure; it says which.
        """
        return hashlib.blake2b(self.model_dump_json().encode(), digest_size=16).hexdigest()

    def __str__(self) -> str:
        """What differs from the defaults, a line for each field."""
        rows = list(differences(self))
        width = max(len(path) for path, _ in rows)
        return "\n".join(["Scenario", *(f"  {path:<{width}}  {said}" for path, said in rows)])

    def _repr_html_(self) -> str:
        """What differs from the defaults, as a table of a notebook."""
        return table("Scenario: what differs from the defaults", differences(self))

    def under(self, faults: Sequence[Fault]) -> Scenario:
        """The same scenario under these faults instead of its own."""
        if isinstance(faults, Fault):
            raise ValueError(f"faults must be several, or one in a list: write under([…]), got {faults!r}")
        return self.replace(faults=tuple(faults))


def started(scenario: Scenario, seed: int, env: Environment, trace: Trace) -> tuple[Cluster, Injector, Event]:
    """A cluster on which the job has started, its faults to come, and the event of its end."""
    cluster = Cluster(env, scenario.cluster, seed, trace)
    injector = Injector(cluster, scenario.faults)
    # A copy, so that what a strategy remembers of one run is not there in the next.
    done = start(deepcopy(scenario.job), cluster, seed)
    return cluster, injector, done
