"""The quality of a failure detector, from a trace: how soon it notices, how often and how long it errs, what it sends.

Source of the metrics: Chen, Toueg & Aguilera, "On the quality of service of failure detectors", IEEE Transactions on
Computers 51(5), 2002, section 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from simcluster.engine import Trace


@dataclass(frozen=True)
class Detection:
    """What one who watched said of his peers, against what was so.

    ``detection_s`` has, for each outage that was suspected as it ended, from its beginning to the suspicion that
    stayed (T_D, and 0 for one that was there before); ``missed`` is how many others there were. ``mistakes_s`` has how
    long each suspicion of a peer that was up lasted, until it was taken back or became true (T_M). All were up for
    ``up_s`` in sum, without the time after an outage in which nobody had heard of its end yet.
    """

    detection_s: tuple[float, ...]
    missed: int
    mistakes_s: tuple[float, ...]
    up_s: float

    @property
    def mistakes_per_s(self) -> float:
        """How often a peer that was up came to be suspected, per second of being up (λ_M)."""
        return len(self.mistakes_s) / self.up_s if self.up_s else math.nan

    @property
    def accuracy(self) -> float:
        """The probability that a peer that was up was not suspected (query accuracy, P_A)."""
        return 1.0 - math.fsum(self.mistakes_s) / self.up_s if self.up_s else math.nan

    def __add__(self, other: Detection) -> Detection:
        """Both together, as of two peers or of two runs."""
        return Detection(
            self.detection_s + other.detection_s,
            self.missed + other.missed,
            self.mistakes_s + other.mistakes_s,
            math.fsum((self.up_s, other.up_s)),
        )


def detection_of(
    said: Sequence[tuple[float, bool]], outages_s: Sequence[tuple[float, float]], begin_s: float, end_s: float
) -> Detection:
    """What was said of one peer, as (time, whether it is suspected now), against its outages, as (begin, end).

    Both are in order; outages do not overlap, and end by ``end_s``. What is said of a peer at the moment at which it
    goes or comes back is said after that. Raises ``ValueError`` where something is said that had been said before, and
    for an outage that takes no time.
    """
    for begin, end in outages_s:
        if not begin < end:
            raise ValueError(f"an outage must begin before it ends, got {begin} and {end}")
    for (_, before), (time_s, now) in zip([(begin_s, False), *said], said, strict=False):
        if before == now:
            raise ValueError(f"a detector must tell of changes only, got suspected = {now} again at {time_s} s")
    moments = [(begin, 0, True) for begin, _ in outages_s] + [(end, 0, False) for _, end in outages_s if end < end_s]
    moments += [(time_s, 1, suspected) for time_s, suspected in said]
    suspected = down = stale = False  # stale: it is back, and has not been trusted again
    since_s, down_s, last_s = begin_s, begin_s, begin_s
    detection_s, missed, mistakes_s, up_s = [], 0, [], []

    def close_outage() -> None:
        nonlocal missed
        if suspected:
            detection_s.append(max(0.0, since_s - down_s))
        else:
            missed += 1

    for time_s, what, value in sorted(moments):
        if not down and not stale:
            up_s.append(time_s - last_s)
        last_s = time_s
        if what == 0 and value:
            if suspected and not stale:
                mistakes_s.append(time_s - since_s)
            down, down_s, stale = True, time_s, False
        elif what == 0:
            close_outage()
            down, stale = False, suspected
        else:
            if suspected and not down and not stale:
                mistakes_s.append(time_s - since_s)
            suspected, since_s, stale = value, time_s, False
    if down:
        close_outage()
    elif not stale:
        up_s.append(end_s - last_s)
        if suspected:
            mistakes_s.append(end_s - since_s)
    return Detection(tuple(detection_s), missed, tuple(mistakes_s), math.fsum(up_s))


def detection(trace: Trace, peers: Iterable[str], end_s: float, begin_s: float = 0.0) -> Detection:
    """What the records ``suspect`` of a run say of ``peers``, all from one who watches, against its records ``node``.

    A peer is out while its node is down, not while it is paused, slow or cut off: those that only seem to be gone are
    mistakes. A node that is paused and crashes is down from the crash.
    """
    peers = tuple(peers)
    said: dict[str, list[tuple[float, bool]]] = {peer: [] for peer in peers}
    states: dict[str, list[tuple[float, bool]]] = {peer: [] for peer in peers}
    for row in trace.rows("suspect", "node"):
        if row["node"] in said and row["time_s"] <= end_s:
            if row["kind"] == "suspect":
                said[row["node"]].append((row["time_s"], row["suspected"]))
            else:
                states[row["node"]].append((row["time_s"], row["state"] == "down"))
    found = [detection_of(said[peer], tuple(_outages(states[peer], end_s)), begin_s, end_s) for peer in peers]
    return reduce(add, found, Detection((), 0, (), 0.0))


def message_cost(trace: Trace, is_of: Callable[[str], bool], seconds: float) -> tuple[float, float]:
    """How many messages whose kind ``is_of`` a detector were sent per second, and how many bytes."""
    if not 0 < seconds < math.inf:
        raise ValueError(f"seconds must be finite and greater than 0, got {seconds}")
    sizes_bytes = [row["size_bytes"] for row in trace.rows("send") if is_of(row["message_kind"])]
    return len(sizes_bytes) / seconds, math.fsum(sizes_bytes) / seconds


def _outages(states: Sequence[tuple[float, bool]], end_s: float) -> Iterator[tuple[float, float]]:
    began_s: float | None = None
    for time_s, down in states:
        if down and began_s is None:
            began_s = time_s
        elif not down and began_s is not None:
            if began_s < time_s:
                yield began_s, time_s
            began_s = None
    if began_s is not None and began_s < end_s:
        yield began_s, end_s
