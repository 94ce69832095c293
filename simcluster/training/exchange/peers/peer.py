"""A worker without a server: computes its contribution, adds it up with the others', makes the step itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from simcluster.cluster import Cluster, Message, Node
from simcluster.cluster.collectives import Algorithm, Member
from simcluster.engine import Program
from simcluster.learning import Array
from simcluster.training.aggregation import total
from simcluster.training.update import Update, update_of
from simcluster.training.waiting import BoundedStaleness

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob
    from simcluster.training.training import Training


class Course:
    """How far a run is, as one sees it from outside: the loss after each step, and which workers are at the end."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self._losses: dict[int, float] = {}
        self._ended: dict[str, None] = {}

    def loss(self, step: int, parameters: Array) -> tuple[float, bool]:
        """The objective after ``step`` steps, and whether nobody has asked for it before."""
        first = step not in self._losses
        if first:
            self._losses[step] = self._training.loss(parameters)()
        return self._losses[step], first

    def end(self, worker: str, step: int, parameters: Array) -> None:
        """A worker has the last parameters; when all have, training is over."""
        self._ended[worker] = None
        if len(self._ended) == len(self._training.job.workers):
            self._training.finish(parameters, step)


@dataclass(slots=True)
class Worker:
    """What a worker's program has at hand; ``kept`` is what an exchange keeps from step to step, until a crash."""

    node: Node
    member: Member
    training: Training
    update: Update
    index: int
    kept: dict[int, Any] = field(default_factory=dict)


Combine = Callable[[Worker, Array], Program]
"""How the contributions of all, of which one is given, become a step.

Steps until the parameters have moved, and whether they have: ``False`` when the worker was overtaken.
"""


def work(
    node: Node,
    *,
    combine: Combine,
    algorithm: Algorithm,
    retry_s: float,
    training: Training,
    course: Course,
    index: int,
) -> Program:
    """Do step after step with the others. Everything that all hold is in the state of a ``Member``."""
    job, done = training.job, training.done
    record = node.cluster.trace.recorder
    record_begin = record("step", "worker", "clock")
    record_contribution = record("contribution", "worker", "clock", "accepted")
    update = update_of(training)
    member = Member(node, job.workers, job.name, algorithm, retry_s, (update.state, False))
    keeper = None if job.recovery is None else job.recovery.keeper(node, f"{job.name}.{node.name}")
    if keeper is not None and (kept := (yield from keeper.restore())) is not None:
        member.number, member.state = kept
    node.spawn(member.answer())
    node.spawn(_tell(node, f"{job.name}.parameters", member))
    if node.crashes:
        yield from member.rejoin()
    yield from training.load(node, index)
    worker, own = Worker(node, member, training, update, index), None
    while True:
        update.state, over = member.state
        clock = member.number
        if over or clock == job.steps or done.triggered:
            break
        record_begin(node.name, clock)
        contribution, own = yield node.compute(training.work(index, clock, update.parameters, own))
        if not (yield from combine(worker, contribution)):
            continue  # the others have gone on without this program, which was not there for a while
        record_contribution(node.name, clock, True)
        over = yield from _evaluate(node, training, course, clock + 1, update.parameters)
        member.advance((update.state, over))
        if keeper is not None and clock + 1 < job.steps and not over:
            yield from keeper.after_step(clock + 1, lambda: (member.number, member.state))
    course.end(node.name, clock, update.parameters)


def start(training: Training, cluster: Cluster, how: dict[str, Any]) -> None:
    """Boot ``work`` on every worker."""
    course = Course(training)
    for index, worker in enumerate(training.job.workers):
        program = partial(work, training=training, course=course, index=index, **how)
        cluster[worker].boot(program, f"{training.job.name}.worker")


def alike(job: TrainingJob, kind: str) -> str | None:
    """Why a job's parts do not go together with workers that do all steps together, or ``None``."""
    if job.waiting != BoundedStaleness():
        return f"waiting must be bulk-synchronous with {kind}: a sum needs every worker, got {job.waiting!r}"
    if job.detector is not None:
        return f"detector must be None with {kind}: nothing goes on without a worker, got {job.detector!r}"
    if job.compression is not None:
        return (
            f"compression must be None with {kind}: what is sent is added up on the way, which compressed "
            f"contributions cannot be, got {job.compression!r}"
        )
    return None


def refusal(job: TrainingJob, kind: str) -> str | None:
    """Why a job's parts do not go together with workers that add up among themselves, or ``None``."""
    if job.aggregation is not total:
        return f"aggregation must be total with {kind}: no worker sees another's contribution, got {job.aggregation!r}"
    return alike(job, kind)


def _evaluate(node: Node, training: Training, course: Course, step: int, parameters: Array) -> Program:
    """Evaluate the objective where that is due; whether it is so low that training is over."""
    job = training.job
    if step % job.evaluate_every and step < job.steps:
        return False
    if job.evaluation == "paid":
        yield node.compute(training.loss(parameters))
    loss, first = course.loss(step, parameters)
    if first:
        node.cluster.trace.recorder("loss", "step", "loss")(step, loss)
        training.evaluated(step, loss, parameters)
    return job.target_loss is not None and loss <= job.target_loss


def _tell(node: Node, asked: str, member: Member) -> Program:
    """Tell whoever asks how many steps are complete, and the parameters."""
    while True:
        message: Message = yield node.receive(asked)
        state: Any = member.state[0]
        node.reply(message, (member.number, state[0]))
