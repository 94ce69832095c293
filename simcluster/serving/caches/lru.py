"""Least recently used."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Literal

from pydantic import PrivateAttr

from simcluster.engine import Count, Spec


class Lru(Spec):
    """Keeps the answers that were asked for last; one too many takes the place of the one longest not asked for."""

    kind: Literal["lru"] = "lru"
    entries: Count
    """How many it keeps."""
    coalesces: bool = True
    """Whether who asks for what is being asked for waits for that answer."""
    _kept: OrderedDict[Hashable, Any] = PrivateAttr(default_factory=OrderedDict)

    def get(self, key: Hashable, now_s: float) -> Any:
        """The answer under ``key``. Raises ``KeyError`` when there is none."""
        answer = self._kept[key]
        self._kept.move_to_end(key)
        return answer

    def put(self, key: Hashable, answer: Any, now_s: float) -> None:
        """Keep an answer, the last that was asked for."""
        self._kept[key] = answer
        self._kept.move_to_end(key)
        if len(self._kept) > self.entries:
            self._kept.popitem(last=False)
