# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: binding=False, auto_pickle=False, embedsignature=True, cdivision=False, overflowcheck=False, nonecheck=True
"""SimPy's event loop, compiled: the same events, order, exceptions and words.

Design
======

*Types.* Every class here has two bases: a C struct, and SimPy's class of the same name.
``isinstance(event, simpy.Event)`` therefore holds, SimPy's resources and its users' subclasses run
unchanged, and attribute access is a load from the struct. An event of plain SimPy (say,
``simpy.resources.store.StoreGet``) may stand wherever a compiled one may: each function below has
one branch for compiled events and one, by attribute, for all others.

*Schedule.* SimPy's heap of ``(time, priority, serial, event)`` is a four-ary heap of 24-byte C
entries. Priority and serial share one integer, ``priority + 128 << 56 | serial << 1 | whole``;
*whole* says that the time is an int, because SimPy keeps the type of the numbers that it was given,
and cannot decide an order since serials differ. What is scheduled for the present moment at normal
priority, half of all events, waits in a ring in order of arrival instead; the earlier of the two
heads is next. Times that no double represents (fractions, decimals, ints beyond 2**53, NaN) and
priorities that are no small int turn the environment, for good, into SimPy's own list of tuples
under ``heapq``: slower, but the same to the letter. By value, not by type, are kept: subclasses of
float and integers of other types (NumPy's), as float and int.

*Callbacks.* ``event.callbacks`` is a list once somebody asks for it. Until then ``calls`` is
``None`` (nobody waits) or the one process or condition that waits, which the loop resumes without a
call through Python. ``own`` says that the event's own callback comes first (a condition builds its
value, an interruption interrupts). A list may be replaced by any object that iterates and has
``append`` and ``remove``: all but exact lists are used through those.

*Watched events* are told, by ``begin()`` and ``cease()``, when somebody begins to wait for them and when
nobody does any more: a timer takes its place on the schedule then, a receive its place at its mailbox.
``fire`` lets such an event happen at once. Calls on the schedule are objects whose ``make()`` the loop
calls; ``simcluster/kernels/events.pxd`` says what other compiled modules may know of all this.

*Processes* are resumed by ``PyIter_Send``: no StopIteration, and no frame of ours between the
user's frames. A generator that yields events which have already happened is resumed in a loop,
never by recursion.

*Cancelling.* SimPy has no way to take a timeout off the schedule, and does not miss it: dropping
one that nobody awaits would change ``peek``, ``step`` and the time at which ``run()`` ends. So
nothing is dropped by itself. ``cancel(timeout)`` and the handles of ``Environment.call_later`` mark
an entry; marked entries are skipped when they surface, and swept out as soon as they are more than
half of the schedule, which bounds memory by twice what is alive, at constant amortised cost.

*Resources* are SimPy's own. Only the constructors of the requests for stores and plain resources
are compiled too, and bound to each resource in the place of SimPy's: see ``adopt``.

*Nothing crashes the interpreter.* An object may have been made by ``__new__`` alone, or by ``copy.copy``: its fields
are None then, and using them raises (``nonecheck``). A collection runs programs' finalizers, which may schedule and
cancel, wherever an object is made: no pointer into the schedule is kept across that. What links events in long
chains (a value, a process's successor) is freed without recursion (``trashcan``).

*Garbage.* A pending event refers to its process, the process to its generator, the generator's
frame to the environment, and that, through the heap, to the event. Cython cannot see into the heap,
so the environment's ``tp_traverse`` and ``tp_clear`` are extended below.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals, PyErr_ExceptionMatches
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.long cimport PyLong_FromDouble
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport PyObject, PyObject_GenericSetAttr, visitproc
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from heapq import heapify, heappop, heappush
from operator import index
from types import GeneratorType, MethodType

from simpy.core import EmptySchedule
from simpy.core import Environment as PlainEnvironment
from simpy.core import Infinity, StopSimulation
from simpy.events import NORMAL, PENDING, URGENT
from simpy.events import AllOf as PlainAllOf
from simpy.events import AnyOf as PlainAnyOf
from simpy.events import Condition as PlainCondition
from simpy.events import ConditionValue as PlainConditionValue
from simpy.events import Event as PlainEvent
from simpy.events import Initialize as PlainInitialize
from simpy.events import Interruption as PlainInterruption
from simpy.events import Process as PlainProcess
from simpy.events import Timeout as PlainTimeout
from simpy.events import _describe_frame
from simpy.exceptions import Interrupt
from simpy.resources.base import BaseResource
from simpy.resources.resource import Release as PlainRelease
from simpy.resources.resource import Request as PlainRequest
from simpy.resources.store import StoreGet as PlainStoreGet
from simpy.resources.store import StorePut as PlainStorePut

cdef extern from *:
    """
    #include <structmember.h>

    #ifdef __GNUC__
    #define prefetch(address) __builtin_prefetch(address)
    #else
    #define prefetch(address)
    #endif

    #define EXACT 9007199254740992LL  /* 2**53: every int up to here is a double */

    /* the C function behind a method of an extension type, and behind a bound method */
    static void *function_of_descriptor(PyObject *descriptor) {
        return (void *) ((PyMethodDescrObject *) descriptor)->d_method->ml_meth;
    }
    static void *function_of_bound(PyObject *bound) {
        return PyCFunction_CheckExact(bound) ? (void *) PyCFunction_GET_FUNCTION(bound) : NULL;
    }
    static PyObject *self_of_bound(PyObject *bound) { return PyCFunction_GET_SELF(bound); }

    /* frees the empty dictionary that Cython gives an object; the first attribute makes another */
    static void drop_dict(PyObject *self) {
        Py_ssize_t offset = Py_TYPE(self)->tp_dictoffset;
        if (offset > 0) Py_CLEAR(*(PyObject **) ((char *) self + offset));
    }

    /* whether PyIter_Send resumes the object itself, rather than by looking for methods */
    static int is_sendable(PyObject *generator) {
        PyAsyncMethods *async = Py_TYPE(generator)->tp_as_async;
        return async != NULL && async->am_send != NULL;
    }

    /* the exception that is being raised, which no longer is */
    static PyObject *take_exception(void) {
    #if PY_VERSION_HEX >= 0x030C0000
        return PyErr_GetRaisedException();
    #else
        PyObject *type, *value, *trace;
        PyErr_Fetch(&type, &value, &trace);
        PyErr_NormalizeException(&type, &value, &trace);
        if (trace != NULL) PyException_SetTraceback(value, trace);
        Py_XDECREF(type);
        Py_XDECREF(trace);
        return value;
    #endif
    }
    """
    const long long EXACT
    void prefetch(const char *address) noexcept
    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_ERROR
        PYGEN_NEXT
    ctypedef struct PyTypeObject:
        int (*tp_traverse)(PyObject *, visitproc, void *) noexcept
        int (*tp_clear)(PyObject *) noexcept
    void *function_of_descriptor(object descriptor)
    void *function_of_bound(object bound)
    PyObject *self_of_bound(object bound)
    bint is_sendable(object generator)
    object take_exception()
    void drop_dict(object self)
    PySendResult PyIter_Send(PyObject *generator, PyObject *value, PyObject **result) noexcept
    PyObject *call_method "PyObject_CallMethodOneArg" (
        object self, object name, object argument
    ) noexcept
    object PyObject_CallOneArg(object function, object argument)
    PyObject *PyMethod_GET_FUNCTION(object method)
    PyObject *PyMethod_GET_SELF(object method)
    double PyFloat_AS_DOUBLE(object value)
    long long PyLong_AsLongLongAndOverflow(object value, int *overflow) except? -1
    int enter_recursion "-!!Py_EnterRecursiveCall" (const char *where) except -1
    void Py_LeaveRecursiveCall()


# --- The schedule: entries, and the heap of them --------------------------------------------------

cdef extern from *:
    """
    /* A double's bits sort like the double once those of negative ones are turned round. */
    static inline int64_t order_of(double time) {
        int64_t bits;
        time += 0.0;
        memcpy(&bits, &time, sizeof bits);
        return bits ^ (int64_t) ((uint64_t) (bits >> 63) >> 1);
    }
    static inline double time_of(int64_t order) {
        double time;
        order ^= (int64_t) ((uint64_t) (order >> 63) >> 1);
        memcpy(&time, &order, sizeof time);
        return time;
    }

    /* Without branches, which a heap makes unpredictable. */
    static inline int is_before(const Entry *a, const Entry *b) {
    #ifdef __SIZEOF_INT128__
        return (((__int128) a->order << 64) | a->key) < (((__int128) b->order << 64) | b->key);
    #else
        return (a->order < b->order) | ((a->order == b->order) & (a->key < b->key));
    #endif
    }
    """
    int64_t order_of(double time) noexcept
    double time_of(int64_t order) noexcept
    bint is_before(const Entry *a, const Entry *b) noexcept

cdef enum:
    URGENT_KEY = 0
    NORMAL_KEY = 1
    FAR = 5000          # a heap of more than this, with its events, does not fit a cache
    SLICE = 0x10000     # after so many events a signal is noticed
    SWEEP_FLOOR = 64    # fewer cancelled entries than this are not worth a sweep


cdef inline void sift_up(Entry *heap, Py_ssize_t at, Entry entry) noexcept:
    """Places *entry* in the hole *at*, or higher."""
    cdef Py_ssize_t parent
    while at > 0:
        parent = (at - 1) >> 2
        if not is_before(&entry, &heap[parent]):
            break
        heap[at] = heap[parent]
        at = parent
    heap[at] = entry


cdef inline void sift_down(Entry *heap, Py_ssize_t size, Py_ssize_t at, Entry entry) noexcept:
    """Places *entry* in the hole *at*, or lower."""
    cdef Py_ssize_t child = 4 * at + 1, least, other
    while child + 4 <= size:
        least = child + is_before(&heap[child + 1], &heap[child])
        other = child + 2 + is_before(&heap[child + 3], &heap[child + 2])
        least = other if is_before(&heap[other], &heap[least]) else least
        if not is_before(&heap[least], &entry):
            heap[at] = entry
            return
        heap[at] = heap[least]
        at = least
        child = 4 * at + 1
    if child < size:
        least = child
        for other in range(child + 1, size):
            if is_before(&heap[other], &heap[least]):
                least = other
        if is_before(&heap[least], &entry):
            heap[at] = heap[least]
            at = least
    heap[at] = entry


cdef class _Struct:
    """The first base that Cython wants to be an extension type."""


cdef class _Serial(_Struct):
    """The iterator of serial numbers that SimPy's environments keep as ``_eid``."""

    cdef Environment environment

    def __iter__(self):
        return self

    def __next__(self):
        cdef int64_t serial = self.environment.serial
        self.environment.serial += 1
        return serial


