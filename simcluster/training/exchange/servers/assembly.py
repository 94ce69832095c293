"""Parameters that lie in pieces on several nodes, as one sees them from outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from simcluster.learning import Array

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob
    from simcluster.training.training import Training


class Assembly:
    """How far a run is of which no node has the parameters: it has them when all ``pieces`` of a step are there.

    ``whole`` makes parameters of a step's pieces, in their order. It takes no simulated time, and changes nothing but
    when training ends: at the step at which the objective is low enough, or at the last.
    """

    def __init__(self, training: Training, pieces: int, whole: Callable[[int, Sequence[Array]], Array]) -> None:
        self._training, self._pieces, self._whole = training, pieces, whole
        self._found: dict[int, dict[int, Array]] = {}
        self._record = training.trace.recorder("loss", "step", "loss")
        self._evaluated = 0

    def put(self, place: int, step: int, piece: Array) -> None:
        """Take a piece of the parameters after ``step`` steps."""
        job = self._training.job
        due = step % job.evaluate_every == 0 or step == job.steps
        if not due or step <= self._evaluated or self._training.done.triggered:
            return
        found = self._found.setdefault(step, {})
        found[place] = piece
        if len(found) < self._pieces:
            return
        self._evaluated = step
        self._found = {each: pieces for each, pieces in self._found.items() if each > step}
        parameters = self._whole(step, [found[place] for place in range(self._pieces)])
        loss = self._training.loss(parameters)()
        self._record(step, loss)
        self._training.evaluated(step, loss, parameters)
        if step == job.steps or (job.target_loss is not None and loss <= job.target_loss):
            self._training.finish(parameters, step)


def refusal(job: TrainingJob, kind: str) -> str | None:
    """Why a job's parts do not go together with parameters that no node has, or ``None``."""
    if not hasattr(job.model, "gradient"):
        return f"model must have a gradient with {kind}, whose nodes move what they have of it, got {job.model!r}"
    if job.evaluation != "oracle":
        return f"evaluation must be oracle with {kind}: no node has the parameters, got {job.evaluation!r}"
    if job.detector is not None:
        return f"detector must be None with {kind}: nobody is there who would be told, got {job.detector!r}"
    return None
