"""Reed–Solomon codes by a Cauchy matrix: any k of k + m blocks suffice."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from simcluster.engine import Count, Spec
from simcluster.kernels.reference import Bytes


class ReedSolomon(Spec):
    """``data`` blocks and ``parity`` more: any ``parity`` of them may be lost.

    The parity's row i of the generator is 1/((k + i) ⊕ j) for j = 0 … k − 1, a Cauchy matrix, every square part of
    which has an inverse. Source: Blömer et al., "An XOR-based erasure-resilient coding scheme", ICSI TR-95-048, 1995.
    """

    kind: Literal["reed_solomon"] = "reed_solomon"
    data: Annotated[Count, Field(le=255)] = 10
    """k, how many blocks of data there are."""
    parity: Annotated[Count, Field(le=255)] = 4
    """m, how many blocks there are besides, and how many of all may be lost."""

    @model_validator(mode="after")
    def _field_is_large_enough(self) -> ReedSolomon:
        if self.data + self.parity > 256:
            raise ValueError(f"data and parity must be at most 256 together, got {self.data} and {self.parity}")
        return self

    def generator(self) -> Bytes:
        """The unit matrix and the Cauchy matrix."""
        k = self.data
        sums = np.arange(k, k + self.parity)[:, np.newaxis] ^ np.arange(k)
        return np.concatenate([np.eye(k, dtype=np.uint8), _inverses()[sums]])


def _inverses() -> Bytes:
    """1/a of each a of GF(256), and 0 of 0: the powers of 2 are all that are not 0, and 2ⁱ·2²⁵⁵⁻ⁱ = 1."""
    powers = np.ones(256, dtype=np.int64)
    for i in range(1, 256):
        powers[i] = powers[i - 1] << 1 ^ (0x11D if powers[i - 1] & 0x80 else 0)
    found = np.zeros(256, dtype=np.uint8)
    found[powers] = powers[::-1]
    return found
