"""Schemes with a bug planted in each, and what makes of a schedule that shows it the smallest that does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, Literal

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, nodes, run
from simcluster.cluster import StorageSpec
from simcluster.engine import Exponential, stream
from simcluster.faults import Broken, Finding, search_seeds, shrink, trial_of
from simcluster.measurement.checkers import linearizability
from simcluster.measurement.checkers.clients.sessions import sessions
from simcluster.measurement.checkers.models import Append, CasRegister
from simcluster.measurement.histories import History
from simcluster.replication import Abd, Asked, Causal, Craq, PrimaryBackup, Raft, ReplicatedStore, Views
from simcluster.replication.schemes.raft.leading import Leading
from simcluster.replication.schemes.raft.replica import Replica
from simcluster.replication.stamped import Copy, later
from simcluster.replication.state_machine import StateMachine
from tests.replication.strong import HORIZON_S, swarm

SEEDS = range(200)
RULE = "a history must be linearizable"
VIEWS = Views(master="m")


# The bugs, each in as few lines as it has in practice.


class LongLease(Leading):
    """A lease that outlasts the elections of others."""

    def lease_s(self):
        return 5 * self._raft.election_s[1]


class ReadsAtOnce(Leading):
    """A leader that takes it for granted that it leads."""

    def read(self, message, key):
        self._node.reply(message, self._replica.machine.read(key))


class AnswersAtOnce(Leading):
    """A leader that acknowledges a write before anybody else has it."""

    def write(self, message, command):
        super().write(message, command)
        self._node.reply(message, ("done", None))


class TwoVotes(Replica):
    """A replica that does not remember whom it has voted for."""

    def _enter(self, term, vote, role):
        super()._enter(term, vote if vote == self.name else None, role)


class OneVoteTooFew(Replica):
    """An election that is won with half of the votes."""

    def has_majority(self, names):
        return sum(name in names for name in self.members) >= len(self.members) // 2


class CutsTheLog(Replica):
    """A replica that votes for anybody, whose shorter log then takes the place of its own."""

    def is_behind(self, index, term):
        return True


class ForgetsAnswers(StateMachine):
    """A state machine that does a command as often as it comes."""

    def apply(self, command):
        self.answered.pop(command.client, None)
        return super().apply(command)


class Planted(Raft):
    """Raft with a bug."""

    kind: Literal["planted"] = "planted"
    replica_type: Any = Replica
    leading_type: Any = Leading
    machine_type: Any = StateMachine

    def replica(self, node, replicas):
        made = self.replica_type(node, self, replicas)
        made.machine = self.machine_type(lambda number: None)
        made.lead = lambda: self.leading_type(made)
        return made


class ByTheClock(Abd):
    """An atomic register that stamps what is written with the time of the writer's clock."""

    kind: Literal["by_the_clock"] = "by_the_clock"

    def session(self, replicas, node, client):
        session = super().session(replicas, node, client)

        def ask(operation):
            if operation.f == "read":
                return (yield from session.ask(operation))
            stamp = ((node.clock.now(), 0), operation.number)
            yield from session._ask("write", (operation.key, (stamp, operation.value)))

        return SimpleNamespace(ask=ask)


class ForgetsTheDead(Copy):
    """A copy that keeps nothing of what has been deleted, not even that it was."""

    def write(self, message):
        key, state = message.body

        def written():
            self.node.reply(message)
            if state[1] is None and self.shelf.held.get(key) == self.shelf._pending.get(key) == state:
                for kept in (self.shelf.held, self.shelf._pending):
                    del kept[key]
                self.node.storage.delete(self.shelf._places.pop(key))

        self.shelf.take(key, partial(later, state), written)


class NoTombstones(Abd):
    """An atomic register whose copies keep no tombstones, so that a deletion leaves less than what has missed it."""

    kind: Literal["no_tombstones"] = "no_tombstones"

    def start(self, replicas):
        replicas.boot(lambda node: ForgetsTheDead(node, replicas, self.durable).run())


class AnyWillDo(PrimaryBackup):
    """A master that lets the first that answers be the primary, whatever it has."""

    kind: Literal["any_will_do"] = "any_will_do"
    backups: int = 1

    def heard(self, members):
        return 1


class Dirty(Craq):
    """CRAQ that answers with what is on its way through the chain."""

    kind: Literal["dirty"] = "dirty"

    def read(self, copy, message, key):
        if copy.view is None:
            copy.node.reply(message, ("elsewhere", None))
        elif (yield from copy.still()):
            copy.node.reply(message, copy.machine.read(key))


# A few operations of a few clients, which can be left out one by one.


@dataclass(frozen=True)
class Script:
    """A workload that is written down: of each client when it asks what."""

    plan: tuple[tuple[tuple[float, str, Any], ...], ...]

    @property
    def asks(self):
        return sorted({f for each in self.plan for _, f, _ in each})

    def client(self, number, clients, generator):
        before_s = 0.0
        for at_s, f, value in self.plan[number]:
            yield Asked(f, "k0", value, at_s - before_s, "beginning")
            before_s = at_s

    def without(self, client, place):
        plan = [list(each) for each in self.plan]
        del plan[client][place]
        return Script(tuple(tuple(each) for each in plan))

    def __len__(self):
        return sum(len(each) for each in self.plan)