cdef class Environment(_Struct, PlainEnvironment):
    """SimPy's execution environment with a compiled schedule and loop.

    It starts at *initial_time*. See ``simpy.Environment``; ``call_later`` and ``steps`` are additions, and
    ``events_per_instant``, where it is not 0: so many events that have happened may a process yield in a row.
    """

    def __cinit__(self):
        self.whole = True
        self.own_schedule = type(self).schedule is Environment.schedule
        self.own_step = type(self).step is Environment.step

    def __init__(self, initial_time=0):
        set_now(self, initial_time)
        self.before_s = self.time

    def __dealloc__(self):
        clear_schedule(self)
        PyMem_Free(self.heap)
        PyMem_Free(self.ring)

    def __setattr__(self, name, value):
        # An instance may override these too: SimPy's documentation traces by wrapping env.step.
        if name == 'schedule':
            self.own_schedule = False
        elif name == 'step':
            self.own_step = False
        PyObject_GenericSetAttr(self, name, value)

    @property
    def now(self):
        """The current simulation time."""
        return now_of(self)

    @property
    def _now(self):
        return now_of(self)

    @_now.setter
    def _now(self, value):
        set_now(self, value)

    @property
    def active_process(self):
        """The currently active process of the environment."""
        return self._active_proc

    @property
    def _eid(self):
        cdef _Serial serial = _Serial.__new__(_Serial)
        serial.environment = self
        return serial

    @property
    def _queue(self):
        """A copy of the schedule: a sorted list of (time, priority, serial, event)."""
        return sorted(self.tuples) if self.tuples is not None else tuples_of(self)

    def process(self, generator):
        """Create a new process for *generator*."""
        cdef Process process = Process.__new__(Process)
        start_process(process, self, generator)
        return process

    def timeout(self, delay=0, value=None):
        """Return a new timeout with a *delay* and, optionally, a *value*."""
        cdef Timeout timeout = Timeout.__new__(Timeout)
        start_timeout(timeout, self, delay, value)
        return timeout

    def event(self):
        """Return a new event. Yielding it suspends a process until another one triggers it."""
        cdef Event event = Event.__new__(Event)
        event.env = self
        return event

    def all_of(self, events):
        """Return a condition that wants all of *events*."""
        cdef AllOf condition = AllOf.__new__(AllOf)
        start_condition(condition, self, all_events, events)
        return condition

    def any_of(self, events):
        """Return a condition that wants one of *events*."""
        cdef AnyOf condition = AnyOf.__new__(AnyOf)
        start_condition(condition, self, any_events, events)
        return condition

    def call_later(self, delay, function, argument=None):
        """Call ``function(argument)`` after *delay*, in the place of a timeout that is made now.

        Returns a handle whose ``cancel()`` takes the call back. Raises ValueError if *delay* is
        negative or NaN.
        """
        cdef ScheduledCall call = ScheduledCall.__new__(ScheduledCall)
        if not callable(function):
            if not delay >= 0:
                refuse_delay(delay)
            raise TypeError(f'{function} is not callable')
        call.function = function
        call.argument = argument
        call_after_any(call, self, delay)
        return call

    def schedule(self, event, priority=NORMAL, delay=0):
        """Schedule an *event* with a given *priority* and a *delay*."""
        if type(event) in MAKERS and event.resource._env is self:
            adopt(event.resource)
        if type(priority) is int and -100 < priority < 100:
            push_after(self, event, priority, delay)
        else:
            use_tuples(self)
            heappush(self.tuples, (self.moment + delay, priority, next(self._eid), event))

    def peek(self):
        """Get the time of the next scheduled event, or infinity if there is none."""
        cdef Entry entry
        drop_cancelled(self)
        if self.tuples is not None:
            return self.tuples[0][0] if self.tuples else Infinity
        if self.size == 0 and self.waiting == 0:
            return Infinity
        entry = self.ring[self.first] if ring_is_next(self) else self.heap[0]
        return number(time_of(entry.order), entry.key & 1)

    def step(self):
        """Process the next event. Raise an EmptySchedule if there is none."""
        if not happen_next(self):
            raise EmptySchedule

    def steps(self, Py_ssize_t count):
        """Process the next *count* events. Raise an EmptySchedule if there are fewer."""
        while count > 0:
            if not run_some(self, min(count, SLICE)):
                raise EmptySchedule
            count -= SLICE
            PyErr_CheckSignals()

    def run(self, until=None):
        """Process events until a time, an event (whose value is returned), or none are left.

        Raises ValueError if the time *until* has passed, RuntimeError if no events are left and
        the event *until* has not happened.
        """
        if until is not None:
            if not isinstance(until, PlainEvent):
                at = until if isinstance(until, int) else float(until)
                if not at > self.now:
                    raise ValueError(
                        f'until ({at}) must be greater than the current simulation time'
                    )
                # Schedule the event before all regular timeouts.
                until = Event(self)
                until._ok = True
                until._value = None
                self.schedule(until, URGENT, at - self.now)
            elif until.callbacks is None:
                return until.value
            until.callbacks.append(StopSimulation.callback)
        try:
            while run_some(self, SLICE):
                PyErr_CheckSignals()
        except StopSimulation as stop:
            return stop.args[0]
        except EmptySchedule:
            pass
        if until is not None:
            assert not until.triggered
            raise RuntimeError(
                f'No scheduled events left but "until" event was not triggered: {until}'
            )
        return None


