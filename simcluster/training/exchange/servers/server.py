"""The server's program: takes contributions in, completes steps in order, answers with parameters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simcluster.cluster import Message, Node
from simcluster.engine import Program
from simcluster.training.exchange.servers.helping import Helping
from simcluster.training.exchange.servers.ledger import Ledger
from simcluster.training.exchange.servers.present import Present

if TYPE_CHECKING:
    from simcluster.recovery import Keeper
    from simcluster.training.training import Training


def serve(
    node: Node, *, training: Training, ledger: Ledger | None = None, keeper: Keeper | None = None
) -> Program:
    """Serve one training run; whoever asks for a step when it is over hears so.

    ``ledger`` and ``keeper`` are those of an exchange that has its own.

    To a request of kind ``name.parameters``, of whomever, it replies with the complete steps and the parameters.
    """
    job, name = training.job, training.job.name
    step, asked, gone, cancel = f"{name}.step", f"{name}.parameters", f"{name}.gone", f"{name}.cancel"
    record = node.cluster.trace.recorder
    record_contribution = record("contribution", "worker", "clock", "accepted")
    record_loss = record("loss", "step", "loss")
    record_counts = record("counts", "worker", "whose", "clock", "share")
    record_suspect = record("suspect", "node", "suspected")
    ledger = Ledger(training) if ledger is None else ledger
    progress = ledger.progress
    next_clock = progress.next_clock
    if keeper is None and job.recovery is not None:
        keeper = job.recovery.keeper(node, name)
    if keeper is not None and (kept := (yield from keeper.restore())) is not None:
        ledger.restore(*kept)
    waiting: dict[str, Message] = {}
    steps, evaluate_every, may_start, done = job.steps, job.evaluate_every, training.waiting.may_start, training.done
    workers, compression, receive = job.workers, job.compression, node.receive
    follows, versioned = ledger.follows, ledger.versioned
    most = math.inf if ledger.any_worker else steps
    helping = None if training.helps is None else Helping(training, training.helps)
    asks_always = helping is not None or getattr(job.waiting, "asks_always", False)
    # What was kept before it was evaluated is evaluated now, and once more where it had been.
    evaluated, moved = max(0, progress.clock - 1), True
    present = Present(job.workers, training.holders) if helping is None else helping
    copied, cancels = training.copied, training.cancels
    turns = copied or helping is not None  # else each worker's turn is its own shard's

    def suspect(worker: str, suspected: bool) -> None:
        record_suspect(worker, suspected)
        progress.gone = present.suspect(worker, suspected)
        if suspected and progress.gone and job.when_gone == "stop":
            training.finish(ledger.parameters, progress.clock, f"{worker} is gone")
        node.send(node.name, gone)  # a step may be complete now

    if job.detector is not None:
        node.spawn(job.detector.run(node, f"{name}.worker", job.workers, suspect, training.done))
    while True:
        message: Message = yield receive(step, asked, gone)
        worker, kind, began = message.source, message.kind, progress.clock
        if kind == asked:
            node.reply(message, (began, ledger.parameters))
            continue
        if kind == step and done.triggered:
            node.reply(message, None)
            continue
        if kind == step and worker in next_clock:
            known, body = waiting.get(worker), message.body
            if known is None or message.id > known.id:
                waiting[worker] = message  # the newest: an older one may have been overtaken on the way
                if follows:
                    ledger.asks(worker)
                if helping is not None:
                    helping.asks(worker)
            if body is not None:
                clock, contribution, version = body[0], body[1], body[2:]
                whom = worker
                if copied:  # then there is no version, but a shard that may be another's
                    whom, version = present.shard_of(worker, version), ()
                if compression is not None:
                    contribution = yield node.compute(compression.decode(contribution))
                accepted = ledger.accept(whom, clock, contribution, version)
                record_contribution(whom, clock, accepted)
                if accepted and whom != worker:
                    record_counts(worker, whom, clock, 1.0)
                if accepted and helping is not None:
                    helping.arrived(whom)
        while (due := ledger.due()) is not None:
            before = progress.clock
            yield node.compute(due)
            moved = True
            if keeper is not None and before < progress.clock < steps:
                yield from keeper.after_step(progress.clock, ledger.state)
        if moved:  # an evaluation is due only when more steps count
            counted, moved = ledger.steps, False
            if evaluated < counted and (
                counted // evaluate_every > evaluated // evaluate_every or progress.clock == steps
            ):
                evaluated = counted
                objective = training.loss(ledger.parameters)
                loss = objective() if job.evaluation == "oracle" else (yield node.compute(objective))
                record_loss(evaluated, loss)
                training.evaluated(evaluated, loss, ledger.parameters)
                if job.target_loss is not None and loss <= job.target_loss:
                    training.finish(ledger.parameters, evaluated)
        if progress.clock == steps:
            training.finish(ledger.parameters, steps)
            continue
        parameters, current = ledger.parameters, ledger.version if versioned else ()
        everybody = progress.clock != began or asks_always or kind == gone
        for ready in workers if everybody else (worker,):
            if ready in waiting:
                whom = present.turn(ready, progress) if turns else ready
                clock = next_clock[whom]
                if clock < most and may_start(whom, clock, progress):
                    about = present.gives(ready, whom, clock) if copied else current
                    told = (clock, parameters, *about) if about else (clock, parameters)
                    sent = node.reply(waiting.pop(ready), told)
                    parameters = sent.body[1]  # frozen: who is answered next shares their memory
                    if follows:
                        ledger.gives(ready, parameters)
        if not cancels:
            continue
        for late in ledger.overtaken() if helping is None else helping.overtaken():
            whom = present.turn(late, progress)
            clock = next_clock[whom]
            if may_start(whom, clock, progress):
                about = present.gives(late, whom, clock) if copied else current
                parameters = node.send(late, cancel, (clock, parameters, *about)).body[1]
                if follows:
                    ledger.gives(late, parameters)