def script(seed, change, clients=3, operations=12):
    """Reads and changes, at times drawn evenly; what is written is unique, and a "delete" is a write of nothing."""
    generator = stream(seed, "script")
    plan = []
    for client in range(clients):
        times_s = sorted(float(round(time_s, 3)) for time_s in generator.uniform(0.3, HORIZON_S, operations))
        changes = generator.random(operations) < 0.5
        values = [place * clients + client + 1 for place in range(operations)]
        asks = zip(times_s, changes, values, strict=True)
        told = [(at_s, change if it else "read", value if it else None) for at_s, it, value in asks]
        plan.append(tuple(_deleting(*each) if change == "delete" else each for each in told))
    return Script(tuple(plan))


def _deleting(at_s, f, value):
    return (at_s, f, None) if f == "read" else (at_s, "write", value if value % 2 else None)


def is_linearizable(history, model=CasRegister()):  # noqa: B008 - never changed
    return linearizability(history, model).verdict


@dataclass(frozen=True)
class Bug:
    """A scheme with a bug, and what shows it."""

    scheme: Any
    change: str = "write"
    replicas: int = 3
    drift: Any = None
    flush_s: float = 1e-3
    check: Any = is_linearizable
    rule: str = RULE

    def scenario(self, plan):
        storage = StorageSpec(flush_s=self.flush_s)
        machines = (*nodes("r", self.replicas, storage=storage), *nodes("c", 3), NodeSpec(name="m"))
        job = ReplicatedStore(
            scheme=self.scheme,
            replicas=[f"r-{place}" for place in range(self.replicas)],
            clients=[f"c-{place}" for place in range(3)],
            workload=plan,
            timeout_s=0.5,
        )
        network = NetworkSpec(latency=Exponential(mean=0.001))
        cluster = ClusterSpec(nodes=machines, network=network)
        return Scenario(cluster=cluster, job=job, horizon_s=10.0, trace_kinds=("invoke", "complete"))

    def trial(self, plan=None):
        """Runs a schedule, with the script of its seed or with this one."""

        def holds(result):
            history = History.of(result.trace)
            if any(each.status == "ok" for each in history):
                yield Broken(self.rule) if self.check(history) == "invalid" else None

        def ran(faults, seed):
            return run(self.scenario(plan or script(seed, self.change)).under(faults), seed)

        return trial_of(ran, holds)

    def find(self, seeds=SEEDS):
        """The first seed that shows it."""
        names = self.scenario(script(0, self.change)).cluster.names
        return search_seeds(self.trial(), swarm(names, self.drift).draw, seeds)

    def smallest(self, found: Finding):
        """A finding and a script in which nothing is superfluous."""
        plan, before = script(found.seed, self.change), None
        while before != (plan, found.faults):
            before = (plan, found.faults)
            plan = self._shorter(plan, found)
            failure = self.trial(plan)(found.faults, found.seed)
            found = shrink(Finding.of(failure, found.seed, found.faults), self.trial(plan), budget=400)
        return found, plan

    def small(self):
        """The first finding that comes down to three faults and six operations."""
        seeds = iter(SEEDS)
        while isinstance(found := self.find(seeds), Finding):
            smallest, plan = self.smallest(found)
            if len(smallest.faults) <= 3 and len(plan) <= 6:
                return smallest, plan
        raise AssertionError(f"one of {SEEDS} must show the bug in a few faults and operations, got {found}")

    def _shorter(self, plan, found):
        for client in range(len(plan.plan)):
            for place in reversed(range(len(plan.plan[client]))):
                less = plan.without(client, place)
                failure = self.trial(less)(found.faults, found.seed) if len(less) else None
                if getattr(failure, "rule", None) == found.rule:
                    plan = less
        return plan


HASTY = {"election_s": (0.15, 0.1505), "pre_vote": False}
BUGS = {
    "stale lease read": Bug(Planted(leading_type=LongLease, reads="lease")),
    "stale read of a deposed leader": Bug(Planted(leading_type=ReadsAtOnce)),
    "acknowledgement before replication": Bug(Planted(leading_type=AnswersAtOnce)),
    "split brain": Bug(Planted(replica_type=TwoVotes, **HASTY)),
    "quorum off by one": Bug(Planted(replica_type=OneVoteTooFew, pre_vote=False)),
    "log truncation": Bug(Planted(replica_type=CutsTheLog, pre_vote=False)),
    "forgotten flush": Bug(Raft(flush=False)),
    "double apply on retry": Bug(
        Planted(machine_type=ForgetsAnswers), "append", check=partial(is_linearizable, model=Append())
    ),
    "lost update on failover": Bug(AnyWillDo(views=VIEWS)),
    "asynchronous primary-backup": Bug(PrimaryBackup(views=VIEWS, backups=0)),
    "dirty read": Bug(Dirty(views=VIEWS), flush_s=0.02),
    "clock-skewed last writer": Bug(ByTheClock()),
    "missed tombstone": Bug(NoTombstones(), "delete"),
    "non-monotonic session": Bug(
        Causal(sticky=False, monotonic_reads=False),
        check=lambda history: sessions(history).verdict,
        rule="a session must not go back",
    ),
}
"""By name. "Fencing ignored" is a LockedCounter without it, see test_locks.py."""


def table():
    """What docs/replication.md shows of them, in Markdown."""
    rows = ["| bug | seed | faults | operations | the faults that are left |", "|---|---|---|---|---|"]
    for name, bug in BUGS.items():
        found, plan = bug.small()
        kinds = ", ".join(type(fault).__name__ for fault in found.faults)
        rows.append(f"| {name} | {found.seed} | {len(found.faults)} | {len(plan)} | {kinds or 'none'} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
