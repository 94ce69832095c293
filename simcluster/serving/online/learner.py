"""The learner: takes one batch after the other, tests what it knows by it, and learns from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simcluster.cluster import Message, Node
from simcluster.engine import Program
from simcluster.learning import Array
from simcluster.serving.online.course import Course


@dataclass(slots=True)
class Known:
    """What the learner knows: parameters, what the optimiser remembers, and what both come from.

    They have learned from ``clock`` batches, the next is ``following`` or a later one, and they are so since
    ``since_s``. An automatic learning ``rate`` is that of the first of these batches; before it there is none.
    """

    clock: int
    following: int
    parameters: Array
    memory: Array
    since_s: float
    rate: float | None = None


def learn(node: Node, *, course: Course) -> Program:
    """Test, then train, batch by batch; to a request of kind ``name.parameters``, of whomever, reply with them."""
    job, feed, optimiser = course.job, course.feed, course.given
    known = Known(0, 0, course.initial, optimiser.start(course.initial), node.env.now)
    keeper = None if job.recovery is None else job.recovery.keeper(node, job.name)
    if keeper is not None and (kept := (yield from keeper.restore())) is not None:
        known = Known(*kept)
    node.spawn(_tell(node, f"{job.name}.parameters", known))
    if course.done.triggered:
        return
    course.resume(known.clock)
    if known.rate is not None:
        optimiser = optimiser.replace(learning_rate=known.rate)
    while (batch := (yield from feed.next(node, known.following))) is not None:
        number, rows = batch
        course.tested(number, (yield node.compute(course.test(known.parameters, rows))))
        if course.automatic and known.rate is None:
            optimiser = course.fitted(rows)
            known.rate = optimiser.learning_rate
        total = yield node.compute(job.model.contribution(known.parameters, rows))
        moved = yield node.compute(course.step(optimiser, known.parameters, known.memory, total, known.clock))
        known.parameters, known.memory = moved
        known.clock, known.following, known.since_s = known.clock + 1, number + 1, node.env.now
        course.learn(number, known.parameters)
        if keeper is not None:
            yield from keeper.after_step(known.clock, lambda: _state(known))
    course.finish(known.parameters)


def _state(known: Known) -> tuple[Any, ...]:
    """What a checkpoint holds: an automatic rate too, for the batch that it is of does not come again."""
    rate = () if known.rate is None else (known.rate,)
    return known.clock, known.following, known.parameters, known.memory, known.since_s, *rate


def _tell(node: Node, asked: str, known: Known) -> Program:
    """Tell how many batches the parameters know, the parameters, and since when they are so."""
    while True:
        message: Message = yield node.receive(asked)
        node.reply(message, (known.clock, known.parameters, known.since_s))
