"""Fork and join: many tasks side by side between two that all of them meet in, again and again."""

from __future__ import annotations

from typing import Literal

from simcluster.engine import AnyDistribution, Constant, Count, NotNegative, stream
from simcluster.scheduling.work.shapes.shape import Piece, Shape, Shaped


class ForkJoin(Shaped):
    """``stages`` of ``width`` tasks: stages × (width + 1) + 1 in all, on a way of 2 × stages + 1; a chain if 1 wide.

    "join-0" begins; "task-s-i" takes what "join-(s-1)" gives, and "join-s" what all tasks of stage s give.
    """

    kind: Literal["fork_join"] = "fork_join"
    stages: Count = 1
    """How often it forks."""
    width: Count = 8
    """How many tasks run side by side."""
    seconds: AnyDistribution = Constant(value=1.0)
    """How long each of these takes on a reference core."""
    join_s: NotNegative = 0.0
    """How long each of the others takes."""
    size_bytes: NotNegative = 1e6
    """What each task gives to each that follows."""

    def shape(self, seed: int) -> Shape:
        """The tasks, whose seconds are drawn in their order."""
        generator = stream(seed, "scheduling", "shape")
        made = {"join-0": Piece(self.join_s)}
        for stage in range(1, self.stages + 1):
            names = [f"task-{stage}-{place}" for place in range(self.width)]
            for name in names:
                made[name] = Piece(self.seconds.sample(generator), ((f"join-{stage - 1}", self.size_bytes),))
            made[f"join-{stage}"] = Piece(self.join_s, tuple((name, self.size_bytes) for name in names))
        return made
