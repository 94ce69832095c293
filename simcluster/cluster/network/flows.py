"""FlowNetwork: transfers as fluid flows that share the links of their routes max-min fairly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from simcluster.kernels.flow import flows

_TOGETHER = 2.0**-48
"""Flows whose ends lie within this fraction of the time, some 16 roundings, end together."""
_LEAST_S = 2.0**-1000
"""And so do flows whose ends lie within this, at a time so near 0 that its fraction is none."""


class FlowNetwork:
    """Links of given capacities and the flows that pass them, at one moment that ``advance`` moves on.

    At every moment the rates are max-min fair: no flow can gain without a flow losing that has no more than it.
    They change when a flow starts or ends and when a capacity changes, and are computed when next asked for, so
    that many changes at one moment cost one computation. Nothing here waits or knows a clock: its user says
    what time it is. Times are in seconds, sizes in bytes, capacities and rates in bytes per second. Every
    misuse raises ``ValueError``. Source: Bertsekas & Gallager, Data Networks, 6.5.2.
    """

    def __init__(self, capacities_bytes_per_s: Iterable[float], now_s: float = 0.0) -> None:
        self._flows = flows(np.array(list(capacities_bytes_per_s), dtype=np.float64))
        self._slots: dict[int, int] = {}
        self._ids: dict[int, int] = {}
        self._now_s = now_s

    @property
    def now_s(self) -> float:
        """The moment to which the network was advanced."""
        return self._now_s

    def __len__(self) -> int:
        """How many flows are under way."""
        return len(self._slots)

    def __contains__(self, flow_id: int) -> bool:
        return flow_id in self._slots

    def start(self, flow_id: int, links: Sequence[int], size_bytes: float) -> None:
        """Start a flow now over its route's links, each once; over none, or without a byte, it is complete now."""
        if flow_id in self._slots:
            raise ValueError(f"flow_id must be new, got {flow_id}, which is under way")
        slot = self._flows.add(np.array(links, dtype=np.int64), size_bytes, self._now_s)
        self._slots[flow_id] = slot
        self._ids[slot] = flow_id

    def finish(self, flow_id: int) -> float:
        """Take a flow out now, whatever it has sent, and return the bytes that it has not."""
        slot = self._slot(flow_id)
        del self._slots[flow_id], self._ids[slot]
        return self._flows.remove(slot, self._now_s)

    def set_capacity(self, link: int, bytes_per_s: float) -> None:
        """Change a link's capacity now; at 0 its flows stand still, at infinity it limits nobody."""
        self._flows.set_capacity(link, bytes_per_s)

    def advance(self, now_s: float) -> list[tuple[float, int]]:
        """Move on to ``now_s`` and return what completed on the way: (time, flow id), in that order.

        The rates change at every completion on the way. Raises ``ValueError`` for a time before the last.
        """
        if not self._now_s <= now_s < math.inf:
            raise ValueError(f"now_s must be finite and at least {self._now_s}, the last time, got {now_s}")
        completed: list[tuple[float, int]] = []
        while True:
            self._flows.fill(self._now_s)
            first_s = self._flows.earliest()
            if first_s > _last_of(now_s):
                self._now_s = now_s
                return completed
            # The end of a flow may lie a rounding after the time at which its user was woken for it.
            self._now_s = max(self._now_s, min(first_s, now_s))
            due = self._due(first_s)
            slots = [self._slots.pop(flow_id) for flow_id in due]
            for slot in slots:
                del self._ids[slot]
            self._flows.remove_all(np.array(slots, dtype=np.int64))
            completed += [(self._now_s, flow_id) for flow_id in due]
            if self._now_s == now_s:
                return completed  # and whatever else changes at this moment costs no computation of its own

    def next_completion(self) -> tuple[float, int] | None:
        """When the next flow completes if nothing else changes, and its id, the lowest of several.

        ``None`` when none ever will: no flow is under way, or all stand still.
        """
        self._flows.fill(self._now_s)
        first_s = self._flows.earliest()
        return None if first_s == math.inf else (max(first_s, self._now_s), self._due(first_s)[0])

    def rate_bytes_per_s(self, flow_id: int) -> float:
        """The rate of a flow now; infinite for one that no link limits."""
        slot = self._slot(flow_id)
        self._flows.fill(self._now_s)
        return float(self._flows.rates([slot])[0])

    def remaining_bytes(self, flow_id: int) -> float:
        """What a flow has still to send."""
        return self._flows.unsent(self._slot(flow_id), self._now_s)

    def load_bytes_per_s(self, link: int) -> float:
        """The sum of the rates of the flows on a link now, never more than its capacity but for rounding."""
        self._flows.fill(self._now_s)
        return self._flows.load(link)

    def _due(self, first_s: float) -> list[int]:
        """The flows that end with the one that ends at ``first_s``."""
        return sorted(self._ids[slot] for slot in self._flows.due(_last_of(first_s)))

    def _slot(self, flow_id: int) -> int:
        slot = self._slots.get(flow_id)
        if slot is None:
            raise ValueError(f"flow_id must be under way, got {flow_id}")
        return slot


def _last_of(time_s: float) -> float:
    """The last moment that is one with ``time_s``."""
    return time_s + max(_TOGETHER * abs(time_s), _LEAST_S)
