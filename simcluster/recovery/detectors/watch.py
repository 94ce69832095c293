"""What somebody who watches knows of his peers: when each was heard, and who is suspected."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from simcluster.recovery.protocols import Suspicion

WINDOW = 100
"""How many times of hearing are remembered of each peer, unless somebody says otherwise."""


class Watch:
    """Judges the silence of each peer by one rule, whatever it is that is heard of them.

    ``suspected`` says of each peer whether it is suspected; ``tell`` hears of every change. Whoever has not been heard
    yet counts as heard at the beginning.
    """

    def __init__(
        self,
        suspicion: Suspicion,
        peers: Iterable[str],
        now_s: float,
        tell: Callable[[str, bool], object],
        *,
        window: int = WINDOW,
        suspected: bool = False,
    ) -> None:
        self._suspicion = suspicion
        self._tell = tell
        self._heard_s = {peer: deque((now_s,), window) for peer in peers}
        self.suspected: dict[str, bool] = dict.fromkeys(self._heard_s, suspected)

    def hear(self, peer: str, now_s: float) -> None:
        """A sign of life; of somebody who is no peer it means nothing."""
        if peer not in self._heard_s:
            return
        self._heard_s[peer].append(now_s)
        if self.suspected[peer]:
            self.suspected[peer] = False
            self._tell(peer, False)

    def silent_s(self, peer: str, now_s: float) -> float:
        """How long ago it was heard last."""
        return now_s - self._heard_s[peer][-1]

    def look(self, now_s: float, peers: Iterable[str] | None = None) -> None:
        """Judge all, or ``peers``, by what was heard of them until now."""
        for peer in self._heard_s if peers is None else peers:
            if not self.suspected[peer] and self._suspicion(self._heard_s[peer], now_s):
                self.suspected[peer] = True
                self._tell(peer, True)
