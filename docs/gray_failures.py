"""Write docs/gray_failures.md anew: which detector sees which gray failure, each of a node that is watched.

Usage: ``python docs/gray_failures.py``.
"""

from __future__ import annotations

import math
import statistics
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from simcluster.cluster import Cluster, ClusterSpec, NetworkSpec, Node, StorageSpec, nodes
from simcluster.engine import Constant, Environment, Program, Trace
from simcluster.faults import (
    CorruptMessages,
    CrashNode,
    CutOneWay,
    DriftClock,
    Fault,
    KillProgram,
    LoseMessages,
    PauseNode,
    SlowDisk,
    SlowNode,
)
from simcluster.recovery import ExpectedArrival, HealthChecks, Heartbeats, Lifeguard, PhiAccrual, Swim, Timeout

PAGE = Path(__file__).resolve().with_suffix(".md")
NAMES = tuple(node.name for node in nodes("n", 8))
WATCHER, ILL, OTHERS = NAMES[0], NAMES[1], NAMES[2:]
BEGIN_S, END_S, SEEDS = 5.0, 15.0, range(5)
WHEN: dict[str, Any] = {"begin_s": BEGIN_S, "end_s": END_S}

DETECTORS: dict[str, Any] = {
    "time-out of 0.35 s": Heartbeats(suspicion=Timeout(after_s=0.35)),
    "Chen, margin 0.25 s": Heartbeats(suspicion=ExpectedArrival(margin_s=0.25)),
    "φ = 8, normal": Heartbeats(suspicion=PhiAccrual()),
    "φ = 1.5, exponential": Heartbeats(suspicion=PhiAccrual(threshold=1.5, law="exponential")),
    "three health checks": HealthChecks(),
    "SWIM": Swim(),
    "Lifeguard": Swim(lifeguard=Lifeguard()),
}
#: What befalls the node, by name; of several faults all do.
FAILURES: dict[str, list[Fault]] = {
    "it crashes": [CrashNode(node=ILL, **WHEN)],
    "its program is killed": [KillProgram(node=ILL, program="work", **WHEN)],
    "it stands still": [PauseNode(node=ILL, **WHEN)],
    "it stands still for 0.2 s of each 0.5": [
        PauseNode(node=ILL, begin_s=float(at_s), end_s=float(at_s) + 0.2) for at_s in np.arange(BEGIN_S, END_S, 0.5)
    ],
    "its interface loses 30 % both ways": [
        LoseMessages(probability=0.3, senders=(ILL,), **WHEN),
        LoseMessages(probability=0.3, receivers=(ILL,), **WHEN),
    ],
    "who watches does not hear it": [CutOneWay(senders=(ILL,), receivers=(WATCHER,), **WHEN)],
    "it does not hear who watches": [CutOneWay(senders=(WATCHER,), receivers=(ILL,), **WHEN)],
    "nobody hears it": [CutOneWay(senders=(ILL,), receivers=(WATCHER, *OTHERS), **WHEN)],
    "it hears nobody": [CutOneWay(senders=(WATCHER, *OTHERS), receivers=(ILL,), **WHEN)],
    "its clock runs five times too slowly": [DriftClock(node=ILL, rate=-0.8, **WHEN)],
    "its disk is 1000 times slower": [SlowDisk(node=ILL, factor=1000.0, **WHEN)],
    "its cores are 100 times slower": [SlowNode(node=ILL, factor=100.0, **WHEN)],
    "bits flip in the numbers that it sends": [
        CorruptMessages(probability=1.0, detected=False, senders=(ILL,), **WHEN)
    ],
}
MEANING = """
    A detector hears whether a node speaks, not whether it works: nobody here sees a slow disk, slow cores or wrong
    numbers. The former two show as stragglers (docs/exchanges.md has what helps); flipped bits in what is sent are the
    business of a checksum, of a network's `authentication` (docs/privacy.md) or of a robust `aggregation`
    (docs/exchanges.md). Whether it is good to suspect whom only one node cannot hear depends on who is asked:
    heartbeats say what who watches needs to know, SWIM what is so for the group, for its proxies find a way round. And
    only who has to answer is found to be deaf.
"""


