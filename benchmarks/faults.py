"""What a fault schedule costs while none of its faults is at work: ``python benchmarks/faults.py [--json FILE]``.

One run of a job with an empty schedule beside the same run with a schedule of a hundred faults that are over before
the job begins its work, or begin after it has ended, in turns in one process. The traces must be the same, fault
records aside. Prints the ratio of the medians; the target is below 1.03.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Annotated

import typer

from simcluster import Result, Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, nodes
from simcluster.engine import Exponential
from simcluster.faults import CrashNode, LoseMessages, PartitionNetwork, PauseNode, SlowNode
from simcluster.learning import Bundled, Softmax
from simcluster.training import ParameterServer, TrainingJob

WORKERS = tuple(f"worker-{place}" for place in range(16))
LATE_S = 1e6


def scenario(faults: int) -> Scenario:
    """Softmax regression on 16 workers, with this many faults of all kinds that never come."""
    kinds = (
        lambda node, begin: CrashNode(node=node, begin_s=begin, end_s=begin + 1),
        lambda node, begin: PauseNode(node=node, begin_s=begin, end_s=begin + 1),
        lambda node, begin: SlowNode(node=node, factor=2, begin_s=begin, end_s=begin + 1),
        lambda node, begin: PartitionNetwork(groups=((node,),), begin_s=begin, end_s=begin + 1),
        lambda node, begin: LoseMessages(probability=0.5, begin_s=begin, end_s=begin + 1),
    )
    return Scenario(
        cluster=ClusterSpec(
            nodes=(NodeSpec(name="server"), *nodes("worker", 16, flops_per_s=1e7)),
            network=NetworkSpec(latency=Exponential(mean=0.0005)),
        ),
        job=TrainingJob(
            model=Softmax(),
            data=Bundled(name="iris"),
            batch_size=4,
            exchange=ParameterServer(server="server"),
            workers=WORKERS,
            steps=150,
            evaluate_every=50,
        ),
        faults=tuple(kinds[i % 5](WORKERS[i % 16], LATE_S + i) for i in range(faults)),
        horizon_s=1e5,
    )


def timed(made: Scenario) -> tuple[float, Result]:
    """Wall seconds of one run, and its result."""
    begin = time.perf_counter()
    result = run(made, 0)
    return time.perf_counter() - begin, result


def main(
    file: Annotated[Path | None, typer.Option("--json", help="Where to write the figures.")] = None,
    rounds: Annotated[int, typer.Option(min=3)] = 25,
) -> None:
    """Time both, print the ratio of the medians."""
    plain, scheduled = scenario(0), scenario(100)
    if timed(plain)[1].digest != timed(scheduled)[1].digest:
        raise SystemExit("the schedule changed the run, so the times cannot be compared")
    times: dict[str, list[float]] = {"plain": [], "scheduled": []}
    for turn in range(rounds):
        # Either first in turn, so that what one leaves in the caches serves the other as often.
        for name, made in (("plain", plain), ("scheduled", scheduled))[:: 1 if turn % 2 else -1]:
            times[name].append(timed(made)[0])
    plain_s, scheduled_s = (statistics.median(times[name]) for name in ("plain", "scheduled"))
    row = {
        "kernel": "run with a schedule of 100 faults, none at work",
        "shape": "16 workers x 150 steps",
        "peer": "the same run without a schedule",
        "ours_s": scheduled_s,
        "peer_s": plain_s,
        "ratio": scheduled_s / plain_s,
        "max_error": 0.0,
    }
    print(f"{row['kernel']}: {row['ratio']:.3f} times {row['peer']} (medians of {rounds} rounds; target < 1.03)")
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([row], indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
