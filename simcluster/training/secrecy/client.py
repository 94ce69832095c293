"""A worker of secure aggregation: says what a stage asks for, once, and knows the secrets of one round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simcluster.cluster import Message, Node
from simcluster.engine import Program, stream
from simcluster.learning import Array, Call, Cost
from simcluster.training.secrecy import secrets

if TYPE_CHECKING:
    from simcluster.training.secrecy.secure_aggregation import SecureAggregation
    from simcluster.training.training import Training

STAGES = ("keys", "shares", "masked", "unmask")
SAID = "-said"


class Round:
    """What a worker remembers of a round: its secrets, whom it has them with, and what it has said, by stage.

    What it has said is not said otherwise when it is asked again: so of nobody it tells both the seed and the key.
    """

    def __init__(self, training: Training, index: int, number: int, crashes: int) -> None:
        self._generator = stream(training.seed, "secure", index, crashes, number)
        self.number, self.place = number, index
        self.said: dict[str, Any] = {}
        self._sealing, self._masking = (secrets.secret(self._generator) for _ in range(2))
        self._seed = 0
        self._public: dict[int, tuple[bytes, bytes]] = {}
        self._own = b""
        self._sealed: dict[int, bytes] = {}

    def knows(self, stage: str) -> bool:
        """Whether the worker has said what a stage goes on from."""
        place = STAGES.index(stage)
        return place == 0 or STAGES[place - 1] in self.said

    def keys(self) -> Call[Any]:
        """Two public keys."""
        return Call(lambda: (secrets.public(self._sealing), secrets.public(self._masking)), 2 * secrets.POWER)

    def shares(self, of: Sequence[tuple[int, bytes, bytes]], threshold: int) -> Call[Any]:
        """A sealed pair of shares for each other; ``None`` where the worker's keys are not among those of all."""
        self._public = {place: (sealing, masking) for place, sealing, masking in of}

        def made() -> Any:
            if self._public.get(self.place) != (secrets.public(self._sealing), secrets.public(self._masking)):
                return None
            self._seed = secrets.secret(self._generator)
            both = [secrets.shares(each, len(of), threshold, self._generator) for each in (self._seed, self._masking)]
            pairs = {place: _text(pair) for place, pair in zip(self._public, zip(*both, strict=True), strict=True)}
            self._own = pairs.pop(self.place)
            return tuple(
                secrets.sealed(self._key(place), _label(self.place, place), pair) for place, pair in pairs.items()
            )

        others = len(of) - 1
        work = secrets.POWER + secrets.sealing(2.0 * secrets.KEY_BYTES)
        return Call(made, 2 * secrets.POWER + others * work + 2 * threshold * len(of) * secrets.PRODUCT)

    def masked(self, said: Array, fraction_bits: int, sealed: Sequence[tuple[int, bytes]]) -> Call[Any]:
        """The contribution with its masks; a text where it does not fit.

        ``sealed`` are the shares of others, who are those to share masks with.
        """
        self._sealed = dict(sealed)

        def made() -> Any:
            words = secrets.fixed(said, fraction_bits, len(self._public))
            if words is None:
                return f"a number is none, or not below 2^{63 - fraction_bits}/{len(self._public)}"
            between = {other: secrets.agreed(self._masking, self._public[other][1]) for other in self._sealed}
            return secrets.masked(words, self.place, self._seed, between)

        masks = 1 + len(sealed)
        return Call(made, len(sealed) * secrets.POWER + secrets.masking(masks, said.size) + _fixing(said.size))

    def unmask(self, alive: Sequence[int]) -> Call[Any]:
        """A share of each one's seed who is ``alive``, of each other's key, by their places."""

        def made() -> Any:
            pairs = {self.place: self._own}
            for other, text in self._sealed.items():
                pair = secrets.opened(self._key(other), _label(other, self.place), text)
                if pair is not None:
                    pairs[other] = pair
            half = secrets.KEY_BYTES
            return tuple((each, pairs[each][:half] if each in alive else pairs[each][half:]) for each in sorted(pairs))

        return Call(made, len(self._sealed) * (secrets.POWER + secrets.sealing(3.0 * secrets.KEY_BYTES)))

    def _key(self, other: int) -> bytes:
        return secrets.agreed(self._sealing, self._public[other][0])


def take_part(
    node: Node, *, exchange: SecureAggregation, training: Training, threshold: int, index: int
) -> Program:
    """Say what the server asks for. What belongs to an earlier round than the newest is not answered."""
    name = training.job.name
    kinds = {f"{name}.{stage}": stage for stage in STAGES}
    record_begin = node.cluster.trace.recorder("step", "worker", "clock")
    yield from training.load(node, index)
    known = Round(training, index, -1, node.crashes)
    last: int = -1
    own: Any = None  # what is remembered by the rule of local work: before the last step, and after it
    following: Any = None
    while True:
        message: Message = yield node.receive(*kinds)
        stage, (number, *asked) = kinds[message.kind], message.body
        if number < known.number:
            continue
        if number > known.number:
            known = Round(training, index, number, node.crashes)
        if stage not in known.said and known.knows(stage):
            answer: Any = None
            if stage == "keys":
                answer = yield node.compute(known.keys())
            elif stage == "shares":
                answer = yield node.compute(known.shares(asked[0], threshold))
            elif stage == "masked":
                clock, parameters, sealed = asked
                record_begin(node.name, clock)
                if clock != last:  # what is remembered is of other steps where the server has gone back
                    own, last = following if clock > last else None, clock
                said, following = yield node.compute(training.work(index, clock, parameters, own))
                answer = yield node.compute(known.masked(said, exchange.fraction_bits, sealed))
            else:
                answer = yield node.compute(known.unmask(asked[0]))
            if answer is not None:
                known.said[stage] = answer
        node.send(exchange.server, message.kind + SAID, (number, known.said.get(stage)))


def _label(sender: int, receiver: int) -> bytes:
    return sender.to_bytes(4, "big") + receiver.to_bytes(4, "big")


def _text(pair: tuple[int, ...]) -> bytes:
    return b"".join(share.to_bytes(secrets.KEY_BYTES, "big") for share in pair)


def _fixing(size: int) -> Cost:
    return Cost(flops=3.0 * size, bytes=16.0 * size)
