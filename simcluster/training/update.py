"""The server's half of a step: contributions that have become one move the parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from simcluster.learning import Array, Call, Cost, Descends, Solves, call
from simcluster.training.aggregation import aggregated, total
from simcluster.training.redundancy.coded import Decoding
from simcluster.training.training import Training


class Update(Protocol):
    """The parameters, and what else moves them; ``state`` is all that a checkpoint has to hold of it."""

    parameters: Array
    state: tuple[Array, ...]

    def take(
        self, workers: list[int], values: Sequence[Array], clock: int, share: float, read: Array | None = None
    ) -> Call[None]:
        """The computation that takes in the contributions of these workers, which make up ``share`` of a step.

        ``read`` is what they were computed at, where that is remembered and not what the parameters are now.
        """
        ...

    def move(self, total: Array, clock: int) -> Call[None]:
        """The computation that takes in a whole step at once, whose contributions have been added up elsewhere."""
        ...


def update_of(training: Training) -> Update:
    """How the job's model moves."""
    model: Any = training.model
    moves: Update = Descent(training, model) if hasattr(model, "gradient") else Solution(training, model)
    return moves if training.code is None else Decoding(moves, training, training.code)


class Descent:
    """An optimiser follows the gradient."""

    def __init__(self, training: Training, model: Descends) -> None:
        self._training, self._model = training, model
        self._optimiser, self._private = training.optimiser, training.private
        rule: Any = training.job.aggregation
        self._aggregation = rule
        self._after = rule.after if hasattr(rule, "after") else None  # of a rule that remembers
        self.parameters = training.initial
        self._memory = training.optimiser.start(self.parameters)
        self._remembered: Array = np.empty(0)
        self._gradient_cost: Cost | None = None

    @property
    def state(self) -> tuple[Array, ...]:
        """Parameters, and what optimiser and aggregation remember."""
        return self.parameters, self._memory, self._remembered

    @state.setter
    def state(self, state: tuple[Array, ...]) -> None:
        self.parameters, self._memory, self._remembered = state

    def take(
        self, workers: list[int], values: Sequence[Array], clock: int, share: float, read: Array | None = None
    ) -> Call[None]:
        """Aggregate, find the gradient, and make a step of it."""
        rows, count = self._training.rows_of(workers)
        shape, remembered = values[0].shape, self._remembered
        flat = values[0].reshape(1, -1) if len(values) == 1 else _flat(values)
        if self._after is None:
            added = self._aggregation(flat, rows)
            one = added()
        else:
            added = self._after(flat, rows, remembered)
            one, remembered = added()
        following, cost = self._following(one.reshape(shape), count, clock, share, read)

        def moved() -> None:
            (self.parameters, self._memory), self._remembered = following, remembered

        return Call(moved, added.cost + cost)

    def move(self, total: Array, clock: int) -> Call[None]:
        """Find the gradient, and make a step of it."""
        rows = math.fsum(self._training.batch_rows.tolist())
        following, cost = self._following(total, rows, clock, 1.0)

        def moved() -> None:
            self.parameters, self._memory = following

        return Call(moved, cost)

    def _following(
        self, total: Array, rows: float, clock: int, share: float, read: Array | None = None
    ) -> tuple[tuple[Array, Array], Cost]:
        """The parameters and the optimiser's memory after a step, and what it costs."""
        parameters, private = self.parameters, self._private
        noisy = None if private is None else private.total(total, clock)
        if noisy is not None:
            total = noisy()
        cost = self._gradient_cost
        if cost is None:  # which depends on sizes alone
            cost = self._gradient_cost = call(self._model.gradient, parameters, total).cost
        if noisy is not None:
            cost = noisy.cost + cost
        gradient = self._model.gradient(parameters, total, rows)
        optimiser: Any = self._optimiser
        if read is None:
            stepped = optimiser.step(parameters, gradient, self._memory, clock, share)
        else:
            stepped = optimiser.delayed_step(parameters, gradient, self._memory, clock, share, read)
        return stepped(), cost + stepped.cost


class Solution:
    """A closed form of what each worker said last."""

    def __init__(self, training: Training, model: Solves) -> None:
        self._training, self._model = training, model
        self.parameters = training.initial
        self._everyone = list(range(len(training.batch_rows)))
        self._said = np.zeros((len(training.batch_rows), 0))
        self._known = np.zeros(len(training.batch_rows), dtype=bool)
        self._total: Array | None = None
        self._remembered: Array = np.empty(0)

    @property
    def state(self) -> tuple[Array, ...]:
        """Parameters, what each worker said last, who has said anything, and what the aggregation remembers."""
        return self.parameters, self._said, self._known, self._remembered

    @state.setter
    def state(self, state: tuple[Array, ...]) -> None:
        self.parameters, self._said, self._known = state[0], np.array(state[1]), np.array(state[2])
        self._remembered = state[3]
        self._total = None

    def take(
        self, workers: list[int], values: Sequence[Array], clock: int, share: float, read: Array | None = None
    ) -> Call[None]:
        """Replace what these workers said before.

        A whole step is aggregated anew, in the order of workers, and so is all that is known when nobody else has said
        anything, or when it does not just add up; a single contribution among others adds its difference.
        """
        aggregation, rows = self._training.job.aggregation, self._training.batch_rows
        flat = _flat(values)
        said = self._said if self._said.size else np.zeros((len(rows), flat.shape[1]))
        known = self._known.copy()
        known[workers] = True
        remembered = self._remembered
        if share == 1.0 or self._total is None or known.sum() == len(workers) or aggregation is not total:
            if workers == self._everyone:
                said, ruled = flat, aggregated(aggregation, flat, rows, remembered)
            else:
                said = said.copy()
                said[workers] = flat
                ruled = aggregated(aggregation, said[known], rows[known], remembered)
            (one, remembered), cost = ruled(), ruled.cost
        else:
            added = call(np.subtract, flat, said[workers])
            one, cost = self._total + added().sum(axis=0), added.cost
            said[workers] = flat
        found = self._solved(one.reshape(values[0].shape), float(rows[known].sum()))
        parameters = found()

        def moved() -> None:
            self.parameters, self._said, self._known, self._total = parameters, said, known, one
            self._remembered = remembered

        return Call(moved, cost + found.cost)

    def move(self, total: Array, clock: int) -> Call[None]:
        """Solve anew; what each worker has said is not known then."""
        found = self._solved(total, float(self._training.batch_rows.sum()))
        parameters = found()

        def moved() -> None:
            self.parameters = parameters

        return Call(moved, found.cost)

    def _solved(self, total: Array, rows: float) -> Call[Array]:
        """The closed form, at the cost that the model says it has."""
        given = self.parameters, total, rows
        found: Call[Array] = call(self._model.update, *given)
        cost = getattr(self._model, "update_cost", None)
        return found if cost is None else Call(found.function, cost(*given))


def _flat(values: Sequence[Array]) -> Any:
    """(m, p), one row for each. Raises ``ValueError`` for values of different shapes."""
    shape = values[0].shape
    if len(values) == 1:
        return values[0].reshape(1, -1)
    if not shape or any(value.shape != shape for value in values):
        return np.stack(values).reshape(len(values), -1)
    return np.concatenate(values).reshape(len(values), -1)  # the same in a quarter of the time
