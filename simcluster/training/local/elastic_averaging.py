"""Elastic averaging: each worker goes its own way, on a spring to the centre (EASGD)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from simcluster.engine import NUMBER, Count, Spec
from simcluster.learning import AnyOptimiser, Array, Call, Cost, GradientDescent
from simcluster.training.local.learner import Learner
from simcluster.training.local.local_steps import refusal

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class ElasticAveraging(Spec):
    """EASGD (Zhang, Choromanska & LeCun, "Deep learning with elastic averaging SGD", NIPS 2015), algorithm 1.

    A worker has parameters x of its own, and those of the job are the centre x̃. Every ``steps`` local steps it moves
    by −α(x − x̃), and the centre by α(x − x̃), with α = ``moving_rate``/n of n workers, or where rows are not equally
    many ``moving_rate`` times the worker's share of them; the first of its steps follows the gradient at x as it was
    before. With a synchronous waiting rule these are equations 3 and 4, with an asynchronous one algorithm 1, but that
    the centre moves when the steps after it are done. A crash loses x, and the worker begins anew at the centre: so
    crashes do change what is learned.
    """

    kind: Literal["elastic_averaging"] = "elastic_averaging"
    steps: Count = 1
    """How many batches a worker learns from between two looks at the centre, τ."""
    moving_rate: Annotated[float, Field(gt=0, le=1), NUMBER] = 0.9
    """β = n·α, how far all workers together pull the centre towards their mean."""
    outer: AnyOptimiser = GradientDescent(learning_rate=1.0)
    """How the centre follows; as it stands the paper's."""

    def contribution(self, learner: Learner, parameters: Array, own: Array | None) -> Call[tuple[Array, Array | None]]:
        """How the centre is pulled, and where the worker is next."""
        point = parameters if own is None else own
        stretched = point - parameters
        begin = learner.clock * self.steps
        first, cost = learner.descend(point, range(begin, begin + 1))
        pulled = first - self.moving_rate * learner.share * stretched
        following, rest = learner.descend(pulled, range(begin + 1, begin + self.steps))
        size = float(parameters.size)
        said = -learner.rows * self.moving_rate * stretched
        return Call(lambda: (said, following), cost + rest + Cost(flops=5 * size, bytes=56 * size))

    def refuses(self, job: TrainingJob) -> str | None:
        """There has to be a gradient to follow."""
        return refusal(job, self.kind, self.outer)
