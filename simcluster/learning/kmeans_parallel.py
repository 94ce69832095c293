"""k-means‖ in halves: what the node that chooses asks of all shards, and what each shard answers."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import numpy as np

from simcluster.engine import stream
from simcluster.kernels import Call, Cost, nearest_centre, squared_distances
from simcluster.learning.dataset import Rows, squarable
from simcluster.learning.protocols import Array

ROUNDS = 5
"""How many rounds there are at least (Bahmani et al.: five are enough)."""
OVERSAMPLING = 2.0
"""How many rows a round chooses in the mean, in numbers of clusters (Bahmani et al.: ℓ = 2k)."""


class Question(NamedTuple):
    """What all shards are asked: ``what`` is "spread" (parts of φ), "draw" (rows) or "weigh" (counts).

    ``candidates`` (c, d) are all so far, so that a shard that has forgotten them can answer.
    """

    what: str
    candidates: Array
    round: int
    potential: float


def seeding(features: int, clusters: int, seed: int) -> Generator[Question, Sequence[Any], Array]:
    """k-means‖ (Bahmani et al., VLDB 2012): yields questions, takes the answers of all shards, returns centres (k, d).

    The first candidate is a row at random. In each of five rounds, and more while there are fewer candidates than
    clusters, each row becomes one with probability ℓ D²/φ, where φ = Σ D² and ℓ = 2k; of rows that are alike one does.
    Each candidate weighs as many rows as are nearest to it; k-means++ of these weighted candidates gives the centres.
    They are the same bits however the rows lie: the number that decides on a row depends on seed, round and the row's
    number in the whole data set, and the parts of φ that shards give are exact sums, rounded once together. A common
    version draws from a generator for each worker, so that its centres are others on another cluster.

    Raises ``ValueError`` where there are fewer distinct rows than clusters.
    """
    candidates, done = np.empty((0, features)), 0
    found = yield Question("draw", candidates, 0, 0.0)
    while True:
        candidates = np.vstack([candidates, squarable(_distinct(found))])
        if done >= ROUNDS and len(candidates) >= clusters:
            break
        parts = yield Question("spread", candidates, done, 0.0)
        # What a liar says may be no number, or negative as a whole; of an exact sum some parts are negative.
        numbers = [np.clip(np.nan_to_num(each), -1e300, 1e300).tolist() for each in parts]
        potential = math.fsum(part for each in numbers if math.fsum(each) > 0 for part in each)
        if potential == 0.0:
            break  # every row is a candidate, or like one
        found = yield Question("draw", candidates, done, potential)
        done += 1
    weights = np.sum(np.maximum(squarable(np.stack((yield Question("weigh", candidates, done, 0.0)))), 0.0), axis=0)
    return weighted_plus_plus(candidates, weights, clusters, stream(seed, "k-means||", "centres"))


def seeding_cost(candidates: int, features: int, clusters: int) -> Cost:
    """What the last step of ``seeding`` costs: each centre's distances to all candidates, and a draw."""
    pairs = float(clusters * candidates)
    return Cost(flops=pairs * (3 * features + 3), bytes=8.0 * pairs * (features + 1))


class SeedingShard:
    """A shard's half of ``seeding``; it keeps the distances to candidates that it knows."""

    def __init__(self, rows: Rows, clusters: int, seed: int) -> None:
        self._rows, self._clusters, self._seed = rows, clusters, seed
        self._known = 0
        self._nearest = np.full(len(rows), np.inf)

    def answer(self, question: Question) -> Call[Any]:
        """The answer: an array of parts of φ, (rows, their numbers), or a count for each candidate."""
        rows, candidates = self._rows, np.ascontiguousarray(squarable(question.candidates))
        if question.what == "weigh":
            counting = nearest_centre.call(rows.features, candidates)
            return Call(lambda: counting()[2], counting.cost)
        if len(candidates) < self._known:  # whoever asks has begun anew
            self._known, self._nearest = 0, np.full(len(rows), np.inf)
        fresh = candidates[self._known :]
        looked = squared_distances.cost(rows.features, fresh) + Cost(5.0 * len(rows), 0.0)

        def compute() -> Any:
            if len(fresh):
                distances = squared_distances(rows.features, fresh).min(axis=1)
                self._nearest, self._known = np.minimum(self._nearest, distances), len(candidates)
            return self._drawn(question) if question.what == "draw" else np.array(exact_sum(self._nearest))

        return Call(compute, looked)

    def _drawn(self, question: Question) -> tuple[Array, Any]:
        rows, numbers, total = self._rows, self._rows.numbers, len(self._rows.data)
        if not len(question.candidates):
            chosen = numbers == stream(self._seed, "k-means||").integers(total)
        else:
            limits = stream(self._seed, "k-means||", question.round).random(total)[numbers]
            chosen = limits * question.potential < OVERSAMPLING * self._clusters * self._nearest
        return rows.features[chosen], numbers[chosen]


def parallel_over(shards: Sequence[Rows], clusters: int, seed: int) -> Array:
    """The centres of ``seeding`` over shards of one data set that lie here."""
    answering = [SeedingShard(rows, clusters, seed) for rows in shards]
    asking = seeding(shards[0].features.shape[1], clusters, seed)
    question = next(asking)
    while question.what != "weigh":
        question = asking.send([each.answer(question)() for each in answering])
    return last(asking, [each.answer(question)() for each in answering])


def last(asking: Generator[Question, Sequence[Any], Array], answers: Sequence[Any]) -> Array:
    """The centres, when the last question has been answered."""
    try:
        raise ValueError(f"counts must be the last answers, got asked for more: {asking.send(answers)}")
    except StopIteration as over:
        return over.value  # type: ignore[no-any-return]


def weighted_plus_plus(points: Array, weights: Array, clusters: int, generator: np.random.Generator) -> Array:
    """k-means++ of points (n, d) that count as many times as their weights (n,) say.

    Raises ``ValueError`` where fewer of them are distinct than there are clusters.
    """
    mass, chosen = weights, [_place(weights if weights.any() else np.ones(len(points)), generator)]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < clusters:
        nearest = np.minimum(nearest, squared_distances(points, points[chosen[-1:]])[:, 0])
        mass = weights * nearest
        if not mass.any():  # what weighs nothing, as liars may say, is still a point
            mass = nearest
        if not mass.any():
            raise ValueError(f"clusters must be at most the {len(chosen)} distinct rows, got {clusters}")
        chosen.append(_place(mass, generator))
    return np.array(points[chosen])


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


def _distinct(found: Sequence[Any]) -> Array:
    """The rows that shards have drawn, in the order of their numbers, of those that are alike the first."""
    order = np.argsort(np.concatenate([numbers for _, numbers in found]))
    rows = np.concatenate([features for features, _ in found])[order]
    return np.asarray(rows[np.sort(np.unique(rows, axis=0, return_index=True)[1])])


def _place(mass: Array, generator: np.random.Generator) -> int:
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
