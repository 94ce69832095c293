"""Copies of whatever takes longer than most."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterable
from typing import Literal

from simcluster.engine import Count, Probability, Spec
from simcluster.scheduling.policies.followed import AnyFollowed
from simcluster.scheduling.policies.greedy import Fifo
from simcluster.scheduling.policies.speculation.copies import Copies, Running
from simcluster.scheduling.protocols import Setting, Watcher

SHORT = 0.1
"""Which part of the mean a task is expected to take at least to count."""


class Hedged(Spec):
    """A task is copied once it has taken longer than most that are done, by what each is expected to take.

    It needs no progress: only when tasks began and ended (Dean and Barroso 2013, "The tail at scale": a hedged request
    is sent after the 95th percentile of the expected latency, and so adds 5 % of load). Tasks that are expected to take
    less than a tenth of the mean neither count nor are copied: messages take the most of their time.
    """

    kind: Literal["hedged"] = "hedged"
    policy: AnyFollowed = Fifo()
    """What decides about everything else."""
    quantile: Probability = 0.95
    """Than how many of those that are done a task takes longer, as a share, when it is copied."""
    least: Count = 5
    """How many are done at least before any is copied."""

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""
        return _Hedged(self, self.policy.begin(setting))


class _Hedged(Copies):
    def __init__(self, rule: Hedged, watcher: Watcher) -> None:
        super().__init__(watcher)
        self._rule = rule
        self._ratios: list[float] = []  # what those that are done took, by what was expected; sorted
        self._done, self._mean_s = 0, 0.0  # how many are done, and what they were expected to take

    def late(self, alone: Iterable[Running], now_s: float) -> Iterable[Running]:
        late = [run for run in alone if self._copy_s(run) <= now_s]
        return sorted(late, key=self._copy_s)

    def look_again_s(self, now_s: float) -> float | None:
        times_s = (self._copy_s(run) for there in self.running.values() if len(there) == 1 for run in there.values())
        soon_s = min((time_s for time_s in times_s if time_s > now_s), default=math.inf)
        return soon_s if soon_s < math.inf else None

    def task_stopped(self, name: str, node: str, why: str, now_s: float) -> None:
        run = self.running[name][node]
        if why == "done" and (expected_s := self._expected_s(run)) > 0:
            self._done += 1
            self._mean_s += (expected_s - self._mean_s) / self._done
            if expected_s >= SHORT * self._mean_s:
                insort(self._ratios, (now_s - run.since_s) / expected_s)
        super().task_stopped(name, node, why, now_s)

    def _copy_s(self, run: Running) -> float:
        """When a task is copied if it is not done by then."""
        expected_s = self._expected_s(run)
        if len(self._ratios) < self._rule.least or not self._may_have_a_copy(run) or expected_s < SHORT * self._mean_s:
            return math.inf
        place = min(len(self._ratios) - 1, math.ceil(self._rule.quantile * len(self._ratios)) - 1)
        return run.since_s + self._ratios[max(0, place)] * expected_s

    def _expected_s(self, run: Running) -> float:
        view = self.views.get(run.node)
        return 0.0 if view is None else view.expected_s(run.task)
