"""A bag of tasks: as many as one likes, and none of them needs another."""

from __future__ import annotations

from typing import Literal

from simcluster.engine import AnyDistribution, Constant, Count, stream
from simcluster.scheduling.work.shapes.shape import Piece, Shape, Shaped


class Bag(Shaped):
    """Independent tasks, as of a sweep of parameters: "task-i" for each."""

    kind: Literal["bag"] = "bag"
    tasks: Count = 100
    """How many there are."""
    seconds: AnyDistribution = Constant(value=1.0)
    """How long each takes on a reference core."""

    def shape(self, seed: int) -> Shape:
        """The tasks, none of which takes anything."""
        generator = stream(seed, "scheduling", "shape")
        return {f"task-{task}": Piece(self.seconds.sample(generator)) for task in range(self.tasks)}
