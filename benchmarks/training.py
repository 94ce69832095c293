"""Training on a simulated cluster beside the same mathematics in a plain loop: ``python benchmarks/training.py``.

And beside Flower's simulation engine, where it is installed (``pip install "flwr[simulation]"``), be it in another
environment, whose Python ``--flower`` names.

64 workers learn softmax regression from their shards, in batches of at most 128 rows: the digits, of which a shard has
28, five times over, all 140 of a shard, and thirty times over, of which six batches are drawn, and generated data of
the same width, of which it has 128; and 1,000 workers from generated data. The loop computes the same gradients with
the same kernel on the same rows, and descends: by the sum of a step's where training is bulk-synchronous, by each in
the order of its arrival where it is asynchronous. That the parameters agree is asserted. A worker-step is an update
where nobody waits. All take turns; times are those of the process, so what else runs on the machine does not count,
except for the caches it takes. Prints the ratio of medians, and in brackets that of the least.

A ring of 256 workers adds up 1 MB, beside NumPy's sum of the same arrays. Flower trains the bulk-synchronous digits to
the same parameters, which is asserted; Ray's processes take all cores that there are, so that its time is the clock's.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.cluster import Cluster, Node
from simcluster.cluster.collectives import Member, ring
from simcluster.engine import Environment, Event, Trace
from simcluster.kernels import softmax
from simcluster.learning import Dataset, DataSource
from simcluster.training import (
    BoundedStaleness,
    Bundled,
    Generated,
    ParameterServer,
    Softmax,
    Training,
    TrainingJob,
)

WORKERS, MANY, BATCH, STEPS, RATE, L2 = 64, 1000, 128, 40, 0.5, 1e-4
RING, RING_BYTES = 256, 10**6
WAITING = {"bulk-synchronous": 0.0, "asynchronous": math.inf}


def generated(workers: int) -> DataSource:
    """A full batch for each worker."""
    options = {"n_features": 64, "centers": 10}
    return Generated(name="blobs", rows=workers * BATCH, options=options, scaled=True)


def repeated(times: int) -> DataSource:
    """The digits so many times over."""
    digits = Bundled().load()
    return Dataset(np.tile(digits.features, (times, 1)), np.tile(digits.targets, times), digits.classes)


def compared(
    source: DataSource, batch_size: int | None, workers: int, steps: int, staleness: float
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The run and the loop, which have been seen to agree."""
    cluster = ClusterSpec(nodes=(NodeSpec(name="server"), *nodes("w", workers)))
    job = TrainingJob(
        model=Softmax(l2=L2),
        data=source,
        batch_size=batch_size,
        waiting=BoundedStaleness(staleness=staleness),
        exchange=ParameterServer(server="server"),
        workers=cluster.names[1:],
        steps=steps,
        evaluate_every=steps,
    )
    scenario = Scenario(cluster=cluster, job=job, trace_kinds=())
    prepared = Training(job, 0, (env := Environment()).event(), Trace(env))
    data = prepared.data
    rows = [[prepared.rows(worker, step).index for worker in range(workers)] for step in range(steps)]
    start, places = np.zeros((data.with_ones.shape[1], data.classes or 0)), {w: i for i, w in enumerate(job.workers)}
    traced = run(scenario.replace(trace_kinds=("contribution",)), 0)
    arrived = [(places[each["worker"]], each["clock"]) for each in traced.trace.rows("contribution")]

    def whole_steps() -> np.ndarray:
        weights = start
        for step in range(steps):
            total, count = np.zeros_like(weights), 0
            for chosen in rows[step]:
                total += len(chosen) * softmax(weights, data.with_ones, data.targets, 0.0, chosen)[1]
                count += len(chosen)
            weights = weights - RATE * (total / count + L2 * weights)
        return weights

    def one_by_one() -> np.ndarray:
        weights, seen, shares = start, [start] * workers, prepared.shares
        for worker, step in arrived:
            chosen = rows[step][worker]
            total = len(chosen) * softmax(seen[worker], data.with_ones, data.targets, 0.0, chosen)[1]
            weights = weights - RATE * shares[worker] * (total / len(chosen) + L2 * weights)
            seen[worker] = weights
        return weights

    loop = one_by_one if staleness else whole_steps
    np.testing.assert_allclose(traced.outcome.parameters, loop(), atol=1e-12)
    return lambda: run(scenario, 0), loop


class Sum:
    """A job: each node of a cluster has an array, and all add them up round a ring."""

    def __init__(self, arrays: list[np.ndarray]) -> None:
        self.arrays = arrays

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Begin; the event's value is the sum that each node has come to."""
        sums: list[np.ndarray] = []
        done, names = cluster.env.event(), tuple(cluster.nodes)

        def add_up(node: Node) -> Any:
            member = Member(node, names, "sum", ring, 1e3, None)
            node.spawn(member.answer())
            sums.append((yield from member.add_up(self.arrays[names.index(node.name)])))
            if len(sums) == len(names):
                done.succeed(sums)

        for name in names:
            cluster[name].boot(add_up)
        return done


