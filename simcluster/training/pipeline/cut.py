"""The cut of a model's layers into stages."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate


def even_cut(sizes: Sequence[int], parts: int) -> tuple[int, ...]:
    """How many of the layers each of ``parts`` gets, in order, so that the greatest part is as small as can be.

    The linear partition problem (Skiena, The Algorithm Design Manual, 10.7), by dynamic programming; of several cuts
    the one whose first parts are short. Raises ``ValueError`` for more parts than layers.
    """
    if parts > len(sizes):
        raise ValueError(f"stages must be at most the {len(sizes)} layers, got {parts}")
    before = [0, *accumulate(sizes)]
    # best[end]: the greatest part and the lengths, of the first `end` layers in so many parts
    best: dict[int, tuple[int, tuple[int, ...]]] = {end: (before[end], (end,)) for end in range(1, len(sizes) + 1)}
    for count in range(2, parts + 1):
        best = {
            end: min(
                (max(best[begin][0], before[end] - before[begin]), (*best[begin][1], end - begin))
                for begin in range(count - 1, end)
            )
            for end in range(count, len(sizes) + 1)
        }
    return best[len(sizes)][1]
