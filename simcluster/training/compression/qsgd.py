"""QSGD: every number becomes one of few levels, by chance, so that its mean is right (Alistarh et al., NIPS 2017)."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from simcluster.engine import NUMBER, Spec
from simcluster.kernels import dequantise, quantise
from simcluster.learning import Array, Call, Cost
from simcluster.learning.dataset import GREATEST


class Qsgd(Spec):
    """A worker sends ‖v‖ and of each number its sign and which of the levels 0, 1/s, …, 1 times ‖v‖ it is near.

    To the next lower or higher one it is rounded by chance, so that the mean is v, and the expected squared error at
    most min(p/s², √p/s)·‖v‖² (their lemma 3.1). Of p numbers each is a code of b = ⌈log₂(2s + 1)⌉ bits: 8 + ⌈p·b/8⌉
    bytes, and 8 for each axis of the shape. The codes are of one length; the paper's, by Elias, are shorter where most
    are 0. Nothing is remembered, and what is drawn depends on worker and step alone, so no crash changes a bit.
    """

    kind: Literal["qsgd"] = "qsgd"
    levels: Annotated[int, Field(ge=1, le=2**15 - 1), NUMBER] = 7
    """s: how many levels there are above 0; 7 make codes of 4 bits."""

    def encode(self, values: Array, memory: Array | None, generator: np.random.Generator) -> Call[tuple[Any, None]]:
        """The shape, the norm and the codes; a norm of NaN says that it is no number, or greater than any should be."""
        flat = np.ascontiguousarray(values.ravel())
        drawn = generator.random(flat.size)

        def rounded() -> tuple[Any, None]:
            squares = bool(np.abs(flat).max(initial=0.0) <= GREATEST)  # and not NaN
            norm, codes = quantise(flat, drawn, self.levels) if squares else (math.nan, np.zeros(flat.size, np.int64))
            return (values.shape, norm, _packed(codes, self.levels)), None

        return Call(rounded, quantise.cost(flat, drawn, self.levels) + _packing(flat.size))

    def decode(self, payload: Any) -> Call[Array]:
        """‖v‖ times the levels."""
        shape, norm, packed = payload
        size = math.prod(shape)
        codes = _unpacked(packed, size, self.levels)

        def dense() -> Array:
            if not math.isfinite(norm):
                return np.full(shape, math.nan)
            # A liar's norm may be negative.
            return (math.copysign(1.0, norm) * dequantise(abs(norm), codes, self.levels)).reshape(shape)

        return Call(dense, dequantise.cost(0.0, codes, self.levels) + _packing(size))


def _width(levels: int) -> int:
    """How many bits a code has: one of −s, …, s."""
    return (2 * levels).bit_length()


def _packed(codes: Any, levels: int) -> Any:
    """Codes as bits, each of the same width, one after the other."""
    shifted = (np.clip(codes, -levels, levels) + levels).astype(">u2")
    bits = np.unpackbits(shifted.view(np.uint8).reshape(-1, 2), axis=1)
    return np.packbits(bits[:, 16 - _width(levels) :])


def _unpacked(packed: Any, size: int, levels: int) -> Any:
    """The codes again, int64."""
    width = _width(levels)
    bits = np.zeros((size, 16), dtype=np.uint8)
    bits[:, 16 - width :] = np.unpackbits(packed, count=size * width).reshape(size, width)
    return np.packbits(bits, axis=1).view(">u2").ravel().astype(np.int64) - levels


def _packing(size: int) -> Cost:
    """A shift and a mask for each code."""
    return Cost(flops=2.0 * size, bytes=9.0 * size)
