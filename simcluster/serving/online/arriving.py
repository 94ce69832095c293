"""Batches from arrivals: the world sends them, whatever becomes of the learner."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from simcluster.cluster import Cluster, Node
from simcluster.engine import Event, Program, Spec, fire, kill, stream
from simcluster.learning import MissingFile
from simcluster.serving.arrivals import AnyArrivals
from simcluster.serving.online.course import Course
from simcluster.serving.online.wake import batch_kind, hand, wake


class ArrivingBatches(Spec):
    """A batch comes with each arrival; arrivals do not stop while the learner is paused or down.

    Where they ``wait``, the world has a log of them: one that comes while nobody listens is learned from later, and
    after a crash all come again from where what was kept ends, so the parameters are those of a run without faults.
    Where they do not, each is sent once: one that finds nobody, or no room in the inbox, is lost, and so is what a
    crash takes away, in the inbox, in hand, or learned from since the last checkpoint. To a paused node they go as
    messages do: they wait.
    """

    kind: Literal["arriving"] = "arriving"
    arrivals: AnyArrivals
    """When one comes; to a closed loop it is answered when it has been learned from, or is lost."""
    when_down: Literal["wait", "lose"] = "wait"
    """What becomes of one that comes while the learner is down, or that a crash takes away."""

    def start(self, cluster: Cluster, course: Course) -> Log | Once:
        """Let them come."""
        return (Log if self.when_down == "wait" else Once)(self, cluster, course)

    def refuses(self, batches: int) -> str | None:
        """A trace of times has to have one for each."""
        with suppress(MissingFile):  # it may be there where this is run
            if (most := getattr(self.arrivals, "most", None)) is not None and batches > most:
                return f"times_s must be one for each of {batches} batches, got {most}"
        return None


class ArrivingFeed:
    """The world, which sends a batch with each arrival."""

    replays: bool

    def __init__(self, batches: ArrivingBatches, cluster: Cluster, course: Course) -> None:
        self.position = 0
        self._course, self._cluster = course, cluster
        self._came_s: list[float] = []
        self._answered: dict[int, Event] = {}
        env, generator = cluster.env, stream(course.seed, "online", "arrivals")
        self._process = env.process(batches.arrivals.run(env, self.ask, generator))
        self._process.callbacks.append(lambda _: self._end())
        self._ended = False

    def ask(self) -> Event:
        """A batch comes; the event happens when it has been learned from, or is lost."""
        env = self._cluster.env
        answered = Event(env)
        if self._ended:
            return answered
        number = self.position
        self.position += 1
        self._came_s.append(env.now)
        self._answered[number] = answered
        self._ended = self.position == self._course.count
        self._come(number)
        if self._ended and env.active_process is self._process:
            self._cluster.killed.append(kill(self._process))
        return answered

    def came_s(self, number: int) -> float:
        """When it arrived."""
        return self._came_s[number]

    def settle(self, number: int) -> None:
        """Answer whoever sent it."""
        if (answered := self._answered.pop(number, None)) is not None:
            fire(answered)

    def _come(self, number: int) -> None:
        raise NotImplementedError

    def _end(self) -> None:
        """Arrivals are over, before there was one for each batch."""
        self._ended = True
        wake(self._cluster, self._course.job)


class Log(ArrivingFeed):
    """All that has come, to be had again and again: only its reader's place in it can be lost."""

    replays = True

    def next(self, node: Node, following: int) -> Program:
        """Wait until it has come."""
        while following >= self.position and not self._ended:
            yield node.receive(batch_kind(self._course.job))
        return (following, self._course.rows(following)) if following < self.position else None

    def begin(self) -> None:
        """What was in hand is taken again."""

    def _come(self, number: int) -> None:
        """Wake a learner that has learned from all before it; another one will look by itself."""
        if len(self._course.learned) == number:
            wake(self._cluster, self._course.job)


class Once(ArrivingFeed):
    """Each batch is sent once: it waits in the learner's inbox, is in its hand, or has been learned from or lost."""

    replays = False

    def __init__(self, batches: ArrivingBatches, cluster: Cluster, course: Course) -> None:
        super().__init__(batches, cluster, course)
        self._sent: dict[int, None] = {}
        self._in_hand: int | None = None
        cluster[course.job.learner].on_crash(self._crash)

    def next(self, node: Node, following: int) -> Program:
        """Take the next from the inbox."""
        while self._sent or not self._ended:
            number = (yield node.receive(batch_kind(self._course.job))).body
            if number in self._sent:
                del self._sent[number]
                self._in_hand = number
                return number, self._course.rows(number)
        return None

    def begin(self) -> None:
        """What was in the hand of a program that was killed is lost with it."""
        if self._in_hand is not None:
            self._course.lose(self._in_hand, "crash")

    def settle(self, number: int) -> None:
        """It is in nobody's hand any more."""
        if number == self._in_hand:
            self._in_hand = None
        super().settle(number)

    def _come(self, number: int) -> None:
        self._sent[number] = None
        if (cause := hand(self._cluster, self._course.job, number)) is not None:
            del self._sent[number]
            self._course.lose(number, cause)

    def _crash(self) -> None:
        """A crash has taken away what was in the inbox and in hand."""
        for number in (*self._sent, *(() if self._in_hand is None else (self._in_hand,))):
            self._course.lose(number, "crash")
        self._sent.clear()
