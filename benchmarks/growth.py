"""How what a part costs grows with what is already there: ``python benchmarks/growth.py [--json FILE] [--most N]``.

Each part does n things at once, for n from 10 to 10,000; beside it, in the same run, a heap of the standard library
takes in and gives back as many entries. Prints the time for one thing at each n, and the exponent of the whole time
over the last factor of ten: 1 is linear, and a logarithm adds a little.

Python's collector of cycles stands still while a part is timed, and does its work before: whether it looks at all that
lives just then depends on the parts before, and makes one time of a part half as long again as the next.
"""

from __future__ import annotations

import gc
import heapq
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from simcluster import Scenario, run
from simcluster.cluster import Cluster, ClusterSpec, NetworkSpec, Node, NodeSpec, Racks, nodes
from simcluster.engine import Environment, Trace
from simcluster.faults import CrashNode, Injector, IsolateNode, LoseMessages, SlowNode
from simcluster.recovery import DistributedStore
from simcluster.scheduling import GridSearch, TaskGraphJob, fifo
from simcluster.training import BoundedStaleness, Generated, ParameterServer, Softmax, TrainingJob

SIZES = (10, 100, 1_000, 10_000)
WORKER_STEPS = 10  # which the figure for one worker counts all


def pair(**network: object) -> Cluster:
    """Two nodes that record nothing."""
    env = Environment()
    return Cluster(env, ClusterSpec(nodes=nodes("w", 2), network=NetworkSpec(**network)), 0, Trace(env, ()))


def store_and_client(count: int) -> tuple[DistributedStore, Node]:
    """A store of four servers among so many nodes that record nothing, and the node of its coordinator."""
    store = DistributedStore(coordinator="w-0", servers=tuple(f"w-{place}" for place in range(1, 5)))
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=nodes("w", count)), 0, Trace(env, ()))
    store.start(cluster)
    return store, cluster["w-0"]


def heap(n: int) -> None:
    """The peer: n entries in and out of a heap."""
    entries: list[tuple[int, int]] = []
    for place in range(n):
        heapq.heappush(entries, (place * 7919 % n, place))
    while entries:
        heapq.heappop(entries)


def faults_one_after_the_other(n: int) -> None:
    """Crashes that follow each other."""
    cluster = pair()
    Injector(cluster, [CrashNode(node="w-0", begin_s=1.0 + i, end_s=1.5 + i) for i in range(n)])
    cluster.env.run()


def slow_downs_that_overlap(n: int) -> None:
    """Slow-downs of one node, all at work at once."""
    cluster = pair()
    Injector(cluster, [SlowNode(node="w-0", factor=1.0001, begin_s=1.0 + i / n, end_s=3.0 + i / n) for i in range(n)])
    cluster.env.run()


def rules_that_overlap(n: int) -> None:
    """Losses of messages, all in force at once."""
    cluster = pair()
    Injector(cluster, [LoseMessages(probability=0.1, begin_s=1 + i / n, end_s=3 + i / n) for i in range(n)])
    cluster.env.run()


def messages_recalled(n: int) -> None:
    """Messages under way when a fault begins that holds them."""
    cluster = pair(bandwidth_bytes_per_s=1e6)
    Injector(cluster, [IsolateNode(node="w-1", begin_s=1e-6, end_s=1.0, in_flight="hold")])
    for place in range(n):
        cluster["w-0"].send("w-1", "a", place)
    cluster.env.run()


def messages_after_a_pause(n: int) -> None:
    """Messages that came while their node was paused."""
    cluster = pair()
    cluster["w-1"].pause()
    for place in range(n):
        cluster["w-0"].send("w-1", "a", place)
    cluster.env.run()
    cluster["w-1"].resume()


def receives_beside_a_full_inbox(n: int) -> None:
    """Receives of one kind, while messages of another wait."""
    cluster = pair()
    for place in range(n):
        cluster["w-0"].send("w-1", "b", place)

    def waits(node):  # type: ignore[no-untyped-def]
        for _ in range(n):
            yield node.receive("a") | node.timer(0.001)

    cluster.env.run(until=100)
    cluster["w-1"].boot(waits)
    cluster.env.run()


def flows_at_once(n: int) -> None:
    """Transfers that begin together and share a link."""
    cluster = pair(fidelity="flow", bandwidth_bytes_per_s=1e5)
    for place in range(n):
        cluster["w-0"].send("w-1", "b", place)
    cluster.env.run()


def flows_of_many_sizes(n: int) -> None:
    """Transfers that begin together, share a link, and end one after the other: each end changes the rates of all."""
    cluster = pair(fidelity="flow", bandwidth_bytes_per_s=1e5)
    for place in range(n):
        cluster["w-0"].send("w-1", "b", size_bytes=100.0 + place)
    cluster.env.run()


def names_required(n: int) -> None:
    """Workers of a job that are looked for in the cluster."""
    spec = ClusterSpec(nodes=nodes("w", n))
    spec.require("workers", *spec.names)


