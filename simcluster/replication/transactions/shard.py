"""A shard: some of the keys, who has locked them, and what it has promised to those that coordinate transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from simcluster.cluster import UNANSWERED, Message, Node
from simcluster.engine import Program
from simcluster.replication.journal import Journal
from simcluster.replication.transactions.lock_table import LockTable, Name
from simcluster.replication.transactions.store import Store

Change = tuple[int, Name, int, str, Any]
"""What a transaction did to a key: its stamp, its name, which of its changes, "w" or "append", and the value."""


def after(value: Any, f: str, new: Any) -> Any:
    """What a key holds after a change of it: of an append, a list."""
    if f == "append":
        return (*(value if isinstance(value, tuple) else () if value is None else (value,)), new)
    return new


class Shard:
    """A participant of transactions; it does not know what isolation they keep.

    A key's value is what its changes make of it, in their order, so one can be taken out again, or those after a stamp
    left out. A vote for a commit is durable before it is given, with what is to be written; from then on until the
    outcome is known its keys are locked, through crashes too. Locks of who has not voted are in memory alone: ``boots``
    tells a coordinator that they are gone. Whoever holds locks for long is asked by the shard what became of it.
    """

    def __init__(self, node: Node, store: Store) -> None:
        self._node, self._store = node, store
        self._changes: dict[str, list[Change]] = {}
        self._values: dict[str, Any] = {}
        self._locks = LockTable()
        self._prepared: dict[Name, tuple[Any, ...]] = {}
        self._over: dict[Name, bool] = {}  # whether it has been done here
        self._waiting: list[Message] = []
        self._boots = 0
        self._journal = Journal(node, store.kind("shard"), self._whole, flush=store.flush)

    def run(self) -> Program:
        """Come back from the disk, and answer for ever."""
        for word, *fields in (yield from self._journal.restore()):
            getattr(self, f"_recall_{word}")(*fields)
        for name, writes in self._prepared.items():
            for _, key, _ in writes:
                self._locks.take(name, key, "exclusive")
        self._node.spawn(self._journal.run())
        self._boots += 1
        self._journal.append(("boot", self._boots))
        yield from self._journal.durable()
        self._node.spawn(self._inquire())
        does = {"step": self._step, "prepare": self._prepare, "commit": self._commit, "abort": self._abort}
        does |= {"do": self._do, "undo": self._undo}
        kinds = {self._store.kind(word): what for word, what in does.items()}
        while True:
            message = yield self._node.receive(*kinds)
            kinds[message.kind](message)

    # What is durable

    def _whole(self) -> list[Any]:
        changes = tuple((key, tuple(changes)) for key, changes in self._changes.items())
        return [("boot", self._boots), ("all", changes, tuple(self._prepared.items()), tuple(self._over.items()))]

    def _recall_boot(self, boots: int) -> None:
        self._boots = boots

    def _recall_all(self, changes: Iterable[Any], prepared: Iterable[Any], over: Iterable[Any]) -> None:
        self._changes = {key: list(each) for key, each in changes}
        self._values = {key: self._folded(key) for key in self._changes}
        self._prepared, self._over = dict(prepared), dict(over)

    def _recall_prepare(self, name: Name, writes: tuple[Any, ...]) -> None:
        self._prepared[name] = writes

    def _recall_end(self, name: Name, done: bool, stamp: int) -> None:
        for place, (f, key, value) in enumerate(self._prepared.pop(name, ())):
            if done:
                self._change(key, (stamp, name, place, f, value))
        self._over[name] = done

    def _recall_do(self, key: str, change: Change) -> None:
        self._change(key, change)

    def _recall_undo(self, name: Name, keys: Iterable[str]) -> None:
        for key in keys:
            self._changes[key] = [change for change in self._changes.get(key, ()) if change[1] != name]
            self._values[key] = self._folded(key)
        self._over[name] = False

    def _record(self, word: str, *fields: Any) -> None:
        """Let something be so, now and after a crash."""
        self._journal.append((word, *fields))
        getattr(self, f"_recall_{word}")(*fields)

    def _reply(self, message: Message, body: Any = None, record: Callable[[], object] = lambda: None) -> None:
        """Answer, and record it, as soon as all that is so is durable."""

        def steps() -> Program:
            yield from self._journal.durable()
            record()
            self._node.reply(message, body)

        self._node.spawn(steps())

    # Values

    def _change(self, key: str, change: Change) -> None:
        self._changes.setdefault(key, []).append(change)
        self._values[key] = after(self._values.get(key), *change[3:])

    def _folded(self, key: str, at: float = float("inf")) -> Any:
        value = None
        for stamp, _, _, f, new in self._changes.get(key, ()):
            if stamp <= at:
                value = after(value, f, new)
        return value

    # What coordinators ask

    def _step(self, message: Message) -> None:
        """Say what is under a key, and lock it first where that is asked for."""
        name, key, mode, at = message.body
        newest = self._changes[key][-1][0] if self._changes.get(key) else 0
        refusal, waits = None, False
        if name in self._over:
            refusal = "it is over here"
        elif mode is None:
            waits = at is not None and self._locks.is_written(key, name)
        elif (taken := self._locks.take(name, key, mode)) != "granted":
            waits, refusal = taken == "wait", f"an older transaction has locked {key!r}"
        elif at is not None and newest > at:
            refusal = f"another transaction has changed {key!r} meanwhile"
        if waits:
            self._waiting.append(message)
            return
        value = self._values.get(key) if at is None or newest <= at else self._folded(key, at)
        self._node.reply(message, (refusal, self._boots, None if refusal else value))
        if mode is not None and refusal is None:
            self._wake()  # who waits for younger ones must not wait for this one, if it is older

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            self._step(message)

    def _prepare(self, message: Message) -> None:
        """Vote. Who has nothing to write here is done by that, for it asks for no lock any more."""
        name, boots, writes = message.body
        if name in self._over or name in self._prepared:
            self._reply(message, self._over.get(name, True))
            return
        holds = boots == self._boots  # what it has locked, for only an end gives locks back
        if not holds:
            self._end(name, False)
        elif writes:
            self._record("prepare", name, writes)
        else:
            self._over[name] = True
            self._release(name)
        self._reply(message, holds, partial(self._voted, name, holds, len(writes)))

    def _voted(self, name: Name, holds: bool, writes: int) -> None:
        if not (holds and self._over.get(name) is False):  # it may have been given up before the vote was durable
            self._store.voted(name[0], self._node.name, "yes" if holds else "no", writes)

    def _commit(self, message: Message) -> None:
        """Do what was voted for."""
        self._end(*message.body)
        self._reply(message)

    def _abort(self, message: Message) -> None:
        """Forget it."""
        self._end(message.body, False)

    def _end(self, name: Name, done: bool, stamp: int = 0) -> None:
        if name in self._over:
            return
        if name in self._prepared:
            self._store.learned(name[0], self._node.name, "commit" if done else "abort")
            self._record("end", name, done, stamp)
            if done:
                self._store.applied(name[0], self._node.name)
        self._over[name] = done
        self._release(name)

    def _release(self, name: Name) -> None:
        self._locks.release(name)
        self._wake()

    def _do(self, message: Message) -> None:
        """Change a key at once, without a lock, unless that has been undone already."""
        name, place, f, key, value = message.body
        if name not in self._over and all(change[1:3] != (name, place) for change in self._changes.get(key, ())):
            self._record("do", key, (0, name, place, f, value))
            self._store.applied(name[0], self._node.name)
        self._reply(message, name not in self._over)

    def _undo(self, message: Message) -> None:
        """Take all changes of a transaction out again; what comes late is not done any more."""
        name, keys = message.body
        if name not in self._over:
            self._record("undo", name, keys)
        self._reply(message)

    def _inquire(self) -> Program:
        """Ask for the outcome of who has held locks for long: it may be that nobody remembers it."""
        before: dict[Name, None] = {}
        while True:
            yield self._node.timer(self._store.retry_s)
            holders = self._locks.holders()
            for name in holders:
                if name in before:
                    self._node.spawn(self._ask_outcome(name))
            before = holders

    def _ask_outcome(self, name: Name) -> Program:
        try:
            reply = yield self._node.request(name[1], self._store.kind("outcome"), name, None, self._store.retry_s)
        except UNANSWERED:
            if name not in self._prepared:  # who has not voted may still decide
                self._end(name, False)
            return
        if reply.body is not None:
            self._end(name, *reply.body)
