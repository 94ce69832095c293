"""A replicated parameter server: one server serves, the others have its state, and one of them takes its place."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from simcluster.cluster import UNANSWERED, Cluster, Message, Node
from simcluster.engine import NodeName, Period, Program, Spec
from simcluster.recovery import AnyDetector, Heartbeats
from simcluster.training.exchange.servers.worker import work
from simcluster.training.exchange.surviving.replica import replicate
from simcluster.training.training import Training

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class ReplicatedServer(Spec):
    """A parameter server with backups: the first of ``servers`` serves, and when it is suspected the next does.

    (Primary and backups: Budhiraja, Marzullo, Schneider & Toueg, in "Distributed Systems", 1993, chapter 8; terms in
    turn: Oki & Liskov, "Viewstamped replication", PODC 1988.) After each step who serves sends its state, as large as
    a checkpoint, to every server that it does not suspect, and lets workers hear of the step when they have it; so a
    server that takes over goes on from the last step that anybody knows of, and of s servers s − 1 may be gone for
    good. A worker that has heard nothing for ``retry_s``, twice, asks the next server, and is told who serves.

    A suspicion that is wrong lets two servers serve until one of them hears of the other's later term. No contribution
    counts that was computed at parameters of another history, and the longest history is the one that stays: this costs
    time, and under synchronous training no bit, for each history is the same. A server that comes back asks the others.
    When all are gone at once, training begins anew, or from what ``recovery`` has kept.
    """

    kind: Literal["replicated_server"] = "replicated_server"
    servers: Annotated[tuple[NodeName, ...], Field(min_length=2)]
    """The nodes that may hold the parameters, in the order in which they take over; none of the workers."""
    detector: AnyDetector = Heartbeats()
    """By which servers suspect each other of being gone."""
    retry_s: Period = 1.0
    """After how long a request that is refused or not answered is repeated, by a worker at the next server."""

    def start(self, training: Training, cluster: Cluster) -> None:
        """Boot the servers and the workers."""
        name = training.job.name
        for place, server in enumerate(self.servers):
            program = partial(replicate, exchange=self, training=training, place=place)
            cluster[server].boot(program, f"{name}.server")
        for index, worker in enumerate(training.job.workers):
            program = partial(work, exchange=self, training=training, index=index)
            cluster[worker].boot(program, f"{name}.worker")
        for server in self.servers:
            others = [other for other in self.servers if other != server]
            self.detector.start(cluster, f"{name}.server", server, others, training.done)

    def asks(self, kind: str) -> ToWhoServes:
        """How a worker finds who serves."""
        return ToWhoServes(self, kind)

    def refuses(self, job: TrainingJob) -> str | None:
        """Servers compute no contributions, and their detector is another one."""
        both = [server for server in self.servers if server in job.workers]
        if both or len(set(self.servers)) < len(self.servers):
            return f"servers must differ, and be none of the workers, got {list(self.servers)}"
        if job.detector is not None:
            rule = f"detector must be None with {self.kind}, where no server stays to hear workers' hearts"
            return f"{rule}; that of servers is a field of exchange, got {job.detector!r}"
        return None


class ToWhoServes:
    """A worker's requests: it stays with a server that answers, and asks the next when none comes or is told so.

    A server that has answered is asked once more before, for messages are lost more often than servers are.
    """

    def __init__(self, exchange: ReplicatedServer, kind: str) -> None:
        self._exchange, self._kind, self._place, self._has_answered = exchange, kind, 0, False

    def __call__(self, node: Node, body: Any) -> Program:
        """The reply of the server that serves to this."""
        servers, retry_s, told = self._exchange.servers, self._exchange.retry_s, False
        while True:
            try:
                reply: Message = yield node.request(servers[self._place], self._kind, body, timeout_s=retry_s)
            except UNANSWERED as failure:
                if failure.definite or not self._has_answered:
                    self._place = (self._place + 1) % len(servers)
                self._has_answered = told = False
                if failure.definite:  # which took no time
                    yield node.timer(retry_s)
                continue
            if not isinstance(reply.body, int):
                self._has_answered = True
                return reply
            if told:  # twice, by servers that do not agree yet
                yield node.timer(retry_s)
            self._place, self._has_answered, told = reply.body % len(servers), False, True
