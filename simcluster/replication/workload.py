"""Workloads: what clients ask of a store."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from simcluster.engine import AnyDistribution, Constant, Count, Name, NotNegative, Open, Positive, Spec
from simcluster.replication.protocols import Asked, Workload


class Mix(Spec):
    """Each client asks so many operations, drawn independently of each other and of what came of those before.

    What is written, appended or added is a whole number that no other operation of the run has. A "cas" expects what
    its client saw last under the key, an "increment" or "decrement" counts 1, a "remove" takes what the client has
    added last and not removed, or else adds.
    """

    kind: Literal["mix"] = "mix"
    operations: Count = 100
    """How many each client asks."""
    mix: Annotated[Mapping[Name, Positive], Field(min_length=1)] = {"read": 1.0, "write": 1.0}
    """The operations, each with its weight: ``{"read": 9, "write": 1}`` are nine reads to a write."""
    keys: Annotated[Count, Field(le=10**6)] = 1
    """How many keys there are, "k0" and so on; at most a million."""
    zipf: NotNegative = 0.0
    """The exponent s of Zipf's law: key i has a weight of (i + 1)^−s; 0 is uniform, YCSB has 0.99."""
    think_s: AnyDistribution = Constant(value=0.0)
    """How long a client waits after an answer before it asks again (a closed loop)."""
    per_s: Positive | None = None
    """How many operations a client begins in a second; one that comes late begins at once (``None``: a closed loop)."""

    @property
    def asks(self) -> tuple[str, ...]:
        """The names of the operations that it may ask."""
        return tuple(self.mix)

    def client(self, number: int, clients: int, generator: np.random.Generator) -> Generator[Asked, Any, None]:
        """What one client asks."""
        names, weights = tuple(self.mix), np.cumsum(list(self.mix.values()))
        chances = np.cumsum(np.arange(1, self.keys + 1, dtype=float) ** -self.zipf)
        seen: dict[str, Any] = {}
        added: dict[str, list[int]] = {}
        for place in range(self.operations):
            # Always as many draws, so that every scheme is asked the same.
            first, second = generator.random(2)
            f = names[_drawn(weights, first)]
            key = f"k{_drawn(chances, second)}"
            unique = place * clients + number + 1
            gap_s, after = self.think_s.sample(generator), "end"
            if self.per_s is not None:
                gap_s, after = 1 / self.per_s, "beginning"
            value: Any = unique
            if f == "read":
                value = None
            elif f == "cas":
                value = (seen.get(key), unique)
            elif f in ("increment", "decrement"):
                value = 1
            elif f == "remove" and added.get(key):
                value = added[key].pop()
            elif f in ("add", "remove"):
                f = "add" if "add" in self.mix else f
                added.setdefault(key, []).append(unique)
            given = yield Asked(f, key, value, gap_s, after)
            if f == "read":
                seen[key] = given
            elif f == "write":
                seen[key] = value
            elif f == "cas" and given is not None:
                seen[key] = value[1]


class TransactionMix(Spec):
    """Each client asks so many transactions, each of a few steps, drawn independently of each other.

    A step reads a key or changes it: ("r", key, None), ("append", key, number) or ("w", key, number). The number is one
    that no other step of the run has, so that `list_append` and `rw_register` can tell who has seen what; a key that a
    transaction has read it changes instead of reading it again.
    """

    kind: Literal["transaction_mix"] = "transaction_mix"
    operations: Count = 50
    """How many transactions each client asks."""
    most_steps: Count = 4
    """Of how many steps a transaction is at most; each number from 1 on is as likely."""
    writes: Literal["append", "w"] = "append"
    """What a change does: append to a list, or write over what was there."""
    reads: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Which share of the steps reads."""
    keys: Annotated[Count, Field(le=10**6)] = 6
    """How many keys there are, "k0" and so on; at most a million."""
    zipf: NotNegative = 0.0
    """The exponent s of Zipf's law: key i has a weight of (i + 1)^−s; 0 is uniform."""
    think_s: AnyDistribution = Constant(value=0.0)
    """How long a client waits after an answer before it asks again (a closed loop)."""

    asks: ClassVar = ("txn",)

    def client(self, number: int, clients: int, generator: np.random.Generator) -> Generator[Asked, Any, None]:
        """What one client asks."""
        chances = np.cumsum(np.arange(1, self.keys + 1, dtype=float) ** -self.zipf)
        changed = 0
        for _ in range(self.operations):
            steps: list[tuple[str, str, int | None]] = []
            for _ in range(int(generator.integers(1, self.most_steps, endpoint=True))):
                first, second = generator.random(2)
                key = f"k{_drawn(chances, second)}"
                if first < self.reads and ("r", key, None) not in steps:
                    steps.append(("r", key, None))
                else:
                    steps.append((self.writes, key, changed * clients + number + 1))
                    changed += 1
            yield Asked("txn", None, tuple(steps), self.think_s.sample(generator))


def _drawn(cumulated: np.ndarray, chance: float) -> int:
    """The place where ``chance``, of [0, 1), falls among weights that have been added up."""
    return int(np.searchsorted(cumulated, chance * cumulated[-1], side="right"))


AnyWorkload = Annotated[Workload, Open(Workload, Mix, TransactionMix)]
"""One of the workloads above, or one's own; in a file ``kind`` says which."""
