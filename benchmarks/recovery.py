"""Reed–Solomon codes beside a look-up in NumPy, and SWIM: ``python benchmarks/recovery.py [--json FILE]``.

10 + 4 blocks of 1 MiB: four are encoded, then the first four are lost and made anew. The peer multiplies by a table of
all products, 256 × 256, one row of it for each coefficient. Prints bytes of data per second of one core, and ratios of
medians of the process' time, the two by turns.

Then members of SWIM probe each other for some periods, each a ping, an acknowledgement and two timers; beside them as
many heartbeats are sent to one who watches as there are probes. Prints microseconds of the process for a probe.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from simcluster.cluster import Cluster, ClusterSpec, Node, nodes
from simcluster.engine import Environment, Program, Trace, stream
from simcluster.kernels import gf256_product
from simcluster.recovery import Detector, Heartbeats, ReedSolomon, Swim, Timeout, decode, encode


def table() -> Any:
    """All products of two bytes."""
    each = np.arange(256, dtype=np.uint8)
    return gf256_product(each[:, np.newaxis].copy(), each[np.newaxis])


def looked_up(matrix: Any, data: Any, products: Any) -> Any:
    """The product of matrix and data over GF(256), by the table."""
    found = np.zeros((len(matrix), data.shape[1]), dtype=np.uint8)
    for row, coefficients in zip(found, matrix, strict=True):
        for coefficient, block in zip(coefficients, data, strict=True):
            row ^= products[coefficient][block]
    return found


def in_turn(calls: list[Callable[[], Any]], rounds: int) -> list[float]:
    """The median seconds of the process for each call."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, taken in zip(calls, seconds, strict=True):
            begin = time.process_time()
            call()
            taken.append(time.process_time() - begin)
    return [statistics.median(taken) for taken in seconds]


def watched(detector: Detector, members: int) -> Environment:
    """One node watches all others by a detector."""
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", members)), 0, Trace(env, ()))
    peers, over = [f"n-{place}" for place in range(1, members)], env.event()
    for peer in peers:
        cluster[peer].boot(stay, "stay")
    detector.start(cluster, "stay", "n-0", peers, over)
    cluster["n-0"].boot(lambda node: detector.run(node, "stay", peers, lambda *_: None, over), "watch")
    return env


def stay(node: Node) -> Program:
    """A program that runs on."""
    while True:
        yield node.timer(1e9)


def probe_s(detector: Detector, members: int, periods: int) -> float:
    """The process' seconds for so many periods of a tenth of a second, without what it takes to make the cluster."""
    env = watched(detector, members)
    begin = time.process_time()
    env.run(until=0.1 * periods)
    return time.process_time() - begin


def main(
    file: Annotated[Path | None, typer.Option("--json", help="Where to write the figures.")] = None,
    size_bytes: Annotated[int, typer.Option("--bytes", help="Bytes of a block.")] = 2**20,
    rounds: Annotated[int, typer.Option(help="How often each is timed.")] = 9,
    members: Annotated[int, typer.Option(help="Members of SWIM.")] = 10_000,
    periods: Annotated[int, typer.Option(help="Periods of SWIM.")] = 100,
) -> None:
    """Time encoding, repair and probes, and print what they take."""
    code, products = ReedSolomon(data=10, parity=4), table()
    data = stream(0, "blocks").integers(0, 256, (10, size_bytes), dtype=np.uint8)
    blocks = dict(enumerate(np.concatenate([data, encode(code, data)()])))
    left = {number: block for number, block in blocks.items() if number >= 4}
    # What repair multiplies by comes out when the blocks that are left are the unit blocks.
    repair = decode(code, dict(zip(left, np.eye(10, dtype=np.uint8), strict=True)), range(4))()
    assert (looked_up(repair, np.stack([*left.values()]), products) == data[:4]).all()
    rows = {
        "encode": (lambda: encode(code, data)(), lambda: looked_up(code.generator()[10:], data, products)),
        "repair": (
            lambda: decode(code, left, range(4))(),
            lambda: looked_up(repair, np.stack([*left.values()]), products),
        ),
    }
    told: dict[str, dict[str, float]] = {}
    print(f"{'':8}{'GB/s':>8}{'NumPy':>8}{'ratio':>8}")
    for name, calls in rows.items():
        ours, theirs = in_turn([*calls], rounds)
        told[name] = {"bytes_per_s": data.size / ours, "numpy_bytes_per_s": data.size / theirs}
        print(f"{name:8}{data.size / ours / 1e9:8.2f}{data.size / theirs / 1e9:8.2f}{theirs / ours:8.1f}")
    print(f"{'':8}{'s':>8}{'µs/probe':>10}")
    for name, detector in {"SWIM": Swim(), "hearts": Heartbeats(suspicion=Timeout(after_s=0.35))}.items():
        taken_s = probe_s(detector, members, periods)
        told[name] = {"s": taken_s, "s_per_probe": taken_s / members / periods}
        print(f"{name:8}{taken_s:8.2f}{1e6 * taken_s / members / periods:10.1f}")
    if file is not None:
        file.write_text(json.dumps(told, indent=1), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
