"""Schedules: which faults a run meets, drawn before it begins."""

from __future__ import annotations

from collections.abc import Iterable

from simcluster.engine import Distribution, Exponential, stream
from simcluster.faults.fault import CrashNode


def draw_crashes(
    nodes: Iterable[str],
    mttf_s: float | Distribution,
    mttr_s: float | Distribution,
    horizon_s: float,
    seed: int,
) -> tuple[CrashNode, ...]:
    """Crashes until ``horizon_s``: each node in turn is up for a time to failure and down for a time to repair.

    A number stands for the mean of an exponential distribution. Each node draws from its own stream, so another
    node's faults stay as they are. In the long run a node is up for MTTF / (MTTF + MTTR) of the time.
    """
    to_failure = Exponential(mean=mttf_s) if isinstance(mttf_s, int | float) else mttf_s
    to_repair = Exponential(mean=mttr_s) if isinstance(mttr_s, int | float) else mttr_s
    if not horizon_s > 0:
        raise ValueError(f"horizon_s must be greater than 0, got {horizon_s}")
    crashes = []
    for node in nodes:
        generator = stream(seed, "faults", "crash", node)
        begin_s = to_failure.sample(generator)
        while begin_s < horizon_s:
            end_s = begin_s + to_repair.sample(generator)
            if end_s > begin_s:
                crashes.append(CrashNode(node=node, begin_s=begin_s, end_s=end_s))
            begin_s = end_s + to_failure.sample(generator)
    return tuple(sorted(crashes, key=lambda crash: (crash.begin_s, crash.node)))
