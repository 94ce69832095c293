"""Checks of a running cluster: what must hold between any two events, whatever has gone wrong."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from simpy.core import EmptySchedule, StopSimulation

from simcluster.cluster.network.message_path import FirstComeFirstServed
from simcluster.engine import Seconds, awaited

if TYPE_CHECKING:
    from simcluster.cluster.cluster import Cluster
    from simcluster.cluster.node import Node

_ROUNDING = 1 + 1e-9


class InvariantBroken(AssertionError):
    """A cluster is in a state in which none may be: ``rule`` says which, without times and names."""

    def __init__(self, rule: str, now_s: Seconds, got: object) -> None:
        super().__init__(f"{rule}, got {got} at {now_s} s")
        self.rule = rule


def run_checked(cluster: Cluster) -> None:
    """Run the cluster's environment as ``env.run()`` does, and check every invariant after each event.

    It steps the environment itself, so any that has SimPy's ``step`` will do, and a run that is not checked pays
    nothing. Raises ``InvariantBroken`` in the event after which something is wrong.
    """
    check = Checker(cluster)
    check()
    try:
        while True:
            check.steps(1000)
    except (StopSimulation, EmptySchedule):
        return


class Checker:
    """Asserts every invariant of a cluster each time it is called; it remembers what the trace has said.

    What holds of messages and computations over time is checked on the records, as far as the trace keeps them.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._now_s = -math.inf
        self._seen = 0
        self._state: dict[str, str] = {}
        self._crashed_s: dict[str, float] = {}
        self._copies: dict[int, int] = {}
        self._held: Counter[int] = Counter()
        self._size_bytes: dict[int, float] = {}
        self._received_bytes: dict[str, float] = {}
        self._quickest: dict[str, float] = {}  # the least throttle of each interface so far, where below 1
        self._rows: dict[str, Callable[[dict[str, Any]], None]] = {
            "node": self._on_state,
            "crash": self._on_crash,
            "compute": self._on_compute,
        }
        if all(cluster.trace.keeps(kind) for kind in ("send", "deliver", "drop", "duplicate", "hold", "release")):
            self._rows |= {
                "send": self._on_send,
                "deliver": self._on_deliver,
                "drop": self._on_drop,
                "duplicate": lambda row: self._add_copies(row, 1),
                "hold": lambda row: self._hold(row, 1),
                "release": lambda row: self._hold(row, -1),
            }

    def __call__(self) -> None:
        """Check the state of every node, and the records that are new since the last call."""
        cluster = self._cluster
        now_s, before_s = cluster.env.now, self._now_s
        if now_s < before_s:
            self._broken("time must not run backwards", before_s)
        self._now_s = now_s
        for node in cluster.nodes.values():
            check_node(node)
        for name, factors in cluster.network._throttles.items():
            if factors:
                self._quickest[name] = min(self._quickest.get(name, 1.0), factors.product)
        for row in cluster.trace.rows(start=self._seen):
            self._seen += 1
            if not before_s <= row["time_s"] <= now_s:
                self._broken("a record must have the time of its event", row)
            before_s = row["time_s"]
            if row["kind"] in self._rows:
                self._rows[row["kind"]](row)

    def steps(self, count: int) -> None:
        """Process the next events, as ``env.steps`` does, and check after each."""
        try:
            for _ in range(count):
                self._cluster.env.step()
                self()
        except StopSimulation:
            self()
            raise
        except EmptySchedule:
            self.nothing_in_flight()
            raise

    def nothing_in_flight(self) -> None:
        """Check, when nothing is left to happen, that every message has had its fate, is held, or waits behind one."""
        self()
        behind = self._cluster.network.out_of_turn
        for message, copies in self._copies.items():
            if copies != self._held[message] + behind[message]:
                self._broken("a message must be delivered, dropped or held in the end", f"message {message}")

    def _broken(self, rule: str, got: object) -> NoReturn:
        raise InvariantBroken(rule, self._cluster.env.now, got)

    # Nodes, by what their records say

    def _on_state(self, row: dict[str, Any]) -> None:
        self._state[row["node"]] = row["state"]

    def _on_crash(self, row: dict[str, Any]) -> None:
        self._crashed_s[row["node"]] = row["time_s"]
        self._state[row["node"]] = "down"

    def _on_compute(self, row: dict[str, Any]) -> None:
        if self._state.get(row["node"], "up") != "up":
            self._broken("only a node that is up must compute", row)
        if row["begin_s"] < self._crashed_s.get(row["node"], 0.0):
            self._broken("what was computed when a node crashed must be lost", row)

    # Messages: sent + duplicated = delivered + dropped + held + in flight

    def _on_send(self, row: dict[str, Any]) -> None:
        if self._state.get(row["source"], "up") != "up":
            self._broken("only a node that is up must send", row)
        if row["message"] in self._size_bytes:
            self._broken("a message must be sent once", row)
        self._size_bytes[row["message"]] = row["size_bytes"]
        self._copies[row["message"]] = 1

    def _on_deliver(self, row: dict[str, Any]) -> None:
        if self._state.get(row["target"], "up") == "down":
            self._broken("nothing must be delivered to a node that is down", row)
        self._add_copies(row, -1)
        if row["source"] != row["target"]:
            self._receive(row["target"], self._size_bytes[row["message"]], row["time_s"])

    def _on_drop(self, row: dict[str, Any]) -> None:
        if not row["cause"]:
            self._broken("a dropped message must have a cause", row)
        self._add_copies(row, -1)

    def _add_copies(self, row: dict[str, Any], copies: int) -> None:
        left = self._copies.get(row["message"], 0) + copies
        self._copies[row["message"]] = left
        if left < self._held[row["message"]]:
            self._broken("a copy of a message must have one fate", row)

    def _hold(self, row: dict[str, Any], copies: int) -> None:
        self._held[row["message"]] += copies
        self._add_copies(row, 0)
        if self._held[row["message"]] < 0:
            self._broken("only a message that is held must be released", row)

    def _receive(self, target: str, size_bytes: float, time_s: float) -> None:
        """Bytes through an interface never exceed the most bandwidth that it has had × time."""
        received = self._received_bytes[target] = self._received_bytes.get(target, 0.0) + size_bytes
        network = self._cluster.network.spec
        own = self._cluster.nodes[target].spec.nic_bytes_per_s
        bandwidth = (own or network.bandwidth_bytes_per_s or math.inf) / self._quickest.get(target, 1.0)
        if network.fidelity != "latency" and received > bandwidth * time_s * _ROUNDING:
            self._broken("bytes received must be at most bandwidth × time", f"{received} bytes by {target}")


