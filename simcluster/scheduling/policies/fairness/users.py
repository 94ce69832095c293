"""A queue of each user's tasks, and who of the users is next."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from simcluster.scheduling.policies.composed import Composed
from simcluster.scheduling.policies.orders import arrival
from simcluster.scheduling.policies.queues import Sorted
from simcluster.scheduling.protocols import Choice, NodeView, ReadyTask


@dataclass
class Use:
    """What a user's tasks hold now, and all nodes that are up have together."""

    cores: int = 0
    memory_bytes: float = 0.0
    tasks: int = 0

    def take(self, task: ReadyTask, sign: int) -> None:
        """A task begins (1) or is over (−1)."""
        self.cores += sign * task.cores
        self.tasks += sign
        self.memory_bytes = self.memory_bytes + sign * task.memory_bytes if self.tasks else 0.0


Share = Callable[[str, Use, Use], tuple[float, ...]]
"""What of a user, of his use and of the whole says who is next: the smallest; what is infinite waits."""


class Users:
    """The tasks that wait, by user; of each user the one that came first.

    The user whose ``share`` is smallest is next, of several the one whose last task began first. So one who holds
    nothing waits for no more than one start of each other. Where there is no room for his task he is passed over until
    there is, if ``passing``; else all wait with him. A decision costs a logarithm of the users with tasks that wait,
    and as much for each who is passed over.
    """

    def __init__(self, share: Share, passing: bool) -> None:
        self._share, self._passing = share, passing
        self.whole = Use()
        self._uses: dict[str, Use] = {}
        self._queues: dict[str, Sorted] = {}
        self._heap: list[tuple[tuple[float, ...], int, int, int, str]] = []  # share, last start, place, entry, user
        self._entries: dict[str, int] = {}  # which entry in the heap holds, of each user with tasks that wait
        self._places: dict[str, int] = {}
        self._waiting: dict[str, str] = {}  # whose each task is
        self._changes = 0
        self._starts: dict[str, int] = {}  # of each user the last, as a number

    def add(self, task: ReadyTask) -> None:
        """A task waits from now on."""
        self._places.setdefault(task.user, len(self._places))
        self._queues.setdefault(task.user, Sorted(arrival)).add(task)
        self._waiting[task.name] = task.user
        if task.user not in self._entries:
            self.changed(task.user)

    def remove(self, name: str) -> None:
        """It waits no more, if it did."""
        user = self._waiting.pop(name, None)
        if user is not None:
            self._queues[user].remove(name)

    def use(self, task: ReadyTask, sign: int) -> None:
        """A task begins (1) or is over (−1)."""
        self._uses.setdefault(task.user, Use()).take(task, sign)
        if sign > 0:
            self._starts[task.user] = self._changes = self._changes + 1
        self.changed(task.user)

    def changed(self, user: str) -> None:
        """What a user has is another than before."""
        if not len(self._queues.get(user, ())):
            self._entries.pop(user, None)
            return
        self._changes += 1
        self._entries[user] = self._changes
        share = self._share(user, self._uses.setdefault(user, Use()), self.whole)
        heappush(self._heap, (share, self._starts.get(user, 0), self._places[user], self._changes, user))
        if len(self._heap) > 4 * len(self._entries) + 16:  # mostly what is no longer so
            self._heap = [each for each in self._heap if self._entries.get(each[4]) == each[3]]
            heapify(self._heap)

    def resized(self) -> None:
        """The whole is another than before."""
        self._heap.clear()
        for user in list(self._entries):
            self.changed(user)

    def next(self, has_room: Callable[[ReadyTask], bool]) -> ReadyTask | None:
        """The first task of the user who is next."""
        passed, found = [], None
        while self._heap and found is None:
            share, _, _, entry, user = top = self._heap[0]
            if self._entries.get(user) != entry:
                heappop(self._heap)
                continue
            task = self._queues[user].first()
            if task is None:
                heappop(self._heap)
                del self._entries[user]
                continue
            if share[0] == math.inf:  # and so is that of all who come after
                break
            if has_room(task):
                found = task
            elif not self._passing:
                break
            else:
                heappop(self._heap)
                passed.append(top)
        for entry_of_one in passed:
            heappush(self._heap, entry_of_one)
        return found


class Shared(Composed):
    """Watches who uses how much, and starts the tasks of users in turn."""

    def __init__(self, users: Users, choice: Choice) -> None:
        super().__init__(users, choice)
        self._users = users
        self._started: dict[tuple[str, str], ReadyTask] = {}
        self._views: dict[str, NodeView] = {}

    def task_started(self, task: ReadyTask, node: str, now_s: float) -> None:
        """Its user has more."""
        super().task_started(task, node, now_s)
        self._started[task.name, node] = task
        self._users.use(task, 1)

    def task_stopped(self, name: str, node: str, why: str, now_s: float) -> None:
        """Its user has less."""
        self._users.use(self._started.pop((name, node)), -1)

    def node_changed(self, view: NodeView) -> None:
        """There may be more to share."""
        super().node_changed(view)
        self._resize(view.name, view)

    def node_gone(self, name: str) -> None:
        """There is less to share."""
        super().node_gone(name)
        self._resize(name, None)

    def _resize(self, name: str, view: NodeView | None) -> None:
        before = self._views.pop(name, None)
        if view is not None:
            self._views[name] = view
        if _size(before) != _size(view):
            self._users.whole.cores += _size(view)[0] - _size(before)[0]
            self._users.whole.memory_bytes = math.fsum(each.memory_bytes for each in self._views.values())
            self._users.resized()


def _size(view: NodeView | None) -> tuple[int, float]:
    return (0, 0.0) if view is None else (view.cores, view.memory_bytes)
