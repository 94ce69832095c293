"""One measurement of nodes and messages on the engine that SIMCLUSTER_ENGINE names; benchmarks/engine.py runs it.

``messages.py requests NODES REQUESTS``: every node asks every other in turn (nic fidelity, trace off).
``messages.py queue CUSTOMERS``: an M/M/1 queue of messages to a node that computes.
Both print how many there were, wall seconds, simulated seconds. ``messages.py idle NODES`` prints bytes per idle node.
"""

from __future__ import annotations

import gc
import sys
import time

import psutil

from simcluster.cluster import Cluster, ClusterSpec, NetworkSpec, NodeSpec, nodes
from simcluster.engine import Constant, Environment, Program, Trace, stream


def cluster(specs, network: NetworkSpec | None = None) -> Cluster:
    """A cluster that keeps no records."""
    env = Environment()
    return Cluster(env, ClusterSpec(nodes=specs, network=network or NetworkSpec()), 0, Trace(env, ()))


def requests(count: int, each: int) -> tuple[int, Cluster]:
    """Every one of ``count`` nodes asks ``each`` times, the next node first."""
    made = cluster(nodes("n", count), NetworkSpec(latency=Constant(value=0.0005), bandwidth_bytes_per_s=1.25e8))
    names = list(made.nodes)

    def client(node, place: int) -> Program:
        for i in range(each):
            yield node.request(names[(place + 1 + i % (count - 1)) % count], "ask", None, 1000)

    def server(node) -> Program:
        while True:
            node.reply((yield node.receive()), None, 1000)

    for place, node in enumerate(made.nodes.values()):
        node.boot(server)
        node.boot(lambda node, place=place: client(node, place), name="client")
    return 2 * count * each, made


def queue(customers: int) -> tuple[int, Cluster]:
    """Poisson arrivals at 80 % load, as messages; the server computes for an exponential time for each."""
    made = cluster((NodeSpec(name="source"), NodeSpec(name="server")))
    generator = stream(0, "queue")
    gaps = generator.exponential(1.0, customers).tolist()
    services = generator.exponential(0.8, customers).tolist()

    def source(node) -> Program:
        for gap, service in zip(gaps, services, strict=True):
            yield node.timer(gap)
            node.send("server", "customer", service, 0)

    def server(node) -> Program:
        for _ in range(customers):
            message = yield node.receive()
            yield node.busy(message.body)

    made["source"].boot(source)
    made["server"].boot(server)
    return customers, made


def idle(count: int) -> float:
    """Resident bytes for each of ``count`` nodes that do nothing."""
    specs = nodes("n", count)
    process = psutil.Process()
    gc.collect()
    before = process.memory_info().rss
    made = cluster(specs)
    gc.collect()
    return (process.memory_info().rss - before) / len(made.nodes)


def main() -> None:
    """Measure what the command line names."""
    what, numbers = sys.argv[1], [int(text) for text in sys.argv[2:]]
    if what == "idle":
        print(f"{idle(*numbers):.0f}")
        return
    count, made = {"requests": requests, "queue": queue}[what](*numbers)
    gc.collect()
    gc.freeze()
    begin = time.perf_counter()
    made.env.run()
    print(count, f"{time.perf_counter() - begin:.6f}", f"{made.env.now:.9f}")


if __name__ == "__main__":
    main()
