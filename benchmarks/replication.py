"""How many operations a replicated store serves in a second of this machine, beside a loop that only does them.

``python benchmarks/replication.py [CLIENTS OPERATIONS ROUNDS]``: a Raft cluster of five, clients that write and read
100 keys as fast as they are answered; and the same operations done by a plain Python loop on one state machine. Prints
the median of the rounds, and its ratio to the loop's.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from simcluster import ClusterSpec, Scenario, nodes, run
from simcluster.engine import stream
from simcluster.replication import Mix, Raft, ReplicatedStore
from simcluster.replication.state_machine import Command, StateMachine

SERVERS = 5
KEYS = 100


def scenario(clients: int, operations: int, mix: dict[str, float]) -> Scenario:
    """The cluster under load; nothing is recorded but what clients see."""
    machines = (*nodes("server", SERVERS), *nodes("client", clients))
    names = tuple(machine.name for machine in machines)
    workload = Mix(operations=operations, mix=mix, keys=KEYS)
    job = ReplicatedStore(scheme=Raft(), replicas=names[:SERVERS], clients=names[SERVERS:], workload=workload)
    cluster = ClusterSpec(nodes=machines)
    return Scenario(cluster=cluster, job=job, horizon_s=1e4, trace_kinds=("invoke", "complete"))


def loop(clients: int, operations: int, mix: dict[str, float]) -> None:
    """What clients ask, done one after another by nobody but Python."""
    workload, machine, number = Mix(operations=operations, mix=mix, keys=KEYS), StateMachine(), 0
    for client in range(clients):
        asks, given = workload.client(client, clients, stream(0, "client", client)), None
        while True:
            try:
                asked = asks.send(given)
            except StopIteration:
                break
            number += 1
            answer = machine.apply(Command(client, number, asked.f, asked.key or "", asked.value))
            given = answer[1] if answer else None


def seconds(does: Callable[[], Any], rounds: int) -> float:
    """The median of the rounds, by this process's processor time, which neighbours do not add to."""
    taken = []
    for _ in range(rounds):
        begun_s = time.process_time()
        does()
        taken.append(time.process_time() - begun_s)
    return statistics.median(taken)


def main(clients: int = 200, operations: int = 100, rounds: int = 5) -> dict[str, tuple[float, float]]:
    """Operations per second of the cluster and of the loop, by what is asked."""
    rates = {}
    for name, mix in {"writes": {"write": 1.0}, "half": {"read": 1.0, "write": 1.0}, "reads": {"read": 1.0}}.items():
        made = scenario(clients, operations, mix)
        count = clients * operations
        served = run(made, 0).outcome
        assert served == {"ok": count}, served
        cluster = count / seconds(lambda made=made: run(made, 0), rounds)
        plain = count / seconds(lambda mix=mix: loop(clients, operations, mix), rounds)
        rates[name] = (cluster, plain)
        ratio = plain / cluster
        print(f"{name:7} Raft of five {cluster:9,.0f} per s, plain loop {plain:9,.0f} per s, {ratio:.1f} times")
    return rates


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
