"""LATE: copies of what will be done last."""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from typing import Literal

from simcluster.engine import NotNegative, Period, Probability, Spec
from simcluster.scheduling.policies.followed import AnyFollowed
from simcluster.scheduling.policies.greedy import Fifo
from simcluster.scheduling.policies.speculation.copies import Copies, Running
from simcluster.scheduling.protocols import Setting, Watcher


class Late(Spec):
    """The task is copied that is expected to end last, of those that are slow, to a node that is not.

    A task's rate is its progress by its time so far, its end (1 − progress) by that rate from its last report on: the
    longest approximate time to end (Zaharia, Konwinski, Joseph, Katz and Stoica 2008, "Improving MapReduce performance
    in heterogeneous environments", section 4). The defaults are the paper's.
    """

    kind: Literal["late"] = "late"
    policy: AnyFollowed = Fifo()
    """What decides about everything else."""
    cap: Probability = 0.1
    """How many copies are under way at most, as a share of all cores; one always may."""
    slow_task: Probability = 0.25
    """Below which quantile of the rates of all tasks, those that run and those that are done, a task is slow."""
    slow_node: Probability = 0.25
    """Below which quantile of what nodes have done a node is slow: of the progress of all that it has had."""
    after_s: NotNegative = 0.0
    """How long a task runs at least before it is copied (the paper: a minute)."""
    progress_s: Period = 0.1
    """How often workers report progress."""

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""
        return _Late(self, self.policy.begin(setting))


def expected_end_s(run: Running) -> float:
    """When a task is expected to be done; infinite where it has not come forward yet."""
    return run.heard_s + (1 - run.progress) / run.rate if run.rate else math.inf


def is_slow(value: float, ordered: Sequence[Sequence[float]], quantile: float) -> bool:
    """Whether of all others in these sorted lists, one of which has it, at most that share is not faster."""
    others, faster = -1, 0
    for values in ordered:
        others += len(values)
        faster += len(values) - bisect_right(values, value)
    return others > 0 and faster >= (1 - quantile) * others


class _Late(Copies):
    def __init__(self, rule: Late, watcher: Watcher) -> None:
        super().__init__(watcher, rule.progress_s)
        self._rule = rule
        self._done_rates: list[float] = []  # of the tasks that are done, sorted
        self._done_on: dict[str, int] = {}
        self._slow_nodes: set[str] = set()

    def may_copy(self) -> bool:
        return self.copies < max(1, math.floor(self._rule.cap * math.fsum(view.cores for view in self.views.values())))

    def late(self, alone: Iterable[Running], now_s: float) -> Iterable[Running]:
        rates = sorted(run.rate for there in self.running.values() for run in there.values())
        slow = [
            run
            for run in alone
            if run.heard_s > run.since_s
            and now_s - run.since_s >= self._rule.after_s
            and is_slow(run.rate, (rates, self._done_rates), self._rule.slow_task)
        ]
        if slow:
            progress = {node: float(self._done_on.get(node, 0)) for node in self.views}
            for there in self.running.values():
                for run in there.values():
                    progress[run.node] = progress.get(run.node, 0.0) + run.progress
            ordered = sorted(progress.values())
            self._slow_nodes = {
                node for node in self.idle if is_slow(progress[node], (ordered,), self._rule.slow_node)
            }
        return sorted(slow, key=lambda run: -expected_end_s(run))

    def trusts(self, node: str) -> bool:
        return node not in self._slow_nodes

    def task_stopped(self, name: str, node: str, why: str, now_s: float) -> None:
        if why == "done":
            took_s = now_s - self.running[name][node].since_s
            insort(self._done_rates, 1 / took_s if took_s else math.inf)
            self._done_on[node] = self._done_on.get(node, 0) + 1
        super().task_stopped(name, node, why, now_s)
