"""Keys: what queries ask for, as whole numbers from 0 on."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simcluster.engine import Count, NotNegative, Open, Spec


class Keys(Protocol):
    """Which key a query asks for; a plain function serves."""

    def __call__(self, generator: np.random.Generator) -> int:
        """A key, at least 0; all its randomness is from ``generator``."""
        ...


class UniformKeys(Spec):
    """Each key is as likely as the next."""

    kind: Literal["uniform"] = "uniform"
    keys: Count = 1
    """How many there are."""

    def __call__(self, generator: np.random.Generator) -> int:
        """A key; of one alone, without a draw."""
        return int(generator.random() * self.keys) if self.keys > 1 else 0


class ZipfKeys(Spec):
    """Few keys are asked for often, and many now and then: key i has a weight of (i + 1)^−s (Zipf's law)."""

    kind: Literal["zipf"] = "zipf"
    keys: Annotated[Count, Field(le=10_000_000)]
    """How many there are, at most ten million."""
    exponent: NotNegative = 0.99
    """s; 0 is uniform, YCSB has 0.99."""

    def __call__(self, generator: np.random.Generator) -> int:
        """A key, by inversion."""
        return int(np.searchsorted(_shares(self.keys, self.exponent), generator.random(), side="right"))

    def chances(self) -> NDArray[np.float64]:
        """The probability of each key, (keys,)."""
        return np.diff(_shares(self.keys, self.exponent), prepend=0.0)


@lru_cache(maxsize=4)
def _shares(keys: int, exponent: float) -> NDArray[np.float64]:
    """How likely a key up to each of them is; the last is 1 exactly, so that every draw finds one."""
    weights = np.cumsum(np.arange(1, keys + 1, dtype=np.float64) ** -exponent)
    shares: NDArray[np.float64] = weights / weights[-1]
    shares[-1] = 1.0
    shares.flags.writeable = False
    return shares


AnyKeys = Annotated[Keys, Open(Keys, UniformKeys, ZipfKeys)]
"""One of the laws above, or one's own; in a file ``kind`` says which."""
