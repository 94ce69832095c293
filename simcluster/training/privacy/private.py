"""What a training run does for its job's privacy: which rows take part, what noise there is, and what that has cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simcluster.engine import stream
from simcluster.learning import Array, Call, Cost, Rows
from simcluster.learning.protocols import Integers
from simcluster.training.protocols import Privacy

_NOTHING = Cost(0.0, 0.0)


class Private:
    """The privacy of one run, without any state but what it has drawn last.

    ``rows`` are all that are learned from, ``rounds_of`` the steps of the shortest epoch of a worker, and
    ``contributions`` how many a step adds up at least.
    """

    def __init__(self, privacy: Privacy, model: Any, seed: int, rows: int, rounds_of: int, contributions: int) -> None:
        self._privacy, self._model, self._seed = privacy, model, seed
        self._rows, self._rounds_of, self._share = rows, rounds_of, 1.0 / contributions
        self._drawn: tuple[int, Any] = (-1, None)

    def sampled(self, numbers: Integers, clock: int) -> Integers:
        """Those of the rows with these numbers that take part in a step, whichever worker has them."""
        known, mask = self._drawn
        if known != clock:
            rate = self._privacy.sampling_rate
            mask = stream(self._seed, "sampled", clock).random(self._rows) < (1.0 if rate is None else rate)
            self._drawn = clock, mask
        chosen: Integers = numbers[mask[numbers]]
        return chosen

    def contribution(self, parameters: Array, rows: Rows, worker: int, clock: int) -> Call[Array]:
        """What a worker says in a step, with its share of the noise."""
        said = self._privacy.contribution(self._model, parameters, rows)
        generator = stream(self._seed, "privacy", worker, clock)
        return _added(said, self._privacy.noise_of("workers", parameters.shape, self._share, generator))

    def total(self, total: Array, clock: int) -> Call[Array]:
        """The total of a step with the noise of whoever moves the parameters."""
        generator = stream(self._seed, "privacy", clock)
        return _added(Call(lambda: total, _NOTHING), self._privacy.noise_of("server", total.shape, 1.0, generator))

    def epsilon(self, steps: int) -> float:
        """What so many steps have given away."""
        return self._privacy.spent(steps, self._rounds_of)

    def steps_within_budget(self, most: int) -> int:
        """How many steps may be done, of ``most``. Raises ``ValueError`` where there may be none."""
        found = self._privacy.steps_within_budget(most, self._rounds_of)
        if found < 1:
            one = self.epsilon(1)
            raise ValueError(f"epsilon must allow a step, which gives away {one:.6g}, got {self._privacy!r}")
        return found


def shortest_epoch(shards: Sequence[int], sizes: Sequence[int]) -> int:
    """How many steps the shortest epoch has, of workers with so many rows that learn from so many in a step."""
    return min((rows // size for rows, size in zip(shards, sizes, strict=True) if size), default=1)


def _added(said: Call[Array], noise: Call[Array | None]) -> Call[Array]:
    """The sum, at the cost of both."""

    def added() -> Array:
        drawn = noise()
        return said() if drawn is None else said() + drawn

    return Call(added, said.cost + noise.cost)
