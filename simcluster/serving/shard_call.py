"""The call of one shard for one query, from the first request to the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from simcluster.cluster import UNANSWERED, Failure, Node, Overloaded
from simcluster.cluster.running import stop
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
        "_copies", "_front", "_why",
        "asked", "attempts", "deadline_s", "key", "open", "query", "shard", "timeout_s",
    )  # fmt: skip

    def __init__(self, front: FrontEnd, query: Query, key: Any, shard: int) -> None:
        self._front = front
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
        stop(self._front.node, copy.process)
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
        replicas = self._front.replicas[self.shard]
        while not replicas.active:
            yield replicas.some(self._front.env)

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
        process = self._front.env.active_process
        return self._copies.get(process) if self._copies and process is not None else None

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
