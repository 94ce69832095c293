"""Schedules: in which order a stage takes its micro-batches forward and backward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple, Protocol

from simcluster.engine import Open


class Pass(NamedTuple):
    """One micro-batch through the layers of a stage."""

    direction: Literal["forward", "backward"]
    micro_batch: int


class Schedule(Protocol):
    """In which order a stage makes its passes; a plain function serves.

    Gradients are added in the order of the backward passes.
    """

    def __call__(self, stage: int, stages: int, micro_batches: int) -> Sequence[Pass]:
        """Each micro-batch forward and later backward, once, by stage ``stage`` of ``stages``."""
        ...


def gpipe(stage: int, stages: int, micro_batches: int) -> list[Pass]:
    """All forward, then all backward (Huang et al., "GPipe", NeurIPS 2019): a stage keeps all micro-batches."""
    numbers = range(micro_batches)
    return [*(Pass("forward", each) for each in numbers), *(Pass("backward", each) for each in numbers)]


def one_forward_one_backward(stage: int, stages: int, micro_batches: int) -> list[Pass]:
    """Backward as soon as can be (1F1B; Narayanan et al., PipeDream-Flush, ICML 2021).

    The same passes in the same time, but a stage keeps no more than ``stages - stage`` micro-batches.
    """
    ahead = min(stages - stage, micro_batches)
    passes = [Pass("forward", each) for each in range(ahead)]
    for each in range(micro_batches):
        passes.append(Pass("backward", each))
        if ahead + each < micro_batches:
            passes.append(Pass("forward", ahead + each))
    return passes


def refusal(schedule: Schedule, stages: int, micro_batches: int) -> str | None:
    """Why these are no passes of a step, or ``None``."""
    wanted = sorted(gpipe(0, stages, micro_batches))
    for stage in range(stages):
        passes = [Pass(*each) for each in schedule(stage, stages, micro_batches)]
        place = {each: number for number, each in enumerate(passes)}
        in_order = sorted(passes) == wanted and all(
            place[Pass("forward", each)] < place[Pass("backward", each)] for each in range(micro_batches)
        )
        if not in_order:
            rule = f"schedule must take each of the {micro_batches} micro-batches forward and later backward, once"
            return f"{rule}, got {passes} for stage {stage}"
    return None


AnySchedule = Annotated[
    Schedule, Open(Schedule, gpipe=gpipe, one_forward_one_backward=one_forward_one_backward)
]
"""One of the schedules above, or one's own; in a file ``kind`` says which."""
