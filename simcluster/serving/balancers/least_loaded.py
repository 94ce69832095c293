"""Least connections: all queues are known."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from simcluster.serving.protocols import ReplicaView

_outstanding = attrgetter("outstanding")


def least_loaded(query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
    """The replica with the fewest outstanding requests; of several the first (least connections, the shortest queue).

    It looks at all of them.
    """
    return min(replicas, key=_outstanding).name
