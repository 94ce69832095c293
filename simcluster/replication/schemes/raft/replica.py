"""A replica of Raft: what it remembers, what it does with each message, and when it stands for election."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Literal

from simcluster.cluster import Message, Node
from simcluster.cluster.messages.message import Sealed
from simcluster.engine import Event, Program, stream
from simcluster.replication.journal import Journal
from simcluster.replication.leader_session import ASK
from simcluster.replication.protocols import Replicas
from simcluster.replication.schemes.raft.leading import Leading
from simcluster.replication.schemes.raft.log import Entry, Log, Members
from simcluster.replication.state_machine import Command, StateMachine

if TYPE_CHECKING:
    from simcluster.replication.schemes.raft.spec import Raft

Steps = Generator[Event, Any, None]
INSTANT_S = 1e-9  # a time too short to wait for


class Replica:
    """One server. It answers nobody before what the answer rests on is durable."""

    def __init__(self, node: Node, raft: Raft, replicas: Replicas) -> None:
        self.node, self.raft, self.replicas, self.name = node, raft, replicas, node.name
        self.term = 0
        self.vote: str | None = None
        self.role: Literal["follower", "candidate", "leader"] = "follower"
        self.leader: str | None = None
        self.log = Log(Members(replicas.names[: raft.voters], 0))
        self.commit = 0
        self.applied = 0
        self.machine = StateMachine(lambda number: replicas.applied(number, node.name))
        self.snapshot = (0, 0, self.log.members, Sealed(self.machine.state))
        self.journal = Journal(node, replicas.kind("raft"), self.whole, flush=raft.flush)
        self.leading: Leading | None = None
        self.votes: dict[str, None] = {}
        self.trial = 0  # the term of the election that is tried without being held
        self.trial_votes: dict[str, None] = {}
        self.heard_s = node.clock.monotonic()  # a leader or a candidate that was voted for
        self.led_s = self.heard_s  # a leader; one that restarts does not know when it heard one last
        self._draws = stream(replicas.seed, "replication", replicas.name, "election", node.name, node.crashes)
        self._record = node.cluster.trace.recorder("role", "node", "role", "term")

    @property
    def members(self) -> tuple[str, ...]:
        """Who belongs to the cluster, as far as this replica knows."""
        return self.log.members.names

    @property
    def others(self) -> list[str]:
        """Members but for this replica."""
        return [name for name in self.members if name != self.name]

    def run(self) -> Program:
        """Come back from the disk, then do what messages and time ask for."""
        for record in (yield from self.journal.restore()):
            self._recall(record)
        self.machine.become(self.snapshot[3].value)
        self.commit = self.applied = self.log.base_index
        self.heard_s = self.led_s = self.node.clock.monotonic()
        self.node.spawn(self.journal.run())
        self.node.spawn(self._serve())
        self.node.spawn(self._keep_time())
        does = {"vote": self._on_vote, "voted": self._on_voted, "append": self._on_append}
        does |= {"appended": self._on_appended, "snapshot": self._on_snapshot}
        kinds = {self.replicas.kind(word): what for word, what in does.items()}
        while True:
            message = yield self.node.receive(*kinds)
            yield from kinds[message.kind](message)

    def send(self, target: str, word: str, *body: Any) -> None:
        """Tell another replica."""
        self.node.send(target, self.replicas.kind(word), body)

    # What is durable

    def whole(self) -> list[Any]:
        """All that must be durable."""
        log = ("log", self.log.base_index, Sealed(self.log.since(self.log.base_index)))
        return [("snapshot", *self.snapshot), ("term", self.term, self.vote), log]

    def _recall(self, record: Any) -> None:
        match record:
            case "term", term, vote:
                self.term, self.vote = term, vote
            case "log", index, entries:
                self.log.put(index, entries.value)
            case "snapshot", index, term, members, state:
                self.snapshot = (index, term, members, state)
                self.log = Log(members)
                self.log.begin_at(index, term, members)

    # Elections

    def _keep_time(self) -> Program:
        node = self.node
        while True:
            timeout_s = float(self._draws.uniform(*self.raft.election_s))
            while (left_s := self.heard_s + timeout_s - node.clock.monotonic()) > INSTANT_S or self.role == "leader":
                yield node.timer(max(left_s, timeout_s if self.role == "leader" else left_s))
            self.heard_s = node.clock.monotonic()
            if self.name not in self.members:
                continue
            if self.raft.pre_vote:
                self.trial, self.trial_votes = self.term + 1, {self.name: None}
                self._ask_for_votes(self.trial, trial=True)
            if not self.raft.pre_vote or self.has_majority(self.trial_votes):
                yield from self._stand()

    def _stand(self) -> Steps:
        """Begin a term of one's own."""
        self._enter(self.term + 1, self.name, "candidate")
        term, self.trial, self.votes = self.term, 0, {self.name: None}
        yield from self.journal.durable()
        if (self.term, self.role) == (term, "candidate"):
            self._ask_for_votes(term, trial=False)
            self._count()

    def _ask_for_votes(self, term: int, *, trial: bool) -> None:
        for name in self.others:
            self.send(name, "vote", term, self.log.last_index, self.log.last_term, trial)

    def _on_vote(self, message: Message) -> Steps:
        term, index, last_term, trial = message.body
        current = self.is_behind(index, last_term)
        led = self.role == "leader" or self.node.clock.monotonic() - self.led_s < self.raft.election_s[0]
        if trial:
            granted = term > self.term and current and not led
            self.send(message.source, "voted", term if granted else self.term, granted, True)
            return
        if led and self.raft.reads == "lease":
            return  # a leader has a lease as long as none who has heard it votes for another
        if term > self.term:
            self._enter(term, None, "follower")
        granted = term == self.term and self.vote in (None, message.source) and current
        if granted and self.vote is None:
            self._enter(term, message.source, self.role)
        if granted:
            self.heard_s = self.node.clock.monotonic()
        answer = self.term
        yield from self.journal.durable()
        self.send(message.source, "voted", answer, granted, False)

    def _on_voted(self, message: Message) -> Steps:
        term, granted, trial = message.body
        if term > self.term and not (trial and granted):
            self._enter(term, None, "follower")
        elif granted and trial and term == self.trial == self.term + 1:
            self.trial_votes[message.source] = None
            if self.has_majority(self.trial_votes):
                yield from self._stand()
        elif granted and not trial and (term, self.role) == (self.term, "candidate"):
            self.votes[message.source] = None
            self._count()

    def _count(self) -> None:
        if self.has_majority(self.votes):
            self._enter(self.term, self.vote, "leader")
            self.leader, self.leading = self.name, self.lead()
            self.node.spawn(self.leading.run())

    def is_behind(self, index: int, term: int) -> bool:
        """Whether a log that ends with such an entry has all that this one may have seen committed."""
        return (term, index) >= (self.log.last_term, self.log.last_index)

    def lead(self) -> Leading:
        """What a leader does."""
        return Leading(self)

    def retire(self) -> None:
        """Lead no more, as somebody who does not belong to the cluster any longer."""
        self._enter(self.term, self.vote, "follower")

    def has_majority(self, names: dict[str, None]) -> bool:
        """Whether more than half of the members are among these."""
        return 2 * len([name for name in self.members if name in names]) > len(self.members)

    def _enter(self, term: int, vote: str | None, role: Literal["follower", "candidate", "leader"]) -> None:
        if (term, vote) != (self.term, self.vote):
            if term != self.term:
                self.leader = None
            self.term, self.vote = term, vote
            self.journal.append(("term", term, vote))
        if role != self.role:
            self._record(self.name, role, term)
            self.role = role
        if role != "leader" and self.leading is not None:
            self.leading.end()
            self.leading = None

    # Replication

    def _on_append(self, message: Message) -> Steps:
        term, index, index_term, sealed, commit, number = message.body
        entries = sealed.value
        fits = False
        if not self._follow(term, message.source):
            number = 0  # whoever sent it may lead a later term by now, which this is no answer to
        else:
            log = self.log
            fits = index < log.base_index or (index <= log.last_index and log.term_at(index) == index_term)
            if fits:
                self._take(index, sealed)
                self.advance(min(commit, index + len(entries)))
        held = index + len(entries) if fits else min(index - 1, self.log.last_index)
        answer = self.term
        yield from self.journal.durable()
        self.send(message.source, "appended", answer, fits, held, number)

    def _follow(self, term: int, leader: str) -> bool:
        """Whether somebody leads whose term this is."""
        if term < self.term:
            return False
        self._enter(term, self.vote if term == self.term else None, "follower")
        self.leader, self.trial = leader, 0
        self.heard_s = self.led_s = self.node.clock.monotonic()
        return True

    def _take(self, index: int, sealed: Sealed) -> None:
        """Take entries that come after an index: only from the first on that is not there, so that none is lost."""
        entries: tuple[Entry, ...] = sealed.value
        for place, entry in enumerate(entries):
            at = index + place + 1
            if at > self.log.base_index and (at > self.log.last_index or self.log.term_at(at) != entry.term):
                new = Sealed(entries[place:]) if place else sealed
                self.log.put(at - 1, new.value)
                self.journal.append(("log", at - 1, new))
                return

    def _on_appended(self, message: Message) -> Steps:
        if message.body[0] > self.term:
            self._enter(message.body[0], None, "follower")
        elif self.leading is not None and message.body[0] == self.term:
            self.leading.hear(message.source, *message.body[1:])
        return
        yield

    def _on_snapshot(self, message: Message) -> Steps:
        term, index, index_term, members, state, number = message.body
        follows = self._follow(term, message.source)
        if follows and index > self.commit:
            self.machine.become(state.value)
            self.log.begin_at(index, index_term, members)
            self.snapshot = (index, index_term, members, state)
            self.commit = self.applied = index
            self.journal.begin_anew()
        answer = self.term
        yield from self.journal.durable()
        self.send(message.source, "appended", answer, follows, index, number if follows else 0)

    def advance(self, commit: int) -> None:
        """Apply what is committed, and take a snapshot when the log has become long."""
        if commit <= self.commit:
            return
        self.commit = commit
        leading = self.leading
        while self.applied < commit:
            self.applied += 1
            command = self.log[self.applied].command
            answer = self.machine.apply(command) if type(command) is Command else None
            if leading is not None:
                leading.answer(self.applied, answer)
        most = self.raft.snapshot_entries
        if most is not None and self.applied - self.log.base_index >= most:
            at = self.applied
            self.snapshot = (at, self.log.term_at(at), self.log.members_at(at), Sealed(self.machine.state))
            self.log.begin_at(*self.snapshot[:3])
            self.journal.begin_anew()

    # Clients

    def _serve(self) -> Program:
        node, kind = self.node, self.replicas.kind(ASK)
        while True:
            message = yield node.receive(kind)
            if self.leading is None:
                node.reply(message, ("elsewhere", self.leader))
                continue
            command = Command(*message.body)
            if command.f == "read" and self.raft.reads != "log":
                self.leading.read(message, command.key)
            else:
                self.leading.write(message, command)
