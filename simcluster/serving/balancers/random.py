"""Random choice: nothing is known, and nothing remembered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simcluster.serving.protocols import ReplicaView


def random(query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
    """Any replica, each as likely as the next."""
    return replicas[int(generator.integers(len(replicas)))].name
