"""What a replica of Raft does while it leads: it brings its log to the others, and answers clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from simcluster.cluster import Message
from simcluster.cluster.messages.message import Sealed
from simcluster.engine import Event, Program, fire
from simcluster.replication.schemes.raft.log import Entry, Members
from simcluster.replication.state_machine import Answer, Command

if TYPE_CHECKING:
    from simcluster.replication.schemes.raft.replica import Replica


class Read(NamedTuple):
    """A read that waits until a round is confirmed and an index is applied."""

    number: int
    at: int
    key: str
    message: Message


class Leading:
    """One term of one leader.

    Its messages are numbered in rounds: who has answered one of a round has not elected another before it began.
    """

    def __init__(self, replica: Replica) -> None:
        self._replica, self._node, self._raft, self._log = replica, replica.node, replica.raft, replica.log
        self._term, self._over = replica.term, False
        self.first = self._log.append(Entry(self._term, None))  # what is committed with it is known to be
        self._kept = self.first - 1
        self._match = {replica.name: self._kept}
        self._next: dict[str, int] = {}
        self._round, self._confirmed = 0, 0
        self._begun_s: dict[int, float] = {}
        self._answered: dict[str, int] = {}
        self._lease_s = -1.0
        self._writes: dict[int, Message] = {}
        self._reads: list[Read] = []
        self._sealed: dict[tuple[int, int], Sealed] = {}  # entries that are to travel, from where to where
        self._work = Event(self._node.env)

    def end(self) -> None:
        """Another term has begun: clients ask elsewhere. An operation may be done yet; asked again, it is done once."""
        self._over = True
        for message in [*self._writes.values(), *(read.message for read in self._reads)]:
            self._node.reply(message, ("elsewhere", None))
        self._wake()

    # What clients ask

    def write(self, message: Message, command: Command) -> None:
        """Put a command into the log."""
        self._writes[self._log.append(Entry(self._term, command))] = message
        self._wake()

    def read(self, message: Message, key: str) -> None:
        """Answer with what is committed by now: at once, or when a round shows that no later leader was elected."""
        if self._node.clock.monotonic() < self._lease_s and self._replica.commit >= self.first:
            self._node.reply(message, self._replica.machine.read(key))
            return
        self._reads.append(Read(self._round + 1, max(self._replica.commit, self.first), key, message))
        self._wake()

    def answer(self, index: int, answer: Answer | None) -> None:
        """An entry has been applied."""
        message = self._writes.pop(index, None)
        if message is not None and answer is not None:
            self._node.reply(message, answer)

    # How the log comes to the others

    def run(self) -> Program:
        """Keep what has come on the disk while it travels; then what has come meanwhile, or a heartbeat."""
        node, replica = self._node, self._replica
        heartbeat = node.timer(0.0)
        while not self._over:
            self._change_members()
            beats = heartbeat.triggered or self._log.last_index > self._kept
            if beats or (self._confirmed == self._round and self._reads):
                self._tell_all()
                heartbeat = node.timer(self._raft.heartbeat_s)
            if self._log.last_index > self._kept:
                kept = self._log.last_index
                replica.journal.append(("log", self._kept, self._entries(self._kept, kept)))
                self._kept = kept
                yield from replica.journal.durable()
                if not self._over:
                    self._match[replica.name] = kept
                    self._settle()
            elif not self._over:
                self._work = Event(node.env)
                yield self._work | heartbeat

    def _tell_all(self) -> None:
        self._round += 1
        self._begun_s[self._round] = self._node.clock.monotonic()
        for name in self._targets():
            self._tell(name)
        self._confirm()

    def _targets(self) -> list[str]:
        """The others, and who is to join."""
        joining = self._joining()
        return [*self._replica.others, *([joining] if joining and joining not in self._replica.members else [])]

    def _tell(self, name: str) -> None:
        """Bring what a replica lacks, as far as it is known; what is lost on the way shows with the next round."""
        log, replica = self._log, self._replica
        after = self._next.get(name, self.first) - 1
        if after < log.base_index:
            replica.send(name, "snapshot", self._term, *replica.snapshot, self._round)
            self._next[name] = replica.snapshot[0] + 1
            return
        until = min(log.last_index, after + self._raft.batch_entries)
        entries = self._entries(after, until)
        replica.send(name, "append", self._term, after, log.term_at(after), entries, replica.commit, self._round)
        self._next[name] = until + 1

    def _entries(self, after: int, until: int) -> Sealed:
        if (after, until) not in self._sealed:
            if len(self._sealed) > len(self._replica.members):
                self._sealed.clear()
            self._sealed[after, until] = Sealed(self._log.since(after, until - after))
        return self._sealed[after, until]

    def hear(self, name: str, fits: bool, held: int, number: int) -> None:
        """What a replica says it holds, or up to where to look for what both hold."""
        self._answered[name] = max(number, self._answered.get(name, 0))
        if fits:
            self._match[name] = max(held, self._match.get(name, 0))
            self._next[name] = max(self._next.get(name, 0), self._match[name] + 1)
            self._settle()
        else:
            match = self._match.get(name, 0)
            self._next[name] = max(match, min(self._next.get(name, 1) - 2, held)) + 1
            if held >= match:  # else it has lost what it said it held, and nothing that is sent will fit
                self._tell(name)
        self._confirm()

    def _settle(self) -> None:
        """What a majority holds is committed, if its last entry is of this term (section 5.4.2 of the paper)."""
        held = sorted((self._match.get(name, 0) for name in self._replica.members), reverse=True)
        index = held[len(held) // 2]
        if index > self._replica.commit and self._log.term_at(index) == self._term:
            self._replica.advance(index)
            self._wake_for_changes()
            self._answer_reads()

    # How a leader knows that it leads

    def _confirm(self) -> None:
        """The last round that a majority has answered: a lease runs from its beginning."""
        answered = self._answered | {self._replica.name: self._round}
        rounds = sorted((answered.get(name, 0) for name in self._replica.members), reverse=True)
        confirmed = rounds[len(rounds) // 2]
        if confirmed <= self._confirmed:
            return
        for number in range(self._confirmed + 1, confirmed + 1):
            begun_s = self._begun_s.pop(number)
        self._confirmed = confirmed
        if self._raft.reads == "lease":
            self._lease_s = begun_s + self.lease_s()
        self._answer_reads()
        if self._reads:
            self._wake()

    def lease_s(self) -> float:
        """How long by this clock, at its slowest, nobody is elected by those who have heard, by theirs at the fastest.
        """
        return self._raft.election_s[0] * (1 - self._raft.drift) / (1 + self._raft.drift)

    def _answer_reads(self) -> None:
        reads, self._reads = self._reads, []
        for read in reads:
            if read.number <= self._confirmed and read.at <= self._replica.applied:
                self._node.reply(read.message, self._replica.machine.read(read.key))
            else:
                self._reads.append(read)

    # Who belongs to the cluster

    def _joining(self) -> str | None:
        """Who is to be added next."""
        change = self._due()
        return change.node if change is not None and change.what == "add" else None

    def _due(self) -> Any:
        """The next change of membership, when its time has come: one at a time, and after an entry of this term."""
        done = self._log.members.changes
        if done < len(self._raft.changes) and self._replica.commit >= max(self.first, self._log.members_since):
            change = self._raft.changes[done]
            return change if self._node.clock.now() >= change.at_s else None
        return None

    def _change_members(self) -> None:
        """Make the change that is due; who joins must have caught up first (thesis, section 4.2.1)."""
        change, replica = self._due(), self._replica
        names = replica.members
        if replica.name not in names and replica.commit >= self._log.members_since:
            replica.retire()
        elif change is not None and (change.what == "remove" or self._match.get(change.node, 0) >= replica.commit):
            left = tuple(name for name in names if name != change.node)
            left = left if change.what == "remove" else (*left, change.node)
            self._log.append(Entry(self._term, Members(left, self._log.members.changes + 1)))

    def _wake_for_changes(self) -> None:
        if self._log.members.changes < len(self._raft.changes):
            self._wake()

    def _wake(self) -> None:
        if not self._work.triggered:
            fire(self._work)
