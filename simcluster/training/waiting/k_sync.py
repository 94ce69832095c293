"""The fastest k of n: a step is complete with the first k contributions to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from simcluster.engine import Count, Spec
from simcluster.training.protocols import Progress

LeftBehind = Literal["cancel", "finish"]
"""What becomes of a computation that can no longer count."""


class KSync(Spec):
    """K-sync SGD (Dutta, Joshi, Ghosh, Dube & Nagpurkar, "Slow and stale gradients can win the race", AISTATS 2018).

    Of n workers with exponential times of mean 1 a step takes H_n − H_{n−k} where those left behind ``cancel`` theirs,
    as there: all begin anew together. Where they ``finish`` first (Chen et al., "Revisiting distributed synchronous
    SGD", 2016; it is ``BoundedStaleness`` with n − k backup workers) it takes longer. With k = n both are
    bulk-synchronous.
    """

    kind: Literal["k_sync"] = "k_sync"
    k: Count
    """How many contributions make a step; as many as there are, when a detector says that there are fewer workers."""
    left_behind: LeftBehind = "cancel"
    """Whether whoever is left behind gives up its step when the server's word comes, or finishes it in vain."""

    leaves_out: ClassVar = True

    @property
    def cancels(self) -> bool:
        """Whether nobody finishes what would not count."""
        return self.left_behind == "cancel"

    def weight(self, delay: float) -> float:
        """Only what was computed at the parameters of now counts."""
        return 1.0 if delay == 0 else 0.0

    def may_start(self, worker: str, clock: int, progress: Progress) -> bool:
        """Only the step that is not complete."""
        return clock <= progress.clock

    def complete(self, progress: Progress) -> bool:
        """With k contributions."""
        return len(progress.arrived) >= max(1, min(self.k, progress.expected))

    def sees(self, clock: int) -> float:
        """All steps before its own, and nothing of it."""
        return clock

    def refuses(self, workers: Sequence[str]) -> str | None:
        """There must be as many."""
        return None if self.k <= len(workers) else f"k must be at most the {len(workers)} workers, got {self.k}"