# --- Time -----------------------------------------------------------------------------------------

cdef inline object number(double value, bint whole):
    return PyLong_FromDouble(value) if whole else value


cdef double seconds(Environment self) except? -1:
    """The present time as a double, whatever kind of number it is."""
    return self.time if self.tuples is None else float(self.moment)


cdef object present(Environment self):
    """The present time as the number that SimPy has."""
    return now_of(self)


cdef inline object now_of(Environment self):
    return self.moment if self.tuples is not None else number(self.time, self.whole)


cdef enum Kind:
    REAL    # a float
    WHOLE   # an int
    OTHER   # something that the heap cannot hold

cdef Kind convert(object value, double *result) except *:
    """Says what *value* is, and sets *result* unless it is OTHER."""
    cdef long long whole
    cdef int overflow = 0
    if isinstance(value, float):
        result[0] = PyFloat_AS_DOUBLE(value)
        return REAL if result[0] == result[0] else OTHER
    if type(value) is not int:
        if not hasattr(value, '__index__'):
            return OTHER
        value = index(value)
    whole = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow or not -EXACT <= whole <= EXACT:
        return OTHER
    result[0] = <double> whole
    return WHOLE


cdef int set_now(Environment self, object value) except -1:
    cdef double time = 0.0
    cdef Kind kind = convert(value, &time)
    if self.tuples is not None or kind == OTHER:
        use_tuples(self)
        self.moment = value
    else:
        self.time = time
        self.whole = kind == WHOLE
    return 0


# --- Putting on the schedule ----------------------------------------------------------------------

cdef int push(Environment self, object event, int64_t priority, double time, bint whole) except -1:
    """Schedules *event* at *time*, a number that the heap can hold. Not for use with tuples."""
    cdef Entry entry, last
    cdef Entry *grown
    cdef Py_ssize_t room, position
    entry.order = order_of(time)
    entry.key = (<uint64_t> (priority + 128) << 56) + (<uint64_t> self.serial << 1) + whole
    entry.event = <PyObject *> event
    if priority == NORMAL_KEY and time == self.time:
        if self.waiting == self.slots:
            grow_ring(self)
        # The ring must stay sorted: time can go back, by a negative delay given to schedule().
        if self.waiting:
            last = self.ring[(self.first + self.waiting - 1) & (self.slots - 1)]
        if self.waiting == 0 or last.order <= entry.order:
            self.ring[(self.first + self.waiting) & (self.slots - 1)] = entry
            self.waiting += 1
            self.serial += 1
            Py_INCREF(event)
            return 0
    if self.size == self.room:
        room = 64 if self.room == 0 else self.room + (self.room >> 1)
        grown = <Entry *> PyMem_Realloc(self.heap, room * sizeof(Entry))
        if grown == NULL:
            raise MemoryError
        self.heap = grown
        self.room = room
    position = self.size
    self.size += 1
    self.serial += 1
    Py_INCREF(event)
    sift_up(self.heap, position, entry)
    return 0


cdef int grow_ring(Environment self) except -1:
    cdef Py_ssize_t slots = 64 if self.slots == 0 else 2 * self.slots
    cdef Py_ssize_t head = self.slots - self.first
    cdef Entry *grown = <Entry *> PyMem_Malloc(slots * sizeof(Entry))
    if grown == NULL:
        raise MemoryError
    if self.slots:
        memcpy(grown, self.ring + self.first, head * sizeof(Entry))
        memcpy(grown + head, self.ring, self.first * sizeof(Entry))
    PyMem_Free(self.ring)
    self.ring = grown
    self.first = 0
    self.slots = slots
    return 0


cdef int push_after(Environment self, object event, int64_t priority, object delay) except -1:
    """Schedules *event* at now + *delay*, whatever kind of number that is."""
    cdef double step = 0.0
    cdef Kind kind
    if self.tuples is None:
        kind = convert(delay, &step)
        if kind != OTHER and push_step(self, event, priority, step, kind == WHOLE):
            return 0
        use_tuples(self)
    heappush(self.tuples, (self.moment + delay, priority, next(self._eid), event))
    return 0


cdef inline int push_step(
    Environment self, object event, int64_t priority, double step, bint whole
) except -1:
    """Schedules *event* at now + *step*; returns 0 instead of 1 if the heap cannot hold that."""
    cdef double time = self.time + step
    whole = whole and self.whole
    if time != time or (whole and not -EXACT < time < EXACT):
        return 0
    push(self, event, priority, time, whole)
    return 1


cdef int refuse_delay(object delay) except -1:
    """Raises for a *delay* that is not at least 0; SimPy's own words where it is less."""
    if delay < 0:
        raise ValueError(f'Negative delay {delay}')
    raise ValueError(f'delay must be a number of at least 0, got {delay}')


cdef int call_after(ScheduledCall call, Environment env, double delay) except -1:
    """What ``env.call_later(delay, ...)`` does with a *call* that is already made."""
    if not delay >= 0:
        refuse_delay(delay)
    call.environment = env
    if env.tuples is None and push_step(env, call, NORMAL_KEY, delay, False):
        return 0
    return push_after(env, call, NORMAL_KEY, delay)


cdef int call_after_any(ScheduledCall call, Environment env, object delay) except -1:
    """The same, for a *delay* that may be any kind of number."""
    if not delay >= 0:
        refuse_delay(delay)
    call.environment = env
    return push_after(env, call, NORMAL_KEY, delay)


cdef inline int push_now(object event, object env) except -1:
    """What ``env.schedule(event)`` does."""
    cdef Environment self
    if isinstance(env, Environment) and (<Environment> env).own_schedule:
        self = <Environment> env
        if self.tuples is None:
            push(self, event, NORMAL_KEY, self.time, self.whole)
        else:
            push_after(self, event, NORMAL_KEY, 0)
    else:
        env.schedule(event)
    return 0


cdef inline int push_urgent(object event, object env) except -1:
    """What ``env.schedule(event, URGENT)`` does."""
    cdef Environment self
    if isinstance(env, Environment) and (<Environment> env).own_schedule:
        self = <Environment> env
        if self.tuples is None:
            push(self, event, URGENT_KEY, self.time, self.whole)
        else:
            push_after(self, event, URGENT_KEY, 0)
    else:
        env.schedule(event, URGENT)
    return 0


cdef list tuples_of(Environment self):
    """The schedule as SimPy keeps it, sorted."""
    cdef list found = []
    cdef Entry *entries
    cdef Py_ssize_t i, kept = 0, count = self.size + self.waiting
    entries = <Entry *> PyMem_Malloc(count * sizeof(Entry))
    if entries == NULL:
        raise MemoryError
    # A snapshot first, with references of its own: a tuple that is made may start a collection, in which a generator's
    # finally cancels what is on the schedule.
    for i in range(count):
        if i < self.size:
            entries[kept] = self.heap[i]
        else:
            entries[kept] = self.ring[(self.first + i - self.size) & (self.slots - 1)]
        if not (self.cancelled and is_cancelled(entries[kept].event)):
            Py_INCREF(<object> entries[kept].event)
            kept += 1
    try:
        for i in range(kept):
            found.append((
                number(time_of(entries[i].order), entries[i].key & 1),
                <int64_t> (entries[i].key >> 56) - 128,
                (entries[i].key & 0xFFFFFFFFFFFFFF) >> 1,
                <object> entries[i].event,
            ))
        found.sort()
    finally:
        for i in range(kept):
            Py_DECREF(<object> entries[i].event)
        PyMem_Free(entries)
    return found


cdef int use_tuples(Environment self) except -1:
    """Goes over to SimPy's own queue, for times and priorities that the heap cannot hold."""
    cdef int64_t serial
    if self.tuples is None:
        self.moment = number(self.time, self.whole)
        while True:
            serial = self.serial
            tuples = tuples_of(self)
            if self.tuples is not None:
                return 0
            if serial == self.serial:
                break  # else a collection has put more on the schedule meanwhile
        tuples = [item for item in tuples if not is_cancelled(<PyObject *> item[3])]
        self.tuples = tuples
        self.cancelled = 0
        clear_schedule(self)
    return 0


