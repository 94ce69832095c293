"""The front end of a service: how a query that the world asks comes to its answer."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any

from simcluster.cluster import Failure, Node
from simcluster.cluster.mistakes import explain
from simcluster.cluster.running import forget
from simcluster.engine import Event, Program, stream
from simcluster.serving.draws import Draws
from simcluster.serving.keys import key_of
from simcluster.serving.plain_call import PlainCall
from simcluster.serving.pool import Pool, Replicas
from simcluster.serving.protocols import ReplicaView
from simcluster.serving.resilience.protocols import Guarding
from simcluster.serving.server import turns_away
from simcluster.serving.shard_call import Attempt, Refused, ShardCall
from simcluster.serving.world import Query, World

if TYPE_CHECKING:
    from simcluster.serving.job import ServiceJob


def handle_all(
    node: Node, *, job: ServiceJob, world: World, pool: Pool, seed: int, over: Event
) -> Generator[Event, Any, None]:
    """The front end: each query is handled by itself; who is suspected is watched until the job is ``over``."""
    front = FrontEnd(node, job, world, pool, seed)
    if job.detector is not None:
        node.spawn(job.detector.run(node, f"{job.name}.server", job.servers, front.suspect, over))
    if (run := getattr(front.balancer, "run", None)) is not None:
        node.spawn(run(node, job.name, tuple(pool.views.values())))
    if job.autoscaler is not None:
        node.spawn(job.autoscaler.run(node, pool))
    taken: set[int] = set()
    waiting, kind = world.open, f"{job.name}.query"
    for query in list(waiting.values()):  # what a crash has taken away, or what came before
        taken.add(query.number)
        front.handle(query)
    world.front = None if front.policies or front.guards else front
    while True:
        front.listens = node.receive(kind)
        number = (yield front.listens).body
        if number not in taken and number in waiting:
            taken.add(number)
            front.handle(waiting[number])


class FrontEnd:
    """What the front end remembers, from its start to the next crash.

    A query is a call for each shard: a ``ShardCall``, which is a process, where policies or guards stand around it,
    else a ``PlainCall``.
    """

    def __init__(self, node: Node, job: ServiceJob, world: World, pool: Pool, seed: int) -> None:
        self.node = node
        self.env = node.env
        self.job = job
        self.alive = True
        self.listens: Event = Event(self.env)  # what the program waits for
        self.request = node.request
        self.ask_kind = f"{job.name}.ask"
        self.cancel_kind = f"{job.name}.cancel"
        self.timeout_s = job.timeout_s
        self.generator = stream(seed, "serving", "resilience")
        self.balancer = deepcopy(job.balancer)
        self.policies = deepcopy(job.resilience)
        self.guards: list[tuple[Guarding, str]] = []
        self.cache = deepcopy(job.cache) if job.cache_at == "front_end" else None
        self.carries = job.carries
        self.answers_wrapped = turns_away(job)
        self.pool = pool
        self._world = world
        self._key = getattr(job.service, "key", None)
        self._heard = getattr(self.balancer, "heard", None)
        self._is_simple = self.cache is None and not self.policies and not job.guards and job.shards == 1
        self._merge = job.service.merge
        self._draws = Draws(stream(seed, "serving", "balancer"))
        self._same: dict[Any, list[Query]] = {}  # who waits for the answer that another has asked for
        # By query, where there are several shards: their calls and what has been answered, until all have or one fails.
        self._parts: dict[int, tuple[list[PlainCall | ShardCall], dict[int, Any]]] = {}
        self._record_suspect = node.cluster.trace.recorder("suspect", "node", "suspected")
        trace, record = node.cluster.trace, job.guards or job.resilience
        self._record_attempt = trace.recorder("attempt", "query", "shard", "node", "why") if record else _nothing
        self._record_end = trace.recorder("attempt_end", "query", "shard", "node", "outcome") if record else _nothing
        if job.guards:
            self.guards = [(guard.begin(trace.recorder("guard", "node", "state")), guard.cause) for guard in job.guards]
        self._record_cache = node.cluster.trace.recorder("cache", "node", "hit")
        pool.opened(self._changed)
        self._shard_of = {name: place // job.replicas for place, name in enumerate(job.servers)}
        self.replicas = [Replicas(pool.shard(shard)) for shard in range(job.shards)]
        process = self.env.active_process
        assert process is not None
        process.callbacks.append(self._close)

    def _close(self, process: Event) -> None:
        """The program has been ended: what comes now comes to nobody."""
        self.alive = False

    def take(self, query: Query) -> None:
        """Handle a query that comes while the front end listens, as its program would."""
        try:
            if self._is_simple:
                PlainCall(self, query, query.body if self._key is None else self._key(query.body), 0).attempt()
            else:
                self.handle(query)
        except Exception as error:
            self.explain(error)
            raise

    def explain(self, error: Exception) -> None:
        """Say in an error where it was raised."""
        explain(error, f"{self.job.name}.front_end on {self.node.name}", self.env.now)

    def suspect(self, server: str, suspected: bool) -> None:
        """A server is suspected of being gone, or no longer."""
        self.pool.views[server].suspected = suspected
        self._record_suspect(server, suspected)
        self._changed(server)

    def _changed(self, server: str) -> None:
        if self.alive:
            self.replicas[self._shard_of[server]].refresh()

    def handle(self, query: Query) -> None:
        """Ask one replica of every shard."""
        key = query.body if self._key is None else self._key(query.body)
        if self.cache is not None and self._key is None:
            key = key_of(key)
        if self.cache is not None and self._is_cached(query, key):
            return
        kind = ShardCall if self.policies or self.guards else PlainCall
        calls = [kind(self, query, key, shard) for shard in range(self.job.shards)]
        if len(calls) > 1:
            self._parts[query.number] = calls, {}
        for call in calls:
            if isinstance(call, PlainCall):
                call.attempt()
            else:
                self.node.spawn(self._under_policies(call))

    def choose(self, call: PlainCall | ShardCall) -> ReplicaView:
        """The replica that is asked next: one that this call has not asked yet, if there is one."""
        replicas = self.replicas[call.shard]
        active = replicas.active
        if self.guards:
            active = self._admitted(call.shard, active)
        elif not call.asked:
            return self._one_of(call, replicas.candidates, replicas.by_name)
        left = tuple(view for view in active if view not in call.asked)
        if not left:
            call.asked = []
            left = active
        candidates = tuple(view for view in left if not view.suspected) or left
        return self._one_of(call, candidates, {view.name: view for view in candidates})

    def _admitted(self, shard: int, views: tuple[ReplicaView, ...]) -> tuple[ReplicaView, ...]:
        """Those that all guards admit. Raises ``Refused`` when there is none."""
        now_s = self.env.now
        for guard, cause in self.guards:
            views = tuple(view for view in views if guard.admits(view.name, shard, now_s))
            if not views:
                raise Refused(cause, f"no server of shard {shard} may be asked at {now_s} s: {cause}")
        return views

    def _one_of(
        self, call: PlainCall | ShardCall, candidates: tuple[ReplicaView, ...], by_name: dict[str, ReplicaView]
    ) -> ReplicaView:
        name = self.balancer(call.key, candidates, self._draws)
        try:
            view = by_name.get(name)
        except TypeError:  # what it has returned is no name
            view = None
        if view is not None:
            return view
        raise ValueError(f"balancer must return one of {[view.name for view in candidates]}, got {name!r}")

    def sent(self, call: ShardCall, view: ReplicaView, twin: str | None, ident: int | None) -> Attempt:
        """Send a request of a call under policies or guards. Raises ``Refused`` when a guard admits it no more."""
        now_s, body, number = self.env.now, call.query.body, call.query.number
        for guard, cause in self.guards:
            if not guard.admits(view.name, call.shard, now_s):
                raise Refused(cause, f"{view.name} may not be asked at {now_s} s: {cause}")
        if self.carries:
            if ident is None:
                ident = self.node.cluster.network.new_id()
            body = (body, ident, call.deadline_s, twin)
        view.outstanding += 1
        for guard, _ in self.guards:
            guard.sent(view.name, call.shard, now_s)
        self._record_attempt(number, call.shard, view.name, call.why)
        reply = self.node.request(view.name, self.ask_kind, body, timeout_s=call.timeout_s)
        return Attempt(view, now_s, reply, reply.message.id if ident is None else ident)

    def ended(self, call: ShardCall, attempt: Attempt, outcome: str) -> None:
        """An attempt is over: "answered", "cancelled", or the cause of its failure."""
        view, now_s = attempt.view, self.env.now
        del call.open[attempt.ident, view.name]
        self.released(view, attempt.sent_s if outcome == "answered" else None)
        for guard, _ in self.guards:
            guard.ended(view.name, call.shard, now_s, attempt.sent_s, outcome)
        self._record_end(call.query.number, call.shard, view.name, outcome)

    def withdraw(self, call: ShardCall, attempt: Attempt) -> None:
        """Nobody awaits an attempt any more, for another was faster."""
        self.ended(call, attempt, "cancelled")
        forget(self.node, attempt.reply)
        self.cancel(attempt)

    def cancel(self, attempt: Attempt) -> None:
        """Tell a server that has a queue that nobody waits for its answer."""
        if self.job.queue is not None:
            self.node.send(attempt.view.name, self.cancel_kind, attempt.ident)

    def released(self, view: ReplicaView, begin_s: float | None) -> None:
        """A request is outstanding no more; it was answered, and had begun then, unless that is ``None``."""
        view.outstanding -= 1
        now_s = self.env.now
        if begin_s is not None:
            view.latency_s, view.heard_s = now_s - begin_s, now_s
        if self._heard is not None:
            self._heard(view, None if begin_s is None else view.latency_s, now_s)
        if view.state == "draining":
            self.pool.settle(view)

    def answer(self, call: PlainCall | ShardCall, part: Any) -> None:
        """A shard has answered: with the others, that is the answer of the query."""
        if self._is_simple:
            self._world.answer(call.query, self._merge([part]), call.attempts)
            return
        job, query, attempts = self.job, call.query, call.attempts
        if query.number not in self._world.open:
            return
        if job.shards == 1:
            answer = self._merge([part])
        else:
            calls, parts = self._parts[query.number]
            parts[call.shard] = part
            if len(parts) < job.shards:
                return
            del self._parts[query.number]
            answer = self._merge([parts[shard] for shard in range(job.shards)])
            attempts = sum(each.attempts for each in calls)
        self._world.answer(query, answer, attempts)
        if self.cache is not None:
            self.cache.put(call.key, answer, self.env.now)
            for same in self._same.pop(call.key, ()):
                self._world.answer(same, answer, 0)

    def fail(self, call: PlainCall | ShardCall, cause: str) -> None:
        """A call has come to nothing, and so has its query; what other shards still answer is nobody's."""
        calls: Sequence[PlainCall | ShardCall] = (call,)
        if self.job.shards > 1:
            if call.query.number not in self._parts:
                return  # by another shard; who has asked for the same since waits for another call
            calls, _ = self._parts.pop(call.query.number)
        self._world.fail(call.query, cause, sum(each.attempts for each in calls))
        if self.cache is not None:
            for same in self._same.pop(call.key, ()):
                self._world.fail(same, cause, 0)

    def _under_policies(self, call: ShardCall) -> Program:
        ask: Any = call.ask
        for policy in reversed(self.policies):
            ask = partial(policy, call, ask)
        try:
            part = yield from ask()
        except Failure as failure:
            self.fail(call, failure.cause)
        else:
            self.answer(call, part)

    def _is_cached(self, query: Query, key: Any) -> bool:
        """Whether there is an answer, or will be."""
        assert self.cache is not None
        if key in self._same:
            self._same[key].append(query)
            return True
        try:
            answer = self.cache.get(key, self.env.now)
        except KeyError:
            self._record_cache(self.node.name, False)
            if self.cache.coalesces:
                self._same[key] = []
            return False
        self._record_cache(self.node.name, True)
        self._world.answer(query, answer, 0)
        return True


def _nothing(*_: object) -> None:
    """Nobody stands around the calls, so nothing is recorded of them."""
