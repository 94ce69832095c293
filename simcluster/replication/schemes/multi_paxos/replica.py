"""A replica of Multi-Paxos: what it has promised and accepted, what it has learnt, and when it asks for promises."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any

from simcluster.cluster import Message, Node
from simcluster.cluster.messages.message import Sealed
from simcluster.engine import Event, Program, stream
from simcluster.replication.journal import Journal
from simcluster.replication.leader_session import ASK
from simcluster.replication.protocols import Replicas
from simcluster.replication.schemes.multi_paxos.leading import Leading
from simcluster.replication.state_machine import Command, StateMachine

if TYPE_CHECKING:
    from simcluster.replication.schemes.multi_paxos.spec import MultiPaxos

Steps = Generator[Event, Any, None]
Ballot = tuple[int, str]
"""A number and whose it is: of two ballots of one number the names decide, and no two replicas have the same."""
Accepted = dict[int, tuple[Ballot, Any]]
"""By slot, the ballot under which a command was accepted last, and the command (``None``: a slot left empty)."""
NEVER: Ballot = (0, "")
INSTANT_S = 1e-9  # a time too short to wait for


class Replica:
    """Acceptor, learner and, at times, proposer. It answers nobody before what the answer rests on is durable."""

    def __init__(self, node: Node, scheme: MultiPaxos, replicas: Replicas) -> None:
        self.node, self.scheme, self.replicas, self.name = node, scheme, replicas, node.name
        self.others = [name for name in replicas.names if name != node.name]
        self.promised = NEVER
        self.accepted: Accepted = {}
        self.chosen: dict[int, Any] = {}  # from the snapshot on
        self.applied = 0
        self.machine = StateMachine(lambda number: replicas.applied(number, node.name))
        self.snapshot: tuple[int, Any] = (0, Sealed(self.machine.state))
        self.journal = Journal(node, replicas.kind("paxos"), self._whole)
        self.leader: str | None = None
        self.leading: Leading | None = None
        self._promises: dict[str, tuple[Any, ...]] = {}  # to this replica's ballot, while it has no majority
        self._heard_s = node.clock.monotonic()
        self._draws = stream(replicas.seed, "replication", replicas.name, "election", node.name, node.crashes)
        self._record = node.cluster.trace.recorder("role", "node", "role", "term")

    def run(self) -> Program:
        """Come back from the disk, then do what messages and time ask for."""
        for record in (yield from self.journal.restore()):
            self._recall(record)
        self.machine.become(self.snapshot[1].value)
        self.applied = self.snapshot[0]
        self._heard_s = self.node.clock.monotonic()
        self.node.spawn(self.journal.run())
        self.node.spawn(self._serve())
        self.node.spawn(self._keep_time())
        does = {"prepare": self._on_prepare, "promise": self._on_promise, "accept": self._on_accept}
        does |= {"accepted": self._on_accepted, "learn": self._on_learn}
        kinds = {self.replicas.kind(word): what for word, what in does.items()}
        while True:
            message = yield self.node.receive(*kinds)
            yield from kinds[message.kind](message)

    def send(self, target: str, word: str, *body: Any) -> None:
        """Tell another replica."""
        self.node.send(target, self.replicas.kind(word), body)

    def has_majority(self, names: Iterable[str]) -> bool:
        """Whether these are more than half of the replicas."""
        return 2 * len(list(names)) > len(self.replicas.names)

    # What is durable

    def _whole(self) -> list[Any]:
        """All that must be durable."""
        return [("snapshot", *self.snapshot), ("promised", self.promised), ("accepted", Sealed(self.accepted_after(0)))]

    def _recall(self, record: Any) -> None:
        match record:
            case "promised", ballot:
                self.promised = ballot
            case "accepted", entries:
                self.accepted |= {slot: (ballot, command) for slot, ballot, command in entries.value}
            case "snapshot", *snapshot:
                self.snapshot, self.accepted = (snapshot[0], snapshot[1]), {}

    # Phase 1: promises

    def _keep_time(self) -> Program:
        """Ask for promises whenever nobody has led for a while."""
        node = self.node
        while True:
            timeout_s = float(self._draws.uniform(*self.scheme.election_s))
            while (left_s := self._heard_s + timeout_s - node.clock.monotonic()) > INSTANT_S or self.leading:
                yield node.timer(timeout_s if self.leading else left_s)
            self._heard_s = node.clock.monotonic()
            self.promise((self.promised[0] + 1, self.name))
            ballot = self.promised
            yield from self.journal.durable()
            if ballot == self.promised:
                self._promises = {self.name: self._promise(self.applied)}
                for name in self.others:
                    self.send(name, "prepare", ballot, self.applied)
                self._lead()

    def promise(self, ballot: Ballot) -> bool:
        """Take part in no ballot before this one from now on; whether that can be promised."""
        if ballot < self.promised:
            return False
        if ballot > self.promised:
            self.promised, self.leader, self._promises = ballot, None, {}
            self.journal.append(("promised", ballot))
            if self.leading is not None:
                self.leading.end()
                self.leading = None
                self._record(self.name, "follower", ballot[0])
        return True

    def _promise(self, after: int) -> tuple[Any, ...]:
        """What a proposer must know: all that was accepted after a slot, and the snapshot where that is later."""
        return (self.snapshot if self.snapshot[0] > after else None, Sealed(self.accepted_after(after)))

    def accepted_after(self, slot: int) -> tuple[tuple[int, Ballot, Any], ...]:
        """What was accepted in later slots, in order: slot, ballot and command."""
        return tuple((each, *self.accepted[each]) for each in sorted(self.accepted) if each > slot)

    def _on_prepare(self, message: Message) -> Steps:
        ballot, after = message.body
        if self.promise(ballot):
            self._heard_s = self.node.clock.monotonic()
        answer, told = self.promised, self._promise(after)
        yield from self.journal.durable()
        self.send(message.source, "promise", answer, *told)

    def _on_promise(self, message: Message) -> Steps:
        ballot, snapshot, accepted = message.body
        if self.promise(ballot) and ballot[1] == self.name and self._promises:
            self._promises[message.source] = (snapshot, accepted)
            self._lead()
        return
        yield

    def _lead(self) -> None:
        """With the promises of a majority: propose anew what may have been chosen, by the latest ballot of each slot.

        A slot that nobody of a majority has accepted anything in has chosen nothing, and is left empty.
        """
        if not self.has_majority(self._promises):
            return
        latest: Accepted = {}
        for snapshot, accepted in self._promises.values():
            if snapshot is not None:
                self._install(*snapshot)
            for slot, ballot, command in accepted.value:
                if slot not in latest or ballot > latest[slot][0]:
                    latest[slot] = (ballot, command)
        slots = range(self.applied + 1, max(latest, default=0) + 1)
        self._promises, self.leader = {}, self.name
        self._record(self.name, "leader", self.promised[0])
        self.leading = Leading(self, [latest[slot][1] if slot in latest else None for slot in slots])
        self.node.spawn(self.leading.run())

    # Phase 2: what is accepted

    def accept(self, entries: Iterable[tuple[int, Any]]) -> None:
        """Accept commands under the ballot that has been promised last."""
        new = [(slot, self.promised, command) for slot, command in entries if slot > self.snapshot[0]]
        new = [each for each in new if self.accepted.get(each[0], (NEVER,))[0] != self.promised]
        if new:
            self.accepted |= {slot: (ballot, command) for slot, ballot, command in new}
            self.journal.append(("accepted", Sealed(tuple(new))))

    def _on_accept(self, message: Message) -> Steps:
        ballot, entries, chosen = message.body
        took: tuple[int, ...] = ()
        lacks = None
        if self.promise(ballot):
            self.leader, self._heard_s = message.source, self.node.clock.monotonic()
            self.accept(entries.value)
            took = tuple(slot for slot, _ in entries.value)
            self._learn_until(chosen, ballot)
            lacks = self.applied if self.applied < chosen else None
        answer = self.promised
        yield from self.journal.durable()
        self.send(message.source, "accepted", answer, took, lacks)

    def _on_accepted(self, message: Message) -> Steps:
        ballot, took, lacks = message.body
        if self.promise(ballot) and self.leading is not None and self.leading.ballot == ballot:
            self.leading.hear(message.source, took, lacks)
        return
        yield

    # What is chosen

    def _learn_until(self, chosen: int, ballot: Ballot) -> None:
        """What was accepted from whoever says that it is chosen is that; for the rest it has to send it once more."""
        known = {}
        for slot in range(self.applied + 1, chosen + 1):
            accepted = self.accepted.get(slot, (NEVER, None))
            if accepted[0] != ballot:
                break
            known[slot] = accepted[1]
        self.learn(known)

    def _on_learn(self, message: Message) -> Steps:
        snapshot, entries = message.body
        if snapshot is not None:
            self._install(*snapshot)
        self.learn(dict(entries.value))
        return
        yield

    def learn(self, chosen: dict[int, Any]) -> None:
        """Take in what is chosen; apply it slot by slot, and take a snapshot when there have been many."""
        self.chosen |= {slot: command for slot, command in chosen.items() if slot > self.applied}
        while (slot := self.applied + 1) in self.chosen:
            self.applied, command = slot, self.chosen[slot]
            answer = self.machine.apply(command) if type(command) is Command else None
            if self.leading is not None:
                self.leading.answer(slot, answer)
        most = self.scheme.snapshot_slots
        if most is not None and self.applied - self.snapshot[0] >= most:
            self._begin_after((self.applied, Sealed(self.machine.state)))

    def _install(self, slot: int, state: Any) -> None:
        """Let a snapshot of somebody else take the place of what is here, if it is later."""
        if slot > self.applied:
            self.machine.become(state.value)
            self.applied = slot
            self._begin_after((slot, state))

    def _begin_after(self, snapshot: tuple[int, Any]) -> None:
        self.snapshot = snapshot
        for slots in (self.accepted, self.chosen):
            for slot in [each for each in slots if each <= snapshot[0]]:
                del slots[slot]
        self.journal.begin_anew()

    # Clients

    def _serve(self) -> Program:
        node, kind = self.node, self.replicas.kind(ASK)
        while True:
            message = yield node.receive(kind)
            if self.leading is None:
                node.reply(message, ("elsewhere", self.leader))
            else:
                self.leading.propose(message, Command(*message.body))
