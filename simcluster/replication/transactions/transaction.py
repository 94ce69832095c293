"""A transaction as an isolation level sees it: what it shall do, and the ways to do it."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Literal

from simcluster.engine import Event
from simcluster.replication.protocols import Operation, Refused
from simcluster.replication.transactions.lock_table import Mode, Name
from simcluster.replication.transactions.shard import after

if TYPE_CHECKING:
    from simcluster.replication.transactions.coordinator import Coordinator

Steps = Generator[Event, Any, Any]
Step = tuple[str, str, Any]
KINDS = ("r", "w", "append")


class Transaction:
    """One transaction on the client that coordinates it.

    ``steps`` are what it shall do: ("r", key, None), ("w", key, value) and ("append", key, value). What was read
    or locked once is not asked for again; changes stay here until the commit, and the transaction itself sees them.
    ``fate`` is "open" until ``commit`` or ``keep`` has decided.
    """

    def __init__(self, coordinator: Coordinator, operation: Operation) -> None:
        self._coordinator = coordinator
        self.name: Name = (operation.number, coordinator.node.name)
        self.steps = steps_of(operation.value)
        self.fate: Literal["open", "decided"] = "open"
        self.results: list[Step] = []
        self.written: dict[str, list[tuple[str, Any]]] = {}
        self.locked: dict[str, dict[str, Mode]] = {}  # by shard
        self._seen: dict[str, Any] = {}
        self._boots: dict[str, int] = {}  # of each shard, when it gave the first lock

    def read(self, key: str, *, lock: bool = False, at: int | None = None) -> Steps:
        """Steps whose value is what is under a key.

        With ``lock`` nobody changes it until the commit; with the stamp ``at`` it is what was there then. Raises
        ``Refused`` where an older transaction has locked it.
        """
        if key not in self._seen:
            self._seen[key] = yield from self._step(key, "shared" if lock else None, at)
        value = self._seen[key]
        for f, new in self.written.get(key, ()):
            value = after(value, f, new)
        self.results.append(("r", key, value))
        return value

    def write(self, f: str, key: str, value: Any) -> None:
        """Change a key, "w" or "append", as soon as all is committed; it must be locked by then."""
        self.written.setdefault(key, []).append((f, value))
        self.results.append((f, key, value))

    def lock(self, key: str, *, at: int | None = None) -> Steps:
        """Steps until a key is this transaction's alone.

        Raises ``Refused`` where an older transaction has it, or where it was changed since the stamp ``at``.
        """
        self._seen[key] = yield from self._step(key, "exclusive", at)

    def now(self) -> Steps:
        """Steps whose value is a stamp later than all that were given before."""
        store = self._coordinator.store
        return (yield from self._coordinator.ask_for(store.shards[0], "now")).body

    def commit(self, *, stamped: bool = False) -> Steps:
        """Steps until all is done, or nothing: two-phase commit (Gray 1978), with presumed abort (Mohan et al. 1986).

        First all shards where something is locked vote, each durably; then the decision is durable here, with a stamp
        of its own if changes are to be ``stamped``; then they hear of it, as long as it takes. Raises ``Refused`` where
        one votes no, for it has lost a lock by a crash.
        """
        store = self._coordinator.store
        if loose := [key for key in self.written if self.locked.get(store.shard_of(key), {}).get(key) != "exclusive"]:
            raise ValueError(f"a transaction must have locked what it writes before it commits, got {loose[0]!r}")
        bodies = {shard: (self.name, boots, self._changes_on(shard)) for shard, boots in self._boots.items()}
        votes = yield from self._coordinator.ask_each("prepare", bodies)
        if not all(votes):
            raise Refused("a shard has lost a lock")
        writers = tuple(shard for shard, body in bodies.items() if body[2])
        stamp = (yield from self.now()) if stamped and writers else 0
        self.fate = "decided"
        if writers:
            yield from self._coordinator.decide(self.name, "commit", writers, (self.name, True, stamp))

    # Without locks

    def promise_to_undo(self) -> Steps:
        """Steps until it is durable that all is to be undone, unless it is kept."""
        keys = tuple(dict.fromkeys(key for f, key, _ in self.steps if f != "r"))
        shards = tuple(dict.fromkeys(map(self._coordinator.store.shard_of, keys)))
        yield from self._coordinator.promise(self.name, "undo", shards, (self.name, keys))

    def do(self, f: str, key: str, value: Any, *, attempts: int) -> Steps:
        """Steps until a key is changed, for all to see; raises a ``Failure`` after so many attempts."""
        body = (self.name, len(self.results), f, key, value)
        shard = self._coordinator.store.shard_of(key)
        reply = yield from self._coordinator.ask_for(shard, "do", body, attempts)
        if not reply.body:
            raise Refused("it has been undone")
        self.results.append((f, key, value))

    def undo(self) -> Steps:
        """Steps until all that was done is undone."""
        yield from self._coordinator.tell(self.name)

    def keep(self) -> Steps:
        """Steps until it is durable that nothing is to be undone."""
        self.fate = "decided"
        yield from self._coordinator.forget(self.name)

    def _changes_on(self, shard: str) -> tuple[Step, ...]:
        of = self._coordinator.store.shard_of
        return tuple((f, key, new) for key, each in self.written.items() if of(key) == shard for f, new in each)

    def _step(self, key: str, mode: Mode | None, at: int | None) -> Steps:
        shard = self._coordinator.store.shard_of(key)
        if mode is not None:  # from now on the shard may hold a lock, whether it answers or not
            self.locked.setdefault(shard, {})
        reply = yield from self._coordinator.ask_for(shard, "step", (self.name, key, mode, at))
        refusal, boots, value = reply.body
        if refusal is not None:
            raise Refused(refusal)
        if mode is not None:
            held = self.locked[shard].get(key, mode)
            self.locked[shard][key] = "exclusive" if "exclusive" in (held, mode) else mode
            self._boots.setdefault(shard, boots)
        return value


def steps_of(steps: Any) -> tuple[Step, ...]:
    """What a transaction is asked to do. Raises ``ValueError`` for what is no list of steps."""
    for step in steps if isinstance(steps, list | tuple) else (steps,):
        if not isinstance(step, list | tuple) or len(step) != 3 or step[0] not in KINDS or not isinstance(step[1], str):
            rule = f"a step of a transaction must be (f, key, value) with f one of {KINDS} and a key of text"
            raise ValueError(f"{rule}, got {step!r:.80}")
    return tuple((f, key, value) for f, key, value in steps)
