"""The call of one shard for one query, from the first request to the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from simcluster.cluster import UNANSWERED, Failure, Node, Overloaded
from simcluster.engine import Event, Process, Program, fail, fire
from simcluster.serving.protocols import ReplicaView

if TYPE_CHECKING:
    import numpy as np

    from simcluster.serving.front_end import FrontEnd
    from simcluster.serving.world import Query

class Refused(Overloaded):
    """A guard of the front end or the queue of a server has turned a request away; its ``cause`` says which rule."""

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(cause, text)  # both, for SimPy makes an exception anew of its arguments
        self.cause = cause  # type: ignore[misc]

    def __str__(self) -> str:
        return str(self.args[1])


_ROUND_S = 1.0  # between two rounds of the replicas where no time-out says


class Copy(Event):
    """Steps beside a call: the event has their value, or fails with what they raise, without a word."""

    process: Process
    parent: Process | None
    why: str
    attempt: Attempt | None = None


class Attempt(NamedTuple):
    """One request of a call that is under way."""

    view: ReplicaView
    sent_s: float
    reply: Any
    ident: Any


class ShardCall:
    """The front end's call of one shard for one query, and what policies may do with it.

    ``key`` is what is asked for, ``attempts`` counts the requests so far, and ``asked`` are the replicas that they went
    to; when all have been asked it begins anew. ``timeout_s`` is how long the next attempt has, ``deadline_s`` when
    nobody wants the answer any more, ``None`` where no policy says. ``open`` are the attempts under way.
    """

    __slots__ = (
        "_begin_s", "_copies", "_front", "_refused", "_view", "_why",
        "asked", "attempts", "deadline_s", "key", "open", "query", "shard", "timeout_s",
    )  # fmt: skip

    _view: ReplicaView
    _begin_s: float

    def __init__(self, front: FrontEnd, query: Query, key: Any, shard: int) -> None:
        self._front = front
        self._refused = False
        self._copies: dict[Process, Copy] | None = None
        self._why = "first"
        self.query = query
        self.key = key
        self.shard = shard
        self.attempts = 0
        self.asked: list[ReplicaView] = []
        self.open: dict[Any, Attempt] = {}
        self.timeout_s = front.timeout_s
        self.deadline_s: float | None = None

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

    @property
    def idempotent(self) -> bool:
        """Whether it does no harm that the service does the same twice."""
        return self._front.job.idempotent

    @property
    def why(self) -> str:
        """Why the next request is sent, in the word that the trace uses: "first", "retry", "hedge", "tied"."""
        copy = self._copy()
        return self._why if copy is None else copy.why

    @why.setter
    def why(self, word: str) -> None:
        if (copy := self._copy()) is None:
            self._why = word
        else:
            copy.why = word

    def start(self, program: Program, why: str | None = None) -> Copy:
        """Run steps beside this call: the event has their value, or fails with what they raise, without a word."""
        copy, env = Copy(self._front.env), self._front.env
        copy.parent, copy.why = env.active_process, why or self.why
        copy.process = self._front.node.spawn(self._told(program, copy))
        if self._copies is None:
            self._copies = {}
        self._copies[copy.process] = copy
        return copy

    def stop(self, copy: Copy) -> None:
        """Give up steps that ``start`` began, with all that they have begun; the event never happens.

        A server whose queue has the request is told to forget it.
        """
        assert self._copies is not None
        if self._copies.pop(copy.process, None) is None:
            return  # it has ended
        for other in [other for other in self._copies.values() if other.parent is copy.process]:
            self.stop(other)
        self._front.node.stop(copy.process)
        if copy.attempt is not None:
            self._front.withdraw(self, copy.attempt)

    def withdraw(self) -> None:
        """Tell the replicas that have not answered that nobody waits: one whose queue has the request turns it away."""
        for attempt in self.open.values():
            self._front.cancel(attempt)

    def choose(self) -> ReplicaView:
        """The replica that is asked next. Raises ``Overloaded`` when guards admit none."""
        view = self._front.choose(self)
        self.asked.append(view)
        return view

    def ask(self) -> Program:
        """One attempt: a request to a replica that this call has not asked yet. Raises one of ``UNANSWERED``."""
        yield from self.ready()
        return (yield from self.ask_of(self.choose()))

    def ready(self) -> Program:
        """Wait until there is a replica that runs."""
        while not self._front.replicas[self.shard].active:
            yield self._some_replica()

    def ask_of(self, view: ReplicaView, twin: str | None = None, ident: int | None = None) -> Program:
        """One attempt: a request to this replica. Raises one of ``UNANSWERED``.

        One whose ``twin``, another server, has a request of the same ``ident`` is turned away when that begins with it.
        """
        front, copy = self._front, self._copy()
        attempt = front.sent(self, view, twin, ident)
        self.attempts += 1
        self.open[attempt.ident, view.name] = attempt
        if copy is not None:
            copy.attempt = attempt
        try:
            reply = yield attempt.reply
        except UNANSWERED as failure:
            front.ended(self, attempt, failure.cause)
            raise
        finally:
            if copy is not None:
                copy.attempt = None
        taken, answer = reply.body if front.answers_wrapped else (True, reply.body)
        front.ended(self, attempt, "answered" if taken else answer)
        if not taken:
            raise Refused(answer, f"{view.name} turned the request away at {front.env.now} s")
        return answer

    def _copy(self) -> Copy | None:
        return self._copies.get(self._front.env.active_process) if self._copies else None

    def _told(self, program: Program, copy: Copy) -> Program:
        try:
            value = yield from program
        except Failure as failure:
            self._over(copy)
            fail(copy, failure)
        else:
            self._over(copy)
            fire(copy, value)

    def _over(self, copy: Copy) -> None:
        assert self._copies is not None
        del self._copies[copy.process]

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
            if not reply._ok:
                front.released(view, None)
                self._unanswered(reply._value)
                return
            part = reply._value.body
            if front.answers_wrapped:
                taken, part = part
                if not taken:
                    front.released(view, None)
                    front.fail(self, part)
                    return
            front.released(view, self._begin_s)
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

