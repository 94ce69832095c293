"""The same interval from beginning to end."""

from __future__ import annotations

from typing import Literal

from simcluster.engine import Positive, Spec
from simcluster.recovery.protocols import Observed


class Fixed(Spec):
    """A checkpoint with the first step that ends ``interval_s`` or more after the one before."""

    kind: Literal["fixed"] = "fixed"
    interval_s: Positive
    """How long a program works between the end of a checkpoint and the beginning of the next."""

    def __call__(self, observed: Observed) -> float:
        """Whatever has been seen."""
        return self.interval_s
