"""What other compiled modules may know of the event loop: its structures, and how to put calls on the schedule."""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint64_t


cdef extern from *:
    """
    typedef struct {
        int64_t order;      /* the time, as an integer that sorts like it */
        uint64_t key;       /* priority + 128 << 56 | serial << 1 | whole */
        PyObject *event;    /* owned */
    } Entry;
    """
    ctypedef struct Entry:
        int64_t order
        uint64_t key
        PyObject *event


cdef class _Struct:
    pass


cdef class Environment(_Struct):
    cdef Entry *heap                        # what is to come
    cdef Py_ssize_t size, room
    cdef Entry *ring                        # what was scheduled for the present, at normal priority
    cdef Py_ssize_t first, waiting, slots   # slots is zero or a power of two
    cdef Py_ssize_t cancelled               # entries in both that will be skipped
    cdef int64_t serial
    cdef double time
    cdef readonly double before_s           # the time of the last event before the present moment
    cdef bint whole                         # the time is an int
    cdef object moment                      # the time, once tuples are used
    cdef list tuples                        # SimPy's queue instead of heap and ring, or None
    cdef public object _active_proc
    cdef public Py_ssize_t events_per_instant   # see the class
    cdef bint own_schedule, own_step        # nobody has overridden schedule(), step()
    cdef dict __dict__
    cdef object __weakref__


cdef class _Event:
    cdef public object env
    cdef public object _value
    cdef object calls               # callbacks: see the design
    cdef dict __dict__
    cdef object __weakref__
    cdef double delay               # of a timeout
    cdef unsigned char ok           # Ok
    cdef unsigned char kind         # Kind of the delay
    cdef unsigned char own, processed, defused, cancelled
    cdef unsigned char watched      # begin() and cease() are to be told who waits
    cdef int begin(self) except -1
    cdef int cease(self) except -1


cdef class Event(_Event):
    pass


cdef class Process(Event):
    cdef public object _generator
    cdef public object _target
    cdef bint sendable, killed


cdef class Waiters(list):
    cdef Event event


cdef class ScheduledCall:
    cdef Environment environment
    cdef readonly object function    # None when it was made or cancelled
    cdef readonly object argument
    # For subclasses, which add nothing, so that they share the free list:
    cdef object source, target
    cdef double span, latency_s, begin_s, hold_s, way_bytes_per_s, receiver_bytes_per_s, start_s, end_s
    cdef int make(self) except -1


cdef object present(Environment self)
cdef double seconds(Environment self) except? -1
cdef int call_after(ScheduledCall call, Environment env, double delay) except -1
cdef int call_after_any(ScheduledCall call, Environment env, object delay) except -1
cdef int fire_event(Event event, object value) except -1
cdef bint is_awaited(object event) except -1
