"""A stage: asks its neighbours for activations and gradients, makes its passes, and keeps what came of each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from simpy import Interrupt

from simcluster.cluster import Message, Node
from simcluster.engine import Process, Program
from simcluster.learning import Array, Call, Cost, backward_pass, call, forward_pass
from simcluster.recovery import ask
from simcluster.training.pipeline.kept import Kept, State

if TYPE_CHECKING:
    from simcluster.training.pipeline.pipeline import Pipeline


class Need(NamedTuple):
    """What one stage needs of another: its ``activations``, or ``slopes``, the gradients in them, of a micro-batch."""

    kind: str
    step: int
    micro_batch: int


def run_stage(node: Node, *, pipeline: Pipeline, index: int) -> Program:
    """Do step after step, and give to the stages beside what they need, as often as they ask."""
    stage = Stage(node, pipeline, index)
    yield from stage.restore()
    node.spawn(stage.train())
    yield from stage.serve()


class Stage:
    """What a stage knows until its node crashes.

    It has completed a step when all others have completed the one before, for it needed each of them there. So it keeps
    what it was before its last step, and no more: it can make the passes of that step again for who has lost them.
    """

    def __init__(self, node: Node, pipeline: Pipeline, index: int) -> None:
        job = pipeline.job
        self._node, self._pipeline, self._index, self._job = node, pipeline, index, job
        self._layers = pipeline.layers[index]
        self._neighbours: dict[str, str] = {}
        if index > 0:
            self._neighbours["activations"] = job.stages[index - 1]
        if index < len(job.stages) - 1:
            self._neighbours["slopes"] = job.stages[index + 1]
        self._kept = Kept(node, job.name, job.retry_s)
        self._clock = 0
        self._states: dict[int, State] = {}  # before which step
        self._passed: dict[tuple[int, int], list[Array]] = {}  # between a micro-batch's passes
        self._made: dict[Need, Any] = {}
        self._asked: dict[Need, Message] = {}
        self._expected: dict[Need, Process] = {}
        self._again: dict[Need, Process] = {}
        fields = "stage", "step", "direction", "micro_batch", "begin_s", "kept"
        self._record_pass = node.cluster.trace.recorder("pass", *fields)

    def restore(self) -> Program:
        """Go on from what was kept, or from the beginning."""
        states = yield from self._kept.restore()
        if states is None:
            initial = self._pipeline.initial[self._index]
            states = {0: State(initial, self._pipeline.optimiser.start(initial))}
        self._states, self._clock = states, max(states)
        if self._clock < self._pipeline.steps:
            self._pipeline.lost(self._index, self._clock)
        elif self._clock:
            self._pipeline.completed(self._index, self._clock, self._states[self._clock].parameters)

    def serve(self) -> Program:
        """Answer what is there, and remember who asks for what is not."""
        activations, slopes = (f"{self._job.name}.{kind}" for kind in ("activations", "slopes"))
        while True:
            message: Message = yield self._node.receive(activations, slopes)
            need = Need("activations" if message.kind == activations else "slopes", *message.body)
            if need in self._made:
                self._node.reply(message, self._made[need])
                continue
            if need.step not in self._states and need.step <= self._clock:
                continue  # nobody needs it any more: an old message that was long under way
            self._asked[need] = message
            if need.step < self._clock and need not in self._again:
                self._again[need] = self._node.spawn(self._repeat(need))

    def train(self) -> Program:
        """Do the steps that are left."""
        job, node = self._job, self._node
        passes = job.schedule(self._index, len(job.stages), job.micro_batches)
        while self._clock < job.steps:
            step = self._clock
            total: Any = None
            for kind in self._neighbours:
                for micro_batch in range(job.micro_batches):
                    need = Need(kind, step, micro_batch)
                    self._expected[need] = node.spawn(self._ask(need))
            for direction, micro_batch in passes:
                if direction == "forward":
                    yield from self._forward(step, micro_batch)
                else:
                    total = yield from self._backward(step, micro_batch, total)
            state = yield node.compute(self._update(step, total))
            self._states[step + 1] = state
            yield from self._kept.save(step + 1, self._states)
            self._begin(step + 1)

    def _forward(self, step: int, micro_batch: int) -> Program:
        if "activations" in self._neighbours:
            inputs = yield from self._get(Need("activations", step, micro_batch))
        else:
            inputs = self._pipeline.micro_batch(step, micro_batch).features
        begin_s = self._node.env.now
        passed = yield self._node.compute(forward_pass(self._layers, self._states[step].parameters, inputs))
        self._passed[step, micro_batch] = passed
        self._record_pass(self._index, step, "forward", micro_batch, begin_s, len(self._passed))
        if "slopes" in self._neighbours:
            self._give(Need("activations", step, micro_batch), passed[-1])

    def _backward(self, step: int, micro_batch: int, total: Array | None) -> Program:
        """Its value is ``total``, the gradients of the step so far, and that of this micro-batch."""
        passed, cost = self._passed[step, micro_batch], Cost(0.0, 0.0)
        if "slopes" in self._neighbours:
            slopes = yield from self._get(Need("slopes", step, micro_batch))
        else:
            last = self._job.model.slopes(passed[-1], self._pipeline.micro_batch(step, micro_batch))
            slopes, cost = last(), last.cost
        back = backward_pass(self._layers, self._states[step].parameters, passed, slopes)
        before, gradient = back()
        cost += back.cost
        if total is not None:
            gradient = total + gradient
            cost += Cost(flops=float(gradient.size), bytes=24.0 * gradient.size)
        begin_s = self._node.env.now
        before, gradient = yield self._node.compute(Call(lambda: (before, gradient), cost))
        self._record_pass(self._index, step, "backward", micro_batch, begin_s, len(self._passed))
        self._passed.pop((step, micro_batch), None)
        if "activations" in self._neighbours:
            self._give(Need("slopes", step, micro_batch), before)
        return gradient

    def _update(self, step: int, total: Array) -> Call[State]:
        """The parameters after the step."""
        parameters, memory = self._states[step]
        found = call(self._job.model.gradient, parameters, total)  # for its cost, which depends on sizes alone
        gradient = self._job.model.gradient(parameters, total, float(self._pipeline.rows))
        stepped = self._pipeline.optimiser.step(parameters, gradient, memory, step, 1.0)
        return Call(lambda: State(*stepped()), found.cost + stepped.cost)

    def _begin(self, clock: int) -> None:
        """Forget what nobody needs any more."""
        self._clock = clock
        for need, process in self._again.items():
            if need.step < clock - 1 and process.is_alive:
                process.interrupt()
        self._again = {need: process for need, process in self._again.items() if need.step >= clock - 1}
        self._made = {need: made for need, made in self._made.items() if need.step >= clock - 1}
        self._asked = {need: message for need, message in self._asked.items() if need.step >= clock - 1}
        self._states = {step: state for step, state in self._states.items() if step >= clock - 1}
        self._passed = {}
        self._pipeline.completed(self._index, clock, self._states[clock].parameters)

    def _repeat(self, need: Need) -> Program:
        """Make the passes of the step before again, for a stage that has lost what came of them."""
        try:
            if (need.step, need.micro_batch) not in self._passed:
                yield from self._forward(need.step, need.micro_batch)
            if need.kind == "slopes":
                yield from self._backward(need.step, need.micro_batch, None)
        except Interrupt:
            return  # it came back by another message

    def _give(self, need: Need, made: Array) -> None:
        """It can be asked for from now on."""
        self._made[need] = made
        if need in self._asked:
            self._made[need] = self._node.reply(self._asked.pop(need), made).body  # frozen: who asks again shares it

    def _get(self, need: Need) -> Program:
        """Its value is what another stage has made."""
        expected = self._expected.pop(need, None)
        if expected is None:
            return (yield from self._ask(need))
        return (yield expected)

    def _ask(self, need: Need) -> Program:
        kind, body = f"{self._job.name}.{need.kind}", (need.step, need.micro_batch)
        reply = yield from ask(self._node, self._neighbours[need.kind], kind, body, timeout_s=self._job.retry_s)
        return reply.body
