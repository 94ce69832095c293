"""What the algorithms of this folder share: counted costs, and a problem that is really solved where one wants it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from simcluster.kernels.blas import one_thread
from simcluster.learning import Call, Cost
from simcluster.scheduling.graph import Output
from simcluster.scheduling.protocols import Computed
from simcluster.scheduling.work.computations import Synthetic
from simcluster.scheduling.work.shapes.shape import PART, Piece, Shape, Shaped, assemble, value_of

if TYPE_CHECKING:
    import networkx as nx

NUMBER_BYTES = 8
REFERENCE_FLOPS_PER_S = 1e9
"""By which counts of operations become the scales of tasks."""
ANSWER = "answer"


class Step(NamedTuple):
    """What a task really does: a function of the values that it takes, its operations, and the bytes of its value."""

    function: Any
    flops: float
    size_bytes: float


class Solved(Shaped):
    """An algorithm that may be ``real``: then one more task, "answer", collects what the others have computed."""

    real: bool = False
    """Whether a problem that is drawn from the seed is really solved, instead of what ``computation`` says."""

    @model_validator(mode="after")
    def _computes_one_thing(self) -> Solved:
        if self.real and self.computation != Synthetic():
            raise ValueError(f"computation must not be given where real is true, got {self.computation!r}")
        return self

    def graph(self, seed: int) -> nx.DiGraph[Any]:
        """The task graph."""
        shape = self.shape(seed)
        if not self.real:
            return assemble(shape, self.computation, seed)
        steps = self.steps(seed)
        shape = {**shape, ANSWER: Piece(0.0, tuple((name, 0.0) for name in self.gives()))}
        return assemble(shape, partial(_computed, steps, shape), seed)

    def outcome(self, outputs: Mapping[str, Output]) -> Any:
        """The answer, or the values of the tasks that nothing follows, by name."""
        return value_of(outputs[ANSWER][PART]) if self.real else super().outcome(outputs)

    def steps(self, seed: int) -> Mapping[str, Step]:
        """What each task does, "answer" too, for the problem that belongs to ``seed``."""
        raise NotImplementedError

    def gives(self) -> tuple[str, ...]:
        """The tasks whose values "answer" takes, in this order."""
        raise NotImplementedError


def _computed(
    steps: Mapping[str, Step], shape: Shape, name: str, scale: float, generator: np.random.Generator
) -> Computed:
    step = steps[name]
    taken = [steps[before].size_bytes for before, _ in shape[name].takes]
    cost = Cost(step.flops, float(np.sum([step.size_bytes, *taken])))
    return Computed(partial(_call, step.function, cost), cost, step.size_bytes)


def _call(function: Any, cost: Cost, *values: NDArray[Any]) -> Call[Any]:
    def compute() -> Any:
        with one_thread(cost.flops):
            return function(*values)

    return Call(compute, cost)
