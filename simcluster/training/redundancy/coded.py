"""A code at work: what a worker sends, when a step is over, and what is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simcluster.learning import Array, Call, Cost
from simcluster.training.aggregation import total
from simcluster.training.protocols import Code, Progress, Waiting

if TYPE_CHECKING:
    from simcluster.training.training import Training
    from simcluster.training.update import Update

_CLOSE = 1e-6  # to which all factors together give 1, or a code is none


def code_of(rule: Code, workers: int) -> Array:
    """The factors of a code for so many workers, (n, n). Raises ``ValueError`` where it is none."""
    name, code = type(rule).__name__, np.asarray(rule.code(workers), dtype=np.float64)
    if code.shape != (workers, workers) or not np.isfinite(code).all() or not code.any(axis=1).all():
        rule_of = f"{name}.code must give a factor for each of {workers} workers and shards, and each worker a shard"
        raise ValueError(f"{rule_of}, got {code.tolist()}")
    everybody = list(range(workers))
    factors = decoded(rule, everybody, workers)
    if factors is None or not np.allclose(factors @ code, 1.0, rtol=0, atol=_CLOSE):
        got = None if factors is None else factors.tolist()
        raise ValueError(f"{name}.decoding must give the sum over all shards of what all workers send, got {got}")
    return code


def decoded(rule: Code, arrived: Sequence[int], workers: int) -> Array | None:
    """By which factors these add up to the whole, or ``None``. Raises ``ValueError`` unless there are as many."""
    found = rule.decoding(arrived, workers)
    if found is None:
        return None
    factors = np.asarray(found, dtype=np.float64)
    if factors.shape != (len(arrived),) or not np.isfinite(factors).all():
        raise ValueError(f"{type(rule).__name__}.decoding must give {len(arrived)} factors, got {factors.tolist()}")
    return factors


def combined(parts: Sequence[Call[Array]], factors: Array) -> Call[Array]:
    """What several computations give, each times its factor, added up in their order."""
    costs = [part.cost for part in parts]
    flops, size_bytes = (np.add.reduce([getattr(cost, of) for cost in costs]) for of in ("flops", "bytes"))
    values = [part() for part in parts]
    added = weighed(values, factors)
    return Call(added.function, Cost(float(flops), float(size_bytes)) + added.cost)


def weighed(values: Sequence[Array], factors: Array) -> Call[Array]:
    """The sum of arrays, each times its factor, in their order; factors of 1 cost nothing, and neither does one."""
    if len(values) == 1 and factors[0] == 1.0:
        return Call(lambda: values[0], Cost(0.0, 0.0))
    flat = np.stack([value.reshape(-1) for value in values])
    cost = Cost(0.0, 0.0)
    if (factors != 1.0).any():
        flat = factors[:, None] * flat
        cost = Cost(flops=float(flat.size), bytes=16.0 * flat.size)
    added = total(flat, np.ones(len(values)))
    return Call(lambda: added().reshape(values[0].shape), cost + added.cost)


class Decodable(Waiting):
    """Steps that are over when what has come can be decoded; whoever was not needed cancels."""

    cancels = True

    def __init__(self, rule: Code, workers: Sequence[str]) -> None:
        self._rule, self._places = rule, {worker: place for place, worker in enumerate(workers)}

    def complete(self, progress: Progress) -> bool:
        """Whether the sum over all shards follows."""
        arrived = sorted(self._places[worker] for worker in progress.arrived)
        return decoded(self._rule, arrived, len(self._places)) is not None

    def weight(self, delay: float) -> float:
        """Only what was computed at the parameters of now counts."""
        return 1.0 if delay == 0 else 0.0


class Decoding:
    """An update that is given what workers have sent, and moves by what that says of all shards together."""

    def __init__(self, update: Update, training: Training, code: Array) -> None:
        rule: Any = training.job.redundancy
        self._update, self._workers, self._rule, self._code = update, training.job.workers, rule, code
        self._record = training.trace.recorder("counts", "worker", "whose", "clock", "share")

    @property
    def parameters(self) -> Array:
        """Those of the update."""
        return self._update.parameters

    @parameters.setter
    def parameters(self, parameters: Array) -> None:
        self._update.parameters = parameters

    @property
    def state(self) -> tuple[Array, ...]:
        """That of the update."""
        return self._update.state

    @state.setter
    def state(self, state: tuple[Array, ...]) -> None:
        self._update.state = state

    def take(
        self, workers: list[int], values: Sequence[Array], clock: int, share: float, read: Array | None = None
    ) -> Call[None]:
        """Decode, and move; records say which share of what each worker has computed was needed for that."""
        factors: Any = decoded(self._rule, workers, len(self._workers))
        used: list[int] = np.flatnonzero(factors).tolist()
        added = weighed([values[place] for place in used], factors[used])
        moved = self._update.move(added(), clock)
        who = [workers[place] for place in used]
        needed = len(self._workers) / np.count_nonzero(self._code[who])

        def decode() -> None:
            moved()
            for place, name in enumerate(self._workers):
                self._record(name, name, clock, needed if place in who else 0.0)

        return Call(decode, self._finding(len(who)) + added.cost + moved.cost)

    def move(self, total: Array, clock: int) -> Call[None]:
        """A sum over all shards moves as it does."""
        return self._update.move(total, clock)

    def _finding(self, arrived: int) -> Cost:
        """To find the factors: what least squares by a QR decomposition of (n, m) take, 2nm² − 2m³/3."""
        if np.isin(self._code, (0.0, 1.0)).all():
            return Cost(0.0, 0.0)  # whom to take is all that there is to find
        rows = float(len(self._code))
        return Cost(2 * rows * arrived**2 - 2 * arrived**3 / 3, 16.0 * rows * arrived)
