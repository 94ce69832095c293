"""A service of no meaning, whose work is whatever a queueing model says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import repeat
from typing import Any, Literal

import numpy as np

from simcluster.engine import AnyDistribution, Exponential, Spec
from simcluster.kernels import Call, Cost
from simcluster.serving.services.keys import AnyKeys, UniformKeys

REFERENCE_FLOPS_PER_S = 1e9
"""What the reference core does in a second: that of a node that says nothing else."""
_BLOCK = 512  # times that are drawn at once: the same as one at a time, at a tenth of the cost


class Synthetic(Spec):
    """Each query asks for a key, and takes a random time; the answer is the key and its checksum.

    The time is that of the query, on every shard that is asked. Where each computation shall have a time of its own,
    let it be constant here, and give the nodes a ``jitter``.
    """

    kind: Literal["synthetic"] = "synthetic"
    demand_s: AnyDistribution = Exponential(mean=0.01)
    """How long a core of 10⁹ flops/s takes for a query, drawn anew; a faster one takes as much less."""
    keys: AnyKeys = UniformKeys()
    """What queries ask for."""

    def shards(self, count: int, seed: int) -> Sequence[Any]:
        """Nothing: there is no data."""
        return (None,) * count

    def ask(self, generator: np.random.Generator) -> tuple[int, float]:
        """A key, and the seconds that it takes."""
        return self.keys(generator), self.demand_s.sample(generator)

    def asks(self, generator: np.random.Generator) -> Iterator[tuple[int, float]]:
        """What ``ask`` gives time after time; in blocks, where only the seconds are drawn."""
        one_key = type(self.keys) is UniformKeys and self.keys.keys == 1 and type(self).ask is Synthetic.ask
        samples = getattr(self.demand_s, "samples", None) if one_key else None
        while samples is None:
            yield self.ask(generator)
        while True:
            yield from zip(repeat(0), samples(generator, _BLOCK))

    def key(self, body: tuple[int, float]) -> int:
        """The key."""
        return body[0]

    def answer(self, shard: None, body: tuple[int, float]) -> Call[tuple[int, int]]:
        """The key and its checksum, after as many operations as the query takes."""
        key, demand_s = body
        return Call(partial(checked, key), Cost(demand_s * REFERENCE_FLOPS_PER_S, 0.0))

    def merge(self, parts: Sequence[Any]) -> tuple[int, int]:
        """What all shards say. Raises ``ValueError`` where one says something else."""
        answer: tuple[int, int] = parts[0]
        if parts.count(answer) != len(parts):
            raise ValueError(f"all shards must answer the same, got {parts}")
        return answer


def checked(key: int) -> tuple[int, int]:
    """A key and its checksum, by Knuth's multiplicative hash (The Art of Computer Programming 3, section 6.4)."""
    return key, key * 2_654_435_761 % 2**32
