"""Random graphs in layers, by the parameters of the papers on list scheduling."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simcluster.engine import NUMBER, Count, NotNegative, Positive, stream
from simcluster.scheduling.work.shapes.shape import Piece, Shape, Shaped

if TYPE_CHECKING:
    import networkx as nx


class Layered(Shaped):
    """The random graphs of Topcuoglu, Hariri and Wu (2002, section 5.1.1), of one first task and layers below it.

    Layers are uniformly wide, alpha √n on average, so that there are about √n / alpha of them. A task is followed by
    ``out_degree`` tasks of the next layer, or by all of them where it has fewer, and by those that nothing else would
    come before. So a task's layer is the number of tasks on any way to it, and the graph hangs together. Seconds are
    uniform between 0 and twice their mean, and so are the seconds that an edge's bytes take.

    The papers' heterogeneity, beta, is that of times on processors: see ``timed``. On a cluster it is in the nodes'
    speeds.
    """

    kind: Literal["layered"] = "layered"
    tasks: Count = 100
    """How many there are, n."""
    alpha: Annotated[float, Field(gt=0, le=1e3), NUMBER] = 1.0
    """The shape: below 1 long and narrow, above 1 short and wide."""
    out_degree: Count = 3
    """By how many tasks each is followed."""
    ccr: NotNegative = 1.0
    """The ratio of what an edge takes to what a task takes, on average."""
    seconds_mean: Positive = 1.0
    """How long a task takes on a reference core, on average."""
    bytes_per_s: Positive = 1.25e8
    """How fast the network is that ``ccr`` counts with."""

    def shape(self, seed: int) -> Shape:
        """The tasks, "task-i" in the order of their layers."""
        generator = stream(seed, "scheduling", "shape")
        scales = generator.uniform(0, 2 * self.seconds_mean, self.tasks)
        most_bytes = 2 * self.ccr * self.seconds_mean * self.bytes_per_s
        layers = self._layers(generator)
        takes: list[list[tuple[str, float]]] = [[] for _ in range(self.tasks)]
        for layer, below in pairwise(layers):
            pairs = self._pairs(len(layer), len(below), generator)
            sizes = generator.uniform(0, most_bytes, len(pairs)) if most_bytes else np.zeros(len(pairs))
            for (before, after), size_bytes in zip(pairs.tolist(), sizes.tolist(), strict=True):
                takes[below[after]].append((f"task-{layer[before]}", size_bytes))
        return {
            f"task-{task}": Piece(scale, tuple(taken))
            for task, (scale, taken) in enumerate(zip(scales.tolist(), takes, strict=True))
        }

    def timed(self, processors: Sequence[Hashable], beta: float, seed: int) -> nx.DiGraph[Any]:
        """The same graph as planners take it: seconds of each task on each processor, and of each edge.

        A task of w seconds takes a time uniform in [w (1 - beta / 2), w (1 + beta / 2)] on each of ``processors``, one
        time independent of the other. Raises ``ValueError`` unless beta is within [0, 2].
        """
        import networkx as nx

        if not 0 <= beta <= 2:
            raise ValueError(f"beta must be within [0, 2], got {beta}")
        generator = stream(seed, "scheduling", "processors")
        made: nx.DiGraph[Any] = nx.DiGraph()
        for name, piece in self.shape(seed).items():
            times = piece.scale * generator.uniform(1 - beta / 2, 1 + beta / 2, len(processors))
            made.add_node(name, seconds=dict(zip(processors, times.tolist(), strict=True)))
            for before, size_bytes in piece.takes:
                made.add_edge(before, name, seconds=size_bytes / self.bytes_per_s)
        return made

    def _layers(self, generator: np.random.Generator) -> list[range]:
        layers, begun = [range(1)], 1
        widest = max(1, math.ceil(2 * self.alpha * math.sqrt(self.tasks)) - 1)
        while begun < self.tasks:
            width = min(int(generator.integers(1, widest + 1)), self.tasks - begun)
            layers.append(range(begun, begun + width))
            begun += width
        return layers

    def _pairs(self, above: int, below: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """Which task of a layer comes before which of the next, (edges, 2), no pair twice, in order."""
        degree = min(self.out_degree, below)
        after = _distinct(above, degree, below, generator)
        followed = np.zeros(below, dtype=bool)
        followed[after] = True
        alone = np.flatnonzero(~followed)
        before = np.concatenate([np.repeat(np.arange(above), degree), generator.integers(above, size=len(alone))])
        pairs = np.stack([before, np.concatenate([after.ravel(), alone])], axis=1)
        return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _distinct(rows: int, count: int, below: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """In each row (rows, count) so many numbers below ``below``, no two alike, every choice as likely as any other."""
    if 2 * count > below:
        return generator.permuted(np.tile(np.arange(below), (rows, 1)), axis=1)[:, :count]
    drawn = generator.integers(below, size=(rows, count))
    while True:
        ordered = np.sort(drawn, axis=1)
        twice = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
        if not len(twice):
            return drawn
        drawn[twice] = generator.integers(below, size=(len(twice), count))
