"""One of several servers of which one serves: it knows what that one knew last, and takes its place when it is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simcluster.cluster import UNANSWERED, Message, Node
from simcluster.engine import Event, Program
from simcluster.training.exchange.servers.server import serve
from simcluster.training.exchange.surviving.fenced_ledger import Deposed, FencedLedger

if TYPE_CHECKING:
    from simcluster.training.exchange.surviving.replicated_server import ReplicatedServer
    from simcluster.training.training import Training


def replicate(node: Node, *, exchange: ReplicatedServer, training: Training, place: int) -> Program:
    """Serve whenever it is this server's turn, and follow who serves else."""
    name, servers, done = training.job.name, exchange.servers, training.done
    replica = Replica(node, exchange, training, place)
    others = [server for server in servers if server != node.name]
    node.spawn(replica.answer())
    node.spawn(exchange.detector.run(node, f"{name}.server", others, replica.suspect, done))
    yield from replica.tell()  # and hear what has become of training, if this server has been away
    while True:
        if not replica.is_next:
            yield from replica.follow()
            continue
        try:
            yield from replica.lead()
        except Deposed:
            continue


class Replica:
    """What a server knows of who serves, in which term, and of the furthest state that there is.

    Servers have terms in turn: term t is that of the one whose place is t modulo their number, so that no two ever
    serve in one term. Each message between them holds the sender's term, the number of its steps and, where these may
    be more than the receiver's, its state; whoever hears of a later term serves no longer, and whoever hears of more
    steps has them from then on. To the program that serves it is the keeper of its state.
    """

    def __init__(self, node: Node, exchange: ReplicatedServer, training: Training, place: int) -> None:
        self._node, self._exchange, self._training, self._place = node, exchange, training, place
        job = training.job
        self._step, self._gone, self._state_kind = (f"{job.name}.{what}" for what in ("step", "gone", "state"))
        self._suspected = {server: False for server in exchange.servers if server != node.name}
        self._term, self._leads, self._overtaken = -1, -1, False
        self._clock = 0
        self._state: Any = None
        self._changed: Event | None = None
        self._disk = None if job.recovery is None else job.recovery.keeper(node, job.name)
        self._record = node.cluster.trace.recorder("suspect", "node", "suspected")
        self._record_lead = node.cluster.trace.recorder("lead", "node", "term", "clock")

    # Who serves

    @property
    def is_next(self) -> bool:
        """Whether it is this server's turn: all from the one of the present term up to this one are suspected."""
        servers = self._exchange.servers
        for turn in range(max(self._term, 0), max(self._term, 0) + len(servers)):
            server = servers[turn % len(servers)]
            if server == self._node.name:
                return True
            if not self._suspected[server]:
                return False
        return True

    def lead(self) -> Program:
        """Take the next term of one's own, hear what the others know, and serve. Raises ``Deposed`` when it is over."""
        count = len(self._exchange.servers)
        term = self._term + 1 + (self._place - self._term - 1) % count
        self._term = self._leads = term
        try:
            yield from self.tell()
            self._overtaken = False
            self._record_lead(self._node.name, term, self._clock)
            ledger = FencedLedger(self._training, lambda: self._is_deposed)
            yield from serve(self._node, training=self._training, ledger=ledger, keeper=self)
        finally:
            self._leads = -1

    @property
    def _is_deposed(self) -> bool:
        return self._term != self._leads or self._overtaken

    def follow(self) -> Program:
        """Tell workers who serves, suspected or not, until it is this server's turn."""
        node = self._node
        while not self.is_next:
            self._changed = changed = node.env.event()
            heard: Any = node.receive(self._step)
            yield heard | changed
            if heard.triggered:
                node.reply(heard.value, None if self._training.done.triggered else max(self._term, 0))

    def suspect(self, server: str, suspected: bool) -> None:
        """Another server is suspected of being gone, or no longer."""
        self._record(server, suspected)
        self._suspected[server] = suspected
        self._wake()

    def _wake(self) -> None:
        if self._changed is not None and not self._changed.triggered:
            self._changed.succeed()
        if self._leads >= 0 and self._is_deposed:
            self._node.send(self._node.name, self._gone)  # so that who serves notices

    # What servers tell each other

    def answer(self) -> Program:
        """Hear what others tell, and tell them what they do not know."""
        while True:
            message: Message = yield self._node.receive(self._state_kind)
            before = message.body[1]
            self._hear(*message.body)
            self._node.reply(message, (self._term, self._clock, self._state if self._clock > before else None))

    def tell(self) -> Program:
        """Steps until every server that is not suspected has this one's state. Raises ``Deposed`` in who leads."""
        node, retry_s = self._node, self._exchange.retry_s
        told: dict[str, None] = {}
        while True:
            left = [server for server, suspected in self._suspected.items() if not suspected and server not in told]
            if not left:
                return
            body = (self._term, self._clock, self._state)
            asked = {each: node.request(each, self._state_kind, body, timeout_s=retry_s) for each in left}
            at_once = False
            for server, reply in asked.items():
                try:
                    heard: Message = yield reply
                except UNANSWERED as failure:
                    at_once = at_once or failure.definite
                    continue
                told[server] = None
                self._hear(*heard.body)
            if self._leads >= 0 and self._term != self._leads:
                raise Deposed
            if at_once:  # what was refused took no time, so the next attempt must not come at the same moment
                yield node.timer(retry_s)

    def _hear(self, term: int, clock: int, state: Any) -> None:
        if term > self._term:
            self._term = term
        if clock > self._clock and state is not None:
            self._clock, self._state, self._overtaken = clock, state, True
        self._wake()

    # What a program that serves keeps

    def restore(self) -> Program:
        """The furthest state that there is, here or on the disk."""
        kept = None if self._disk is None else (yield from self._disk.restore())
        if kept is not None and kept[0] > self._clock:
            self._clock, self._state = kept[0], kept
        return self._state

    def after_step(self, clock: int, state: Callable[[], Any]) -> Program:
        """Let all others that are not suspected have the state, before anybody hears of the step."""
        self._clock, self._state = clock, state()
        yield from self.tell()
        if self._disk is not None:
            yield from self._disk.after_step(clock, state)