cdef void clear_schedule(Environment self) noexcept:
    """Lets go of all entries. What that sets free may schedule anew: hence one at a time."""
    cdef PyObject *event
    while self.size or self.waiting:
        if self.size:
            self.size -= 1
            event = self.heap[self.size].event
        else:
            event = self.ring[self.first].event
            self.first = (self.first + 1) & (self.slots - 1)
            self.waiting -= 1
        Py_DECREF(<object> event)


# --- Taking off the schedule ----------------------------------------------------------------------

cdef inline bint ring_is_next(Environment self) noexcept:
    return self.waiting and (self.size == 0 or is_before(&self.ring[self.first], &self.heap[0]))


cdef inline void fetch_ahead(Entry *heap) noexcept:
    """Has the processor fetch what the next events will need: they are seldom in its cache."""
    cdef PyObject *event = heap[0].event
    prefetch(<char *> heap[1].event)
    prefetch(<char *> heap[2].event)
    prefetch(<char *> heap[3].event)
    prefetch(<char *> heap[4].event)
    if isinstance(<object> event, Event):
        prefetch(<char *> <PyObject *> (<Event> event).calls)
        prefetch(<char *> <PyObject *> (<Event> event).calls + 64)


cdef inline Entry pop(Environment self) noexcept:
    """Takes the next entry, whose reference is the caller's now. Not for an empty schedule."""
    cdef Entry entry
    if ring_is_next(self):
        entry = self.ring[self.first]
        self.first = (self.first + 1) & (self.slots - 1)
        self.waiting -= 1
    else:
        entry = self.heap[0]
        self.size -= 1
        if self.size:
            sift_down(self.heap, self.size, 0, self.heap[self.size])
            if self.size > FAR:
                fetch_ahead(self.heap)
    return entry


cdef bint is_cancelled(PyObject *event) noexcept:
    if isinstance(<object> event, ScheduledCall):
        return (<ScheduledCall> event).function is None
    return isinstance(<object> event, Event) and (<Event> event).cancelled


cdef int drop_cancelled(Environment self) except -1:
    """Takes cancelled entries from the head of the schedule."""
    cdef PyObject *event
    while self.cancelled:
        if self.tuples is not None:
            if not self.tuples or not is_cancelled(<PyObject *> self.tuples[0][3]):
                break
            self.cancelled -= 1
            heappop(self.tuples)
        else:
            if self.size == 0 and self.waiting == 0:
                break
            event = self.ring[self.first].event if ring_is_next(self) else self.heap[0].event
            if not is_cancelled(event):
                break
            self.cancelled -= 1
            event = pop(self).event
            Py_DECREF(<object> event)
    return 0


