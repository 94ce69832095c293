"""What training is made of, beside what is learned: who waits for whom, how contributions travel and become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from simcluster.cluster import Cluster, Node
from simcluster.engine import Program
from simcluster.kernels import Call
from simcluster.learning import AnyOptimiser, Array, Rows

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob
    from simcluster.training.local.learner import Learner
    from simcluster.training.training import Training


@dataclass(slots=True)
class Progress:
    """How far training is, kept up to date; a checkpoint holds it, so that rules may go by it after a crash.

    ``clock`` steps are complete. ``arrived`` are the workers whose contribution to the next one is there,
    ``next_clock`` says which step each worker does next, and ``left_out`` who was not waited for in the last one.
    ``gone`` are those that the job's detector suspects at present. ``seed`` is the run's, for a rule that draws by
    ``stream``. ``waits_s``, which no checkpoint holds, is for a rule with a ``window``: how long the first contribution
    to a step has taken in the mean to come, from the step's beginning, the second, and so on; late ones too.
    """

    workers: tuple[str, ...]
    next_clock: Mapping[str, int]
    clock: int = 0
    arrived: Sequence[str] = ()
    left_out: Sequence[str] = ()
    gone: Sequence[str] = ()
    seed: int = 0
    waits_s: Sequence[float] = ()

    @property
    def expected(self) -> int:
        """How many may still contribute to the next step, or have: all but those that are gone without having."""
        if not self.gone:
            return len(self.workers)
        return len(self.workers) - len([worker for worker in self.gone if worker not in self.arrived])


class Waiting(Protocol):
    """Who waits for whom. The methods are bulk-synchronous as they stand: derive from it, and override one.

    A rule may have more, which need not be. A method ``weight(delay)`` says how much a contribution counts whose
    parameters have been updated ``delay`` times since (infinity: a crash of the server has undone them). It never rises
    with the delay; with 0 nothing counts, and the worker does that step anew, with newer parameters. Attributes that
    are true: ``cancels``, that whoever computes what would weigh nothing is given newer parameters at once;
    ``any_worker``, that a contribution counts for the step that is open when it comes, not for the one of its number,
    so that one worker may contribute to it often and another not at all; ``leaves_out``, that a step may be complete
    without all rows; ``asks_always``, that whoever waits is asked for after each contribution, not only when a step is
    complete. A number ``window``: of how many steps ``Progress.waits_s`` is the mean.
    A method ``fewest(workers)``: how many contributions a step of so many workers has at least, where that is not to be
    seen from ``complete`` at the beginning, as by a draw.
    """

    def may_start(self, worker: str, clock: int, progress: Progress) -> bool:
        """Whether ``worker`` may begin step ``clock``; asked when it is ready, and whenever a step is complete."""
        return clock <= progress.clock

    def complete(self, progress: Progress) -> bool:
        """Whether enough have arrived for the next step, at least one; what comes later is discarded.

        Asked anew whenever ``progress`` has changed, and not before.
        """
        return len(progress.arrived) >= max(1, progress.expected)

    def sees(self, clock: int) -> float:
        """The first step of which a worker that begins step ``clock`` must not see anything.

        What everybody may see counts when it arrives; the rest when its step is complete, in the order of workers.
        """
        return clock

    def refuses(self, workers: Sequence[str]) -> str | None:
        """Why the rule is none for these workers, or ``None``."""
        return None


class Code(Protocol):
    """A redundancy in which each worker sends a sum of several shards' contributions, such that not all are needed.

    Steps are bulk-synchronous: all begin one together, and whoever was not needed for it cancels. A method
    ``refuses(job)``, which need not be, says why a training job makes no sense with it, or ``None``.
    """

    def code(self, workers: int) -> Array:
        """(n, n), for so many workers: in row i the factors by which worker i adds up what shards say.

        It has, reads and computes the shards whose factor is not 0; no row is without.
        """
        ...

    def decoding(self, arrived: Sequence[int], workers: int) -> Array | None:
        """By which factors what these workers have sent, in this order, adds up to the sum over all shards.

        (m,); ``None`` while it cannot. Of all workers, in their order, it can.
        """
        ...


class Reexecution(Protocol):
    """A redundancy in which a worker that has contributed to a step computes another's part; a plain function serves.

    Steps are bulk-synchronous, and of each shard the first contribution counts. A method ``refuses(job)``, which need
    not be, says why a training job makes no sense with it, or ``None``.
    """

    def __call__(self, worker: str, behind: Mapping[str, Sequence[str]], progress: Progress) -> str | None:
        """Whose contribution to the next step an idle ``worker`` computes; ``None``: nobody's, for the present.

        ``behind`` are those that are missing and that it has copies of, one at least, and by whom, as far as the
        server knows, each is being computed. It is asked again when another contribution has come.
        """
        ...


class Local(Protocol):
    """What a worker does by itself before it contributes.

    ``outer`` is the optimiser that follows the mean of what workers say, an attribute of its own. A method
    ``refuses(job)``, which need not be, says why a training job makes no sense with it, or ``None``.
    """

    outer: AnyOptimiser

    def contribution(self, learner: Learner, parameters: Array, own: Array | None) -> Call[tuple[Array, Array | None]]:
        """Where the parameters are, less where the worker wants them, times ``learner.rows``; and what it remembers.

        ``own`` is what it has remembered, ``None`` at first, after a crash, and when the server went back.
        """
        ...


class Aggregation(Protocol):
    """How the contributions to a step become one; a plain function serves.

    A method ``refuses(job)``, which need not be, says why a training job makes no sense with it, or ``None``. One that
    remembers something from step to step has a method ``after``, which is asked instead: of ``values``, ``rows`` and a
    ``memory``, an array that is empty at first and that a checkpoint holds, it gives a ``Call`` of the total and of the
    memory for the next step.
    """

    def __call__(self, values: Array, rows: Array) -> Call[Array]:
        """The total (p,) of contributions (m, p), in the order of workers, of so many ``rows`` (m,) each."""
        ...


class Compression(Protocol):
    """How a contribution is written in fewer bytes.

    A method ``refuses(job)``, which need not be, says why a training job makes no sense with it, or ``None``.
    """

    def encode(
        self, values: Array, memory: Array | None, generator: np.random.Generator
    ) -> Call[tuple[Any, Array | None]]:
        """What is sent instead of ``values``, plain data, and what the worker remembers until the next one.

        ``memory`` is ``None`` at a worker's first contribution, after its crash, and when the server went back to
        steps that the worker has done before: what was remembered is lost then, and the run says so. A compression that
        remembers nothing, and gives ``None`` for it, is the same under any crash.
        """
        ...

    def decode(self, payload: Any) -> Call[Array]:
        """An array of the shape of ``values``, from what was sent."""
        ...


class Privacy(Protocol):
    """How little of single rows is to be seen in what is learned.

    A method ``refuses(job)``, which need not be, says why a training job makes no sense with it, or ``None``.
    """

    sampling_rate: float | None
    """With which chance each row takes part in a step (``None``: the job's batches do)."""

    def contribution(self, model: Any, parameters: Array, rows: Rows) -> Call[Array]:
        """What a worker says of its rows, instead of what the model's ``contribution`` does."""
        ...

    def noise_of(
        self, by: str, shape: tuple[int, ...], share: float, generator: np.random.Generator
    ) -> Call[Array | None]:
        """What is added to a worker's contribution, ``by`` "workers", or to the total of a step, by the "server".

        ``share`` is 1 of the total, and of a contribution one by how many there are at least. ``generator`` is the
        step's own, and of a contribution the worker's. ``None`` where nothing is added.
        """
        ...

    def spent(self, steps: int, rounds_of: int) -> float:
        """ε, what so many steps have given away; ``rounds_of`` steps are an epoch, in which a row takes part once."""
        ...

    def steps_within_budget(self, most: int, rounds_of: int) -> int:
        """How many steps may be done, of ``most``."""
        ...


class Placement(Protocol):
    """Where the rows of each worker lie before it has them in memory."""

    def start(self, training: Training, cluster: Cluster) -> None:
        """Let them lie there, and boot the programs that it needs, if any, before those of the exchange."""
        ...

    def load(self, training: Training, node: Node, worker: int) -> Program:
        """Steps on the node of a worker until it has its rows, each time that its program begins."""
        ...


class Exchange(Protocol):
    """How parameters and contributions travel between nodes: it boots its own programs, which do the steps.

    The program of a worker begins with ``yield from training.load(node, worker)``, after a crash too.
    A method ``fits(training)``, which need not be, raises ``ValueError`` where model, data and workers do not fit it.
    Attributes that are true: ``redundant``, that it does what the job's ``redundancy`` says; ``adds_up``, that one
    total of all contributions to a step moves all of the parameters, as ``Privacy`` needs; ``leaves_out``, that a step
    may do without those who do not answer.
    """

    def start(self, training: Training, cluster: Cluster) -> None:
        """Begin; what was trained goes to ``training.finish``."""
        ...

    def refuses(self, job: TrainingJob) -> str | None:
        """Why the job's parts do not go together with it, or ``None``."""
        ...
