"""The servers of a service: each computes what it is asked, at once or when its queue lets it."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Hashable
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any

from simcluster.cluster import Message, Node, Overloaded
from simcluster.engine import Event
from simcluster.serving.keys import key_of
from simcluster.serving.latencies import Latencies

if TYPE_CHECKING:
    from simcluster.serving.job import ServiceJob


def serve(node: Node, *, job: ServiceJob, shard: Any) -> Generator[Event, Any, None]:
    """A server: every query is a computation of its own, so they queue for the cores in order of arrival."""
    if (load := getattr(job.service, "load", None)) is not None:
        shard = yield from load(node, shard)
    server = (_Server if turns_away(job) else _Counting if hasattr(job.balancer, "run") else _Plain)(node, job, shard)

    def probed(message: Message) -> None:
        node.reply(message, (server.requests, server.latencies.expected_s(server.requests)))

    take, cancel = server.take, server.cancel
    yield node.listen({f"{job.name}.ask": take, f"{job.name}.probe": probed, f"{job.name}.cancel": cancel})


def turns_away(job: ServiceJob) -> bool:
    """Whether a server may answer that it does not: then a reply is (whether it does, the answer), else the answer."""
    return job.queue is not None or (job.cache is not None and job.cache_at == "servers")


class _Plain:
    """Computes each request as it comes."""

    __slots__ = ("_answer", "_compute_reply", "_node", "_shard", "latencies", "requests")

    def __init__(self, node: Node, job: ServiceJob, shard: Any) -> None:
        self.requests = 0  # that it has and has not answered, where somebody may ask
        self.latencies = Latencies()
        self._node = node
        self._answer = job.service.answer
        self._shard = shard
        self._compute_reply = node.compute_reply

    def take(self, message: Message) -> None:
        """A request has come."""
        self._compute_reply(message, self._answer(self._shard, message.body))

    def cancel(self, message: Message) -> None:
        """Nobody wants an answer any more; what computes goes on."""


class _Counting(_Plain):
    """Also says, to whoever probes it, how many requests it has and how long they take."""

    __slots__ = ()

    def take(self, message: Message) -> None:
        """A request has come."""
        done = self._node.compute(self._answer(self._shard, message.body))
        done.callbacks.append(partial(self._reply, message, self._node.env.now, self.requests))
        self.requests += 1

    def _reply(self, message: Message, came_s: float, before: int, done: Event) -> None:
        self.requests -= 1
        self.latencies.add(before, self._node.env.now - came_s)
        self._node.reply(message, done._value)


class Request:
    """A request that a server has, since ``came_s``, when it had ``before`` others; ``reject`` it to turn it away.

    ``deadline_s`` is when nobody wants its answer any more, those included who have asked for the same since, ``None``
    where one does not say; ``ident`` is what it is
    cancelled by, and ``twin`` the server that has the same, of which only one is needed.
    """

    __slots__ = ("_server", "before", "body", "came_s", "deadline_s", "ident", "key", "message", "twin")

    def __init__(self, server: _Server, message: Message, came_s: float, carries: bool) -> None:
        self._server = server
        self.before = server.requests
        self.message = message
        self.came_s = came_s
        self.key: Hashable = None
        self.body: Any = message.body
        self.ident: int = message.id
        self.deadline_s: float | None = None
        self.twin: str | None = None
        if carries:
            self.body, self.ident, self.deadline_s, self.twin = message.body

    def reject(self, cause: str = Overloaded.cause) -> None:
        """Turn it away: the call fails with ``Overloaded`` for this cause."""
        self._server.reject(self, cause)


class _Server:
    """Has a queue of its own before its cores, a cache before that, or both."""

    def __init__(self, node: Node, job: ServiceJob, shard: Any) -> None:
        self.requests = 0
        self.latencies = Latencies()
        self._node = node
        self._job = job
        self._carries = job.carries
        self._cancel_kind = f"{job.name}.cancel"
        self._shard = shard
        self._queue = deepcopy(job.queue)
        self._cache = deepcopy(job.cache) if job.cache_at == "servers" else None
        self._key = getattr(job.service, "key", None)
        self._free = job.concurrency or node.spec.cores
        self._waiting: deque[Request] = deque()
        self._same: dict[Hashable, list[Request]] = {}  # who asks for the same: the first is computed
        self._record = node.cluster.trace.recorder("cache", "node", "hit")
        self._record_shed = node.cluster.trace.recorder("shed", "node", "message", "cause")
        self._process = node.env.active_process

    def take(self, message: Message) -> None:
        """A request has come."""
        now_s = self._node.env.now
        request = Request(self, message, now_s, self._carries)
        self.requests += 1
        if self._cache is not None:
            request.key = (self._key or key_of)(request.body)
        if self._cache is not None and self._is_cached(request, now_s):
            return
        if self._queue is None:
            self._compute(request)
            return
        self._queue.arrive(request, self._waiting, self._free, now_s)
        self._go_on()

    def cancel(self, message: Message) -> None:
        """Nobody wants an answer to this request: turn it away, if it still waits."""
        ident = message.body
        for request in self._waiting:
            if request.ident == ident:
                if len(self._same.get(request.key, ())) < 2:  # else others wait for its answer
                    self._waiting.remove(request)
                    request.reject("withdrawn")
                return

    def reject(self, request: Request, cause: str) -> None:
        """Turn a request away, and those that wait for the same answer."""
        self._record_shed(self._node.name, request.message.id, cause)
        self.reply(request, (False, cause))

    def reply(self, request: Request, body: tuple[bool, Any]) -> None:
        """Answer a request, and those that wait for the same answer."""
        now_s = self._node.env.now
        for each in self._same.pop(request.key, None) or (request,):
            self.requests -= 1
            if body[0]:
                self.latencies.add(each.before, now_s - each.came_s)
            self._node.reply(each.message, body)

    def _is_cached(self, request: Request, now_s: float) -> bool:
        """Whether there is an answer, or will be."""
        assert self._cache is not None
        waits = self._same.get(request.key)
        if waits is not None:
            waits.append(request)
            waits[0].deadline_s = _later(waits[0].deadline_s, request.deadline_s)
            return True
        try:
            answer = self._cache.get(request.key, now_s)
        except KeyError:
            self._record(self._node.name, False)
            if self._cache.coalesces:
                self._same[request.key] = [request]
            return False
        self._record(self._node.name, True)
        self.reply(request, (True, answer))
        return True

    def _go_on(self) -> None:
        while self._free and self._waiting:
            assert self._queue is not None
            request = self._queue.choose(self._waiting, self._node.env.now)
            if request is None:
                return
            self._free -= 1
            if request.twin is not None:
                self._node.send(request.twin, self._cancel_kind, request.ident)
            self._compute(request)

    def _compute(self, request: Request) -> None:
        call = self._job.service.answer(self._shard, request.body)
        done = self._node.compute(call, self._process)
        done.callbacks.append(partial(self._computed, request))

    def _computed(self, request: Request, done: Event) -> None:
        if self._cache is not None:
            self._cache.put(request.key, done._value, self._node.env.now)
        self.reply(request, (True, done._value))
        if self._queue is not None:
            self._free += 1
            self._go_on()


def _later(one_s: float | None, other_s: float | None) -> float | None:
    """Of two deadlines the one that both have kept, of which ``None`` is never over."""
    return None if one_s is None or other_s is None else max(one_s, other_s)
