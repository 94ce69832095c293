"""Time to live."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Literal

from pydantic import PrivateAttr

from simcluster.engine import Count, Positive, Spec


class Ttl(Spec):
    """Keeps each answer for a time, however often it is asked for meanwhile.

    Of a key that is asked for by a Poisson process of rate λ, and answered at once, a share of λT/(1 + λT) is found:
    after each that is not, those of a time T, λT in the mean.
    """

    kind: Literal["ttl"] = "ttl"
    ttl_s: Positive
    """How long it keeps an answer, T."""
    entries: Count | None = None
    """How many it keeps at most, the youngest (``None``: however many)."""
    coalesces: bool = True
    """Whether who asks for what is being asked for waits for that answer."""
    _kept: OrderedDict[Hashable, tuple[float, Any]] = PrivateAttr(default_factory=OrderedDict)

    def get(self, key: Hashable, now_s: float) -> Any:
        """The answer under ``key``. Raises ``KeyError`` when there is none, or it is too old."""
        until_s, answer = self._kept[key]
        if now_s >= until_s:
            del self._kept[key]
            raise KeyError(key)
        return answer

    def put(self, key: Hashable, answer: Any, now_s: float) -> None:
        """Keep an answer from now on."""
        kept = self._kept
        kept[key] = now_s + self.ttl_s, answer
        kept.move_to_end(key)
        while kept and (
            next(iter(kept.values()))[0] <= now_s or (self.entries is not None and len(kept) > self.entries)
        ):  # also this one, where a clock that is far on does not tell the end of so short a time from its beginning
            kept.popitem(last=False)
