"""Copies of whatever is behind the average."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from simcluster.engine import NotNegative, Period, Probability, Spec
from simcluster.scheduling.policies.followed import AnyFollowed
from simcluster.scheduling.policies.greedy import Fifo
from simcluster.scheduling.policies.speculation.copies import Copies, Running
from simcluster.scheduling.protocols import Setting, Watcher


class NaiveSpeculation(Spec):
    """A task is copied when its progress is behind the average of all by a threshold, as in Hadoop before LATE.

    All are the tasks that have begun, those that are done too. So where tasks come in waves, every task of the last one
    is behind; of those that are, the first that began is copied, however soon it is done, to any node (Zaharia et al.
    2008, section 2.1).
    """

    kind: Literal["naive_speculation"] = "naive_speculation"
    policy: AnyFollowed = Fifo()
    """What decides about everything else."""
    behind: Probability = 0.2
    """By how much of the whole task its progress is less than the average."""
    after_s: NotNegative = 0.0
    """How long a task runs at least before it is copied (Hadoop: a minute)."""
    progress_s: Period = 0.1
    """How often workers report progress."""

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""
        return _Naive(self, self.policy.begin(setting))


class _Naive(Copies):
    def __init__(self, rule: NaiveSpeculation, watcher: Watcher) -> None:
        super().__init__(watcher, rule.progress_s)
        self._rule = rule
        self._done = 0

    def late(self, alone: Iterable[Running], now_s: float) -> Iterable[Running]:
        furthest = [max(run.progress for run in there.values()) for there in self.running.values()]
        average = math.fsum([self._done, *furthest]) / (self._done + len(furthest))
        return [
            run
            for run in alone
            if run.progress < average - self._rule.behind and now_s - run.since_s >= self._rule.after_s
        ]

    def task_stopped(self, name: str, node: str, why: str, now_s: float) -> None:
        self._done += why == "done"
        super().task_stopped(name, node, why, now_s)
