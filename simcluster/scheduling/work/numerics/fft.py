"""The fast Fourier transform: a tree of calls that part the numbers, and butterflies that put them together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from simcluster.engine import Count, stream
from simcluster.scheduling.work.numerics.solved import ANSWER, REFERENCE_FLOPS_PER_S, Solved, Step
from simcluster.scheduling.work.shapes.shape import Piece, Shape

Array = NDArray[np.complex128]
COMPLEX_BYTES = 16


class Fft(Solved):
    """The transform of m points, a power of two: 2 m - 1 calls and m log₂ m butterflies, on ways of 2 log₂ m + 1.

    "call-l-i" on level l of the tree parts its numbers in even and odd; the m calls on the last level transform what
    they have got; "butterfly-l-i" adds two, one of them turned. All ways from the first task to the last ones are
    equally long. Source: Topcuoglu, Hariri and Wu (2002, figure 10), after Cormen, Leiserson and Rivest. A point is a
    block of b numbers where b is more than 1: then the last calls transform blocks, by SciPy's ``fft``.

    Where it is ``real``, m b complex numbers are normal, and the outcome is their transform: that of
    ``scipy.fft.fft``.
    """

    kind: Literal["fft"] = "fft"
    points: Annotated[Count, Field(ge=2, le=2**20)] = 8
    """How many points, or blocks, there are, m."""
    block: Annotated[Count, Field(le=2**20)] = 1
    """How many numbers a block has, b."""

    @field_validator("points", "block")
    @classmethod
    def _is_a_power_of_two(cls, given: int) -> int:
        if given & (given - 1):
            raise ValueError(f"must be a power of two, got {given}")
        return given

    @property
    def levels(self) -> int:
        """log₂ m."""
        return self.points.bit_length() - 1

    def shape(self, seed: int) -> Shape:
        """The tasks; nothing is drawn."""
        made: dict[str, Piece] = {}
        for level in range(self.levels + 1):
            flops, size_bytes = self._call_flops(level), float(COMPLEX_BYTES * self.points * self.block >> level)
            for place in range(2**level):
                above = ((f"call-{level - 1}-{place >> 1}", size_bytes),) if level else ()
                made[f"call-{level}-{place}"] = Piece(flops / REFERENCE_FLOPS_PER_S, above)
        for level in range(self.levels):
            for place in range(self.points):
                size_bytes = float(COMPLEX_BYTES * self.block)
                before = tuple((each, size_bytes) for each in self._before(level, place))
                made[f"butterfly-{level}-{place}"] = Piece(10 * self.block / REFERENCE_FLOPS_PER_S, before)
        return made

    def _call_flops(self, level: int) -> float:
        """A number that is moved counts as one operation, a transform of b as 5 b log₂ b."""
        if level < self.levels:
            return float(self.points * self.block >> level)
        return max(1.0, 5 * self.block * math.log2(self.block))

    def _before(self, level: int, place: int) -> tuple[str, str]:
        """Whose values a butterfly adds: the even half's, then the odd half's."""
        half = 2**level  # how many blocks each of the two has
        begin, within = place - place % (2 * half), place % half
        pair = (begin + within, begin + half + within)
        if level == 0:  # whose leaves stand in the order of the tree
            even, odd = pair
            return f"call-{self.levels}-{even}", f"call-{self.levels}-{odd}"
        return f"butterfly-{level - 1}-{pair[0]}", f"butterfly-{level - 1}-{pair[1]}"

    def numbers(self, seed: int) -> Array:
        """The numbers (m b,) that belong to ``seed``."""
        drawn = stream(seed, "scheduling", "numbers").standard_normal((2, self.points * self.block))
        numbers: Array = drawn[0] + 1j * drawn[1]
        return numbers

    def gives(self) -> tuple[str, ...]:
        """The last butterflies."""
        return tuple(f"butterfly-{self.levels - 1}-{place}" for place in range(self.points))

    def steps(self, seed: int) -> Mapping[str, Step]:
        """What each task computes of what it takes; the first call has the numbers."""
        numbers, made = self.numbers(seed), {}
        block_bytes = float(COMPLEX_BYTES * self.block)
        for name in self.shape(seed):
            what, level, place = name.split("-")
            if what == "call":
                part = partial(_call, numbers if level == "0" else None, int(place) % 2, int(level) == self.levels)
                size_bytes = float(COMPLEX_BYTES * self.points * self.block >> int(level))
                made[name] = Step(part, self._call_flops(int(level)), size_bytes)
            else:
                join = partial(_butterfly, 2 ** int(level), int(place), self.block)
                made[name] = Step(join, 10.0 * self.block, block_bytes)
        made[ANSWER] = Step(_joined, 0.0, self.points * block_bytes)
        return made


def _call(first: Array | None, odd: int, last: bool, *taken: Array) -> Array:
    from scipy.fft import fft

    mine: Array = taken[0][odd::2] if first is None else first
    transformed: Array = fft(mine) if last else mine
    return transformed


def _butterfly(half: int, place: int, b: int, even: Array, odd: Array) -> Array:
    """Block ``place`` of a transform of 2 half b numbers, from the two of half as many."""
    k = np.arange(b) + (place % half) * b
    turned: Array = odd * np.exp(-1j * np.pi * k / (half * b))
    joined: Array = even - turned if place % (2 * half) >= half else even + turned
    return joined


def _joined(*blocks: Array) -> Array:
    return np.concatenate(blocks)
