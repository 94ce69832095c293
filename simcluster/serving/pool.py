"""The servers of a service: which of them run, and which replicas of a shard the front end may ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simcluster.cluster import Cluster
from simcluster.engine import Environment, Event, fire
from simcluster.serving.protocols import ReplicaView

if TYPE_CHECKING:
    from simcluster.serving.job import ServiceJob


class Replicas:
    """The replicas of one shard, as the front end knows them.

    ``active`` are those that run, ``candidates`` those that are asked first: they are not suspected, unless all are.
    Both are in the order of the job's servers, and made anew only when something changes.
    """

    __slots__ = ("active", "by_name", "candidates", "views", "wanted")

    def __init__(self, views: list[ReplicaView]) -> None:
        self.views = views
        self.wanted: Event | None = None  # what happens when there is one that runs, if none does
        self.refresh()

    def some(self, env: Environment) -> Event:
        """What happens when there is one that runs, if none does."""
        if self.wanted is None:
            self.wanted = Event(env)
        return self.wanted

    def refresh(self) -> None:
        """Somebody is suspected, or no longer, or runs, or no longer."""
        self.active = tuple(view for view in self.views if view.state == "active")
        self.candidates = tuple(view for view in self.active if not view.suspected) or self.active
        self.by_name = {view.name: view for view in self.candidates}
        if self.active and self.wanted is not None:
            wanted, self.wanted = self.wanted, None
            fire(wanted)


class Pool:
    """The servers that there are: what starts and stops them is outside the cluster, and no crash forgets it.

    Each is "active" (it gets requests), "starting" (it will), "draining" (it has some to answer, and gets no more) or
    "off": its program does not run. ``views`` are the front end's, by name, in the order of the job's servers.
    """

    def __init__(self, cluster: Cluster, job: ServiceJob) -> None:
        self.job = job
        self._cluster = cluster
        self._record = cluster.trace.recorder("server", "node", "state")
        self._changed: Callable[[str], object] = lambda name: None
        self._starts: dict[str, int] = {}  # how often each has been told to start
        specs = {machine.name: machine for machine in cluster.spec.machines}
        self._zones = {name: specs[name].zone for name in job.servers}
        self.views = self._new_views()
        if job.autoscaler is not None:
            on = job.autoscaler.at_start(job.replicas)
            if not 1 <= on <= job.replicas:
                raise ValueError(f"at_start must be within [1, {job.replicas}], the replicas of a shard, got {on}")
            for place, name in enumerate(job.servers):
                if place % job.replicas >= on:
                    self._off(name)

    def opened(self, changed: Callable[[str], object]) -> dict[str, ReplicaView]:
        """The views of a front end that begins, which knows of no requests; ``changed`` is told whose state changes."""
        states = {name: view.state for name, view in self.views.items()}
        self.views, self._changed = self._new_views(), lambda name: None
        for name, state in states.items():
            self.views[name].state = state
            self.settle(self.views[name])
        self._changed = changed
        return self.views

    def shard(self, number: int) -> list[ReplicaView]:
        """The replicas of a shard, whatever their state."""
        job = self.job
        return [self.views[name] for name in job.servers[number * job.replicas : (number + 1) * job.replicas]]

    def start(self, name: str, cold_start_s: float = 0.0) -> None:
        """Let a server run that is off, after ``cold_start_s``; one that drains is active again at once."""
        view = self.views[name]
        if view.state == "draining":
            self._turn(name, "active")
        elif view.state == "off":
            self._turn(name, "starting")
            self._starts[name] = self._starts.get(name, 0) + 1
            self._cluster.env.call_later(cold_start_s, self._started, (name, self._starts[name]))

    def drain(self, name: str) -> None:
        """Give a server no more requests, and stop it when it has answered those that it has."""
        view = self.views[name]
        if view.state == "active":
            self._turn(name, "draining")
            self.settle(view)
        elif view.state == "starting":
            self._turn(name, "off")

    def stop(self, name: str) -> None:
        """Stop a server now, whatever it has to answer."""
        if self.views[name].state == "starting":
            self._turn(name, "off")
        elif self.views[name].state != "off":
            self._off(name)

    def settle(self, view: ReplicaView) -> None:
        """A server that drains stops when nothing is outstanding."""
        if view.state == "draining" and not view.outstanding:
            self._off(view.name)

    def _started(self, told: tuple[str, int]) -> None:
        name, start = told
        if self.views[name].state == "starting" and self._starts[name] == start:
            self._cluster[name].revive(f"{self.job.name}.server")
            self._turn(name, "active")

    def _off(self, name: str) -> None:
        self._turn(name, "off")
        self._cluster[name].kill(f"{self.job.name}.server")

    def _turn(self, name: str, state: str) -> None:
        self.views[name].state = state  # type: ignore[assignment]
        self._record(name, state)
        self._changed(name)

    def _new_views(self) -> dict[str, ReplicaView]:
        return {name: ReplicaView(name, zone) for name, zone in self._zones.items()}
