"""Training on a simulated cluster beside the same mathematics in a plain loop: ``python benchmarks/training.py``.

64 workers learn softmax regression from their shards, in batches of at most 128 rows: the digits, of which a shard has
28, and generated data of the same width, of which it has 128. The loop computes the same gradients with the same kernel
on the same rows, adds them up and descends. Prints the ratio of the medians of wall times, for bulk-synchronous
training; that the parameters agree is asserted.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.engine import Environment, Trace
from simcluster.kernels import softmax
from simcluster.learning import DataSource
from simcluster.training import Bundled, Generated, ParameterServer, Softmax, Training, TrainingJob

WORKERS, BATCH, STEPS, RATE, L2 = 64, 128, 40, 0.5, 1e-4
DATA: dict[str, DataSource] = {
    "digits": Bundled(),
    "generated": Generated(name="blobs", rows=WORKERS * BATCH, options={"n_features": 64, "centers": 10}, scaled=True),
}


def compared(source: DataSource, rounds: int) -> dict[str, list[float]]:
    """Wall seconds of both, in turn."""
    cluster = ClusterSpec(nodes=(NodeSpec(name="server"), *nodes("w", WORKERS)))
    job = TrainingJob(
        model=Softmax(l2=L2),
        data=source,
        batch_size=BATCH,
        exchange=ParameterServer(server="server"),
        workers=cluster.names[1:],
        steps=STEPS,
        evaluate_every=STEPS,
    )
    scenario = Scenario(cluster=cluster, job=job, trace_kinds=())
    prepared = Training(job, 0, (env := Environment()).event(), Trace(env))
    data = prepared.data
    rows = [[prepared.rows(worker, step).index for worker in range(WORKERS)] for step in range(STEPS)]

    def plain() -> np.ndarray:
        weights = np.zeros((data.with_ones.shape[1], data.classes or 0))
        for step in range(STEPS):
            total, count = np.zeros_like(weights), 0
            for chosen in rows[step]:
                total += len(chosen) * softmax(weights, data.with_ones, data.targets, 0.0, chosen)[1]
                count += len(chosen)
            weights = weights - RATE * (total / count + L2 * weights)
        return weights

    np.testing.assert_allclose(run(scenario, 0).outcome.parameters, plain(), atol=1e-12)
    times: dict[str, list[float]] = {"cluster": [], "loop": []}
    for _ in range(rounds):
        for name, call in (("cluster", lambda: run(scenario, 0)), ("loop", plain)):
            begin = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - begin)
    return times


def main(
    file: Annotated[Path | None, typer.Option("--json", help="Where to write the figures.")] = None,
    rounds: Annotated[int, typer.Option(min=3)] = 15,
) -> None:
    """Compare on each data set, print the ratios."""
    figures = {}
    for name, source in DATA.items():
        figures[name] = times = compared(source, rounds)
        cluster_s, loop_s = (statistics.median(times[way]) for way in ("cluster", "loop"))
        each = 1e6 / (WORKERS * STEPS)
        print(f"{name}: {each * cluster_s:.1f} µs for a worker-step on the cluster, {each * loop_s:.1f} µs in the loop")
        print(f"{name}: ratio of medians {cluster_s / loop_s:.2f}")
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
