"""Schedules: which faults a run meets, drawn before it begins."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from simcluster.engine import Distribution, Exponential, check_differ, stream
from simcluster.faults.fault import Fault
from simcluster.faults.kinds.node_faults import CrashNode
from simcluster.faults.search.budget import budget, within_budget
from simcluster.faults.target import Machine

F = TypeVar("F", bound=Fault)
_MOST_TURNS = 1_000_000


def draw_faults(
    targets: Iterable[str],
    make: Callable[[str, float, float], F],
    name: str,
    mttf_s: float | Distribution,
    mttr_s: float | Distribution,
    horizon_s: float,
    seed: int,
    *,
    minimum_up_s: float = 0.0,
    minimum_down_s: float = 0.0,
) -> tuple[F, ...]:
    """Faults until ``horizon_s``: each target is well for a time to failure, then not for a time to repair, by turns.

    ``make(target, begin_s, end_s)`` gives the fault. A number stands for the mean of an exponential distribution;
    Weibull, lognormal and the others are as they are given, and a draw below its minimum is raised to it. Each target
    draws from its own stream, which ``name`` tells from those of other kinds of faults, so another target's faults
    stay as they are. In the long run, without minima, a target is well for MTTF / (MTTF + MTTR) of the time.

    Raises ``ValueError`` for a horizon, a minimum or a mean that cannot be.
    """
    to_failure, to_repair = _times("mttf_s", mttf_s), _times("mttr_s", mttr_s)
    if not 0 < horizon_s < math.inf:
        raise ValueError(f"horizon_s must be a finite number greater than 0, got {horizon_s}")
    for field, minimum_s in (("minimum_up_s", minimum_up_s), ("minimum_down_s", minimum_down_s)):
        if not 0 <= minimum_s < math.inf:
            raise ValueError(f"{field} must be a finite number of at least 0, got {minimum_s}")
    turn_s = max(minimum_up_s, to_failure.mean) + max(minimum_down_s, to_repair.mean)
    if turn_s * _MOST_TURNS < horizon_s:
        rule = f"mttf_s + mttr_s must be at least a millionth of horizon_s ({horizon_s})"
        raise ValueError(f"{rule}, so that there are faults one can count, got {turn_s}")
    targets, drawn = tuple(targets), []
    check_differ("targets", targets)
    for target in targets:
        generator = stream(seed, "faults", name, target)
        begin_s = max(minimum_up_s, to_failure.sample(generator))
        while begin_s < horizon_s:
            end_s = begin_s + max(minimum_down_s, to_repair.sample(generator))
            if end_s > begin_s:
                drawn.append((begin_s, target, make(target, begin_s, end_s)))
            begin_s = end_s + max(minimum_up_s, to_failure.sample(generator))
    return tuple(fault for _, _, fault in sorted(drawn, key=lambda each: each[:2]))


def draw_crashes(
    nodes: Sequence[Machine],
    mttf_s: float | Distribution,
    mttr_s: float | Distribution,
    horizon_s: float,
    seed: int,
    *,
    minimum_up_s: float = 0.0,
    minimum_down_s: float = 0.0,
    down_at_most: int | None = None,
) -> tuple[CrashNode, ...]:
    """Crashes until ``horizon_s``: each node in turn is up for a time to failure and down for a time to repair.

    Times are drawn as ``draw_faults`` says. ``down_at_most`` is a fault budget: a crash that would take more nodes
    down at once does not happen. Raises ``ValueError`` also when the budget is more than there are, or no crash at all.
    """
    if down_at_most is not None:
        budget(down_at_most, nodes, "down_at_most")
        if not down_at_most:
            raise ValueError("down_at_most must be at least 1 when crashes are drawn, got 0")
    crashes = draw_faults(
        [node if isinstance(node, str) else node.name for node in nodes],
        lambda node, begin_s, end_s: CrashNode(node=node, begin_s=begin_s, end_s=end_s),
        "crash",
        mttf_s,
        mttr_s,
        horizon_s,
        seed,
        minimum_up_s=minimum_up_s,
        minimum_down_s=minimum_down_s,
    )
    return crashes if down_at_most is None else within_budget(crashes, nodes, down_at_most)


def heal(schedule: Iterable[F], at_s: float) -> tuple[F, ...]:
    """The schedule with every fault over by ``at_s``: before it safety is put to the test, after it liveness.

    Faults that would begin by then or later are left out. What a fault has destroyed stays destroyed.
    Raises ``ValueError`` unless ``at_s`` is greater than 0.
    """
    if not at_s > 0:
        raise ValueError(f"at_s must be greater than 0, got {at_s}")
    return tuple(_ended(fault, at_s) for fault in schedule if fault.begin_s < at_s)


def _ended(fault: F, at_s: float) -> F:
    if fault.end_s is not None and fault.end_s <= at_s:
        return fault
    given = {name: getattr(fault, name) for name in type(fault).model_fields}
    if given.get("ramp_s"):
        given["ramp_s"] = min(given["ramp_s"], at_s - fault.begin_s)
    return type(fault)(**{**given, "end_s": at_s})


def _times(field: str, times: float | Distribution) -> Distribution:
    if isinstance(times, bool) or not (isinstance(times, int | float) or hasattr(times, "sample")):
        raise ValueError(f"{field} must be a number or a distribution, got {times!r}")
    if not isinstance(times, int | float):
        if not times.mean > 0:
            raise ValueError(f"{field} must have a mean greater than 0, got {times.mean}")
        return times
    if not 0 < times < float("inf"):
        raise ValueError(f"{field} must be a finite number greater than 0, got {times}")
    return Exponential(mean=times)
