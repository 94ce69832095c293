"""The call of one shard for one query, from the first request to the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster.cluster import Failure, Node, Overloaded
from simcluster.engine import Event, Program, fail, fire
from simcluster.serving.protocols import ReplicaView

if TYPE_CHECKING:
    import numpy as np

    from simcluster.serving.front_end import FrontEnd
    from simcluster.serving.world import Query

_ROUND_S = 1.0  # between two rounds of the replicas where no time-out says


class ShardCall:
    """The front end's call of one shard for one query, and what policies may do with it.

    ``key`` is what is asked for, ``attempts`` counts the requests so far, and ``asked`` are the replicas that they went
    to; when all have been asked it begins anew. ``timeout_s`` is how long the next attempt has. ``open`` are those that
    have not been answered: the id of the request's message, and the replica's name.
    """

    __slots__ = (
        "_begin_s", "_front", "_refused", "_view",
        "asked", "attempts", "key", "open", "query", "shard", "timeout_s",
    )  # fmt: skip

    _view: ReplicaView
    _begin_s: float

    def __init__(self, front: FrontEnd, query: Query, key: Any, shard: int) -> None:
        self._front = front
        self._refused = False
        self.query = query
        self.key = key
        self.shard = shard
        self.attempts = 0
        self.asked: list[ReplicaView] = []
        self.open: dict[int, str] = {}
        self.timeout_s = front.timeout_s

    # What policies use

    @property
    def node(self) -> Node:
        """The node of the front end, with its timers."""
        return self._front.node

    @property
    def now_s(self) -> float:
        """The present, in seconds."""
        return self._front.env.now

    @property
    def generator(self) -> np.random.Generator:
        """For what policies draw."""
        return self._front.generator

    def start(self, program: Program) -> Event:
        """Run steps beside this call: the event has their value, or fails with what they raise, without a word."""
        done = Event(self._front.env)
        self._front.node.spawn(_told(program, done))
        return done

    def withdraw(self) -> None:
        """Tell the replicas that have not answered that nobody waits: those where it waits too turn it away."""
        for ident, name in self.open.items():
            self._front.node.send(name, self._front.cancel_kind, ident)

    def ask(self) -> Program:
        """One attempt: a request to a replica that this call has not asked yet. Raises one of ``UNANSWERED``."""
        front = self._front
        while not front.replicas[self.shard].active:
            yield self._some_replica()
        view = front.choose(self)
        self.asked.append(view)
        self.attempts += 1
        view.outstanding += 1
        begin_s = front.env.now
        sent = front.node.request(view.name, front.ask_kind, self.query.body, timeout_s=self.timeout_s)
        self.open[sent.message.id] = view.name
        try:
            reply = yield sent
        finally:
            del self.open[sent.message.id]
            front.released(view)
        if front.answers_wrapped:
            taken, answer = reply.body
            if not taken:
                raise Overloaded(f"{view.name} turned the request away at {front.env.now} s")
            front.heard(view, begin_s)
            return answer
        front.heard(view, begin_s)
        return reply.body

    # Without policies: one request after the other, until one is answered

    def attempt(self, _: Event | None = None) -> None:
        """Ask a replica; one that does not answer is passed over for another, round after round."""
        front = self._front
        if not front.alive:
            return
        if not front.replicas[self.shard].active:
            self._some_replica().callbacks.append(self.attempt)
            return
        self._view = view = front.choose(self)
        self.attempts += 1
        view.outstanding += 1
        self._begin_s = front.env.now
        front.node.request(view.name, front.ask_kind, self.query.body, None, front.timeout_s).callbacks.append(
            self._replied
        )

    def _replied(self, reply: Event) -> None:
        front, view = self._front, self._view
        if not front.alive:
            return
        try:
            view.outstanding -= 1
            if view.state == "draining":
                front.pool.settle(view)
            if not reply._ok:
                self._unanswered(reply._value)
                return
            part = reply._value.body
            if front.answers_wrapped:
                taken, part = part
                if not taken:
                    front.fail(self, Overloaded.cause)
                    return
            front.heard(view, self._begin_s)
            front.answer(self, part)
        except Exception as error:
            front.explain(error)
            raise

    def _unanswered(self, failure: Failure) -> None:
        front = self._front
        self._refused = self._refused or failure.definite
        self.asked.append(self._view)
        if any(view not in self.asked for view in front.replicas[self.shard].active):
            self.attempt()
            return
        refused, self._refused = self._refused, False
        self.asked.clear()
        if refused:  # which took no time, so the next round must not come at the same moment
            front.node.timer(front.timeout_s or _ROUND_S).callbacks.append(self.attempt)
        else:
            self.attempt()

    def _some_replica(self) -> Event:
        replicas = self._front.replicas[self.shard]
        if replicas.wanted is None:
            replicas.wanted = Event(self._front.env)
        return replicas.wanted


def _told(program: Program, done: Event) -> Program:
    try:
        value = yield from program
    except Failure as failure:
        fail(done, failure)
    else:
        fire(done, value)
