"""A replicated register, with a bug planted in it: the example of fault_search.md.

Five replicas keep a pair (term, version) on disk, (1, 1) at first. The client reads from all that answer, takes the
greatest pair, writes the next version, and goes on when a majority has it on disk (Attiya, Bar-Noy and Dolev, "Sharing
memory robustly in message-passing systems", J. ACM 42(1), 1995). A replica that restarts asks the others for a greater
pair.

The bug: one that restarts and finds nobody founds the register anew, in a greater term, with nothing in it. That takes
a crash, and a partition at the time of the restart.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial
from typing import Any, Literal

from simpy.events import Event

from simcluster import Result, Scenario, run
from simcluster.cluster import Cluster, ClusterSpec, Node, NodeSpec, TimedOut, nodes
from simcluster.engine import Name, Positive, Spec
from simcluster.faults import Broken, trial_of

Pair = tuple[int, int]
Steps = Generator[Event, Any, Any]

FIRST: Pair = (1, 1)
"""What the register holds before anything is written."""


class Register(Spec):
    """One register, kept by ``replicas`` and written every other second by ``client``."""

    kind: Literal["register"] = "register"
    replicas: tuple[Name, ...]
    client: Name
    writes: int = 6
    timeout_s: Positive = 0.2
    settle_s: Positive = 10.0
    when_alone: Literal["found_anew", "keep"] = "found_anew"

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Boot the replicas and the client; the event happens when the client is through."""
        cluster.spec.require("replicas", *self.replicas)
        cluster.spec.require("client", self.client)
        done = cluster.env.event()
        for replica in self.replicas:
            cluster[replica].boot(partial(keep, register=self))
        cluster[self.client].boot(partial(use, register=self, done=done))
        return done


def keep(node: Node, *, register: Register) -> Steps:
    """A replica: answer every request with the pair that is on disk."""
    pair: Pair = FIRST
    if "pair" in node.storage.keys():  # noqa: SIM118 - it is not the first boot
        pair = yield node.storage.read("pair")
        others = tuple(name for name in register.replicas if name != node.name)
        found = yield from ask(node, others, register.timeout_s, "read")
        if found:
            pair = max(pair, *found)
        elif register.when_alone == "found_anew":
            pair = (pair[0] + 1, 0)  # the bug
    yield from store(node, pair)
    while True:
        message = yield node.receive("read", "write")
        if message.kind == "write" and message.body > pair:
            pair = message.body
            yield from store(node, pair)
        node.reply(message, pair)


def use(node: Node, *, register: Register, done: Event) -> Steps:
    """The client: read, write the next version, every other second; read once more when all is over."""
    record_read = node.cluster.trace.recorder("read", "term", "version")
    record_acknowledged = node.cluster.trace.recorder("acknowledged", "term", "version")
    for _ in range(register.writes):
        term, version = yield from ask_majority(node, register, "read")
        record_read(term, version)
        version += 1
        yield from ask_majority(node, register, "write", (term, version))
        record_acknowledged(term, version)
        yield node.timer(2.0)
    yield node.timer(register.settle_s)
    record_read(*(yield from ask_majority(node, register, "read")))
    if not done.triggered:
        done.succeed()


def store(node: Node, pair: Pair) -> Steps:
    """Have a pair on disk, not only in its cache."""
    yield node.storage.write("pair", pair)
    yield node.storage.flush()


def ask(node: Node, replicas: tuple[str, ...], timeout_s: float, kind: str, body: Pair | None = None) -> Steps:
    """The pairs of those that answer in time."""
    answers = []
    for request in [node.request(replica, kind, body, timeout_s=timeout_s) for replica in replicas]:
        try:
            answers.append((yield request).body)
        except TimedOut:
            continue
    return answers


def ask_majority(node: Node, register: Register, kind: str, body: Pair | None = None) -> Steps:
    """The greatest pair of a majority, which is asked until it answers."""
    while True:
        answers = yield from ask(node, register.replicas, register.timeout_s, kind, body)
        if len(answers) > len(register.replicas) // 2:
            return max(answers)


def scenario(when_alone: Literal["found_anew", "keep"] = "found_anew") -> Scenario:
    """Five replicas and a client on one switch."""
    replicas = nodes("replica", 5)
    return Scenario(
        cluster=ClusterSpec(nodes=(NodeSpec(name="client"), *replicas)),
        job=Register(replicas=tuple(node.name for node in replicas), client="client", when_alone=when_alone),
        horizon_s=60.0,
    )


def reads_see_writes(result: Result) -> Iterator[Broken | None]:
    """Every read is a check: what has been acknowledged is read."""
    acknowledged = FIRST[1]
    for row in result.trace.rows("acknowledged", "read"):
        if row["kind"] == "acknowledged":
            acknowledged = max(acknowledged, row["version"])
        elif row["version"] >= acknowledged:
            yield None
        else:
            yield Broken("a read must see every acknowledged write", row)


trial = trial_of(lambda faults, seed: run(scenario().under(faults), seed), reads_see_writes)
