"""Local SGD: several steps on a worker's own rows for each contribution (FedAvg, FedProx)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from simcluster.engine import Count, NotNegative, Spec
from simcluster.learning import AnyOptimiser, Array, Call, Cost, GradientDescent
from simcluster.training.local.learner import Learner

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class LocalSteps(Spec):
    """A worker makes ``steps`` steps by the job's ``optimiser`` and contributes how far it has come, by its rows.

    Local SGD (Stich, ICLR 2019); where a round has but some of the workers (``ClientSampling``), FedAvg (McMahan et
    al., AISTATS 2017); with ``proximal`` μ > 0 each local objective has μ/2·‖w − w_t‖² more, w_t being where the round
    began, FedProx (Li et al., MLSys 2020). With asynchronous workers and a ``Buffered`` outer optimiser it is FedBuff
    (Nguyen et al., AISTATS 2022). One step, μ = 0 and the outer optimiser as it stands is training without local work.
    """

    kind: Literal["local_steps"] = "local_steps"
    steps: Count = 1
    """How many batches a worker learns from before it contributes, H."""
    proximal: NotNegative = 0.0
    """μ, how strongly it is held where the round began."""
    outer: AnyOptimiser = GradientDescent(learning_rate=1.0)
    """How the parameters follow the mean of the ways (rate 1: they become the mean of where workers are)."""

    def contribution(self, learner: Learner, parameters: Array, own: Array | None) -> Call[tuple[Array, Array | None]]:
        """The way back to where the round began, times the rows; nothing is remembered."""
        pull = None if self.proximal == 0 else lambda point: self.proximal * (point - parameters)
        begin = learner.clock * self.steps
        point, cost = learner.descend(parameters, range(begin, begin + self.steps), pull)
        size = float(parameters.size)
        return Call(lambda: (learner.rows * (parameters - point), None), cost + Cost(flops=2 * size, bytes=24 * size))

    def refuses(self, job: TrainingJob) -> str | None:
        """There has to be a gradient to follow."""
        return refusal(job, self.kind, self.outer)


def refusal(job: TrainingJob, kind: str, outer: Any) -> str | None:
    """Why a job's workers cannot learn alone, or nobody can follow them, or ``None``."""
    if not hasattr(job.model, "gradient"):
        return f"model must have a gradient with {kind}, by which a worker learns alone, got {job.model!r}"
    found: str | None = outer.refuses(job) if hasattr(outer, "refuses") else None
    return found
