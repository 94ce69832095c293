"""The program of a server that holds a part of the parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster.cluster import Message, Node
from simcluster.engine import Program
from simcluster.training.exchange.servers.assembly import Assembly
from simcluster.training.exchange.servers.ledger import Ledger

if TYPE_CHECKING:
    from simcluster.training.training import Training


def serve_part(node: Node, *, training: Training, assembly: Assembly, place: int) -> Program:
    """Serve a part. The reply to a request is a step and the part of the parameters that it begins with.

    A request for a step without body asks which one is the worker's next. One with a number alone asks for that, one
    with a contribution to it for the step after; it is answered when the worker may begin that, and at once where
    another is the worker's next: with this one, because the server has restarted and knows less, or because the step
    went on without the worker. Where the worker may not begin it yet it is ``None`` that comes with it. A request for
    the past asks for the parameters that a step began with.
    """
    job, done = training.job, training.done
    kind, past, may_start = f"{job.name}.step", f"{job.name}.past", job.waiting.may_start
    record_contribution = node.cluster.trace.recorder("contribution", "worker", "clock", "accepted")
    ledger = Ledger(training)
    progress, history, counted = ledger.progress, [ledger.parameters], 0
    waiting: dict[Any, tuple[Message, int]] = {}

    def tell(message: Message) -> None:
        clock = progress.next_clock[message.source]
        begins = clock < job.steps and may_start(message.source, clock, progress)
        node.reply(message, (clock, ledger.parameters if begins else None))

    def answered(message: Message, wanted: int) -> bool:
        following = progress.next_clock[message.source]
        if wanted != following:
            tell(message)
        elif wanted < job.steps and may_start(message.source, wanted, progress):
            node.reply(message, (wanted, ledger.parameters))
        else:
            return False
        return True

    while True:
        message: Message = yield node.receive(kind, past)
        worker, began = message.source, progress.clock
        if done.triggered:
            node.reply(message, None)
            continue
        if worker not in progress.next_clock:  # nobody's: a message in another's name
            continue
        if message.kind == past and message.body < progress.next_clock[worker]:
            node.reply(message, (message.body, history[min(message.body, progress.clock)]))
            continue
        if message.kind == past or message.body is None:
            tell(message)
            continue
        clock, contribution = message.body
        if contribution is not None:
            accepted = ledger.accept(worker, clock, contribution)
            if place == 0:  # a contribution is one, however many servers have a part of it
                record_contribution(worker, clock, accepted)
        waiting[message.request_id] = message, clock if contribution is None else clock + 1
        while (due := ledger.due()) is not None:
            yield node.compute(due)
            history += [ledger.parameters] * (progress.clock + 1 - len(history))
        if ledger.steps > counted:
            counted = ledger.steps
            assembly.put(place, counted, ledger.parameters)
        for request_id in (message.request_id,) if progress.clock == began else tuple(waiting):
            if answered(*waiting[request_id]):
                del waiting[request_id]
