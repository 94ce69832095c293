"""Secure aggregation (Bonawitz et al., "Practical secure aggregation for privacy-preserving ML", CCS 2017)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from simcluster.cluster import Cluster
from simcluster.engine import NUMBER, NodeName, Period, Spec
from simcluster.training.aggregation import total
from simcluster.training.secrecy.client import take_part
from simcluster.training.secrecy.server import gather_sums
from simcluster.training.training import Training
from simcluster.training.waiting import BoundedStaleness

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class SecureAggregation(Spec):
    """A server hears the sum of what workers contribute to a step, and of no single one more than noise.

    A step has four stages, in each of which the server orders and the workers say: ``keys`` (two public keys each, new
    in every step), ``shares`` (each shares the seed of its own mask and its secret key among all, sealed for each),
    ``masked`` (its contribution in fixed-point numbers mod 2⁶⁴, with its own mask and one for each other, which cancel)
    and ``unmask`` (shares of the seeds of those who have sent theirs, and of the keys of those who have not). The sum
    is, to the last bit, that of the survivors' fixed-point numbers.

    Of m workers and p parameters, when nobody is lost, a step is 8m messages of m(448 + 320m + 16p) bytes in all.

    Who crashes on the way has lost its secrets. Without ``patience_s`` the server waits for all and begins the step
    anew, with new keys, where somebody has: so no crash, loss or pause that ends changes one bit of the parameters.
    With it whoever has not said in time is left out of the step (records ``dropout``, with the stage: whoever is lost
    in the last one is in the sum all the same); where fewer than ``threshold`` are left, training stops and says so:
    nobody can take the masks off. A contribution that is too great for the fixed-point numbers, or none, stops it too.

    The server does as it should, and is curious; messages come from whom they say they do. A step that a server has
    done, forgotten in a crash and done again with fewer shows, beside the first sum, what those have said who are not
    in the second: with ``patience_s`` keep every step.
    """

    kind: Literal["secure_aggregation"] = "secure_aggregation"
    server: NodeName
    """The node that holds the parameters; none of the workers."""
    threshold: Annotated[int, Field(ge=2), NUMBER] | None = None
    """How many shares tell a secret, t: fewer workers, with the server, learn nothing (``None``: ⌊2m/3⌋ + 1)."""
    fraction_bits: Annotated[int, Field(ge=0, le=52), NUMBER] = 32
    """f: numbers are rounded to multiples of 2^−f, and must be less than 2^(63 − f)/m."""
    patience_s: Period | None = None
    """How long the server waits in each stage for those who have not said (``None``: for ever)."""
    retry_s: Period = 1.0
    """After how long it orders again who has not said; longer than the slowest step, or it orders in vain."""

    adds_up: ClassVar = True

    @property
    def leaves_out(self) -> bool:
        """Whether a step may do without some."""
        return self.patience_s is not None

    def start(self, training: Training, cluster: Cluster) -> None:
        """Boot the server and the workers."""
        name = training.job.name
        threshold = self._threshold(len(training.job.workers))
        cluster[self.server].boot(
            partial(gather_sums, exchange=self, training=training, threshold=threshold), f"{name}.server"
        )
        for index, worker in enumerate(training.job.workers):
            program = partial(take_part, exchange=self, training=training, threshold=threshold, index=index)
            cluster[worker].boot(program, f"{name}.worker")

    def refuses(self, job: TrainingJob) -> str | None:
        """Nobody may be heard alone, so nothing may depend on that."""
        count = len(job.workers)
        if self.server in job.workers:
            return f"server must be none of the workers, got {self.server!r}"
        if not 2 <= self._threshold(count) <= count:
            return f"threshold must be from 2 to the {count} workers with {self.kind}, got {self._threshold(count)}"
        if not hasattr(job.model, "gradient"):
            return f"model must have a gradient with {self.kind}: the last word of each is not known, got {job.model!r}"
        if job.aggregation is not total:
            return f"aggregation must be total with {self.kind}: no single word is heard, got {job.aggregation!r}"
        if job.compression is not None:
            return f"compression must be None with {self.kind}: masks hide dense numbers, got {job.compression!r}"
        if job.waiting != BoundedStaleness():
            return f"waiting must be bulk-synchronous with {self.kind}: masks are those of a step, got {job.waiting!r}"
        if job.detector is not None:
            return f"detector must be None with {self.kind}, whose patience_s says who is gone, got {job.detector!r}"
        return None

    def _threshold(self, workers: int) -> int:
        return 2 * workers // 3 + 1 if self.threshold is None else self.threshold
