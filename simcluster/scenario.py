"""Scenario: cluster, job, faults and limits, frozen; with a seed it gives a result."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pydantic import model_validator
from simpy.core import StopSimulation

from simcluster.cluster import Cluster, ClusterSpec, Ending, check_job, deadlock, horizon, own_lines, run_checked, start
from simcluster.engine import Environment, Event, Positive, Spec, Trace, check_whole, idle, named_by
from simcluster.faults import AnyFault, Fault, Injector
from simcluster.records import check_kinds
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
    """Which kinds of records are kept (``None``: all).

    A word must be a kind that the library records, or that a part of one's own says in ``records``. Where such a part
    does not say what it records, any word will do that is not nearly a known one.
    """

    @model_validator(mode="after")
    def _all_that_is_named_is_there(self) -> Scenario:
        latency_s = self.cluster.network.latency.mean
        if latency_s > self.horizon_s:
            rule = f"horizon_s must be at least the mean latency of the network, {latency_s} s"
            raise ValueError(f"{rule}: times are seconds, got {self.horizon_s}")
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
            _started(self, 0, env, Trace(env, ()))[1].check_programs()
        return self

    @property
    def digest(self) -> str:
        """The fingerprint of all its fields: two scenarios that differ anywhere differ in it.

        Raises ``ValueError`` for a part that cannot be written to a file, such as a closure; it says which.
        """
        return hashlib.blake2b(self.model_dump_json().encode(), digest_size=16).hexdigest()

    def under(self, faults: Sequence[Fault]) -> Scenario:
        """The same scenario under these faults instead of its own."""
        return self.replace(faults=tuple(faults))


@dataclass(frozen=True)
class Result:
    """What a run gave.

    ``ended`` is "finished" (the job is over), "horizon" (time ran out) or "deadlock" (nothing was left that could
    happen before the horizon); printed it says also who waits for what, see ``Ending``. ``ended_s`` is when, in
    simulated seconds. ``outcome`` is the job's own, ``None`` unless it finished. ``backlog`` says how much waits at
    each node where anything does (messages in its inbox, computations, operations of its disk, what a pause holds
    back) and, as "network", how many messages wait at interfaces or are held: a queue that grows without bound shows
    here.
    """

    scenario: Scenario
    seed: int
    trace: Trace
    outcome: Any
    ended: Ending
    ended_s: float
    faults_never_begun: tuple[Fault, ...]
    backlog: dict[str, int]

    @property
    def digest(self) -> str:
        """The fingerprint of the trace: the same scenario and seed always give the same."""
        return self.trace.digest()


@own_lines
def run(scenario: Scenario, seed: int, *, check: bool = False) -> Result:
    """Run ``scenario`` under ``seed`` until its job is over or its horizon is reached.

    Raises ``ValueError`` for a seed that is no whole number of at least 0. With ``check`` every invariant of the
    cluster is asserted after each event (slow, for tests); it raises ``InvariantBroken``. An error inside a program of
    the job is raised as it is.
    """
    check_whole("seed", seed)
    env = Environment()
    trace = Trace(env, scenario.trace_kinds)
    cluster, injector, done = _started(scenario, seed, env, trace)
    for end in (done, env.timeout(scenario.horizon_s)):
        end.callbacks.append(StopSimulation.callback)
    if check:
        run_checked(cluster)
    else:
        env.run()
    if done.triggered:
        ended = Ending("finished")
    else:
        ended = deadlock(cluster) if idle(env) else horizon(cluster, scenario.horizon_s)
    return Result(
        scenario=scenario,
        seed=seed,
        trace=trace,
        outcome=done.value if done.triggered else None,
        ended=ended,
        ended_s=env.before_s if ended == "deadlock" else env.now,  # not the horizon, at which it was noticed
        faults_never_begun=injector.never_begun,
        backlog=_backlog(cluster),
    )


def _started(scenario: Scenario, seed: int, env: Environment, trace: Trace) -> tuple[Cluster, Injector, Event]:
    """A cluster on which the job has started, its faults to come, and the event of its end."""
    cluster = Cluster(env, scenario.cluster, seed, trace)
    injector = Injector(cluster, scenario.faults)
    # A copy, so that what a strategy remembers of one run is not there in the next.
    done = start(deepcopy(scenario.job), cluster, seed)
    return cluster, injector, done


def _backlog(cluster: Cluster) -> dict[str, int]:
    waiting = Counter({name: node.waiting for name, node in cluster.nodes.items()})
    waiting["network"] += cluster.network.waiting
    return {name: count for name, count in waiting.items() if count}
