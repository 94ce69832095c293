"""A copy in a view: it takes operations from the copy before it, and feeds those behind it."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Any, NamedTuple, Protocol

from simcluster.cluster import UNANSWERED, Message, Node
from simcluster.cluster.messages.message import Sealed
from simcluster.engine import Event, Program, fire
from simcluster.replication.journal import Journal
from simcluster.replication.leader_session import ASK
from simcluster.replication.protocols import Replicas
from simcluster.replication.schemes.views.master import Views
from simcluster.replication.schemes.views.view import Position, View
from simcluster.replication.state_machine import Command, StateMachine

KEEP = 1000
"""After how many records the state takes their place on the disk."""


class Order(Protocol):
    """Who feeds whom in a view, and how a read is answered: in which schemes of views differ."""

    @property
    def views(self) -> Views:
        """The master's."""

    def behind(self, view: View, name: str) -> tuple[str, ...]:
        """Whom a member feeds."""

    def needed(self, behind: int) -> int:
        """How many of so many must hold an operation before it is acknowledged."""

    def read(self, copy: Copy, message: Message, key: str) -> Program:
        """Steps to answer a read."""


class Held(NamedTuple):
    """An operation that is not known to be held by all behind: its number, and what its key held before."""

    number: int
    command: Command | None
    before: Any


