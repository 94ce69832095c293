"""Limited-memory BFGS (Nocedal, "Updating quasi-Newton matrices with limited storage", Math. Comp. 35, 1980)."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from simcluster.engine import NUMBER, Spec
from simcluster.kernels import Call, Cost
from simcluster.kernels.blas import one_thread
from simcluster.learning.protocols import Array
from simcluster.learning.sizes import check_numbers

_TOO_FAR = 0.8  # 1 − 2δ with δ = 0.1, Hager & Zhang's own
_SHORTEST = 0.1
_CURVED = 1e-10


class _Memory(NamedTuple):
    """Views of one flat array: how many pairs there are and the length of the open line, then the rows."""

    head: Array
    moves: Array
    changes: Array
    base: Array
    base_gradient: Array
    direction: Array


class Lbfgs(Spec):
    """W ← W − α·H·g, with H from the last pairs of moves and changes of the gradient by the two-loop recursion.

    One gradient is all that a step has: each step of the job asks for one at the end of the present line, and no
    round is added for a search. α is 1, before there are pairs min(1, 1/‖g‖₁). If the gradient there still rises by
    more than 0.8 of what it fell at the line's begin (g·d > 0.8·|g₀·d|, the approximate Wolfe condition of Hager &
    Zhang, SIAM J. Optim. 16, 2005, which needs no value of the objective), the step is taken back, and the next one
    ends where the secant of both slopes is zero, at most 0.56 of the way and at least a tenth. So a run that ends
    within a search ends at a trial point. Otherwise the line is over; its pair is kept unless it shows no curvature
    (s·y > 10⁻¹⁰·‖s‖·‖y‖), and a new line begins.

    It makes more of rounding than descent does: where the objective is flat in some directions, two splits of the same
    rows may be 10⁻⁶ apart on the way, and are together again at the optimum.

    Gradients must be whole and of the same rows, or their differences are noise: a job of batches, of backup workers,
    of compressed contributions or of such that count one by one is refused, and one that goes on without a worker.
    """

    kind: Literal["lbfgs"] = "lbfgs"
    history: Annotated[int, Field(ge=1, le=1000), NUMBER] = 10
    """How many pairs are remembered; Nocedal found 3 to 20 to do."""

    needs_whole_steps: ClassVar[bool] = True

    def start(self, parameters: Array) -> Array:
        """No pair, and no open line: (2 + (2·history + 3)·p,) zeros."""
        check_numbers("memory", (2 * self.history + 3) * parameters.size, f"{self.history} pairs of {parameters.size}")
        return np.zeros(2 + (2 * self.history + 3) * parameters.size)

    def step(self, parameters: Array, gradient: Array, memory: Array, clock: int, share: float) -> Call[Any]:
        """The end of the next line, or of the present one made shorter, and what is known then.

        Raises ``ValueError`` for less than a whole step.
        """
        if share != 1:
            raise ValueError(f"share must be 1 with {self.kind}, which makes whole steps, got {share}")
        size = float(parameters.size)
        # The recursion: four products or sums of vectors for each pair. Five more, and one pair and one line kept.
        cost = Cost(flops=(8.0 * self.history + 16) * size, bytes=8 * (4.0 * self.history + 12) * size)

        def moved() -> tuple[Array, Array]:
            kept = memory.copy()
            with one_thread(math.inf):
                following = self._follow(parameters.ravel(), gradient.ravel(), self._views(kept))
            return following.reshape(parameters.shape), kept

        return Call(moved, cost)

    def _views(self, flat: Array) -> _Memory:
        rows = flat[2:].reshape(2 * self.history + 3, -1)
        return _Memory(flat[:2], rows[: self.history], rows[self.history : -3], rows[-3], rows[-2], rows[-1])

    def _follow(self, point: Array, gradient: Array, known: _Memory) -> Array:
        length = float(known.head[1])
        if length > 0:
            begun, now = float(known.base_gradient @ known.direction), float(gradient @ known.direction)
            if now > _TOO_FAR * -begun:
                known.head[1] = length * max(_SHORTEST, begun / (begun - now))
                return np.asarray(known.base + known.head[1] * known.direction)
            self._keep(known, point - known.base, gradient - known.base_gradient)
        direction = -_inverse(gradient, known, int(known.head[0]))
        if not direction @ gradient < 0:  # pairs so unlike each other that rounding has won; or there is nothing to do
            known.head[0] = 0.0
            direction = -_first(gradient) * gradient
        known.head[1] = 1.0
        known.base[:], known.base_gradient[:], known.direction[:] = point, gradient, direction
        return np.asarray(point + direction)

    def _keep(self, known: _Memory, move: Array, change: Array) -> None:
        steep = float(change @ change)
        if not (steep > 0 and move @ change > _CURVED * math.sqrt((move @ move) * steep)):
            return
        count = int(known.head[0])
        if count == self.history:
            known.moves[:-1], known.changes[:-1] = known.moves[1:].copy(), known.changes[1:].copy()
        place = min(count, self.history - 1)
        known.moves[place], known.changes[place] = move, change
        known.head[0] = place + 1


def _first(gradient: Array) -> float:
    """How far a step goes along the gradient when nothing is known of the curvature."""
    steep = float(np.abs(gradient).sum())
    return 1 / steep if steep > 1 else 1.0


def _inverse(gradient: Array, known: _Memory, count: int) -> Array:
    """H·g (Nocedal & Wright, Numerical Optimization, algorithm 7.4)."""
    if not count:
        return _first(gradient) * gradient
    found = gradient.copy()
    along = [0.0] * count
    for place in reversed(range(count)):
        move, change = known.moves[place], known.changes[place]
        along[place] = float((move @ found) / (move @ change))
        found -= along[place] * change
    move, change = known.moves[count - 1], known.changes[count - 1]
    found *= (move @ change) / (change @ change)
    for place in range(count):
        move, change = known.moves[place], known.changes[place]
        found += (along[place] - (change @ found) / (move @ change)) * move
    return found
