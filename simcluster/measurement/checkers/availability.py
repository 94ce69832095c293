"""Availability: which operations were answered, for how long none was, what each cost in messages; healing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from simcluster.measurement.checkers.judgement import Anomaly, Judgement, judged
from simcluster.measurement.histories import History, Operation

if TYPE_CHECKING:
    from simcluster.engine import Trace


@dataclass(frozen=True)
class Availability:
    """How many operations were ok, failed, or are not known of, and the longest time, in seconds, that none was ok.

    That time is between the first invocation and the last event of the history.
    """

    ok: int
    fail: int
    info: int
    longest_without_s: float

    @property
    def share(self) -> float:
        """The share of operations that were ok; NaN without any."""
        return self.ok / (self.ok + self.fail + self.info) if self.ok + self.fail + self.info else math.nan


def availability(history: History | Iterable[Operation]) -> Availability:
    """How available the store was to its clients, in all; a refusal (fail) is an answer, and not the service."""
    operations = list(history)
    counts = {status: [each.status for each in operations].count(status) for status in ("ok", "fail", "info")}
    return Availability(counts["ok"], counts["fail"], counts["info"], _longest_without_s(operations))


def in_faults(history: History) -> tuple[Availability, Availability]:
    """The availability of what was invoked while a fault lasted, and of all the rest."""
    during = [each for each in history if any(w.begin_s <= each.invoke_s < w.end_s for w in history.faults)]
    places = {each.begin for each in during}
    return availability(during), availability([each for each in history if each.begin not in places])


def _longest_without_s(operations: Sequence[Operation]) -> float:
    if not operations:
        return 0.0
    ends = [each.complete_s for each in operations if each.complete_s < math.inf]
    invoked = [each.invoke_s for each in operations]
    times = sorted(each.complete_s for each in operations if each.status == "ok")
    times = [min(invoked), *times, max([*invoked, *ends])]
    return max(after - before for before, after in pairwise(times))


def messages_per_operation(trace: Trace, history: History) -> float:
    """Messages sent over operations that were ok, of a run whose trace keeps ``send``; infinite where none was.

    Raises ``ValueError`` for a trace that does not keep them.
    """
    if not trace.keeps("send"):
        raise ValueError("trace_kinds must have send, for messages are counted by it")
    sent = len(list(trace.rows("send")))
    done = availability(history).ok
    return sent / done if done else math.inf if sent else 0.0


def liveness(history: History, within_s: float, after_s: float | None = None) -> Judgement:
    """Whether every operation that is invoked after healing completes as ok, at most ``within_s`` seconds later.

    Healing is at ``after_s``, or when the last fault has ended. What the run was over too early to tell of does not
    count: what was invoked less than ``within_s`` before the last event. Without any operation after healing the
    verdict is unknown, and so it is while a fault lasts to the end. Raises ``ValueError`` for a negative time.
    """
    if not within_s >= 0:
        raise ValueError(f"within_s must be at least 0, got {within_s}")
    healed_s = after_s if after_s is not None else max((window.end_s for window in history.faults), default=-math.inf)
    if healed_s == math.inf:
        return Judgement("unknown", len(history), (), "a fault lasts to the end of the history")
    ends = [each.complete_s for each in history if each.complete_s < math.inf]
    last_s = max([*ends, *(each.invoke_s for each in history)], default=-math.inf)
    asked = [each for each in history if each.invoke_s >= healed_s and each.invoke_s + within_s <= last_s]
    if not asked:
        return Judgement("unknown", len(history), (), f"no operation was invoked after {healed_s:g} s and in time")
    late = [each for each in asked if each.status != "ok" or each.complete_s - each.invoke_s > within_s]
    sentence = f"{len(late)} of {len(asked)} operations after healing were not ok within {within_s:g} s"
    return judged(len(history), [Anomaly("not live", sentence, tuple(late[:3]))] if late else [])