class Copy:
    """One replica. ``view`` is the one whose state it has taken over, ``None`` when a newer has begun meanwhile."""

    def __init__(self, node: Node, order: Order, replicas: Replicas) -> None:
        self.node, self.replicas, self.name, self._order = node, replicas, node.name, order
        self.view: View | None = None
        self.last = View(0, replicas.names)  # of which it has been told
        self.position = Position(0, 0)
        self.machine = StateMachine(lambda number: replicas.applied(number, node.name))
        self.held: list[Held] = []
        self.acknowledged = -1
        self._promised = 0  # it takes nothing of an older epoch
        self._durable = -1
        self._by: dict[str, int] = {}  # up to which number each of those behind holds it all
        self._anew: dict[str, None] = {}  # those behind that have come back from a crash and ask for the state
        self._waiting: list[tuple[int, Event]] = []
        self._work = Event(node.env)
        self._leased_s = -1.0
        self._kept = 0
        self.journal = Journal(node, replicas.kind("copy"), self._whole)

    def run(self) -> Program:
        """Come back from the disk, then do what messages ask for, side by side."""
        node, kind = self.node, self.replicas.kind
        for record in (yield from self.journal.restore()):
            self._recall(record)
        node.spawn(self.journal.run())
        does = {"view": self._on_view, "fence": self._on_fence, "take_over": self._on_take_over}
        does |= {"again": self._on_again, "copy": self._on_copy, "done": self._on_done, ASK: self._on_ask}
        kinds = {kind(word): what for word, what in does.items()}
        while True:
            message = yield node.receive(*kinds)
            node.spawn(kinds[message.kind](message))

    # What is durable

    def _whole(self) -> list[Any]:
        return [("state", *self.position, self.machine.state), ("promise", self._promised)]

    def _recall(self, record: Any) -> None:
        match record:
            case "state", epoch, held, state:
                self.position = Position(epoch, held)
                self.machine.become(state)
            case "promise", epoch:
                self._promised = epoch
            case "copy", epoch, commands:
                self.position = Position(epoch, self.position.held + len(commands))
                for command in commands:
                    if command is not None:
                        self.machine.apply(command)

    # Views

    def _on_view(self, message: Message) -> Program:
        view = View(*message.body)
        if view.epoch > self.last.epoch:
            self.last = view
        if view.epoch > self.position.epoch and view.epoch >= self._promised:
            if view.first == self.name:
                self._begin(view)
            else:
                self._promise(view.epoch)
        elif view.first == self.name and view == self.view and self._all_follow():
            self.node.send(message.source, self.replicas.kind("taken_over"), view.epoch)
        elif view.first == self.name and view != self.view:  # it has come back from a crash, or has been fenced
            self.node.send(message.source, self.replicas.kind("renew"), view.epoch)
        elif self.view is None and self.takes(view.epoch) and 0 < view.epoch == self.position.epoch:
            # It has come back from a crash, which who feeds it would not notice before there is something new.
            for name in view.members:
                if self.name in self._order.behind(view, name):
                    self.node.send(name, self.replicas.kind("again"), view.epoch)
        return
        yield

    def _on_again(self, message: Message) -> Program:
        """Let one of those behind, which has come back from a crash, take over the state once more."""
        view = self.view
        if view is not None and view.epoch == message.body and message.source in self._order.behind(view, self.name):
            self._anew[message.source] = None
            self._wake()
        return
        yield

    def _on_fence(self, message: Message) -> Program:
        self._promise(message.body)
        yield from self.journal.durable()
        self.node.reply(message, self.position)

    def _on_take_over(self, message: Message) -> Program:
        """Take over the state of the copy before, unless that has been done; those behind take it over first."""
        told, held, state = message.body
        view = View(*told)
        newer = (view.epoch, held) > self.position or ((view.epoch, held) == self.position and self.view != view)
        if self.takes(view.epoch) and newer:  # else it comes late, and what is here has more
            self.machine.become(state.value)
            self.position = Position(view.epoch, held)
            self._begin(view)
        while self.view == view and not self._all_follow():
            yield self._work
        holds = self.view == view and (yield self.acknowledgement(held))
        self.node.reply(message, holds)

    def _promise(self, epoch: int) -> None:
        if epoch > self._promised:
            self._promised = epoch
            self.journal.append(("promise", epoch))
            self._end()

    def takes(self, epoch: int) -> bool:
        """Whether what comes from this epoch is not out of date."""
        return epoch >= self._promised

    def _begin(self, view: View) -> None:
        self._end()
        self._promised, self.view, self.last = view.epoch, view, max(view, self.last)
        self.position = Position(view.epoch, self.position.held)
        self.acknowledged = self._durable = -1
        self.held, self._by, self._anew = [], {}, {}
        self.journal.begin_anew()
        self.node.spawn(self._keep(view))
        for name in self._order.behind(view, self.name):
            self.node.spawn(self._feed(view, name))

    def _end(self) -> None:
        self.view = None
        self._leased_s = -1.0
        for _, event in self._waiting:
            fire(event, False)
        self._waiting = []
        self._wake()

    def _all_follow(self) -> bool:
        return self.view is not None and len(self._by) == len(self._order.behind(self.view, self.name))

    # Operations

    def _on_ask(self, message: Message) -> Program:
        command = Command(*message.body)
        if command.f == "read":
            yield from self._order.read(self, message, command.key)
        elif self.view is None or self.view.first != self.name:
            self.node.reply(message, ("elsewhere", self.last.first))
        else:
            before = self.machine.values.get(command.key)
            answer = self.machine.apply(command)
            if answer is not None:
                yield from self.answer(message, answer, self.take((command,), (before,)))

    def answer(self, message: Message, answer: Any, number: int) -> Program:
        """Reply when the operation of this number is acknowledged, and all before it."""
        if (yield self.acknowledgement(number)):
            self.node.reply(message, answer)
        else:
            self.node.reply(message, ("elsewhere", self.last.first))

    def take(self, commands: tuple[Command | None, ...], before: tuple[Any, ...] | None = None) -> int:
        """Hold operations that have been applied; the number of the last."""
        epoch, held = self.position
        for place, command in enumerate(commands):
            self.held.append(Held(held + place + 1, command, before[place] if before else None))
        self.position = Position(epoch, held + len(commands))
        self.journal.append(("copy", epoch, commands))
        self._wake()
        return self.position.held

    def acknowledgement(self, number: int) -> Event:
        """Happens when the operation is acknowledged, its value is true, or when the view has ended."""
        event = Event(self.node.env)
        if number <= self.acknowledged or self.view is None:
            fire(event, self.view is not None)
        else:
            self._waiting.append((number, event))
        return event

    def _on_copy(self, message: Message) -> Program:
        """Take what is new of what the copy before holds; answer when enough of those behind hold it."""
        epoch, first, commands = message.body
        view = self.view
        if view is None or epoch != view.epoch or not self.takes(epoch) or first > self.position.held + 1:
            self.node.reply(message, False)
            return
        new = commands[self.position.held + 1 - first :]
        if new:
            before = []
            for command in new:  # one after the other: two of a batch may be of one key
                before.append(None if command is None else self.machine.values.get(command.key))
                if command is not None:
                    self.machine.apply(command)
            self.take(new, tuple(before))
        self.node.reply(message, (yield self.acknowledgement(first + len(commands) - 1)))

    def _on_done(self, message: Message) -> Program:
        """Say, as a tail, up to which number operations are done."""
        view, held = self.view, self.position.held
        yield from self.journal.durable()
        at_tail = view is not None and view.epoch == message.body and self.view is view
        self.node.reply(message, held if at_tail else None)

    # How those behind come to hold it

    def _feed(self, view: View, name: str) -> Program:
        """Let one of those behind take over the state, then everything that is new, as long as the view lasts."""
        taken_over, kind = False, self.replicas.kind
        while self.view is view:
            body: tuple[Any, ...]
            if name in self._anew:
                del self._anew[name]
                taken_over = False
            if not taken_over:
                held, body = self.position.held, (view, self.position.held, Sealed(self.machine.state))
                yield from self.journal.durable()
            elif self._by[name] >= self._durable:
                yield self._work
                continue
            else:
                held, after = self._durable, self._by[name]
                body = (view.epoch, after + 1, tuple(each.command for each in self.held if after < each.number <= held))
            word = "copy" if taken_over else "take_over"
            try:
                reply = yield self.node.request(name, kind(word), body, None, self.replicas.retry_s)
            except UNANSWERED as failure:
                if failure.definite:
                    yield self.node.timer(self.replicas.retry_s)
                continue
            if self.view is not view:
                return
            taken_over = reply.body
            if taken_over:
                self._by[name] = max(held, self._by.get(name, 0))
                self._settle(view)
            else:  # it has come back from a crash, or belongs to a newer view
                yield self.node.timer(self.replicas.retry_s)

    def _keep(self, view: View) -> Program:
        """Note what is durable here."""
        while self.view is view:
            held = self.position.held
            yield from self.journal.durable()
            if self.view is view:
                self._durable = held
                self._settle(view)
                if held == self.position.held:
                    yield self._work

    def _settle(self, view: View) -> None:
        """What is durable here and held by enough of those behind is acknowledged."""
        behind = self._order.behind(view, self.name)
        needed = self._order.needed(len(behind))
        by = sorted((self._by.get(name, -1) for name in behind), reverse=True)
        number = min(self._durable, by[needed - 1]) if needed else self._durable
        if number > self.acknowledged:
            self.acknowledged = number
            waiting, self._waiting = self._waiting, []
            for wanted, event in waiting:
                if wanted <= number:
                    fire(event, True)
                else:
                    self._waiting.append((wanted, event))
            least = min([number, *(self._by.get(name, -1) for name in behind)])
            self.held = [each for each in self.held if each.number > least]
            if number - self._kept > KEEP:
                self._kept = number
                self.journal.begin_anew()
        self._wake()

    def _wake(self) -> None:
        before, self._work = self._work, Event(self.node.env)
        fire(before)

    # How a copy knows that its view is the last

    def still(self) -> Generator[Event, Any, bool]:
        """Steps whose value is whether the view that this copy is in was the last at some time since they began."""
        view, views = self.view, self._order.views
        if view is None:
            return False
        begun_s = self.node.clock.monotonic()
        if begun_s < self._leased_s:
            return True
        kind, retry_s = self.replicas.kind("still"), self.replicas.retry_s
        try:
            last = (yield self.node.request(views.master, kind, view.epoch, None, retry_s)).body
        except UNANSWERED:
            return False
        if last and self.view == view:
            self._leased_s = begun_s + views.lease_s * (1 - views.drift) / (1 + views.drift)
        return bool(last)


def boot(order: Order, replicas: Replicas) -> None:
    """Boot a copy on every replica."""
    replicas.boot(partial(_run, order=order, replicas=replicas))


def _run(node: Node, *, order: Order, replicas: Replicas) -> Program:
    yield from Copy(node, order, replicas).run()
