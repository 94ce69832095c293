"""Checkpoints: state on storage that survives a crash (Young 1974; Daly 2006 on how often)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from simcluster.cluster import Node
from simcluster.engine import Event

_KEY = "checkpoint"


def save(node: Node, state: Any) -> Generator[Event, Any, None]:
    """Write ``state`` to the node's storage and wait until it is durable."""
    yield node.storage.write(_KEY, state)
    yield node.storage.flush()


def restore(node: Node) -> Generator[Event, Any, Any]:
    """The state that was last saved on this node, or ``None`` when there is none."""
    if _KEY not in node.storage:
        return None
    return (yield node.storage.read(_KEY))