def all_reduce(members: int, size_bytes: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """A ring's sum on a cluster, and the sum that it must be."""
    arrays = list(np.arange(members * (size_bytes // 8), dtype=np.float64).reshape(members, -1))
    scenario = Scenario(cluster=ClusterSpec(nodes=nodes("w", members)), job=Sum(arrays), trace_kinds=())

    def loop() -> np.ndarray:
        return np.add.reduce(arrays, axis=0)

    for found in run(scenario, 0).outcome:
        np.testing.assert_array_equal(found, loop())  # whole numbers, whose sums are exact
    return lambda: run(scenario, 0), loop


def flower(python: str, workers: int, steps: int) -> float | None:
    """Seconds of a worker-step on Flower's simulation engine, ``None`` where that is not installed."""
    if subprocess.run([python, "-c", "import flwr, ray"], capture_output=True).returncode != 0:
        print(f'Flower: skipped, {python} does not import flwr and ray (pip install "flwr[simulation]")')
        return None
    cluster = ClusterSpec(nodes=(NodeSpec(name="server"), *nodes("w", workers)))
    job = TrainingJob(
        model=Softmax(l2=L2),
        data=Bundled(),
        batch_size=None,  # all that a worker has, which of 64 is less than a batch
        exchange=ParameterServer(server="server"),
        workers=cluster.names[1:],
        steps=steps,
    )
    prepared = Training(job, 0, (env := Environment()).event(), Trace(env))
    whose = np.zeros(len(prepared.data), dtype=np.int64)
    for worker in range(workers):
        whose[prepared.rows(worker, 0).numbers] = worker
    with tempfile.TemporaryDirectory() as folder:
        file, script = Path(folder) / "digits.npz", Path(__file__).parent / "peers" / "training_flower.py"
        data = prepared.data
        np.savez(file, features=data.with_ones, labels=data.targets, whose=whose, rate=RATE, l2=L2)
        command = [python, str(script), str(file), str(steps)]
        said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout.split()
    parameters = run(Scenario(cluster=cluster, job=job, trace_kinds=()), 0).outcome.parameters
    np.testing.assert_allclose(float(said[-1]), np.vdot(parameters, parameters), rtol=1e-9)
    return float(said[-2])


def taken(calls: tuple[Callable[[], Any], Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of the process that each takes, in turn."""
    times: dict[str, list[float]] = {"cluster": [], "loop": []}
    for _ in range(rounds):
        for call, each in zip(calls, times.values(), strict=True):
            begin = time.process_time()
            call()
            each.append(time.process_time() - begin)
    return times


def main(
    file: Annotated[Path | None, typer.Option("--json", help="Where to write the times.")] = None,
    rounds: Annotated[
        int, typer.Option(min=3, help="How often each is timed, the last three thrice.")
    ] = 15,
    python: Annotated[str, typer.Option("--flower", help="The Python that has Flower.")] = sys.executable,
    small: Annotated[bool, typer.Option("--small", help="Only few workers and steps: to see that it runs.")] = False,
) -> None:
    """Compare on each data set and in both ways to wait, print a table."""
    workers, many, members = (4, 8, 4) if small else (WORKERS, MANY, RING)
    steps, fewer = (3, 2) if small else (STEPS, STEPS // 4)
    cases = [("digits", Bundled(), BATCH, workers, steps, rounds),
             ("digits five times over", repeated(5), None, workers, steps, rounds),
             ("digits thirty times over", repeated(3 if small else 30), BATCH, workers, steps, rounds),
             ("generated", generated(workers), BATCH, workers, steps, rounds),
             ("generated", generated(many), BATCH, many, fewer, 3)]  # fmt: skip
    figures = {}
    print(f"{'µs for a worker-step':52}{'cluster':>9}{'loop':>9}  ratio        updates/s")
    for name, source, batch_size, count, length, often in cases:
        for how, staleness in WAITING.items():
            label = f"{name}, {count} workers, {how}"
            figures[label] = times = taken(compared(source, batch_size, count, length, staleness), often)
            middle = {way: 1e6 * statistics.median(each) / count / length for way, each in times.items()}
            ratio, least = middle["cluster"] / middle["loop"], min(times["cluster"]) / min(times["loop"])
            print(f"{label:52}{middle['cluster']:9.1f}{middle['loop']:9.1f}  {ratio:.2f} ({least:.2f})"
                  f"{1e6 / middle['cluster']:12,.0f}", flush=True)  # fmt: skip
    label = f"ring of {members}, {RING_BYTES / 1e6:g} MB"
    figures[label] = times = taken(all_reduce(members, RING_BYTES), 3)
    print(f"{label}: {min(times['cluster']):.2f} s on the cluster, {min(times['loop']):.2f} s in NumPy", flush=True)
    if (seconds := flower(python, workers, 3 if small else 10)) is not None:
        label = f"digits, {workers} workers, bulk-synchronous"
        ours = statistics.median(figures[label]["cluster"]) / workers / steps
        figures[f"{label}, Flower"] = {"flower": [seconds]}
        print(f"{label}: {1e6 * seconds:,.0f} µs for a worker-step on Flower, {seconds / ours:.0f} times ours")
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