def nodes_in_racks(n: int) -> None:
    """Nodes whose racks are looked up."""
    env = Environment()
    spec = ClusterSpec(nodes=nodes("w", n), network=NetworkSpec(topology=Racks(racks=max(1, n // 10))))
    Cluster(env, spec, 0, Trace(env, ()))


def tasks_of_a_graph(n: int) -> None:
    """Tasks of a grid search on eight workers."""
    rates = tuple(0.01 + 1e-5 * place for place in range(max(1, n // 3)))
    search = GridSearch(dataset="iris", folds=2, learning_rates=rates, l2s=(0.0,), steps=(1,))
    job = TaskGraphJob(master="s", workers=tuple(f"w-{i}" for i in range(8)), policy=fifo, work=search)
    cluster = ClusterSpec(nodes=(NodeSpec(name="s"), *nodes("w", 8)))
    run(Scenario(cluster=cluster, horizon_s=1e6, job=job, trace_kinds=()), 0)


def steps_of_workers(n: int, staleness: float) -> None:
    """Steps of so many workers that train together, ten each at most, one row to a contribution."""
    job = TrainingJob(
        model=Softmax(),
        data=Generated(name="blobs", rows=2 * n),
        batch_size=1,
        waiting=BoundedStaleness(staleness=staleness),
        exchange=ParameterServer(server="s"),
        workers=tuple(f"w-{place}" for place in range(n)),
        steps=WORKER_STEPS,
        evaluate_every=100,
    )
    cluster = ClusterSpec(nodes=(NodeSpec(name="s"), *nodes("w", n)))
    run(Scenario(cluster=cluster, job=job, trace_kinds=()), 0)


def steps_of_workers_that_wait(n: int) -> None:
    """Bulk-synchronous."""
    steps_of_workers(n, 0)


def steps_of_workers_that_never_wait(n: int) -> None:
    """Asynchronous."""
    steps_of_workers(n, math.inf)


def reads_of_a_store(n: int) -> None:
    """Reads of one block, in a cluster of as many nodes."""
    store, node = store_and_client(max(n, 5))

    def reads():  # type: ignore[no-untyped-def]
        yield from store.write(node, "a", 1.0)
        for _ in range(n):
            yield from store.read(node, "a")

    node.env.run(until=node.spawn(reads()))


def blocks_of_a_store(n: int) -> None:
    """Blocks that a client writes one after the other, with a heartbeat each second."""
    store, node = store_and_client(5)

    def writes():  # type: ignore[no-untyped-def]
        for place in range(n):
            yield from store.write(node, f"b-{place}", place)

    node.env.run(until=node.spawn(writes()))


def records_of_a_trace(n: int) -> None:
    """Records that are written, and read as rows of one of two kinds."""
    env = Environment()
    trace = Trace(env)
    first, second = trace.recorder("a", "place"), trace.recorder("b", "place")
    for place in range(n // 2):
        first(place)
        second(place)
    for _ in trace.rows("a"):
        pass
    trace.digest()


PARTS: tuple[Callable[[int], None], ...] = (
    heap,
    faults_one_after_the_other,
    slow_downs_that_overlap,
    rules_that_overlap,
    messages_recalled,
    messages_after_a_pause,
    receives_beside_a_full_inbox,
    flows_at_once,
    flows_of_many_sizes,
    names_required,
    nodes_in_racks,
    tasks_of_a_graph,
    steps_of_workers_that_wait,
    steps_of_workers_that_never_wait,
    reads_of_a_store,
    blocks_of_a_store,
    records_of_a_trace,
)


def seconds(part: Callable[[int], None], n: int) -> float:
    """Wall seconds: the least of three runs, of one where that takes long."""
    least = math.inf
    for _ in range(3):
        gc.collect()
        gc.disable()
        begin = time.perf_counter()
        part(n)
        least = min(least, time.perf_counter() - begin)
        gc.enable()
        if least > 2:
            break
    return least


def main(
    file: Annotated[Path | None, typer.Option("--json", help="Where to write the figures.")] = None,
    most: Annotated[int, typer.Option(min=100, help="The largest n.")] = SIZES[-1],
) -> None:
    """Time every part at every size, print a table."""
    sizes = [n for n in SIZES if n <= most]
    rows = []
    print(f"{'µs for one of n':32}" + "".join(f"{n:>10,}" for n in sizes) + "  exponent")
    for part in PARTS:
        times = [seconds(part, n) for n in sizes]
        exponent = math.log10(times[-1] / times[-2])
        cells = "".join(f"{1e6 * took / n:10.1f}" for took, n in zip(times, sizes, strict=True))
        print(f"{part.__name__:32}{cells}  {exponent:8.2f}", flush=True)
        rows.append({"part": part.__name__, "sizes": sizes, "seconds": times, "exponent": exponent})
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
