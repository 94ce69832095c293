"""Where the centres of k-means begin: at random rows, by k-means++, or by k-means‖, whose rounds are distributed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np

from simcluster.engine import Open, stream
from simcluster.kernels import nearest_centre, squared_distances
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.protocols import Array, Initialisation

ROUNDS = 5
"""How many rounds k-means‖ has at least (Bahmani et al.: five are enough)."""
OVERSAMPLING = 2.0
"""How many rows a round of k-means‖ chooses in the mean, in numbers of clusters (Bahmani et al.: ℓ = 2k)."""


def random(data: Dataset, clusters: int, generator: np.random.Generator) -> Array:
    """Distinct rows, drawn at random (Forgy 1965); rows that are alike can make centres that are."""
    rows = generator.choice(len(data), clusters, replace=False)
    return np.array(data.features[np.sort(rows)])


def plus_plus(data: Dataset, clusters: int, generator: np.random.Generator) -> Array:
    """k-means++ (Arthur & Vassilvitskii, SODA 2007): a row is the next centre in proportion to its D².

    D is its distance to the nearest centre so far. scikit-learn tries several rows for each centre and keeps the best
    (the greedy form, for which the paper's bound is not proven); this is the paper's. Raises ``ValueError`` where there
    are fewer distinct rows than clusters.
    """
    return _weighted(data.features, np.ones(len(data)), clusters, generator)


def parallel(data: Dataset, clusters: int, generator: np.random.Generator) -> Array:
    """k-means‖ (Bahmani et al., VLDB 2012) of rows that lie on one node: see ``parallel_over``."""
    return parallel_over([data.all], clusters, int(generator.integers(2**63)))


def parallel_over(shards: Sequence[Rows], clusters: int, seed: int) -> Array:
    """k-means‖ over shards of one data set, the same bits however its rows lie: centres (k, d).

    The first candidate is a row at random. In each of five rounds, and more while there are fewer candidates than
    clusters, each row becomes one with probability ℓ D²/φ, where φ = Σ D² and ℓ = 2k. Each candidate weighs as many
    rows as are nearest to it; k-means++ of these weighted candidates gives the centres. The number that decides on a
    row depends on seed, round and the row's number in the whole data set; a common version draws from one generator per
    worker, and its centres are others on another cluster. So are those of a φ that was rounded on each shard: here the
    parts of the sum that each shard gives are exact, and rounded once.

    Of each round a shard sends a few numbers for φ (8 bytes each), its candidates with their numbers, 8 (d + 1) bytes
    each, and gets φ and everybody's; last it sends one count for each candidate. Raises ``ValueError`` where there are
    fewer distinct rows than clusters.
    """
    data = shards[0].data
    numbers = [rows.numbers for rows in shards]
    chosen = stream(seed, "k-means||").integers(len(data), size=1)
    nearest = [np.full(len(rows), np.inf) for rows in shards]
    fresh, done = chosen, 0
    while done < ROUNDS or len(chosen) < clusters:
        nearest = [
            np.minimum(known, squared_distances(rows.features, data.features[fresh]).min(axis=1, initial=np.inf))
            for known, rows in zip(nearest, shards, strict=True)
        ]
        potential = math.fsum(part for distances in nearest for part in exact_sum(distances))  # φ
        if potential == 0.0:
            break  # every row is a candidate, or like one
        limit = stream(seed, "k-means||", done).random(len(data))
        found = [
            own[limit[own] * potential < OVERSAMPLING * clusters * distances]
            for own, distances in zip(numbers, nearest, strict=True)
        ]
        fresh = np.sort(np.concatenate(found))
        chosen, done = np.concatenate([chosen, fresh]), done + 1
    candidates = np.array(data.features[chosen])
    weights = np.sum([nearest_centre(rows.features, candidates)[2] for rows in shards], axis=0)
    return _weighted(candidates, weights, clusters, stream(seed, "k-means||", "centres"))


def exact_sum(values: Array) -> list[float]:
    """A few numbers whose exact sum is that of ``values`` (at least 0): each the rounded rest of those before.

    So the sum of sums, rounded once, does not depend on how the values were parted. Raises ``ValueError`` where it is
    so great that squared distances to other rows may overflow.
    """
    _check_sum(float(values.sum()))
    parts: list[float] = []
    while rest := math.fsum([*values.tolist(), *(-part for part in parts)]):
        parts.append(rest)
    return parts


def _weighted(points: Array, weights: Array, clusters: int, generator: np.random.Generator) -> Array:
    """k-means++ of points (n, d) that count as many times as their weights (n,) say."""
    mass, chosen = weights, [_drawn(weights, generator)]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < clusters:
        nearest = np.minimum(nearest, squared_distances(points, points[chosen[-1:]])[:, 0])
        mass = weights * nearest
        if not mass.any():
            raise ValueError(f"clusters must be at most the {len(chosen)} distinct rows, got {clusters}")
        chosen.append(_drawn(mass, generator))
    return np.array(points[chosen])


def _drawn(mass: Array, generator: np.random.Generator) -> int:
    """A place, in proportion to its mass."""
    with np.errstate(over="ignore"):  # it is refused below
        heaped = np.cumsum(mass)
    _check_sum(heaped[-1])
    place = int(np.searchsorted(heaped, generator.random() * heaped[-1], side="right"))
    return min(place, int(np.flatnonzero(mass)[-1]))  # where the product was rounded up to the whole


def _check_sum(squares: float) -> None:
    # So far below the greatest number that sums of sums stay there too.
    if not squares < 1e300:
        raise ValueError(f"squared distances between rows must add up to less than 1e300, got {squares}")


AnyInitialisation = Annotated[
    Initialisation, Open(Initialisation, random=random, **{"k-means++": plus_plus, "k-means||": parallel})
]
"""One of the beginnings above, or one's own; in a file ``kind`` says which."""
