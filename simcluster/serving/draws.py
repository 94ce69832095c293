"""Random draws one at a time, quickly."""

from __future__ import annotations

from typing import Any

import numpy as np

_BLOCK = 512


class Draws(np.random.Generator):
    """A generator whose single draws by ``random()`` and ``integers(n)`` come from blocks, at a tenth of the cost.

    Whatever else is drawn comes from the same bits, after those of the block. A whole number below n is ⌊n·U⌋, whose
    bias is less than n/2⁵³.
    """

    def __init__(self, generator: np.random.Generator) -> None:
        super().__init__(generator.bit_generator)
        self._block: list[float] = []

    def random(self, size: Any = None, *args: Any, **named: Any) -> Any:
        """As of any generator."""
        if size is not None or args or named:
            return super().random(size, *args, **named)
        if not self._block:
            self._block = super().random(_BLOCK).tolist()[::-1]
        return self._block.pop()

    def integers(self, low: Any, high: Any = None, *args: Any, **named: Any) -> Any:
        """As of any generator."""
        if high is not None or args or named or type(low) is not int or low < 1:
            return super().integers(low, high, *args, **named)
        if not self._block:
            self._block = super().random(_BLOCK).tolist()[::-1]
        return int(self._block.pop() * low)
