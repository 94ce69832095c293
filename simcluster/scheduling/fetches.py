"""Fetches: how outputs are asked for where they are kept, by workers and by whoever wants the last ones."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Protocol

from simcluster.cluster import UNANSWERED, Node
from simcluster.cluster.messages.message import Sealed
from simcluster.engine import Event
from simcluster.recovery import ask
from simcluster.scheduling.graph import Output
from simcluster.scheduling.lineage import Lineage
from simcluster.scheduling.transfers import PATIENCE

ORDER_BYTES = 128
"""What an order or a report weighs beside the header: a task's name and a few nodes' names."""


class Fetches(Protocol):
    """What a job says of its fetches: how messages begin, after how long to ask again, and how often at most."""

    @property
    def name(self) -> str:
        """What messages begin with."""
        ...

    @property
    def retry_s(self) -> float:
        """How long is waited for a reply beside what its bytes take."""
        ...

    @property
    def attempts(self) -> int:
        """How often an output is asked for before it counts as lost."""
        ...


def fetch(
    node: Node, job: Fetches, holder: str, task: str, part: str, wait_s: float = 0.0
) -> Generator[Event, Any, tuple[bool, Any]]:
    """Ask ``holder`` for a part of a task's output: whether it gives it, and the part.

    A holder that does not answer so many ``attempts`` as the job says does not give it; ``wait_s`` is how long its
    bytes may be under way.
    """
    held, output = (yield from _asked(node, job, holder, "output", (task, part), wait_s)) or (False, None)
    return held, output.value if isinstance(output, Sealed) else output


def fetch_all(
    node: Node, job: Fetches, holder: str, tasks: Sequence[str], size_bytes: float
) -> Generator[Event, Any, dict[str, Output]]:
    """Ask ``holder`` for the outputs of several tasks, so large together, up to the first that it does not give."""
    expected_s = node.cluster.network.expected_s
    wait_s = PATIENCE * (expected_s(holder, node.name, size_bytes) - expected_s(holder, node.name, 0.0))
    found: dict[str, Output] = {}
    while len(found) < len(tasks):
        left = tasks[len(found) :]
        if len(left) == 1:
            held, output = yield from fetch(node, job, holder, left[0], "", wait_s)
            given: Sequence[Output | None] = (output,) if held else ()
        else:
            sealed = (yield from _asked(node, job, holder, "outputs", left, wait_s)) or ()
            given = [each and each.value for each in sealed]
        for task, each in zip(left, given, strict=False):
            if each is None:
                return found
            found[task] = each
        if not given:
            return found
    return found


def _asked(
    node: Node, job: Fetches, holder: str, kind: str, body: Any, wait_s: float
) -> Generator[Event, Any, Any]:
    """What a holder replies, ``None`` where it does not."""
    try:
        reply = yield from ask(
            node, holder, f"{job.name}.{kind}", body,
            timeout_s=job.retry_s, size_bytes=ORDER_BYTES, attempts=job.attempts, transfer_s=wait_s,
        )  # fmt: skip
    except UNANSWERED:
        return None
    return reply.body


def collect(
    node: Node, job: Fetches, lineage: Lineage, sizes: Mapping[str, float]
) -> Generator[Event, Any, dict[str, Output] | None]:
    """The outputs of the last tasks, or ``None`` when one has been lost meanwhile.

    ``sizes`` says how many bytes each is, as far as that is known.
    """
    outputs: dict[str, Output] = {}
    by_holder: dict[str, list[str]] = {}
    for task in lineage.last:
        by_holder.setdefault(lineage.holders[task], []).append(task)
    for holder, tasks in by_holder.items():
        size_bytes = math.fsum(sizes.get(task, 0.0) for task in tasks)
        found = yield from fetch_all(node, job, holder, tasks, size_bytes)
        outputs.update(found)
        if len(found) < len(tasks):
            lineage.lose(next(task for task in tasks if task not in found), holder)
            return None
    return {task: outputs[task] for task in lineage.last}
