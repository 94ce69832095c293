"""Gangs: tasks that begin together, and whether there is room for all of them at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

from simcluster.cluster import NodeSpec
from simcluster.scheduling.graph import Task


def check_gang(name: str, tasks: Sequence[Task], nodes: Sequence[NodeSpec]) -> None:
    """Raise ``ValueError`` for a gang that has no room on all ``nodes`` together, or if one task has none on any.

    For each task, all that need no less have to be placed side by side. Where all of a gang are alike that is exact; of
    unlike ones it refuses only what cannot be (to know that what is left fits is bin packing, which is hard).
    """
    if not nodes:
        return
    for cores, memory_bytes in dict.fromkeys((task.cores, task.memory_bytes) for task in tasks):
        count = len([task for task in tasks if task.cores >= cores and task.memory_bytes >= memory_bytes])
        places = 0
        for node in nodes:
            most = node.cores // cores
            if memory_bytes and node.memory_bytes is not None:
                most = min(most, math.floor(node.memory_bytes / memory_bytes))
            places += most
        if count > places:
            rule = "work: a gang must have no more tasks of a size than the workers have room for at once"
            got = f"{count} of at least {cores} cores and {memory_bytes:g} bytes in {name!r}, with room for {places}"
            raise ValueError(f"{rule}, got {got}")
    for what, need, have in (
        ("cores", math.fsum(task.cores for task in tasks), math.fsum(node.cores for node in nodes)),
        (
            "memory_bytes",
            math.fsum(task.memory_bytes for task in tasks),
            math.fsum(math.inf if node.memory_bytes is None else node.memory_bytes for node in nodes),
        ),
    ):
        if need > have:
            rule = f"work: a gang must have no more {what} than all workers together, {have:g}"
            raise ValueError(f"{rule}, got {need:g} in {name!r}")
