"""Rigid jobs: so many cores for so long, as a batch system has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from simcluster.engine import AnyDistribution, Constant, Count, NotNegative, stream
from simcluster.scheduling.work.shapes.shape import Piece, Shape, Shaped


class Rigid(Shaped):
    """A job of one task, "job", that holds several cores, or of a gang of them, "job-i", that begin together.

    What its user claims is what it takes on a reference core, times ``overestimate``: users ask for more, lest they be
    cut short (Mu'alem and Feitelson 2001).
    """

    kind: Literal["rigid"] = "rigid"
    seconds: AnyDistribution = Constant(value=60.0)
    """How long it runs on reference cores."""
    cores: Annotated[tuple[Count, ...], Field(min_length=1)] = (1,)
    """How many cores it holds: one of these, each as likely as the next."""
    overestimate: AnyDistribution = Constant(value=1.0)
    """How many times as long its user claims."""
    memory_bytes: NotNegative = 0.0
    """How much memory it holds, on each node that it runs on."""
    cores_most: Count | None = None
    """How many cores of one node it can have; with more it is a gang (``None``: all are on one node)."""

    def shape(self, seed: int) -> Shape:
        """The task, or the tasks of the gang."""
        generator = stream(seed, "scheduling", "shape")
        seconds, factor = self.seconds.sample(generator), self.overestimate.sample(generator)
        cores = self.cores[int(generator.integers(len(self.cores)))]
        fields = {"estimate_s": seconds * factor, "memory_bytes": self.memory_bytes}
        return members("job", cores, seconds, self.cores_most, fields)


def members(name: str, cores: int, seconds: float, most: int | None, fields: Mapping[str, Any]) -> dict[str, Piece]:
    """The task of a job that holds so many cores, or, where these are more than ``most``, those of its gang.

    The gang's tasks hold ``most`` cores each, and the last what is left.
    """
    if most is None or cores <= most:
        return {name: Piece(seconds, (), {**fields, "cores": cores})}
    shares = [min(most, cores - held) for held in range(0, cores, most)]
    return {
        f"{name}-{place}": Piece(seconds, (), {**fields, "cores": share, "gang": name})
        for place, share in enumerate(shares)
    }
