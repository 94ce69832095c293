"""Lineage: which tasks must still be done, and which of them may begin, as outputs come and go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import networkx as nx


class Lineage:
    """What is wanted of a task graph: the last tasks, and what those take that nobody keeps.

    A task is wanted unless somebody keeps its output, if nothing follows it or something does that is wanted and not
    under way. That is kept by counts, so a change costs what it changes, and no more. ``holders`` says who keeps which
    output; ``changed`` are the tasks that may begin now and could not before, or the other way round.
    """

    def __init__(self, graph: nx.DiGraph[Any], phases: Mapping[str, int], holders: Iterable[tuple[str, str]]) -> None:
        self._after = {task: tuple(after) for task, after in graph.adjacency() if after}
        self.before = {task: tuple(graph.pred[task]) for task in dict.fromkeys(chain(*self._after.values()))}
        self.last = [task for task in graph if task not in self._after]
        self._phases = phases
        self.holders: dict[str, str] = dict(holders)
        self._kept: dict[str, dict[str, None]] = {}
        for task, holder in self.holders.items():
            self._kept.setdefault(holder, {})[task] = None
        self._under_way: dict[str, None] = {}
        self._missing = {
            task: len([each for each in before if each not in self.holders]) for task, before in self.before.items()
        }
        self._asked = dict.fromkeys(self._after, 0)  # by how many that are wanted and not under way
        self._wanted: dict[str, None] = {}
        self._left: dict[int, int] = {}  # how many of the wanted are of each phase
        self._least: list[int] = []  # phases that may have some left: a heap
        self.changed: dict[str, None] = {}
        for task in self.last:
            if task not in self.holders:
                self._want(task)

    def __bool__(self) -> bool:
        """Whether anything is left to do."""
        return bool(self._wanted)

    @property
    def phase(self) -> int:
        """The phase that is under way: the lowest of what is left."""
        while self._least and not self._left[self._least[0]]:
            heappop(self._least)
        return self._least[0] if self._least else 0

    def is_wanted(self, task: str) -> bool:
        """Whether it must still be done."""
        return task in self._wanted

    def can_begin(self, task: str) -> bool:
        """Whether it is wanted, not under way, and all that it takes is kept by somebody."""
        return task in self._wanted and task not in self._under_way and not self._missing.get(task)

    def begin(self, task: str) -> None:
        """It is under way; whoever began it knows, so that is no change."""
        self._under_way[task] = None
        if task in self.before and task in self._wanted:
            self._withdraw(task)

    def stop(self, task: str) -> None:
        """It is under way no more, done or not."""
        del self._under_way[task]
        if task in self._wanted:
            self.changed[task] = None
            if task in self.before:
                self._ask(task)

    def keep(self, task: str, holder: str) -> None:
        """Its output is kept by somebody."""
        self.holders[task] = holder
        kept = self._kept.get(holder)
        if kept is None:
            self._kept[holder] = kept = {}
        kept[task] = None
        if task in self._wanted:
            self._drop(task)
        if task in self._after:
            for after in self._after[task]:
                self._missing[after] -= 1
                if not self._missing[after]:
                    self.changed[after] = None

    def lose(self, task: str, holder: str) -> None:
        """Somebody keeps its output no more, if he did."""
        if self.holders.get(task) != holder:
            return
        del self.holders[task], self._kept[holder][task]
        if self._asked.get(task, 1):
            self._want(task)
        for after in self._after.get(task, ()):
            self._missing[after] += 1
            self.changed[after] = None

    def lose_all(self, holder: str) -> None:
        """Somebody keeps nothing any more."""
        for task in list(self._kept.get(holder, ())):
            self.lose(task, holder)

    def _want(self, task: str) -> None:
        waiting = [task]
        while waiting:
            task = waiting.pop()
            if task in self._wanted:
                continue
            self._wanted[task] = None
            self.changed[task] = None
            if self._phases:
                phase = self._phases.get(task, 0)
                self._left[phase] = self._left.get(phase, 0) + 1
                if self._left[phase] == 1:
                    heappush(self._least, phase)
            if task in self.before and task not in self._under_way:
                waiting += self._asks(task)

    def _drop(self, task: str) -> None:
        """It is wanted no more, nor what only it has asked for."""
        waiting = [task]
        while waiting:
            task = waiting.pop()
            del self._wanted[task]
            if self._phases:
                self._left[self._phases.get(task, 0)] -= 1
            if task not in self._under_way:
                self.changed[task] = None
                if task in self.before:
                    waiting += self._withdraws(task)

    def _ask(self, task: str) -> None:
        for before in self._asks(task):
            self._want(before)

    def _asks(self, task: str) -> Sequence[str]:
        """One more takes what lies before it; of that, what has to be done for it."""
        found = []
        for before in self.before[task]:
            self._asked[before] += 1
            if before not in self.holders and before not in self._wanted:
                found.append(before)
        return found

    def _withdraw(self, task: str) -> None:
        for before in self._withdraws(task):
            self._drop(before)

    def _withdraws(self, task: str) -> Sequence[str]:
        """One less takes what lies before it; of that, what nobody else asks for and has not been done."""
        found = []
        for before in self.before[task]:
            self._asked[before] -= 1
            if not self._asked[before] and before in self._wanted:
                found.append(before)
        return found
