"""k-means and its distributed halves: a worker's sums over its shard, a server's new centres."""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simcluster.engine import Spec, stream
from simcluster.kernels import Call, nearest_centre
from simcluster.learning.data import DatasetName, load
from simcluster.learning.partition import Partition, partition

Centres = NDArray[np.float64]
_GREATEST = 1e150  # whose square is finite, in sums too


class Statistics(NamedTuple):
    """What a shard says of its clusters: the sum of each cluster's rows, (k, d), and their number, (k,)."""

    sums: Centres
    counts: NDArray[np.float64]


class KMeansState(NamedTuple):
    """The server's state: the centres of the last step, and each worker's latest statistics."""

    centres: Centres
    latest: tuple[Statistics | None, ...]


class KMeans(Spec):
    """Lloyd's algorithm (Lloyd 1982) from ``clusters`` rows drawn at random."""

    kind: Literal["kmeans"] = "kmeans"
    dataset: DatasetName = "digits"
    partition: Partition = "random"
    clusters: Annotated[int, Field(ge=1)] = 10

    def prepare(self, workers: int, seed: int) -> KMeansTraining:
        """Distribute the data over ``workers``. ``seed`` decides the shards and the initial centres."""
        return KMeansTraining(self, workers, seed)


class KMeansTraining:
    """The data of one clustering run, in shards, with both halves of a step. It holds no state of the run."""

    def __init__(self, spec: KMeans, workers: int, seed: int) -> None:
        dataset = load(spec.dataset)
        if spec.clusters > len(dataset.labels):
            raise ValueError(f"clusters must be at most the {len(dataset.labels)} rows, got {spec.clusters}")
        self._points = dataset.features
        self._seed = seed
        self._clusters = spec.clusters
        self._shards = tuple(
            np.ascontiguousarray(self._points[rows])
            for rows in partition(spec.partition, dataset.labels, workers, seed)
        )

    def initial(self) -> KMeansState:
        """Centres at distinct rows drawn at random, no statistics yet."""
        rows = stream(self._seed, "centres").choice(len(self._points), self._clusters, replace=False)
        return KMeansState(self._points[np.sort(rows)], (None,) * len(self._shards))

    def parameters(self, state: KMeansState) -> Centres:
        """The centres, (k, d): μ = Σ sums / Σ counts in the order of workers; an empty cluster stays where it was."""
        known = [statistics for statistics in state.latest if statistics is not None]
        if not known:
            return state.centres
        sums, counts = np.zeros_like(state.centres), np.zeros(len(state.centres))
        for statistics in known:
            sums = sums + statistics.sums
            counts = counts + statistics.counts
        filled = counts > 0
        return np.where(filled[:, None], sums / np.where(filled, counts, 1.0)[:, None], state.centres)

    def contribution(self, worker: int, clock: int, parameters: Centres) -> Call[Statistics]:
        """The worker's half: assign each row of the shard to its nearest centre, and sum by cluster."""
        call = nearest_centre.call(self._shards[worker], parameters)

        def statistics() -> Statistics:
            if not _finite(parameters):  # a liar's, say: no row has a nearest centre
                return Statistics(np.full_like(parameters, np.nan), np.full(len(parameters), np.nan))
            _, sums, counts, _ = call()
            return Statistics(sums, counts)

        return Call(statistics, call.cost)

    def fold(self, state: KMeansState, worker: int, contribution: Statistics, share: float) -> KMeansState:
        """The server's half: a worker's statistics replace its earlier ones."""
        latest = (*state.latest[:worker], contribution, *state.latest[worker + 1 :])
        # The centres of the state only matter to clusters that are empty, which stay where they last were.
        return KMeansState(self.parameters(KMeansState(state.centres, latest)), latest)

    @property
    def contribution_size(self) -> int:
        """How many numbers one contribution has: k·(d + 1)."""
        return self._clusters * (int(self._points.shape[1]) + 1)

    def loss(self, parameters: Centres) -> float:
        """The objective over all rows: mean squared distance to the nearest centre (inertia / n)."""
        if not _finite(parameters):
            return math.nan
        return float(nearest_centre(self._points, parameters)[3]) / len(self._points)

    def labels(self, parameters: Centres) -> NDArray[np.int64]:
        """The nearest centre of each row of the data set, in its order."""
        return nearest_centre(self._points, parameters)[0]


def _finite(centres: Centres) -> bool:
    """Whether the squared distances to the centres are numbers: centres that are not, or as large, say nothing."""
    return bool(np.all(np.abs(centres) < _GREATEST))
