"""A worker without a server: computes its contribution, adds it up with the others', makes the step itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster.cluster import Message, Node
from simcluster.cluster.collectives import ALGORITHMS, Member
from simcluster.engine import Program
from simcluster.learning import Array
from simcluster.training.update import update_of

if TYPE_CHECKING:
    from simcluster.training.exchange.all_reduce import AllReduce
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


def work(node: Node, *, exchange: AllReduce, training: Training, course: Course, index: int) -> Program:
    """Do step after step with the others. Everything that all hold is in the state of a ``Member``."""
    job, done = training.job, training.done
    record = node.cluster.trace.recorder
    record_begin = record("step", "worker", "clock")
    record_contribution = record("contribution", "worker", "clock", "accepted")
    update = update_of(training)
    member = Member(
        node, job.workers, job.name, ALGORITHMS[exchange.algorithm], exchange.retry_s, (update.state, False)
    )
    keeper = None if job.recovery is None else job.recovery.keeper(node, f"{job.name}.{node.name}")
    if keeper is not None and (kept := (yield from keeper.restore())) is not None:
        member.number, member.state = kept
    node.spawn(member.answer())
    node.spawn(_tell(node, f"{job.name}.parameters", member))
    if node.crashes:
        yield from member.rejoin()
    while True:
        update.state, over = member.state
        clock = member.number
        if over or clock == job.steps or done.triggered:
            break
        record_begin(node.name, clock)
        contribution = yield node.compute(training.contribution(index, clock, update.parameters))
        total = yield from member.add_up(contribution)
        if total is None:  # the others have gone on without this program, which was not there for a while
            continue
        record_contribution(node.name, clock, True)
        yield node.compute(update.move(total, clock))
        over = yield from _evaluate(node, training, course, clock + 1, update.parameters)
        member.advance((update.state, over))
        if keeper is not None and clock + 1 < job.steps and not over:
            yield from keeper.after_step(clock + 1, lambda: (member.number, member.state))
    course.end(node.name, clock, update.parameters)


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
