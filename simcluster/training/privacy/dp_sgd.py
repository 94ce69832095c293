"""DP-SGD: clipped gradients of rows, and noise (Abadi et al., "Deep learning with differential privacy", CCS 2016)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from simcluster.engine import NUMBER, NotNegative, Positive, Spec
from simcluster.learning import Array, Call, Cost, Rows
from simcluster.learning.clipping import clipped_contribution
from simcluster.training.aggregation import total
from simcluster.training.privacy.accountant import Conversion, epsilon, steps_within
from simcluster.training.waiting import BoundedStaleness, ClientSampling

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob

_DRAWING_FLOPS = 20.0  # a logarithm, a root, a sine and what goes with them (Box & Muller 1958)


class DpSgd(Spec):
    """Each row's gradient is clipped to norm C, and the sum of a step gets noise N(0, σ²C²) in each number.

    So what is learned is (ε, δ) differentially private, for whoever sees the parameters after every step: figures of
    the result say ε as it grows, and ``epsilon`` is a budget that ends training. Rows take part by
    chance with ``sampling_rate`` q, each for itself and whichever worker has it (Poisson sampling, which the accountant
    assumes, of data sets that differ by a row); the sum is then divided by the expected q·n rows. Without it the job's
    batches are what is drawn: a row is in one step of an epoch at most, so an epoch counts as one step of all rows, by
    data sets in which a row is replaced by one that says nothing.

    With noise 0 and no bound it is the model's plain descent, up to how sums are rounded. The noise depends on seed and
    step alone: it is the same however many workers there are, and no crash changes a bit, or shows the same sum with
    other noise. Rows that lie on a worker are not hidden from it. What is evaluated, of held-out rows too, is outside
    the simulation, and no ε speaks of it.
    """

    kind: Literal["dp_sgd"] = "dp_sgd"
    clip: Annotated[float, Field(gt=0), NUMBER] = 1.0
    """C, the greatest norm of what one row says; infinity clips nothing."""
    noise: NotNegative = 1.0
    """σ: the deviation of the noise is σ·C."""
    sampling_rate: Annotated[float, Field(gt=0, le=1), NUMBER] | None = None
    """q, with which chance a row takes part in a step (``None``: the job's batches, which are shuffled each epoch)."""
    added_by: Literal["server", "workers"] = "server"
    """Who adds the noise: once whoever moves the parameters, or each worker its share, N(0, σ²C²/m) of m that add up.

    Then a server that sees the sum alone, as with ``SecureAggregation``, sees nothing without noise. A single worker's
    word has but its share of it.
    """
    delta: Annotated[float, Field(gt=0, lt=1), NUMBER] = 1e-5
    """δ: less than one by the number of rows."""
    epsilon: Positive | None = None
    """The budget: training ends before the step that would spend more (``None``: no end)."""
    conversion: Conversion = "standard"
    """How ε follows from Rényi's: by Mironov's proposition of 2017, or by the improved one of 2020, which is less."""

    @model_validator(mode="after")
    def _noise_is_of_some_size(self) -> DpSgd:
        if self.noise and not math.isfinite(self.noise * self.clip):
            raise ValueError(f"clip must be finite where there is noise, a multiple of it, got {self.clip}")
        return self

    def contribution(self, model: Any, parameters: Array, rows: Rows) -> Call[Array]:
        """The sum of the rows' clipped gradients."""
        return clipped_contribution(model, parameters, rows, self.clip)

    def noise_of(self, by: str, shape: tuple[int, ...], share: float, generator: np.random.Generator) -> Call[Any]:
        """The noise that ``by`` ("server", "workers") adds: ``share`` of the variance; ``None`` where it adds none."""
        if by != self.added_by or not self.noise:
            return Call(lambda: None, Cost(0.0, 0.0))
        deviation, size = self.noise * self.clip * math.sqrt(share), float(math.prod(shape))
        drawn = deviation * generator.standard_normal(shape)
        return Call(lambda: drawn, Cost(flops=(_DRAWING_FLOPS + 2) * size, bytes=16 * size))

    def spent(self, steps: int, rounds_of: int) -> float:
        """ε after so many steps; ``rounds_of`` steps are an epoch, in which a row takes part once."""
        return epsilon(*self._counted(steps, rounds_of), self.noise, self.delta, self.conversion)

    def steps_within_budget(self, most: int, rounds_of: int) -> int:
        """How many steps may be done, of ``most``."""
        if self.epsilon is None:
            return most
        times, rate = self._counted(most, rounds_of)
        found = steps_within(self.epsilon, times, rate, self.noise, self.delta, self.conversion)
        return min(most, found if self.sampling_rate is not None else found * rounds_of)

    def _counted(self, steps: int, rounds_of: int) -> tuple[int, float]:
        """How often a row may have taken part, and with which chance each time."""
        return (-(-steps // rounds_of), 1.0) if self.sampling_rate is None else (steps, self.sampling_rate)

    def refuses(self, job: TrainingJob) -> str | None:
        """A row must be clipped before anything is made of it, and count once, in a sum that gets noise once."""
        model: Any = job.model
        if not (hasattr(model, "score_slopes") and hasattr(model, "gradient")):
            return f"model must be linear, with score_slopes, with {self.kind}, which clips each row, got {model!r}"
        if getattr(job.optimiser, "needs_whole_steps", False):
            return f"optimiser must do without whole steps with {self.kind}, which adds noise, got {job.optimiser!r}"
        for field, only, why in (
            ("local", None, "it is gradients of rows that are clipped"),
            ("compression", None, "what a row changes in the sum must not be more than its gradient"),
            ("aggregation", total, "what a row changes in the sum must not be more than its gradient"),
            ("target_loss", None, "when training ends would say something of the rows that no noise hides"),
            ("standardised", False, "what features are scaled by would say something of the rows"),
        ):
            if (got := getattr(job, field)) is not only:
                return f"{field} must be {getattr(only, '__name__', only)} with {self.kind}: {why}, got {got!r}"
        if getattr(job.optimiser, "learning_rate", None) == "auto":
            return f"learning_rate must be a number with {self.kind}: auto would say something of the rows, got 'auto'"
        if self.sampling_rate is not None and job.batch_size is not None:
            return f"batch_size must be None beside a sampling_rate, which says who takes part, got {job.batch_size}"
        return self._repeats(job)

    def _repeats(self, job: TrainingJob) -> str | None:
        """Why a step that is done again after a crash may be another, and its noise the same; or ``None``."""
        rule: Any = job.waiting
        whole = rule == BoundedStaleness() or type(rule) is ClientSampling
        why = "a step that is done again must be the same, or it shows what one noise was to hide"
        if not whole:
            return f"waiting must be bulk-synchronous or ClientSampling with {self.kind}: {why}, got {rule!r}"
        if job.detector is not None and job.when_gone == "go_on":
            return f"when_gone must be stop with {self.kind}: {why}, got 'go_on' with a detector"
        if not getattr(job.exchange, "adds_up", False):
            return f"exchange must add up all contributions to a step with {self.kind}, got {job.exchange!r}"
        if getattr(job.exchange, "leaves_out", False):
            return f"exchange must leave nobody out with {self.kind}: {why}, got {job.exchange!r}"
        return None