def check_node(node: Node) -> None:
    """Assert what must hold of a node between two events."""
    state, processor, mailbox = node.state, node._processor, node._mailbox

    def must(holds: bool, rule: str, got: object) -> None:
        if not holds:
            raise InvariantBroken(rule, node.env.now, f"{got} on {node.name}, which is {state}")

    speed = node.spec.speed / node._slowdowns.product
    given = math.isclose(processor.speed, speed if state == "up" else 0.0, rel_tol=1e-12)
    must(given, "speed must be what all modifiers give", processor.speed)
    if state == "down":
        must(not node._processes, "no program must live on a node that is down", len(node._processes))
        must(not node.queue_length, "nothing must be computed on a node that is down", node.queue_length)
        must(not node.inbox_length, "a crash must empty the inbox", node.inbox_length)
        must(not mailbox._receives, "no receive must outlive a crash", len(mailbox._receives))
        must(not node._open_requests, "no request must outlive a crash", list(node._open_requests))
        used = "storage" in node.__dict__  # it is made when it is first used
        must(not used or not node.storage._blocks.unflushed, "unflushed writes must not survive a crash", "some")
    if state != "paused":
        must(not node._held, "only a paused node must hold back events", len(node._held))
    if isinstance(processor, FirstComeFirstServed):
        running, waiting, cores = len(processor._running), len(processor._ready), processor._cores
        must(running <= cores, "computations must be at most one to a core", running)
        must(not waiting or running == cores, "no core must be idle while computations wait", waiting)
    for receive in mailbox._receives:
        waits = (
            not mailbox._offer_due
            and awaited(receive)
            and any(not receive.kinds or message.kind in receive.kinds for message in mailbox._messages)
        )
        must(not waits, "no message must wait for a program that awaits it", receive.kinds)