cdef int note_cancelled(Environment self) except -1:
    """Counts one more cancelled entry, and sweeps when they are the majority."""
    cdef Py_ssize_t i, position, kept = 0, dropped = 0
    cdef PyObject **dead
    cdef Entry entry
    self.cancelled += 1
    if self.cancelled < SWEEP_FLOOR:
        return 0
    if self.tuples is not None:
        if 2 * self.cancelled > len(self.tuples):
            self.cancelled = 0
            self.tuples[:] = [
                item for item in self.tuples if not is_cancelled(<PyObject *> item[3])
            ]
            heapify(self.tuples)
        return 0
    if 2 * self.cancelled <= self.size + self.waiting:
        return 0
    dead = <PyObject **> PyMem_Malloc((self.size + self.waiting) * sizeof(PyObject *))
    if dead == NULL:
        raise MemoryError
    for i in range(self.size):
        if is_cancelled(self.heap[i].event):
            dead[dropped] = self.heap[i].event
            dropped += 1
        else:
            self.heap[kept] = self.heap[i]
            kept += 1
    self.size = kept
    for i in range((kept + 2) // 4, -1, -1):
        if i < kept:
            entry = self.heap[i]
            sift_down(self.heap, kept, i, entry)
    kept = 0
    for i in range(self.waiting):
        position = (self.first + i) & (self.slots - 1)
        if is_cancelled(self.ring[position].event):
            dead[dropped] = self.ring[position].event
            dropped += 1
        else:
            self.ring[(self.first + kept) & (self.slots - 1)] = self.ring[position]
            kept += 1
    self.waiting = kept
    self.cancelled = 0
    for i in range(dropped):
        Py_DECREF(<object> dead[i])
    PyMem_Free(dead)
    return 0


cdef bint happen_next(Environment self) except -1:
    """Moves the clock to the next event and processes it. Returns whether there was one."""
    cdef Entry entry
    if self.cancelled:
        drop_cancelled(self)
    if self.tuples is not None:
        if not self.tuples:
            return False
        moment = self.moment
        self.moment, _, _, event = heappop(self.tuples)
        if self.moment != moment:
            self.before_s = moment
    else:
        if self.size == 0 and self.waiting == 0:
            return False
        entry = pop(self)
        if time_of(entry.order) != self.time:
            self.before_s = self.time
        self.time = time_of(entry.order)
        self.whole = entry.key & 1
        event = <object> entry.event
        Py_DECREF(event)
    happen(self, event)
    return True


cdef bint run_some(Environment self, Py_ssize_t most) except -1:
    """Processes at most so many events. Returns whether there may be more."""
    cdef Py_ssize_t _count
    if self.own_step:
        for _count in range(most):
            if not happen_next(self):
                return False
    else:
        for _count in range(most):
            self.step()
    return True


cdef int happen(Environment self, object event) except -1:
    """Calls the callbacks of *event*, and crashes if it failed and none of them defused it."""
    cdef Event compiled
    if isinstance(event, Event):
        compiled = <Event> event
        if compiled.processed:
            # SimPy iterates over the callbacks, None by now, of an event that was scheduled twice.
            raise TypeError("'NoneType' object is not iterable")
        call_all(compiled, self)
        if compiled.ok != TRUE and not compiled.defused:
            if compiled.ok == UNSET:
                raise AttributeError(f"'{type(event).__name__}' object has no attribute '_ok'")
            crash(event)
    elif isinstance(event, ScheduledCall):
        if (<ScheduledCall> event).function is None:
            raise RuntimeError('a call on the schedule has been made or cancelled already, or is none')
        (<ScheduledCall> event).make()
    else:
        callbacks, event.callbacks = event.callbacks, None
        call_listed(event, callbacks, self)
        if not event._ok and not hasattr(event, '_defused'):
            crash(event)
    return 0


cdef int crash(object event) except -1:
    """Raises a copy of the exception with which *event* failed, with a new traceback."""
    value = event._value
    exception = type(value)(*value.args)
    exception.__cause__ = value
    raise exception


cdef inline int call_all(Event event, object env) except -1:
    """Marks *event* as processed and calls its callbacks."""
    cdef bint own = event.own
    calls = event.calls
    event.calls = None
    event.own = False
    event.processed = True
    if own:
        if isinstance(event, Condition):
            build_value(<Condition> event)
        elif isinstance(event, _Request):
            call_one(trigger_of(<_Request> event), event)
        else:
            interrupt_now(<Interruption> event)
    if calls is None:
        return 0
    if type(calls) is Process:
        return resume(<Process> calls, event)
    if type(calls) is list:
        return call_listed(event, calls, env)
    if isinstance(calls, Process):
        return resume(<Process> calls, event)
    if isinstance(calls, Condition):
        return check(<Condition> calls, event)
    return call_listed(event, calls, env)


cdef int call_listed(object event, object callbacks, object env) except -1:
    """Calls *callbacks*, which may change meanwhile. When one stops the run, the rest waits."""
    cdef Py_ssize_t at = 0
    callback = None
    try:
        if type(callbacks) is list:
            while at < PyList_GET_SIZE(callbacks):
                callback = <object> PyList_GET_ITEM(callbacks, at)
                at += 1
                call_one(callback, event)
        else:
            for callback in callbacks:
                call_one(callback, event)
    except StopSimulation:
        # Give the event the rest of its callbacks, and process it again when the run resumes.
        event.callbacks = callbacks[callbacks.index(callback) + 1:]
        env.schedule(event, -1)
        raise
    return 0


cdef inline int call_one(object callback, object event) except -1:
    cdef void *function = function_of_bound(callback)
    if function != NULL:
        if function == RESUME:
            return resume(<Process> self_of_bound(callback), event)
        if function == CHECK:
            return check(<Condition> self_of_bound(callback), event)
    if type(callback) is MethodType:
        if PyMethod_GET_FUNCTION(callback) == <PyObject *> trigger_get:
            return serve(<object> PyMethod_GET_SELF(callback), GET)
        if PyMethod_GET_FUNCTION(callback) == <PyObject *> trigger_put:
            return serve(<object> PyMethod_GET_SELF(callback), PUT)
    PyObject_CallOneArg(callback, event)
    return 0


# --- Events ---------------------------------------------------------------------------------------

cdef enum Ok:
    UNSET
    TRUE
    FALSE


@cython.trashcan(True)
@cython.freelist(256)
cdef class _Event:
    """The struct of an event; subclasses that add nothing to it share its free list."""

    def __cinit__(self):
        self._value = PENDING
        drop_dict(self)

    cdef int begin(self) except -1:
        """Somebody begins to wait. Told to events that are watched only."""
        return 0

    cdef int cease(self) except -1:
        """Nobody waits any more. Told to events that are watched only."""
        return 0


@cython.trashcan(True)
cdef class Event(_Event, PlainEvent):
    """An event that may happen at some point in time. See ``simpy.Event``."""

    def __init__(self, env):
        self.env = env
        self.calls = None
        self.own = self.processed = False

    def __repr__(self):
        return f'<{self._desc()} object at {id(self):#x}>'

    @property
    def callbacks(self):
        """List of functions that are called when the event is processed; None once it is."""
        if self.processed:
            return None
        if self.calls is None or isinstance(self.calls, Event):
            listed = []
            if self.own:
                if isinstance(self, Condition):
                    listed.append(self._build_value)
                elif isinstance(self, _Request):
                    listed.append(trigger_of(<_Request> self))
                else:
                    listed.append(self._interrupt)
                self.own = False
            if self.calls is not None:
                listed.append(bound(self.calls))
            self.calls = waiters_of(self, listed) if self.watched else listed
        return self.calls

    @callbacks.setter
    def callbacks(self, value):
        self.calls = value
        self.own = False
        self.processed = value is None

    @property
    def _ok(self):
        if self.ok == UNSET:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '_ok'")
        return self.ok == TRUE

    @_ok.setter
    def _ok(self, value):
        self.ok = TRUE if value else FALSE

    @property
    def _defused(self):
        if not self.defused:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '_defused'")
        return True

    @_defused.setter
    def _defused(self, value):
        self.defused = True

    @property
    def triggered(self):
        """Becomes True if the event has been triggered; its callbacks are about to be invoked."""
        return self._value is not PENDING

    @property
    def processed(self):
        """Becomes True if the event has been processed (its callbacks have been invoked)."""
        return self.processed

    @property
    def ok(self):
        """Becomes True when the event has been triggered successfully.

        Raises AttributeError if accessed before the event is triggered.
        """
        return self._ok

    @property
    def defused(self):
        """Becomes True when the exception of a failed event is kept from crashing the run."""
        return self.defused

    @defused.setter
    def defused(self, value):
        self.defused = True

    @property
    def value(self):
        """The value of the event. Raises AttributeError if it is not yet available."""
        if self._value is PENDING:
            raise AttributeError(f'Value of {self} is not yet available')
        return self._value

    def trigger(self, event):
        """Trigger the event with the state and value of the provided *event*."""
        self._ok = event._ok
        self._value = event._value
        push_now(self, self.env)

    def succeed(self, value=None):
        """Set the event's value, mark it as successful and schedule it. Returns the event.

        Raises RuntimeError if it has already been triggered.
        """
        if self._value is not PENDING:
            raise RuntimeError(f'{self} has already been triggered')
        self.ok = TRUE
        self._value = value
        push_now(self, self.env)
        return self

    def fail(self, exception):
        """Set *exception* as the event's value, mark it as failed and schedule it.

        Returns the event. Raises TypeError if *exception* is not an exception, RuntimeError if
        the event has already been triggered.
        """
        set_failed(self, exception)
        push_now(self, self.env)
        return self

    def __and__(self, other):
        return new_condition(self.env, all_events, (self, other))

    def __or__(self, other):
        return new_condition(self.env, any_events, (self, other))


cdef int set_failed(Event self, object exception) except -1:
    if self._value is not PENDING:
        raise RuntimeError(f'{self} has already been triggered')
    if not isinstance(exception, BaseException):
        raise TypeError(f'{exception} is not an exception.')
    self.ok = FALSE
    self._value = exception
    return 0


cdef inline object bound(object waiter):
    """The callback by which *waiter*, a process or a condition, waits."""
    if isinstance(waiter, Process):
        return (<Process> waiter)._resume
    return (<Condition> waiter)._check


cdef inline int wait_for(Event event, Event waiter) except -1:
    """Makes *waiter*, a process or a condition, wait for *event*, which has not been processed."""
    if event.calls is None:
        event.calls = waiter
        if event.watched:
            event.begin()
    elif isinstance(event.calls, Event):
        event.callbacks.append(bound(waiter))
    else:
        event.calls.append(bound(waiter))
    return 0


cdef inline int leave(Event event) except -1:
    """Takes away from *event* the one that waits for it."""
    event.calls = None
    if event.watched:
        event.cease()
    return 0


cdef class Waiters(list):
    """The callbacks of an event that is watched, or of a condition over one. A copy of them tells nobody."""

    def append(self, callback):
        """Add a callback: somebody waits."""
        list.append(self, callback)
        if self.event is not None:
            self.event.begin()

    def remove(self, callback):
        """Take a callback back: perhaps nobody waits any more."""
        list.remove(self, callback)
        if not self and self.event is not None:
            self.event.cease()


cdef object waiters_of(Event event, object callbacks):
    """Returns *callbacks* as a list that tells *event* who waits."""
    cdef Waiters waiters = Waiters.__new__(Waiters)
    waiters.event = event
    waiters.extend(callbacks)
    return waiters


@cython.trashcan(True)
cdef class Timeout(Event, PlainTimeout):
    """An event that gets processed after a *delay* has passed. See ``simpy.Timeout``."""

    def __init__(self, env, delay, value=None):
        start_timeout(self, env, delay, value)

    @property
    def _delay(self):
        return self._given_delay if self.kind == OTHER else number(self.delay, self.kind == WHOLE)


cdef int start_timeout(Timeout self, object env, object delay, object value) except -1:
    cdef double step = 0.0
    cdef Kind kind = convert(delay, &step)
    cdef Environment compiled
    if step < 0.0 if kind != OTHER else delay < 0 or delay != delay:
        refuse_delay(delay)
    self.env = env
    self._value = value
    self.ok = TRUE
    self.kind = kind
    self.delay = step
    if kind == OTHER:
        self._given_delay = delay
    if isinstance(env, Environment) and (<Environment> env).own_schedule:
        compiled = <Environment> env
        if compiled.tuples is not None or kind == OTHER or not push_step(
            compiled, self, NORMAL_KEY, step, kind == WHOLE
        ):
            push_after(compiled, self, NORMAL_KEY, delay)
    else:
        env.schedule(self, NORMAL, delay)
    return 0


# --- Processes ------------------------------------------------------------------------------------

@cython.trashcan(True)
cdef class Initialize(Event, PlainInitialize):
    """Starts a process."""

    def __init__(self, env, process):
        start_initialize(self, env, process)


cdef int start_initialize(Initialize self, object env, Process process) except -1:
    self.env = env
    self.calls = process
    self._value = None
    self.ok = TRUE
    # Urgent, so that no interrupt comes before it, to a generator that has not been started.
    return push_urgent(self, env)


@cython.trashcan(True)
cdef class Interruption(Event, PlainInterruption):
    """Throws an interrupt with the given *cause* into *process*, immediately."""

    cdef public Process process

    def __init__(self, Process process not None, cause):
        self.env = process.env
        self.own = True
        self._value = Interrupt(cause)
        self.ok = FALSE
        self.defused = True
        if process._value is not PENDING:
            raise RuntimeError(f'{process} has terminated and cannot be interrupted.')
        if process is self.env.active_process:
            raise RuntimeError('A process is not allowed to interrupt itself.')
        self.process = process
        push_urgent(self, self.env)

    def _interrupt(self, event):
        interrupt_now(self)


cdef int interrupt_now(Interruption self) except -1:
    cdef Process process = self.process
    # Of several interrupts at one time, the first may have ended the process.
    if process._value is not PENDING:
        return 0
    if process.killed:
        return wait_for_nothing(process)
    target = process._target
    if isinstance(target, Event) and (<Event> target).calls is process:
        leave(<Event> target)
    else:
        target.callbacks.remove(process._resume)
    return resume(process, self)


@cython.trashcan(True)
cdef class Process(Event, PlainProcess):
    """Process an event yielding generator. See ``simpy.Process``."""

    def __init__(self, env, generator):
        start_process(self, env, generator)

    @property
    def is_alive(self):
        """True until the process generator exits."""
        return self._value is PENDING

    def interrupt(self, cause=None):
        """Interrupt this process optionally providing a *cause*.

        Raises RuntimeError if the process has terminated, or if it is this one that asks.
        """
        Interruption(self, cause)

    def _resume(self, event):
        resume(self, event)


cdef int start_process(Process self, object env, object generator) except -1:
    cdef Initialize initialize
    if type(generator) is not GeneratorType and not hasattr(generator, 'throw'):
        raise ValueError(f'{generator} is not a generator.')
    self.env = env
    self._generator = generator
    self.sendable = is_sendable(generator)
    initialize = Initialize.__new__(Initialize)
    start_initialize(initialize, env, self)
    self._target = initialize
    return 0


ctypedef int (*Advance)(Process, object, PyObject **) noexcept

cdef int advance(Process self, object event, PyObject **result) except -1:
    """Sends *event*'s value into the generator, or throws its exception.

    Returns what the generator did, PYGEN_..., and sets *result* to what it yielded or returned. An
    exception is left set, without a frame of ours if it is the generator's: hence ``Advance``.
    """
    cdef PyObject *found
    generator = self._generator  # kill() may take it from the process while it runs
    if (<Event> event).ok == TRUE if isinstance(event, Event) else event._ok:
        value = (<Event> event)._value if isinstance(event, Event) else event._value
        if self.sendable:
            return PyIter_Send(<PyObject *> generator, <PyObject *> value, result)
        found = call_method(generator, SEND, value)
    else:
        event._ok  # raises the proper exception when it is not set
        # The process has no choice but to handle the failed event (or fail itself).
        event._defused = True
        # Its own copy: other processes that get the exception too must not share the traceback.
        value = event._value
        exception = type(value)(*value.args)
        exception.__cause__ = value
        found = call_method(generator, THROW, exception)
    if found != NULL:
        result[0] = found
        return PYGEN_NEXT
    if not PyErr_ExceptionMatches(StopIteration):
        return PYGEN_ERROR
    args = take_exception().args
    value = args[0] if len(args) else None
    Py_INCREF(value)
    result[0] = <PyObject *> value
    return PYGEN_RETURN


cdef inline int set_active(object env, object process) except -1:
    if isinstance(env, Environment):
        (<Environment> env)._active_proc = process
    else:
        env._active_proc = process
    return 0


cdef inline Py_ssize_t most_passed(object env) noexcept:
    return (<Environment> env).events_per_instant if isinstance(env, Environment) else 0


cdef int resume(Process self, object event) except -1:
    """Resumes the generator with *event*, and on while it yields events that have happened."""
    cdef PyObject *result
    cdef int status
    cdef Py_ssize_t passed = 0  # events that had happened, and so cost no time
    env = self.env
    set_active(env, self)
    while True:
        if self.killed:
            if not event._ok:
                event._defused = True
            event = (<_Killed?> self._generator).never
            break
        result = NULL
        status = (<Advance> advance)(self, event, &result)
        if status != PYGEN_NEXT:
            if status == PYGEN_RETURN:
                self.ok = TRUE
                self._value = <object> result
                Py_DECREF(self._value)
            else:
                self.ok = FALSE
                exception = take_exception()
                strip_own_frames(exception)
                self._value = exception
            event = None
            push_now(self, env)
            break
        event = <object> result
        Py_DECREF(event)
        if isinstance(event, Event):
            if not (<Event> event).processed:
                wait_for(<Event> event, self)
                break
        else:
            try:
                callbacks = event.callbacks
                if callbacks is not None:
                    callbacks.append(self._resume)
                    break
            except AttributeError:
                if hasattr(event, 'callbacks'):
                    raise
                frame = _describe_frame(self._generator.gi_frame)
                error = RuntimeError(f'\n{frame}Invalid yield value "{event}"')
                error.yielded = (self, event)
                raise error from None
        passed += 1
        if passed == most_passed(env):
            self.ok = FALSE
            self._value = RuntimeError(
                f'a process must not yield for ever what has happened, got {passed} times in a row'
            )
            event = None
            push_now(self, env)
            break
    self._target = event
    set_active(env, None)
    return 0


cdef int strip_own_frames(object exception) except -1:
    """Takes the frame of ``advance`` off an exception that is not the generator's."""
    trace = exception.__traceback__
    if trace is not None and trace.tb_frame.f_code.co_filename == OWN_FILE:
        exception.__traceback__ = trace.tb_next
    return 0


# --- Conditions -----------------------------------------------------------------------------------

cdef class ConditionValue(_Struct, PlainConditionValue):
    """Result of a condition: dict-like access to the events that happened and their values."""

    cdef public list events
    cdef dict __dict__
    cdef object __weakref__

    def __cinit__(self):
        self.events = []

    def __init__(self):
        pass

    def __getitem__(self, key):
        if key not in self.events:
            raise KeyError(str(key))
        return key._value

    def __contains__(self, key):
        return key in self.events

    def __iter__(self):
        return self.keys()

    def __eq__(self, other):
        if isinstance(other, PlainConditionValue):
            return self.events == other.events
        if isinstance(other, dict):
            return self.todict() == other
        return NotImplemented

    __hash__ = None

    def __repr__(self):
        return f'<ConditionValue {self.todict()}>'


@cython.trashcan(True)
cdef class Condition(Event, PlainCondition):
    """An event that gets triggered once ``evaluate(events, count of processed events)`` is True.

    See ``simpy.events.Condition``.
    """

    cdef public object _evaluate
    cdef public tuple _events
    cdef public Py_ssize_t _count

    def __init__(self, env, evaluate, events):
        start_condition(self, env, evaluate, events)

    def _populate_value(self, value):
        populate(self, value.events)

    def _build_value(self, event):
        build_value(self)

    def _remove_check_callbacks(self):
        remove_checks(self)

    def _check(self, event):
        check(self, event)


@cython.trashcan(True)
cdef class AllOf(Condition, PlainAllOf):
    """A condition that is triggered if all of *events* have been successfully triggered."""

    def __init__(self, env, events):
        start_condition(self, env, all_events, events)


@cython.trashcan(True)
cdef class AnyOf(Condition, PlainAnyOf):
    """A condition that is triggered if any of *events* has been successfully triggered."""

    def __init__(self, env, events):
        start_condition(self, env, any_events, events)


cdef Condition new_condition(object env, object evaluate, object events):
    cdef Condition condition = Condition.__new__(Condition)
    start_condition(condition, env, evaluate, events)
    return condition


cdef int start_condition(Condition self, object env, object evaluate, object events) except -1:
    self.env = env
    self._evaluate = evaluate
    self._events = tuple(events)
    self._count = 0
    if not self._events:
        self.succeed(ConditionValue())
        return 0
    for event in self._events:
        other = event.env
        if other is not env and env != other:
            raise ValueError('It is not allowed to mix events from different environments')
    for event in self._events:
        if isinstance(event, Event):
            if (<Event> event).processed:
                check(self, event)
            else:
                wait_for(<Event> event, self)
        elif event.callbacks is None:
            check(self, event)
        else:
            event.callbacks.append(self._check)
    if self.calls is None:
        self.own = True
    else:
        self.callbacks.append(self._build_value)
    return 0


cdef int check(Condition self, object event) except -1:
    """Triggers the condition if *event*, which has just been processed, settles it."""
    if self._value is not PENDING:
        return 0
    self._count += 1
    if not ((<Event> event).ok == TRUE if isinstance(event, Event) else event._ok):
        event._ok  # raises the proper exception when it is not set
        event._defused = True
        set_failed(self, event._value)
        return push_now(self, self.env)
    if self._evaluate is any_events:
        pass
    elif self._evaluate is all_events:
        if self._count != len(self._events):
            return 0
    elif not self._evaluate(self._events, self._count):
        return 0
    self.ok = TRUE
    self._value = None
    return push_now(self, self.env)


cdef int build_value(Condition self) except -1:
    cdef ConditionValue value
    remove_checks(self)
    if self.ok == TRUE:
        value = ConditionValue.__new__(ConditionValue)
        populate(self, value.events)
        self._value = value
    return 0


cdef int populate(Condition self, list found) except -1:
    """Collects the processed events in the order of the condition, nested conditions included."""
    enter_recursion(b' in a nested condition')
    try:
        for event in self._events:
            if isinstance(event, Condition):
                populate(<Condition> event, found)
            elif isinstance(event, Event):
                if (<Event> event).processed:
                    found.append(event)
            elif isinstance(event, PlainCondition):
                value = PlainConditionValue()
                event._populate_value(value)
                found.extend(value.events)
            elif event.callbacks is None:
                found.append(event)
    finally:
        Py_LeaveRecursiveCall()
    return 0


cdef int remove_checks(Condition self) except -1:
    """Stops waiting for what has not happened, which breaks the circular references with it."""
    enter_recursion(b' in a nested condition')
    try:
        for event in self._events:
            if isinstance(event, Event):
                forget(<Event> event, self)
            elif event.callbacks and self._check in event.callbacks:
                event.callbacks.remove(self._check)
            if isinstance(event, Condition):
                remove_checks(<Condition> event)
            elif isinstance(event, PlainCondition):
                event._remove_check_callbacks()
    finally:
        Py_LeaveRecursiveCall()
    return 0


cdef int forget(Event event, Condition condition) except -1:
    cdef Py_ssize_t at
    calls = event.calls
    if calls is None:
        return 0
    if calls is condition:
        leave(event)
    elif type(calls) is list:
        for at in range(PyList_GET_SIZE(calls)):
            callback = <object> PyList_GET_ITEM(calls, at)
            if function_of_bound(callback) == CHECK:
                if self_of_bound(callback) == <PyObject *> condition:
                    del (<list> calls)[at]
                    break
    elif not isinstance(calls, Event) and calls and condition._check in calls:
        calls.remove(condition._check)
    return 0


# --- SimPy's stores and resources -----------------------------------------------------------------
#
# They are SimPy's own objects and run SimPy's own code: who gets what is decided by their _do_put()
# and _do_get(). But SimPy binds the constructor of each kind of request to the resource, as
# ``store.put``, and there adopt() puts a compiled one in its place. It does so when the first
# request is scheduled, and only for a constructor that nobody has wrapped, overridden or replaced.

cdef enum Side:
    PUT
    GET


@cython.trashcan(True)
cdef class _Request(Event):
    """The struct of a request: which side of its resource it is on, and who asked."""

    cdef public object resource, proc
    cdef Side side

    def cancel(self):
        """Cancel this request, if it has not been triggered."""
        if self._value is PENDING:
            queue_of(self.resource, self.side).remove(self)

    def __exit__(self, kind, error, trace):
        self.cancel()


@cython.trashcan(True)
cdef class StorePut(_Request, PlainStorePut):
    """Request to put *item* into the *store*."""

    cdef public object item

    def __init__(self, store, item):
        self.item = item
        ask(self, store, PUT)


@cython.trashcan(True)
cdef class StoreGet(_Request, PlainStoreGet):
    """Request to get an item from the store *resource*."""

    def __init__(self, resource):
        ask(self, resource, GET)


@cython.trashcan(True)
cdef class Request(_Request, PlainRequest):
    """Request usage of the *resource*."""

    cdef public object usage_since

    def __init__(self, resource):
        ask(self, resource, PUT)

    def __exit__(self, kind, error, trace):
        self.cancel()
        if kind is not GeneratorExit:
            self.resource.release(self)


@cython.trashcan(True)
cdef class Release(_Request, PlainRelease):
    """Releases the usage of *resource* granted by *request*."""

    cdef public object request

    def __init__(self, resource, request):
        self.request = request
        ask(self, resource, GET)


def make_store_put(store, item):
    """``store.put(item)``."""
    cdef StorePut self = StorePut.__new__(StorePut)
    self.item = item
    ask(self, store, PUT)
    return self


def make_store_get(resource):
    """``store.get()``."""
    cdef StoreGet self = StoreGet.__new__(StoreGet)
    ask(self, resource, GET)
    return self


def make_request(resource):
    """``resource.request()``."""
    cdef Request self = Request.__new__(Request)
    ask(self, resource, PUT)
    return self


def make_release(resource, request):
    """``resource.release(request)``."""
    cdef Release self = Release.__new__(Release)
    self.request = request
    ask(self, resource, GET)
    return self


cdef inline object queue_of(object resource, Side side):
    return resource.put_queue if side == PUT else resource.get_queue


cdef inline object trigger_of(_Request self):
    """The request's own callback: what it gave or took may be what the other side waits for."""
    return self.resource._trigger_get if self.side == PUT else self.resource._trigger_put


cdef int ask(_Request self, object resource, Side side) except -1:
    """Queues a request and has the resource look at its queue."""
    env = resource._env
    self.env = env
    self.resource = resource
    self.side = side
    if isinstance(env, Environment):
        self.proc = (<Environment> env)._active_proc
    else:
        self.proc = env.active_process
    queue_of(resource, side).append(self)
    self.own = True
    return call_one(resource._trigger_put if side == PUT else resource._trigger_get, None)


cdef int serve(object resource, Side side) except -1:
    """What ``resource._trigger_put()`` does, or ``_trigger_get()``."""
    cdef Py_ssize_t at = 0
    cdef bint waits
    while True:
        queue = queue_of(resource, side)
        if at >= len(queue):
            return 0
        event = queue[at]
        proceed = resource._do_put(event) if side == PUT else resource._do_get(event)
        if isinstance(event, Event):
            waits = (<Event> event)._value is PENDING
        else:
            waits = not event.triggered
        if waits:
            at += 1
        elif type(queue) is list and at < len(<list> queue) and (<list> queue)[at] is event:
            del (<list> queue)[at]
        elif queue.pop(at) != event:
            kind = 'Put' if side == PUT else 'Get'
            raise RuntimeError(f'{kind} queue invariant violated')
        if not proceed:
            return 0


cdef int adopt(object resource) except -1:
    """Binds compiled constructors to *resource* where SimPy's are bound."""
    attributes = getattr(resource, '__dict__', None)
    if attributes is None:
        return 0
    for name in ('put', 'get', 'request', 'release'):
        kind = getattr(type(resource), name, None)
        maker = MAKERS.get(kind)
        bound = attributes.get(name)
        if maker is None:
            continue
        if bound is None or type(bound) is MethodType and bound.__func__ is kind:
            attributes[name] = MethodType(maker, resource)
    return 0


cdef dict MAKERS = {
    PlainStorePut: make_store_put,
    PlainStoreGet: make_store_get,
    PlainRequest: make_request,
    PlainRelease: make_release,
}
cdef object trigger_put = BaseResource._trigger_put
cdef object trigger_get = BaseResource._trigger_get


# --- What SimPy does not have ---------------------------------------------------------------------

@cython.trashcan(True)
@cython.freelist(256)
cdef class ScheduledCall:
    """The handle of a call that is to be made, see ``Environment.call_later``."""

    cdef int make(self) except -1:
        """Makes the call, which is no longer pending then."""
        function, argument = self.function, self.argument
        self.function = self.argument = None
        function(argument)
        return 0

    def cancel(self):
        """Take the call back. Returns whether it was still to be made."""
        if self.function is None:
            return False
        self.function = self.argument = self.source = self.target = None
        note_cancelled(self.environment)
        return True

    @property
    def pending(self):
        """Whether the call is still to be made."""
        return self.function is not None


def cancel(Timeout timeout not None):
    """Take *timeout* off the schedule: it never happens, and whoever waits for it waits forever.

    Returns whether it was still to happen.
    """
    cdef Environment env
    if timeout.processed or timeout.cancelled:
        return False
    env = <Environment?> timeout.env
    timeout.cancelled = True
    note_cancelled(env)
    return True


def fire(event, value=None):
    """Let *event* happen now, inside what is being processed, with *value*: nothing is scheduled.

    Its callbacks have been called when this returns; a process that waited has run up to its next
    wait. The active process is again what it was. A run that waits for the event stops as soon as
    the present event is done. Raises RuntimeError if the event has already been triggered.
    """
    if isinstance(event, Event):
        fire_event(<Event> event, value)
        return
    if event._value is not PENDING:
        raise RuntimeError(f'{event} has already been triggered')
    event._ok = True
    event._value = value
    happen_now(event)


cdef int fire_event(Event event, object value) except -1:
    """What ``fire(event, value)`` does."""
    if event._value is not PENDING:
        raise RuntimeError(f'{event} has already been triggered')
    event.ok = TRUE
    event._value = value
    return happen_now(event)


def fail_now(event, exception):
    """Let *event* fail now with *exception*, in the way of ``fire``.

    Raises a copy of it if no callback defuses the event, TypeError if *exception* is not an
    exception, RuntimeError if the event has already been triggered.
    """
    if event._value is not PENDING:
        raise RuntimeError(f'{event} has already been triggered')
    if not isinstance(exception, BaseException):
        raise TypeError(f'{exception} is not an exception.')
    event._ok = False
    event._value = exception
    happen_now(event)
    if not hasattr(event, '_defused'):
        crash(event)


cdef int happen_now(object event) except -1:
    cdef bint simple = False
    env = event.env
    active = env._active_proc
    if isinstance(event, Event):
        calls = (<Event> event).calls
        simple = calls is None or isinstance(calls, Event)
    enter_recursion(b' while an event happens')
    try:
        if simple:
            call_all(<Event> event, env)
        else:
            callbacks = put_off_stops(event, event.callbacks)
            event.callbacks = None
            call_listed(event, callbacks, env)
    finally:
        Py_LeaveRecursiveCall()
        set_active(env, active)
    return 0


cdef object put_off_stops(object event, object callbacks):
    """Returns *callbacks* without those that stop a run, which come right after this event."""
    cdef bint found = False
    for callback in callbacks:
        if type(callback) is MethodType and callback.__self__ is StopSimulation:
            found = True
    if not found:
        return callbacks
    stop = Event(event.env)
    stop._ok = event._ok
    stop._value = event._value
    stop.callbacks = [StopSimulation.callback]
    event.env.schedule(stop, -1)
    return [each for each in callbacks if each != StopSimulation.callback]


cdef class _Killed:
    """What stands in for the generator of a killed process: its name, and what it waits for."""

    cdef readonly object __name__
    cdef Event never


def kill(Process process not None):
    """Stop *process* for good: neither what it waits for nor an interrupt resumes or starts it.

    Nothing is thrown into its generator, which is returned, suspended where it was: who keeps it
    decides when it is closed. The process remains alive in SimPy's sense, since it neither returned
    nor failed, so nobody who waits for it learns anything. The active process may be killed; it
    runs up to its next yield, and what it raises until then is nobody's error. Returns None if there
    was nothing to kill.
    """
    cdef _Killed stand_in
    if process._value is not PENDING or process.killed:
        return None
    generator = process._generator
    stand_in = _Killed.__new__(_Killed)
    stand_in.__name__ = generator.__name__
    stand_in.never = Event(process.env)
    process._generator = stand_in
    process.killed = True
    process._defused = True
    target = process._target
    if isinstance(target, Event) and (<Event> target).calls is process:
        leave(<Event> target)
    elif process.env.active_process is not process:
        callbacks = target.callbacks
        if callbacks is not None and process._resume in callbacks:
            callbacks.remove(process._resume)
    process._target = stand_in.never
    return generator


cdef int wait_for_nothing(Process process) except -1:
    """Takes a killed process away from what it waited for when it had killed itself, as an interrupt does."""
    never = (<_Killed?> process._generator).never
    target = process._target
    if target is never:
        return 0
    if isinstance(target, Event) and (<Event> target).calls is process:
        leave(<Event> target)
    elif target.callbacks is not None and process._resume in target.callbacks:
        target.callbacks.remove(process._resume)
    process._target = never
    return 0


def awaited(event):
    """Say whether anybody really waits for *event*.

    A process does unless it was killed, and a callback of any other kind does, but not that by
    which a resource serves the next. A condition counts if it is itself awaited and has not been
    triggered: after that it has no use for its other events.
    """
    return is_awaited(event)


cdef bint is_awaited(object event) except -1:
    cdef object callbacks
    if isinstance(event, Event):
        callbacks = (<Event> event).calls
        if callbacks is None:
            return False
        if isinstance(callbacks, Event):
            return counts(callbacks)
    else:
        callbacks = event.callbacks
        if callbacks is None:
            return False
    for callback in callbacks:
        owner = getattr(callback, '__self__', None)
        if type(callback) is MethodType and callback.__func__ in (trigger_put, trigger_get):
            continue
        if isinstance(owner, (Process, PlainCondition)):
            if callback.__name__ == '_build_value':
                continue
            if not counts(owner):
                continue
        return True
    return False


cdef bint counts(object waiter) except -1:
    """Says whether *waiter*, a process or a condition, makes that for which it waits awaited."""
    if isinstance(waiter, Process):
        return not (<Process> waiter).killed
    if waiter._value is not PENDING:
        return False
    enter_recursion(b' in a nested condition')
    try:
        return is_awaited(waiter)
    finally:
        Py_LeaveRecursiveCall()


cdef object own_file():
    """The name that tracebacks give this file."""
    try:
        raise LookupError
    except LookupError as error:
        return error.__traceback__.tb_frame.f_code.co_filename


# --- Set-up ---------------------------------------------------------------------------------------

cdef object all_events = PlainCondition.all_events
cdef object any_events = PlainCondition.any_events
cdef object SEND = 'send'
cdef object THROW = 'throw'
cdef object OWN_FILE = own_file()
cdef void *RESUME = function_of_descriptor(Process.__dict__['_resume'])
cdef void *CHECK = function_of_descriptor(Condition.__dict__['_check'])


cdef int (*traverse_fields)(PyObject *, visitproc, void *) noexcept
cdef int (*clear_fields)(PyObject *) noexcept


cdef int traverse(PyObject *self, visitproc visit, void *arg) noexcept:
    """Shows the garbage collector the events on the schedule, too."""
    cdef Py_ssize_t i, at
    cdef int status = traverse_fields(self, visit, arg)
    if status:
        return status
    for i in range((<Environment> self).size):
        status = visit((<Environment> self).heap[i].event, arg)
        if status:
            return status
    for i in range((<Environment> self).waiting):
        at = ((<Environment> self).first + i) & ((<Environment> self).slots - 1)
        status = visit((<Environment> self).ring[at].event, arg)
        if status:
            return status
    return 0


cdef int clear(PyObject *self) noexcept:
    clear_schedule(<Environment> self)
    return clear_fields(self)


traverse_fields = (<PyTypeObject *> Environment).tp_traverse
clear_fields = (<PyTypeObject *> Environment).tp_clear
(<PyTypeObject *> Environment).tp_traverse = traverse
(<PyTypeObject *> Environment).tp_clear = clear
