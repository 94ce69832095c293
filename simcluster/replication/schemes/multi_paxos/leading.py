"""What a replica of Multi-Paxos does while it leads: it has its commands accepted, one slot after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simcluster.cluster import Message
from simcluster.cluster.messages.message import Sealed
from simcluster.engine import Event, Program, fire
from simcluster.replication.state_machine import Answer, Command

if TYPE_CHECKING:
    from simcluster.replication.schemes.multi_paxos.replica import Replica


class Leading:
    """One ballot of one leader. What it proposes stands in ``proposed`` until it is chosen."""

    def __init__(self, replica: Replica, anew: Sequence[Any]) -> None:
        self._replica, self._node = replica, replica.node
        self.ballot = replica.promised
        self._last = replica.applied
        self._proposed: dict[int, Any] = {}
        self._holders: dict[int, dict[str, None]] = {}  # by slot, who has accepted it durably
        self._asked: dict[int, Message] = {}
        self._new: list[int] = []  # slots that nobody has been told of
        self._over = False
        self._work = Event(self._node.env)
        for command in anew:
            self._take(command)

    def end(self) -> None:
        """Somebody else has a later ballot: clients ask there. What was proposed may be chosen yet, and is done once.
        """
        self._over = True
        for message in self._asked.values():
            self._node.reply(message, ("elsewhere", None))
        self._wake()

    def propose(self, message: Message, command: Command) -> None:
        """Give a client's command the next slot."""
        self._asked[self._take(command)] = message
        self._wake()

    def _take(self, command: Any) -> int:
        self._last += 1
        self._proposed[self._last], self._holders[self._last] = command, {}
        self._new.append(self._last)
        return self._last

    def answer(self, slot: int, answer: Answer | None) -> None:
        """A slot has been applied."""
        message = self._asked.pop(slot, None)
        if message is not None and answer is not None:
            self._node.reply(message, answer)

    def run(self) -> Program:
        """Send what is new while it is written here too; now and then, all that has not been accepted."""
        node, replica = self._node, self._replica
        heartbeat = node.timer(0.0)
        while not self._over:
            new, self._new = self._new, []
            if heartbeat.triggered:
                heartbeat = node.timer(replica.scheme.heartbeat_s)
                for name in replica.others:
                    self._tell(name, [slot for slot, holders in self._holders.items() if name not in holders])
            elif new:
                for name in replica.others:
                    self._tell(name, new)
            if new:
                replica.accept([(slot, self._proposed[slot]) for slot in new])
                yield from replica.journal.durable()
                if not self._over:
                    self._count(replica.name, new)
            elif not self._over:
                self._work = Event(node.env)
                yield self._work | heartbeat

    def _tell(self, name: str, slots: Sequence[int]) -> None:
        """Ask a replica to accept what is proposed in some slots, and say up to which all are chosen."""
        some = slots[: self._replica.scheme.batch_slots]
        entries = Sealed(tuple((slot, self._proposed[slot]) for slot in some))
        self._replica.send(name, "accept", self.ballot, entries, self._replica.applied)

    def hear(self, name: str, took: Sequence[int], after: int | None) -> None:
        """A replica has accepted these slots; where it lacks what is chosen after a slot, tell it."""
        replica = self._replica
        self._count(name, took)
        if after is not None:
            begin, snapshot = after, None
            if after < replica.snapshot[0]:
                begin, snapshot = replica.snapshot[0], replica.snapshot
            slots = range(begin + 1, min(replica.applied, begin + replica.scheme.batch_slots) + 1)
            replica.send(name, "learn", snapshot, Sealed(tuple((slot, replica.chosen[slot]) for slot in slots)))

    def _count(self, name: str, slots: Sequence[int]) -> None:
        """What a majority has accepted under this ballot is chosen."""
        chosen = {}
        for slot in slots:
            if slot in self._holders:
                self._holders[slot][name] = None
                if self._replica.has_majority(self._holders[slot]):
                    del self._holders[slot]
                    chosen[slot] = self._proposed.pop(slot)
        if chosen:
            self._replica.learn(chosen)

    def _wake(self) -> None:
        if not self._work.triggered:
            fire(self._work)
