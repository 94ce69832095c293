"""The programs of elastic training: a server that deals rows out among whoever is there, and those who compute."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from simcluster.cluster import Message, Node
from simcluster.engine import Program
from simcluster.learning import Array, Call
from simcluster.recovery import ask
from simcluster.training.aggregation import total
from simcluster.training.exchange.surviving.elastic_rows import HeldRows, give_rows
from simcluster.training.exchange.surviving.roster import Part, Roster
from simcluster.training.update import update_of

if TYPE_CHECKING:
    from simcluster.training.exchange.surviving.elastic_server import ElasticServer
    from simcluster.training.training import Training


def serve_members(node: Node, *, exchange: ElasticServer, training: Training) -> Program:
    """Do step after step with all that are there.

    A contribution counts that was computed for the step that is open, of the very parts that its sender has now, also
    when this server has crashed since: parameters are those of the step. When somebody leaves, rows are dealt out anew
    at once, and whoever has other parts then does the step anew; whoever comes has rows from the next step on.
    """
    job, name, record = training.job, training.job.name, node.cluster.trace.recorder
    step, asked, changed = f"{name}.step", f"{name}.parameters", f"{name}.gone"
    record_contribution = record("contribution", "worker", "clock", "accepted")
    record_loss, record_deal = record("loss", "step", "loss"), record("deal", "clock", "members", "shared")
    record_suspect = record("suspect", "node", "suspected")
    update, clock = update_of(training), 0
    keeper = None if job.recovery is None else job.recovery.keeper(node, name)
    if keeper is not None and (kept := (yield from keeper.restore())) is not None:
        clock, update.state = kept
    roster = Roster(job.workers, exchange.spares)
    dealt: dict[str, tuple[Part, ...]] = {}
    said: dict[str, Array] = {}
    waiting: dict[str, Message] = {}

    def deal() -> None:
        nonlocal dealt, said
        before, dealt = dealt, roster.deal()
        said = {who: what for who, what in said.items() if dealt.get(who) == before[who]}
        if dealt != before:
            shared = len(next(iter(dealt.values()))) - 1 if dealt else len(job.workers)
            record_deal(clock, len(dealt), shared)

    def suspect(who: str, suspected: bool) -> None:
        record_suspect(who, suspected)
        roster.set(who, not suspected)
        node.send(node.name, changed)

    node.spawn(give_rows(node, training=training))
    node.spawn(job.detector.run(node, f"{name}.worker", roster.names, suspect, training.done))  # type: ignore[union-attr]
    deal()
    while True:
        message: Message = yield node.receive(step, asked, changed)
        who, kind = message.source, message.kind
        if kind == asked:
            node.reply(message, (clock, update.parameters))
            continue
        if kind == step and training.done.triggered:
            node.reply(message, None)
            continue
        if kind == step and who in roster.names:
            if who not in waiting or message.id > waiting[who].id:
                waiting[who] = message  # the newest: an older one may have been overtaken on the way
            if message.body is not None:
                of, parts, contribution = message.body
                accepted = (of, parts) == (clock, dealt.get(who)) and who not in said
                record_contribution(who, of, accepted)
                if accepted:
                    said[who] = contribution
        if not dealt or not all(roster.has(each) for each in dealt):
            deal()
        if dealt and len(said) == len(dealt):
            added: Array = yield node.compute(_added([said[each] for each in dealt]))
            yield node.compute(update.move(added, clock))
            clock, said = clock + 1, {}
            if keeper is not None and clock < job.steps:
                yield from keeper.after_step(clock, partial(tuple, (clock, update.state)))
            if clock % job.evaluate_every == 0 or clock == job.steps:
                objective = training.loss(update.parameters)
                loss = objective() if job.evaluation == "oracle" else (yield node.compute(objective))
                record_loss(clock, loss)
                training.evaluated(clock, loss, update.parameters)
                if clock == job.steps or (job.target_loss is not None and loss <= job.target_loss):
                    training.finish(update.parameters, clock)
            deal()
        for each in dealt:
            if each in waiting and each not in said and not training.done.triggered:
                node.reply(waiting.pop(each), (clock, update.parameters, dealt[each]))


def _added(said: list[Array]) -> Call[Array]:
    """Contributions as one, in the order of shards."""
    values = np.stack(said)
    shape = values.shape[1:]
    added = total(values.reshape(len(said), -1), np.ones(len(said)))
    return Call(lambda: added().reshape(shape), added.cost)


def work_of_parts(node: Node, *, exchange: ElasticServer, training: Training, place: int | None) -> Program:
    """Do step after step of the parts that one is given, as soon as their rows are here; ``place`` as of the rows."""
    job = training.job
    record_begin = node.cluster.trace.recorder("step", "worker", "clock")
    rows = HeldRows(node, exchange, training, place)
    yield from rows.begin()
    start_s = 0.0 if place is not None or exchange.start_s is None else exchange.start_s
    body: Any = None
    while True:
        message: Message = yield from ask(node, exchange.server, f"{job.name}.step", body, timeout_s=exchange.retry_s)
        if message.body is None:  # training is over
            return
        clock, parameters, parts = message.body
        if start_s:
            yield node.timer(start_s)
            start_s = 0.0
        yield from rows.bring(parts)
        record_begin(node.name, clock)
        contribution = yield node.compute(rows.contribution(parts, clock, parameters))
        body = (clock, parts, contribution)
