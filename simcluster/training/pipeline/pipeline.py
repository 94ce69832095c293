"""One run of pipeline parallel training: its batches, the layers of each stage, and what they have all completed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from simcluster.engine import Event, Trace, stream
from simcluster.learning import Array, Layer, Rows, fitted
from simcluster.training.pipeline.cut import even_cut
from simcluster.training.training import Trained
from simcluster.training.trial import try_model

if TYPE_CHECKING:
    from simcluster.training.pipeline.job import PipelineTraining


class Pipeline:
    """What the stages need of a run. Raises ``ValueError`` where model, data, stages and micro-batches do not fit."""

    def __init__(self, job: PipelineTraining, seed: int, done: Event, trace: Trace) -> None:
        self.job, self.seed, self._done, self._trace = job, seed, done, trace
        self._data = job.data.load(seed)
        layers = tuple(job.model.layers(self._data))
        initial = job.model.initial(self._data, stream(seed, "initial"))
        sizes = [layer.size for layer in layers]
        size = int(np.sum(sizes))
        cut = even_cut(sizes, len(job.stages)) if job.layers_per_stage is None else job.layers_per_stage
        if int(np.sum(cut)) != len(layers):
            raise ValueError(f"layers_per_stage must add up to the {len(layers)} layers, got {list(cut)}")
        self.rows = min(job.batch_size or len(self._data), len(self._data))
        if job.micro_batches > self.rows:
            raise ValueError(f"micro_batches must be at most the {self.rows} rows of a batch, got {job.micro_batches}")
        self._epoch: tuple[int, Any] = (-1, None)
        #: How parameters move, with a rate that is a number.
        self.optimiser = fitted(job.optimiser, job.model, self._data)
        try_model(job.model, initial, self.micro_batch(0, 0), self.optimiser)
        if initial.shape != (size,):
            name = type(job.model).__name__
            raise ValueError(f"{name}.initial must give those of its layers, ({size},), got {initial.shape}")
        ends = np.cumsum(cut).tolist()
        #: The layers of each stage.
        self.layers: list[tuple[Layer, ...]] = [layers[end - count : end] for count, end in zip(cut, ends, strict=True)]
        #: Its parameters before the first step.
        self.initial: list[Array] = np.split(initial, np.cumsum(sizes)[np.array(ends[:-1], dtype=np.int64) - 1])
        #: How many steps all stages have completed.
        self.steps = 0
        self._parameters = initial
        self._completed: dict[int, dict[int, Array]] = {}
        self._diverged = False
        self._record_loss = trace.recorder("loss", "step", "loss")

    def micro_batch(self, step: int, number: int) -> Rows:
        """The rows of a micro-batch; they depend on seed, step and number only, so what is repeated is the same.

        They are those of the only worker of a training job whose data stands ``ordered``.
        """
        rows = np.arange(len(self._data))
        if self.rows < len(rows):
            epoch, place = divmod(step, len(rows) // self.rows)
            if self._epoch[0] != epoch:
                self._epoch = epoch, stream(self.seed, "batch", 0, epoch).permutation(rows)
            rows = self._epoch[1][place * self.rows : (place + 1) * self.rows]
        return Rows(self._data, np.array_split(rows, self.job.micro_batches)[number])

    def completed(self, stage: int, steps: int, parameters: Array) -> None:
        """A stage has completed so many steps, and its parameters are these; what was said before counts once."""
        if steps <= self.steps:
            return
        pieces = self._completed.setdefault(steps, {})
        pieces[stage] = parameters
        if len(pieces) < len(self.layers):
            return
        del self._completed[steps]
        self.steps, self._parameters = steps, np.concatenate([pieces[each] for each in range(len(pieces))])
        if steps == self.job.steps:
            self._finish()
        elif steps % self.job.evaluate_every == 0:
            self._evaluate()

    def lost(self, stage: int, steps: int) -> None:
        """A stage knows of so many steps only, though all had completed more: nobody can go on from there."""
        if not self._done.triggered:
            reason = f"stage {stage} has lost all but {steps} of its steps"
            done = f"{self.steps} of {self.job.steps} steps"
            self._trace.verdict("stopped", f"{self.job.name} stopped after {done}: {reason}")
            self._finish(reason)

    def _finish(self, stopped: str | None = None) -> None:
        loss = self._evaluate()
        self._done.succeed(Trained(self._parameters, self.steps, loss, stopped))

    def _evaluate(self) -> float:
        """The objective over all rows; the run's verdict says it when it, or the parameters, are numbers no more."""
        parameters = self._parameters
        loss = self.job.model.loss(parameters, self._data.all)()
        self._record_loss(self.steps, loss)
        if not self._diverged and not (math.isfinite(loss) and np.isfinite(parameters).all()):
            self._diverged = True
            what = "the parameters are no longer finite" if math.isfinite(loss) else f"the loss is {loss}"
            after = f"after {self.steps} of {self.job.steps} steps"
            self._trace.verdict("diverged", f"{self.job.name}: {what} {after}")
        return loss
