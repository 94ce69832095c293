# cython: language_level=3, boundscheck=True, wraparound=False, initializedcheck=False
# cython: binding=False, auto_pickle=False, embedsignature=True, cdivision=True, overflowcheck=False, nonecheck=True
"""A first-come-first-served processor, compiled: what the class of its name in simcluster/cluster/ does."""

from collections import deque

from simcluster.kernels.events cimport Environment, Event, ScheduledCall, call_after, fire_event, present, seconds


cdef class Work:
    """One computation: its result, already known, and the seconds at speed 1 that it takes, and still takes."""

    cdef Event done             # or None, and a function to call with the argument and the result
    cdef object function, argument
    cdef readonly object result, owner
    cdef double work_s, remaining_s, since_s
    cdef readonly double begin_s
    cdef Completion completion


cdef class Completion(ScheduledCall):
    """The end of a computation, the ``argument``, on a processor, the ``function``."""

    cdef int make(self) except -1:
        cdef FirstComeFirstServed processor = <FirstComeFirstServed> self.function
        cdef Work work = <Work> self.argument
        self.function = self.argument = None
        return processor.complete(work)


cdef class FirstComeFirstServed:
    """Each core does one computation at a time; the others wait in order of submission."""

    cdef Environment env
    cdef object name
    cdef list computes, abandoned   # where the records of computations go, None where they are not kept
    cdef readonly Py_ssize_t _cores
    cdef readonly double speed
    cdef object ready           # a deque, or None until the first has to wait
    cdef readonly dict _running
    cdef double done_s          # core-seconds of the computations that are over

    def __init__(self, env, name, cores, speed, trace):
        self.env = env
        self.name = name
        self._cores = cores
        self.speed = speed
        self.computes = trace.sink("compute", "node", "begin_s")
        self.abandoned = trace.sink("abandoned", "node", "begin_s")
        self._running = {}

    @property
    def queue_length(self):
        """Computations that are running or waiting for a core."""
        return len(self._running) + len(self._ready)

    @property
    def busy_s(self):
        """How long cores have been occupied, all together, but for what a crash or a kill has taken away."""
        cdef Work work
        cdef double busy_s = self.done_s
        for work in self._running:
            busy_s += seconds(self.env) - work.begin_s
        return busy_s

    @property
    def _ready(self):
        return self.ready if self.ready is not None else ()

    def submit(self, Event done not None, result, double work_s, owner=None):
        """Compute for ``work_s`` seconds at speed 1, then let ``done`` happen with ``result``."""
        self.enter(done, result, work_s, owner)

    def compute(self, result, double work_s, owner=None):
        """Compute for ``owner``, or the process that asks now: an event, which then happens with ``result``."""
        cdef Event done = Event.__new__(Event)
        done.env = self.env
        self.enter(done, result, work_s, self.env._active_proc if owner is None else owner)
        return done

    def compute_then(self, function, argument, result, double work_s, owner=None):
        """Compute for ``owner``, or the process that asks now, then call ``function(argument, result)``."""
        cdef Work work = self.work(None, result, work_s, self.env._active_proc if owner is None else owner)
        work.function = function
        work.argument = argument
        self.begin(work)

    def progress(self, owner):
        """Which share of its work the computation of an owner has behind it that has least; ``None`` without any."""
        cdef Work work
        cdef double least = 2.0, left_s
        for work in self._ready:
            if work.owner is owner:
                return 0.0
        for work in self._running:
            if work.owner is owner:
                left_s = work.remaining_s
                if seconds(self.env) > work.since_s:
                    left_s = max(0.0, left_s - (seconds(self.env) - work.since_s) * self.speed)
                least = min(least, 1.0 - left_s / work.work_s if work.work_s > 0 else 1.0)
        return least if least <= 1.0 else None

    def set_speed(self, double speed):
        """Go on at another speed; what is running keeps the work that it has done."""
        if speed == self.speed:
            return
        for work in self._running:
            self.settle(work)
        self.speed = speed
        for work in self._running:
            self.go_on(work)

    def cancel(self, owner):
        """Give up the computations of one owner; the cores go on to what waits."""
        cdef Work work
        if self.ready:
            self.ready = deque([each for each in self.ready if (<Work?> each).owner is not owner])
        for work in [each for each in self._running if (<Work?> each).owner is owner]:
            if work.completion is not None:
                work.completion.cancel()
            del self._running[work]
            self.abandon(work)
            if self.ready:
                self.start(self.ready.popleft())

    def clear(self):
        """Lose everything that is running or waiting."""
        cdef Work work
        for work in self._running:
            if work.completion is not None:
                work.completion.cancel()
            self.abandon(work)
        self._running.clear()
        self.ready = None

    cdef int enter(self, Event done, object result, double work_s, object owner) except -1:
        return self.begin(self.work(done, result, work_s, owner))

    cdef Work work(self, Event done, object result, double work_s, object owner):
        cdef Work work = Work.__new__(Work)
        work.done = done
        work.result = result
        work.work_s = work.remaining_s = work_s
        work.owner = owner
        return work

    cdef int begin(self, Work work) except -1:
        if len(self._running) < self._cores:
            return self.start(work)
        if self.ready is None:
            self.ready = deque()
        self.ready.append(work)
        return 0

    cdef int abandon(self, Work work) except -1:
        if self.abandoned is not None:
            self.abandoned.append((present(self.env), "abandoned", self.name, work.begin_s))
        return 0

    cdef int start(self, Work work) except -1:
        work.begin_s = seconds(self.env)
        self._running[work] = None
        return self.go_on(work)

    cdef int go_on(self, Work work) except -1:
        work.since_s = seconds(self.env)
        if self.speed > 0:
            work.completion = Completion.__new__(Completion)
            work.completion.function = self
            work.completion.argument = work
            call_after(work.completion, self.env, work.remaining_s / self.speed)
        return 0

    cdef int settle(self, Work work) except -1:
        if work.completion is not None:
            work.completion.cancel()
            work.completion = None
            if seconds(self.env) > work.since_s:  # the speed may be infinite, and 0 × ∞ is no work done
                work.remaining_s = max(0.0, work.remaining_s - (seconds(self.env) - work.since_s) * self.speed)
        return 0

    cdef int complete(self, Work work) except -1:
        del self._running[work]
        self.done_s += seconds(self.env) - work.begin_s
        if self.ready:
            self.start(self.ready.popleft())
        if self.computes is not None:
            self.computes.append((present(self.env), "compute", self.name, work.begin_s))
        if work.done is None:
            work.function(work.argument, work.result)
            return 0
        return fire_event(work.done, work.result)
