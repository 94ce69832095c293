"""The server of secure aggregation: orders the stages of each round, takes the masks off the sum, and moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from simcluster.cluster import Message, Node
from simcluster.engine import Program
from simcluster.learning import Array, Call
from simcluster.training.secrecy import secrets
from simcluster.training.secrecy.client import SAID, STAGES
from simcluster.training.update import Update, update_of

if TYPE_CHECKING:
    from simcluster.training.secrecy.secure_aggregation import SecureAggregation
    from simcluster.training.training import Training

Said = dict[int, Any]
"""What workers have said in a stage, by their places; ``None`` where one has lost its secrets."""
_LIFE = 2**32  # rounds of one life of the server, of which no two have the same number


class Rounds:
    """The rounds of one life of a server: who is in each, and what was said in it."""

    def __init__(self, node: Node, exchange: SecureAggregation, training: Training, threshold: int) -> None:
        self._node, self._exchange, self._training, self._threshold = node, exchange, training, threshold
        self._workers = training.job.workers
        self._places = {worker: place for place, worker in enumerate(self._workers)}
        training.lives += 1
        self._number = training.lives * _LIFE
        self._record_dropout = node.cluster.trace.recorder("dropout", "worker", "clock", "stage")

    def sum_of(self, clock: int, parameters: Array) -> Program:
        """Steps until there is a sum of contributions to a step, and whose: their places and it; or why there is none.

        ``None`` where somebody has lost its secrets who is to be in the sum: another round is to begin.
        """
        self._number += 1
        everybody = range(len(self._workers))
        keys = yield from self._stage("keys", clock, {place: () for place in everybody})
        if isinstance(keys, str | None):
            return keys
        all_keys = tuple((place, *keys[place]) for place in sorted(keys))
        given = yield from self._stage("shares", clock, {place: (all_keys,) for place in keys})
        if isinstance(given, str | None):
            return given
        dealt: dict[int, list[tuple[int, bytes]]] = {place: [] for place in given}
        for sender in sorted(given):
            for place, sealed in zip((each for each in sorted(keys) if each != sender), given[sender], strict=True):
                if place in dealt:
                    dealt[place].append((sender, sealed))
        orders = {place: (clock, parameters, tuple(dealt[place])) for place in given}
        sent = yield from self._stage("masked", clock, orders)
        if isinstance(sent, str | None):
            return sent
        for place, words in sent.items():
            if isinstance(words, str):
                return f"{self._workers[place]} cannot say its contribution: {words}"
        alive = tuple(sorted(sent))
        said = yield from self._stage("unmask", clock, {place: (alive,) for place in alive})
        if isinstance(said, str | None):
            return said
        total = yield self._node.compute(self._opened(sent, said, sorted(given), keys, parameters))
        return list(alive), total

    def _stage(self, stage: str, clock: int, orders: Mapping[int, tuple[Any, ...]]) -> Program:
        """Order a stage; what has been said by those who are in it still, or why no sum can be; ``None`` as above."""
        said: Said = yield from self._gathered(stage, orders)
        found = {place: said[place] for place in sorted(said) if said[place] is not None}
        patient = self._exchange.patience_s is None
        if patient and len(found) < (self._threshold if stage == "unmask" else len(orders)):
            return None
        for place in sorted(orders):
            if place not in found:
                self._record_dropout(self._workers[place], clock, stage)
        if len(found) < self._threshold:
            return f"{len(found)} workers said {stage} in step {clock}, fewer than the threshold of {self._threshold}"
        return found

    def _gathered(self, stage: str, orders: Mapping[int, tuple[Any, ...]]) -> Program:
        """Order, again and again, until all have said something, or patience ends."""
        node, exchange, name = self._node, self._exchange, self._training.job.name
        kinds, said = [f"{name}.{each}{SAID}" for each in STAGES], Said()
        late = None if exchange.patience_s is None else node.timer(exchange.patience_s)
        while True:
            for place, order in orders.items():
                if place not in said:
                    node.send(self._workers[place], f"{name}.{stage}", (self._number, *order))
            again = node.timer(exchange.retry_s)
            while not again.triggered:
                heard: Any = node.receive(*kinds)
                yield heard | again if late is None else heard | again | late
                if heard.triggered:
                    self._take(heard.value, f"{name}.{stage}{SAID}", orders, said)
                    if len(said) == len(orders):
                        return said
                if late is not None and late.triggered:
                    return said

    def _take(self, message: Message, kind: str, orders: Mapping[int, Any], said: Said) -> None:
        """Note what a worker has said, the first time, in this round and stage."""
        number, content = message.body
        place = self._places.get(message.source)
        if place is not None and message.kind == kind and number == self._number and place in orders:
            said.setdefault(place, content)

    def _opened(
        self, sent: Said, said: Said, shared: list[int], keys: Mapping[int, tuple[bytes, bytes]], like: Array
    ) -> Call[Array]:
        """The sum without masks, float64."""
        points: dict[int, dict[int, int]] = {place: {} for place in shared}
        ranks = {place: rank + 1 for rank, place in enumerate(sorted(keys))}
        for place in sorted(said)[: self._threshold]:
            for owner, share in said[place]:
                points[owner][ranks[place]] = int.from_bytes(share, "big")
        lost = [place for place in shared if place not in sent]

        def total() -> Array:
            own = {place: secrets.combined(points[place]) for place in sent}
            gone = {place: secrets.combined(points[place]) for place in lost}
            masks = {place: keys[place][1] for place in sent}
            words = secrets.unmasked(sent, own, gone, masks)
            return secrets.real(words, self._exchange.fraction_bits, like.shape)  # type: ignore[no-any-return]

        count = len(sent) * (1 + len(lost))
        solving = 2 * self._threshold**2 * len(shared) * secrets.PRODUCT
        agreeing = len(sent) * len(lost) * secrets.POWER
        return Call(total, solving + agreeing + secrets.masking(count + len(sent), like.size))


def gather_sums(node: Node, *, exchange: SecureAggregation, training: Training, threshold: int) -> Program:
    """Do step after step. To a request of kind ``name.parameters`` it replies with the complete steps and these."""
    job, done = training.job, training.done
    record_contribution = node.cluster.trace.recorder("contribution", "worker", "clock", "accepted")
    record_loss = node.cluster.trace.recorder("loss", "step", "loss")
    update, clock = update_of(training), 0
    keeper = None if job.recovery is None else job.recovery.keeper(node, job.name)
    if keeper is not None and (kept := (yield from keeper.restore())) is not None:
        clock, update.state = kept
    told = {"clock": clock}
    node.spawn(_tell(node, f"{job.name}.parameters", lambda: (told["clock"], update.parameters)))
    rounds = Rounds(node, exchange, training, threshold)
    while clock < job.steps and not done.triggered:
        found = yield from rounds.sum_of(clock, update.parameters)
        if found is None:
            continue
        if isinstance(found, str):
            training.finish(update.parameters, clock, found)
            return
        survivors, total = found
        yield node.compute(update.take(survivors, [total], clock, 1.0))
        for place in survivors:
            record_contribution(job.workers[place], clock, True)
        clock += 1
        told["clock"] = clock
        if clock % job.evaluate_every == 0 or clock == job.steps:
            objective = training.loss(update.parameters)
            loss = objective() if job.evaluation == "oracle" else (yield node.compute(objective))
            record_loss(clock, loss)
            training.evaluated(clock, loss, update.parameters)
            if job.target_loss is not None and loss <= job.target_loss:
                training.finish(update.parameters, clock)
        if keeper is not None and clock < job.steps:
            yield from keeper.after_step(clock, partial(_state, clock, update))
    training.finish(update.parameters, clock)


def _state(clock: int, update: Update) -> tuple[Any, ...]:
    return clock, update.state


def _tell(node: Node, kind: str, state: Callable[[], tuple[int, Array]]) -> Program:
    while True:
        message: Message = yield node.receive(kind)
        node.reply(message, state())
