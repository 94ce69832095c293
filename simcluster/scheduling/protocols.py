"""What a task graph is made of: the work, and who decides which task goes where."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from simcluster.learning import Array, Call, Cost, Dataset
from simcluster.scheduling.graph import Output

if TYPE_CHECKING:
    import networkx as nx
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ReadyTask:
    """A task whose predecessors are all done: its name, its declared cost and its user's priority."""

    name: str
    cost: Cost
    priority: float


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node as the scheduler knows it.

    ``idle`` of its cores have no task, the last of them since ``idle_since_s``. ``backlog_s`` is how long all its cores
    would take for the tasks that it has been given and has not reported, whole, by their declared costs.
    ``flops_per_s`` and ``memory_bytes_per_s`` are those of one core.
    """

    name: str
    cores: int
    idle: int
    idle_since_s: float
    backlog_s: float
    flops_per_s: float
    memory_bytes_per_s: float

    def seconds(self, cost: Cost) -> float:
        """How long a core of this node is expected to compute something of this cost."""
        return max(cost.flops / self.flops_per_s, cost.bytes / self.memory_bytes_per_s)


class Work(Protocol):
    """What there is to do."""

    def graph(self, seed: int) -> nx.DiGraph[Any]:
        """The tasks, and what they take of each other: see ``scheduling.graph``."""
        ...

    def outcome(self, outputs: Mapping[str, Output]) -> Any:
        """What the job gives, from the outputs of the tasks that have no successor."""
        ...


class Estimator(Protocol):
    """What a search tunes. Its parameters are what ``replace`` takes, as the fields of a ``Spec`` are."""

    def replace(self, **parameters: Any) -> Estimator:
        """The same with other ``parameters``. Raises ``ValueError`` for one that it has not, or a value of none."""
        ...

    def score(self, training: Dataset, held_back: Dataset, random_state: int) -> Call[float]:
        """The score on rows ``held_back`` of what it learns from ``training`` rows: finite, and higher where better.

        A pure function of these: what is drawn at random is drawn from ``random_state``.
        """
        ...


class Learner(Protocol):
    """What votes in an ensemble. Its methods are pure functions: what is drawn is drawn from ``random_state``."""

    def predict(self, training: Dataset, features: Array, random_state: int) -> Call[NDArray[np.int64]]:
        """The label (n,) of each row of ``features`` (n, d), by what it learns from ``training`` rows."""
        ...


class LearnsProbabilities(Learner, Protocol):
    """A learner that says how sure it is, so that it may take part in a soft vote."""

    def probabilities(self, training: Dataset, features: Array, random_state: int) -> Call[Array]:
        """The probability of each class for the same rows, (n, classes)."""
        ...


class Execution(Protocol):
    """How much of a task graph is under way at a time; a policy decides about the rest. Pure, both of it."""

    def phases(self, graph: nx.DiGraph[Any]) -> Mapping[str, int]:
        """Each task's phase, which begins when all of the lower ones are over; none before one that it depends on.

        Empty where all is one phase.
        """
        ...

    def narrow(
        self, ready: Sequence[ReadyTask], nodes: Sequence[NodeView], under_way: int
    ) -> tuple[Sequence[ReadyTask], Sequence[NodeView]]:
        """What of this a policy may choose from now, while so many tasks have been ordered and not reported.

        Where nothing is under way it leaves a task and a node, or the graph is never done.
        """
        ...


class Policy(Protocol):
    """Says which ready task goes to which node, and when; a plain function serves. A master that restarts begins anew.

    The tasks that have waited longest come first, the nodes that are up in the order of the job's workers. It is called
    again until it waits. A tie should have a rule, so that the same views give the same choice.
    """

    def __call__(self, ready: Sequence[ReadyTask], nodes: Sequence[NodeView]) -> tuple[str, str] | None:
        """The names of a task and a node, or ``None`` to wait."""
        ...


class Planner(Protocol):
    """Says before anything runs which task goes to which node; asked anew when the nodes that are up change."""

    def plan(
        self,
        graph: nx.DiGraph[Any],
        nodes: Sequence[NodeView],
        transfer_s: Callable[[str, str, float], float],
    ) -> Mapping[str, tuple[str, float]]:
        """For each task its node and when it shall begin, in seconds.

        ``transfer_s`` says how long so many bytes are expected to take from one node to another. A task goes to its
        node as soon as it is ready and all that shall begin before it there have gone.
        """
        ...
