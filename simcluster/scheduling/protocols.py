"""What a task graph is made of: the work, and who decides which task goes where."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from simcluster.learning import Array, Call, Cost, Dataset
from simcluster.scheduling.graph import Output

if TYPE_CHECKING:
    import networkx as nx
    import numpy as np
    from numpy.typing import NDArray


class ReadyTask(NamedTuple):
    """A task that may begin: its predecessors are done, its time of release is over. What it is stands in ``Task``.

    ``inputs`` says which nodes keep what it takes, and how many bytes each; ``gang_size`` how many tasks of its gang
    are still to be done, itself included; ``attempt`` how often it has been started before.
    """

    name: str
    cost: Cost
    priority: float = 0.0
    release_s: float = 0.0
    user: str = ""
    job: str = ""
    deadline_s: float = math.inf
    cores: int = 1
    memory_bytes: float = 0.0
    gang: str = ""
    estimate_s: float | None = None
    inputs: tuple[tuple[str, float], ...] = ()
    gang_size: int = 1
    attempt: int = 0

    def local_bytes(self, node: str) -> float:
        """How much of what it takes lies on this node."""
        return math.fsum(size_bytes for keeper, size_bytes in self.inputs if keeper == node)


class NodeView(NamedTuple):
    """A node as the scheduler knows it.

    ``idle`` of its cores are held by no task, the last of them since ``idle_since_s``. ``backlog_s`` is how long all
    its cores would take for the tasks that it has been given and has not reported, whole, by their declared costs.
    ``flops_per_s`` and ``memory_bytes_per_s`` are those of one core. Of its ``memory_bytes`` (infinite where it has no
    limit) ``free_memory_bytes`` are reserved for no task.
    """

    name: str
    cores: int
    idle: int
    idle_since_s: float
    backlog_s: float
    flops_per_s: float
    memory_bytes_per_s: float
    memory_bytes: float = math.inf
    free_memory_bytes: float = math.inf

    def seconds(self, cost: Cost) -> float:
        """How long a core of this node is expected to compute something of this cost."""
        return max(cost.flops / self.flops_per_s, cost.bytes / self.memory_bytes_per_s)

    def expected_s(self, task: ReadyTask) -> float:
        """How long a task is expected to take here: what its user claims, or what its cost takes."""
        return self.seconds(task.cost) if task.estimate_s is None else task.estimate_s

    def has_room(self, task: ReadyTask) -> bool:
        """Whether the task could begin here at once, by its cores and its memory."""
        return task.cores <= self.idle and task.memory_bytes <= self.free_memory_bytes


@dataclass(frozen=True, slots=True)
class Gang:
    """A decision: these ready tasks go to these nodes, (task, node) each, all at once."""

    starts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Preempt:
    """A decision: a task that was started is given up wherever it is. It is ready again; its work so far is lost."""

    task: str


@dataclass(frozen=True, slots=True)
class Speculate:
    """A decision: a task that was started is started on one more node. Once one is done the others are given up."""

    task: str
    node: str


@dataclass(frozen=True, slots=True)
class Wait:
    """A decision: nothing now; ask again at ``until_s``, or before, when something changes."""

    until_s: float


Decision = tuple[str, str] | Gang | Preempt | Speculate | Wait
"""What a watcher decides: a ready task's name and a node's to start it there, or one of the others."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known before anything runs.

    The whole ``graph`` of tasks, the ``nodes`` that may compute, in the order of the job's workers and with nothing to
    do, how long so many bytes are expected to take from one node to another, a ``generator`` for what a policy draws at
    random, of its own, and the tasks that are ``done``: those whose outputs are kept where a master restarts.
    """

    graph: nx.DiGraph[Any]
    nodes: tuple[NodeView, ...]
    transfer_s: Callable[[str, str, float], float]
    generator: np.random.Generator
    done: tuple[str, ...] = ()


class Watcher(Protocol):
    """Sees what changes, and decides; one that derives from this leaves out what it has no use for.

    It is told of changes in the order in which they happen, then asked until it gives ``None`` or waits. What it
    decides is told to it too, as a change. A task is *ready* from ``task_ready`` to ``task_started`` or
    ``task_gone``; each ``task_started`` on a node ends with a ``task_stopped`` there. A tie should have a rule, so that
    the same changes give the same decisions; nothing should take longer the more tasks wait or the more nodes there
    are, but for a logarithm.
    """

    progress_s: float | None = None
    """How often workers say how far they are (``None``: never)."""

    def task_ready(self, task: ReadyTask) -> None:
        """A task may be started: for the first time, or again, after it was lost or preempted."""
        return

    def task_gone(self, name: str) -> None:
        """A task that was ready is so no more: what it takes is lost, or nobody needs it."""
        return

    def task_started(self, task: ReadyTask, node: str, now_s: float) -> None:
        """A task was sent to a node, where it waits for its inputs and for cores, then runs."""
        return

    def task_progressed(self, name: str, node: str, progress: float, now_s: float) -> None:
        """Which share of its computation a task has behind it, as its node has reported."""
        return

    def task_stopped(self, name: str, node: str, why: str, now_s: float) -> None:
        """A task is on a node no more.

        It is "done", "lost" with its node or for want of what it takes, "preempted", or "cancelled", as it is done
        elsewhere or a task of its gang is lost.
        """
        return

    def node_changed(self, view: NodeView) -> None:
        """A node is up, and is like this now: told of each at the beginning, and whenever anything is another."""
        return

    def node_gone(self, name: str) -> None:
        """A node is suspected of being down; its tasks have been stopped before. ``node_changed`` says it is back."""
        return

    def decide(self, now_s: float) -> Decision | None:
        """What to do next, or ``None`` for nothing before the next change."""
        ...


class Work(Protocol):
    """What there is to do."""

    def graph(self, seed: int) -> nx.DiGraph[Any]:
        """The tasks, and what they take of each other: see ``scheduling.graph``."""
        ...

    def outcome(self, outputs: Mapping[str, Output]) -> Any:
        """What the job gives, from the outputs of the tasks that have no successor."""
        ...


class Computed(NamedTuple):
    """What a task computes: ``run`` takes the values of those before it and returns a call, whose result is its value.

    ``cost`` is what it is expected to cost, and ``size_bytes`` what its value is expected to weigh; ``None`` where the
    value only stands for something else, so that it weighs what the graph says.
    """

    run: Callable[..., Call[Any]]
    cost: Cost
    size_bytes: float | None


class Computation(Protocol):
    """Says what the tasks of a shape compute, of whatever shape it is; a plain function serves."""

    def __call__(self, name: str, scale: float, generator: np.random.Generator) -> Computed:
        """The computation of the task of this ``name``, so many seconds long, on a reference core, or times as large.

        All its randomness is from ``generator``, before it returns; what its ``run`` computes is always the same.
        """
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
    """How much of a task graph is under way at a time; a policy decides about the rest. Pure, both of it.

    One that has ``at_once``, a number, is given no work with a gang of more tasks.
    """

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


class WatchingPolicy(Protocol):
    """A policy that sees changes instead of the whole world each time, so that many tasks and nodes are cheap.

    What has ``begin`` and is a ``Policy`` too is asked to begin.
    """

    def begin(self, setting: Setting) -> Watcher:
        """What watches a run from its begin on, or from when its master has restarted; it shares no state."""
        ...


class Order(Protocol):
    """Says of a task when its turn is; a plain function serves."""

    def __call__(self, task: ReadyTask) -> float:
        """A number, the same whenever it is asked: the smallest is next, and of equal ones the task that came first."""
        ...


class Choice(Protocol):
    """Knows the nodes of one run, and says which of them gets a task."""

    def node_changed(self, view: NodeView) -> None:
        """As of a ``Watcher``."""
        ...

    def node_gone(self, name: str) -> None:
        """As of a ``Watcher``."""
        ...

    def has_room(self, task: ReadyTask) -> bool:
        """Whether ``choose`` would find a node; draws nothing, and changes nothing."""
        ...

    def choose(self, task: ReadyTask) -> str | None:
        """The node for a task, which is then started there; or ``None`` where there is no room for it."""
        ...


class Place(Protocol):
    """Says which node gets a task; with an order it makes a policy."""

    def begin(self, setting: Setting) -> Choice:
        """A choice that knows no node yet, and shares no state with others."""
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