def work(node: Node) -> Program:
    """Compute, write and send, as a worker does."""
    while True:
        yield node.busy(0.01)
        yield node.storage.write("state", 1.0, size_bytes=1000.0)
        yield node.storage.flush()
        node.send(WATCHER, "work.done", np.ones(3))
        yield node.timer(0.05)


def befall(env: Environment, cluster: Cluster, number: int, fault: Fault) -> Program:
    """Let a fault begin and end."""
    yield env.timeout(fault.begin_s)
    lift = fault.begin(cluster, f"{fault.kind}-{number}")
    yield env.timeout((fault.end_s or math.inf) - fault.begin_s)
    lift()


def suspected(detector: Any, faults: Iterable[Fault], seed: int) -> tuple[float, float]:
    """After how long the node is suspected first, and for which share of the time that the failure lasts."""
    env = Environment()
    spec = ClusterSpec(
        nodes=nodes("n", len(NAMES), storage=StorageSpec(flush_s=0.001)),
        network=NetworkSpec(latency=Constant(value=0.001)),
    )
    cluster, over, told = Cluster(env, spec, seed, Trace(env, ())), env.event(), [(0.0, False)]
    for name in NAMES[1:]:
        cluster[name].boot(work)
    detector.start(cluster, "work", WATCHER, NAMES[1:], over)

    def tell(peer: str, gone: bool) -> None:
        if peer == ILL:
            told.append((env.now, gone))

    cluster[WATCHER].boot(lambda node: detector.run(node, "work", NAMES[1:], tell, over), "watch")
    for number, fault in enumerate(faults):
        env.process(befall(env, cluster, number, fault))
    env.run(until=END_S)
    spans = [
        (max(begin_s, BEGIN_S), end_s)
        for (begin_s, gone), (end_s, _) in zip(told, [*told[1:], (END_S, False)], strict=True)
        if gone and end_s > BEGIN_S
    ]
    share = math.fsum(end_s - begin_s for begin_s, end_s in spans) / (END_S - BEGIN_S)
    return (spans[0][0] - BEGIN_S if spans else math.inf), share


def cell(detector: Any, faults: list[Fault]) -> str:
    """What a detector says of a failure, over the seeds."""
    found = [suspected(detector, faults, seed) for seed in SEEDS]
    seen = [first_s for first_s, _ in found if math.isfinite(first_s)]
    if not seen:
        return "no"
    share = math.fsum(share for _, share in found) / len(found)
    runs = "" if len(seen) == len(found) else f", in {len(seen)} of {len(found)} runs"
    return f"{statistics.median(seen):.1f} s, {f'{100 * share:.0f}' if share >= 0.01 else 'under 1'} %{runs}"


def page() -> str:
    """The page."""
    said = (
        f"Written by `python docs/gray_failures.py`, which lets each failure befall one of {len(NAMES) - 1} nodes that "
        f"work and are watched, for {END_S - BEGIN_S:.0f} s: after how long the node is suspected first (median of "
        f'{len(SEEDS)} seeds), and for which share of that time it is. "no": never. The detectors and their fields are '
        "in docs/detectors.md."
    )
    rows = [["failure", *DETECTORS], ["---"] * (1 + len(DETECTORS))]
    rows += [[name, *(cell(detector, faults) for detector in DETECTORS.values())] for name, faults in FAILURES.items()]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return "\n\n".join(["# Gray failures, and who sees them", filled(said), table + "\n" + filled(MEANING)]) + "\n"


def filled(text: str) -> str:
    """A paragraph in lines."""
    return textwrap.fill(" ".join(text.split()), 120, break_on_hyphens=False, break_long_words=False)



if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
