"""As many backup workers as it pays to have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from simcluster.engine import Count, Spec
from simcluster.training.protocols import Progress


class DynamicBackups(Spec):
    """The number of backup workers by what waiting costs (Xu, Neglia & Sebastianelli, "Dynamic backup workers", 2020).

    A step waits for the k contributions that promise the most for their time: k maximises k/T(k), where T(k) is how
    long the k-th has taken in the mean of the last steps. There the gain of k contributions is estimated from their
    norms and variance; here it is k, which it is where noise outweighs the gradient. Whoever is left behind finishes
    its step first (as the backup workers of Chen et al. 2016), and its late contribution still tells how late it is.
    The server forgets times in a crash, and waits for all until it knows some again.
    """

    kind: Literal["dynamic_backups"] = "dynamic_backups"
    window: Count = 50
    """Of how many steps T is the mean; no fewer than there are workers, or a slow one is forgotten before it comes."""
    least: Count = 1
    """How many contributions a step waits for at least; with the number of workers it is bulk-synchronous."""

    leaves_out: ClassVar = True

    def may_start(self, worker: str, clock: int, progress: Progress) -> bool:
        """Only the step that is not complete."""
        return clock <= progress.clock

    def complete(self, progress: Progress) -> bool:
        """With k contributions, or with all of those that are there."""
        return len(progress.arrived) >= max(1, min(self.wanted(progress), progress.expected))

    def fewest(self, workers: int) -> int:
        """``least``, whatever times may come."""
        return self.least

    def wanted(self, progress: Progress) -> int:
        """k for the present step."""
        waits_s = np.asarray(progress.waits_s)
        if not waits_s.size:
            return len(progress.workers)
        count = np.arange(1, waits_s.size + 1)
        rates = np.divide(count, waits_s, out=np.full(waits_s.size, np.inf), where=waits_s > 0)
        best = int(waits_s.size - np.argmax(rates[::-1]))  # of equal ones the most contributions
        return max(self.least, best)

    def sees(self, clock: int) -> float:
        """All steps before its own, and nothing of it."""
        return clock

    def refuses(self, workers: Sequence[str]) -> str | None:
        """Times must be remembered until the slowest is heard."""
        if self.least > len(workers):
            return f"least must be at most the {len(workers)} workers, got {self.least}"
        return None if self.window >= len(workers) else f"window must be at least {len(workers)}, got {self.window}"
