# cython: language_level=3, boundscheck=True, wraparound=False, initializedcheck=False
# cython: binding=False, auto_pickle=False, embedsignature=True, cdivision=True, overflowcheck=False, nonecheck=True
"""The message path, from ``send`` to ``receive``, compiled.

Every class does what the class of the same name in simcluster/cluster/ does, whose documentation holds for it too;
the same events are put on the schedule in the same order, so a run has the same trace on both.

What makes it fast: a message costs one ``Arrival``, which is put on the schedule once for the sender's side and once
for the receiver's; nodes, interfaces and mailboxes find each other by pointer, once the target's name has been
looked up; a program that awaits a message is resumed from here, without a Python frame in between.

What makes it safe: a message is checked where it comes from Python, and nowhere else; the fields of an object that was
made by ``__new__`` alone, or by ``copy.copy``, are None, and using them raises (``nonecheck``); a kind's ``__eq__`` may
do anything to the mailbox in which it is looked for (``boundscheck``).
"""

cimport cython
cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.dict cimport PyDict_GetItemWithError
from cpython.float cimport PyFloat_AS_DOUBLE
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_New
from libc.math cimport INFINITY
from libc.stdint cimport int64_t

cnp.import_array()

from collections import deque
from functools import partial
from operator import attrgetter

from simpy.events import PENDING
from simpy.events import Condition as PlainCondition

from simcluster.kernels.events import fail_now
from simcluster.kernels.events cimport (
    Environment, Event, ScheduledCall, Waiters, call_after, call_after_any, fire_event, is_awaited, present, seconds
)

cdef extern from *:
    """
    /* an instance of a subclass of tuple, its items still to be set */
    static PyObject *new_tuple(PyObject *type, Py_ssize_t size) {
        if (!PyType_Check(type) || !PyType_FastSubclass((PyTypeObject *) type, Py_TPFLAGS_TUPLE_SUBCLASS)) {
            PyErr_Format(PyExc_TypeError, "message_type must be a subclass of tuple, got %R", type);
            return NULL;
        }
        return ((PyTypeObject *) type)->tp_alloc((PyTypeObject *) type, size);
    }
    """
    object new_tuple(object type, Py_ssize_t size)
    void PyTuple_SET_ITEM(object tuple, Py_ssize_t place, object item)
    bint PyObject_IS_GC(object item)
    void PyObject_GC_UnTrack(PyObject *item)

cdef enum Field:
    """The fields of a message, which is a tuple."""
    ID
    SOURCE
    TARGET
    KIND
    BODY
    SIZE_BYTES
    REQUEST_ID
    REPLY_TO
    FIELDS

cdef extern from *:
    """
    #define UNLIMITED -1.0  /* the bandwidth of what never queues */
    #define ARRIVES -1.0    /* the span of a message whose last bit is about to be at the receiver's interface */
    """
    const double UNLIMITED
    const double ARRIVES


cdef inline object field(object message, Field place):
    return <object> PyTuple_GET_ITEM(message, place)


cdef inline object whole(object message):
    """Returns *message*, if it has all fields: asked of what comes from Python, not of what goes on inside."""
    if not isinstance(message, tuple) or len(<tuple> message) != FIELDS:
        raise TypeError(f"message must be a whole Message, got {message!r}")
    return message


cdef inline int check_seconds(str name, object value) except -1:
    """Raises unless *value* is a number of seconds, at least 0."""
    if type(value) is float and <double> value >= 0.0:
        return 0
    if type(value) is not int and not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be a number of seconds, got {value!r}")
    if not value >= 0:
        raise ValueError(f"{name} must be at least 0, got {value}")
    return 0


cdef inline void set_field(object message, Field place, object item):
    Py_INCREF(item)
    PyTuple_SET_ITEM(message, place, item)


# --- Bodies ---------------------------------------------------------------------------------------

cdef extern from "numpy/arrayobject.h":
    cnp.ndarray PyArray_NewFromDescr(
        type kind, cnp.dtype dtype, int axes, cnp.npy_intp *shape, cnp.npy_intp *strides, void *memory, int flags,
        object base
    )


cdef object frozen(object value, object freeze, double *size_bytes):
    """What ``freeze(value)`` returns, and its size: plain values, arrays of numbers and tuples of them need no Python.

    What else there is, and what is nested deeper, goes to ``freeze``. Sizes are whole numbers, whose sums are exact.
    A tuple of which no part can be in a cycle is told to the collector as such, which would find out by itself later.
    """
    cdef Py_ssize_t place, count
    cdef double part_bytes = 0.0
    cdef bint simple = True
    if type(value) is not tuple:
        return frozen_part(value, freeze, size_bytes)
    count = len(<tuple> value)
    size_bytes[0] = 0.0
    parts = PyTuple_New(count)
    for place in range(count):
        part = frozen_part(<object> PyTuple_GET_ITEM(value, place), freeze, &part_bytes)
        Py_INCREF(part)
        PyTuple_SET_ITEM(parts, place, part)
        size_bytes[0] += part_bytes
        simple = simple and not PyObject_IS_GC(part)
    if simple:
        PyObject_GC_UnTrack(<PyObject *> parts)
    return parts


cdef object frozen_part(object value, object freeze, double *size_bytes):
    kind = type(value)
    if value is None:
        size_bytes[0] = 0.0
    elif kind is float or kind is int or kind is bool:
        size_bytes[0] = 8.0
    elif kind is str:
        size_bytes[0] = <double> len(<str> value)
    elif kind is cnp.ndarray and cnp.PyArray_TYPE(value) < cnp.NPY_OBJECT:  # truth values and numbers
        size_bytes[0] = <double> cnp.PyArray_NBYTES(value)
        return in_bytes(value)
    else:
        value, own_bytes = freeze(value)
        size_bytes[0] = own_bytes
    return value


cdef object in_bytes(cnp.ndarray array):
    """A copy whose memory is a ``bytes`` object, or a view of one whose memory is such already."""
    cdef cnp.ndarray copy
    cdef object base = array
    cdef bint turned = cnp.PyArray_IS_F_CONTIGUOUS(array) and not cnp.PyArray_IS_C_CONTIGUOUS(array)
    while isinstance(base, cnp.ndarray):
        base = cnp.get_array_base(base)
    if isinstance(base, bytes) and not cnp.PyArray_ISWRITEABLE(array):
        return array.view()
    base = cnp.PyArray_ToString(array, cnp.NPY_FORTRANORDER if turned else cnp.NPY_CORDER)
    dtype = array.dtype
    Py_INCREF(dtype)  # which the array takes over
    copy = PyArray_NewFromDescr(
        cnp.ndarray, dtype, cnp.PyArray_NDIM(array), cnp.PyArray_DIMS(array), NULL, PyBytes_AS_STRING(base),
        cnp.NPY_ARRAY_F_CONTIGUOUS if turned else 0, None
    )
    cnp.set_array_base(copy, base)
    cnp.PyArray_UpdateFlags(copy, cnp.NPY_ARRAY_UPDATE_ALL)
    return copy


cdef inline double slower(double one, double other) noexcept:
    """The smaller of two bandwidths."""
    return other if one < 0.0 or 0.0 <= other < one else one


# --- Carriers -------------------------------------------------------------------------------------

cdef class Interface:
    """A node's network interface: its bandwidth, when each direction is free, and what waits to be sent."""

    cdef Endpoint endpoint
    cdef double nominal_bytes_per_s, bytes_per_s
    cdef double send_free_s, receive_free_s
    cdef object unsent      # a deque of arrivals, made for the first that has to wait


cdef class Arrival(ScheduledCall):
    """A message under way: what the plain carrier calls a passage.

    ``function`` is its carrier, ``argument`` the message, ``source`` and ``target`` the interfaces of its sender and
    receiver. It leaves from ``begin_s`` on for ``hold_s`` (0 if it holds no interface); ``way_bytes_per_s`` is what
    sender and links allow as it begins, ``receiver_bytes_per_s`` what the receiver does. ``span`` is ARRIVES as soon
    as its first bit is at the receiver's interface, which takes it in from ``start_s`` to ``end_s``.
    """

    cdef int make(self) except -1:
        cdef LatencyCarrier carrier = <LatencyCarrier> self.function
        cdef Interface receiver = <Interface> self.target
        cdef double now_s
        if self.span == ARRIVES:
            message = self.argument
            self.function = self.argument = self.source = self.target = None
            if carrier.transport is not None:
                carrier.transport.bring(message, receiver)
            else:
                carrier.arrive(message)
            return 0
        now_s = seconds(self.environment)
        if receiver.bytes_per_s < 0:
            self.start_s, self.end_s, self.span = now_s, now_s + self.hold_s, ARRIVES
            return call_after(self, self.environment, self.hold_s)
        self.start_s = receiver.receive_free_s
        if self.start_s < now_s:
            self.start_s = now_s
        receiver.receive_free_s = self.end_s = taken_in_s(self)
        self.span = ARRIVES
        return call_after(self, self.environment, self.end_s - now_s)


cdef inline double taken_in_s(Arrival self) noexcept:
    """When the last bit is in, if that begins at ``start_s``: never before it can have come."""
    cdef double rate = (<Interface> self.target).bytes_per_s
    cdef double sent_s, end_s
    if rate == self.receiver_bytes_per_s:
        return self.start_s + self.hold_s
    rate = slower(self.way_bytes_per_s, rate)
    sent_s = self.begin_s + self.hold_s + self.latency_s
    end_s = self.start_s + <double> field(self.argument, SIZE_BYTES) / rate
    return end_s if end_s > sent_s else sent_s


cdef Arrival later(Arrival self, double delay_s):
    """The same, that far from now and no longer when it was planned."""
    cdef Arrival moved = Arrival.__new__(Arrival)
    moved.function, moved.argument = self.function, self.argument
    moved.source, moved.target = self.source, self.target
    moved.span, moved.latency_s, moved.begin_s, moved.hold_s = self.span, self.latency_s, self.begin_s, self.hold_s
    moved.way_bytes_per_s, moved.receiver_bytes_per_s = self.way_bytes_per_s, self.receiver_bytes_per_s
    moved.start_s, moved.end_s = self.start_s, self.end_s
    call_after(moved, self.environment, delay_s)
    self.cancel()
    return moved


cdef class LatencyCarrier:
    """Nobody waits for anybody: each message takes latency + size / bandwidth."""

    cdef Environment env
    cdef object arrive, bottleneck
    cdef Transport transport    # whose method ``arrive`` is, if it is one
    cdef dict interfaces

    def __init__(self, env, arrive, bottleneck=None):
        self.env = env
        self.arrive = arrive
        self.bottleneck = bottleneck
        self.interfaces = {}

    @property
    def waiting(self):
        """How many messages wait at interfaces for others to leave or to be taken in."""
        cdef double now_s = seconds(self.env)
        cdef Py_ssize_t count = 0
        cdef Arrival one
        for each in self.under_way():
            one = <Arrival> each
            if one.hold_s > 0:
                count += (one.start_s if one.span == ARRIVES else one.begin_s) > now_s
        return count

    def attach(self, name, bytes_per_s):
        """Give a node its interface."""
        cdef Interface interface = Interface.__new__(Interface)
        interface.nominal_bytes_per_s = UNLIMITED if bytes_per_s is None else bytes_per_s
        interface.bytes_per_s = interface.nominal_bytes_per_s
        self.interfaces[name] = interface

    def throttle(self, name, double factor):
        """Let an interface work at its bandwidth divided by ``factor``; what has begun goes on as it began."""
        cdef Interface interface = <Interface?> self.interfaces[name]
        if interface.nominal_bytes_per_s >= 0:
            interface.bytes_per_s = interface.nominal_bytes_per_s / factor

    def replan(self):
        """Bandwidths have changed: what waits at an interface will go, and be taken in, at what they are now."""

    def carry(self, message, double latency_s):
        """Bring a message to its target."""
        sender, receiver = self.interfaces[whole(message).source], self.interfaces[message.target]
        self.take(message, <Interface?> sender, <Interface?> receiver, latency_s)

    def recall(self, matches):
        """Take back what ``matches`` and has not arrived, each copy, in the order of sending."""
        recalled = [each for each in self.under_way() if matches((<Arrival> each).argument)]
        recalled.sort(key=attrgetter("argument.id"))
        messages = [(<Arrival> each).argument for each in recalled]
        self.close_gaps(recalled)
        for each in recalled:
            (<Arrival> each).cancel()
        return messages

    def recall_unsent(self, source):
        """Take back the messages of ``source`` that are not on the wire yet; the one that is goes on."""
        cdef Interface sender = <Interface?> self.interfaces[source]
        unsent = self.not_begun(sender)
        if unsent:
            sender.send_free_s = (<Arrival> unsent[0]).begin_s  # the end of the message that is on the wire
        messages = [(<Arrival> each).argument for each in unsent]
        for each in unsent:
            (<Arrival> each).cancel()
        sender.unsent = None
        return messages

    cdef list under_way(self):
        """What has not arrived, in the order in which it is on the schedule."""
        return [
            event for _, _, _, event in self.env._queue
            if type(event) is Arrival and (<Arrival> event).function is self
        ]

    cdef list not_begun(self, Interface sender):
        """What waits to be sent."""
        cdef double now_s = seconds(self.env)
        return [each for each in sender.unsent or () if (<Arrival> each).begin_s > now_s]

    cdef int close_gaps(self, list recalled) except -1:
        """Let others use what the recalled have used."""
        return 0

    cdef double rate(self, Arrival arrival) except? -2:
        """Notes what bandwidths there are now, and returns the least, in bytes per second, or UNLIMITED."""
        cdef double way = (<Interface> arrival.source).bytes_per_s
        if self.bottleneck is not None:
            limit = self.bottleneck(field(arrival.argument, SOURCE), field(arrival.argument, TARGET))
            if limit is not None:
                way = slower(way, limit)
        arrival.way_bytes_per_s = way
        arrival.receiver_bytes_per_s = (<Interface> arrival.target).bytes_per_s
        return slower(way, arrival.receiver_bytes_per_s)

    cdef int take(self, object message, Interface sender, Interface receiver, double latency_s) except -1:
        cdef Arrival arrival = self.arrival(message, sender, receiver, latency_s)
        cdef double rate = self.rate(arrival)
        if rate >= 0:
            latency_s += <double> field(message, SIZE_BYTES) / rate
        return call_after(arrival, self.env, latency_s)

    cdef Arrival arrival(self, object message, Interface sender, Interface receiver, double latency_s):
        cdef Arrival arrival = Arrival.__new__(Arrival)
        arrival.function = self
        arrival.argument = message
        arrival.source = sender
        arrival.target = receiver
        arrival.latency_s = latency_s
        arrival.span = ARRIVES
        return arrival


cdef class NicCarrier(LatencyCarrier):
    """Cut-through between two interfaces, each of which serves one message at a time in each direction."""

    def replan(self):
        """Bandwidths have changed: what waits at an interface will go, and be taken in, at what they are now."""
        cdef dict receiving = self.receiving()
        for interface in self.interfaces.values():
            waiting = self.not_begun(<Interface> interface)
            if waiting:
                self.plan_sending(<Interface> interface, waiting, (<Arrival> waiting[0]).begin_s)
        for interface in self.interfaces.values():
            if interface in receiving:
                self.plan_receiving(<Interface> interface, receiving[interface])

    cdef dict receiving(self):
        """What each interface takes in now and after that, in that order."""
        cdef dict receiving = {}
        for each in self.under_way():
            if (<Arrival> each).span != ARRIVES or (<Arrival> each).hold_s == 0:
                continue
            if (<Interface> (<Arrival> each).target).bytes_per_s >= 0:
                receiving.setdefault((<Arrival> each).target, []).append(each)
        return receiving

    cdef int take(self, object message, Interface sender, Interface receiver, double latency_s) except -1:
        cdef Arrival arrival = self.arrival(message, sender, receiver, latency_s)
        cdef double rate = self.rate(arrival)
        cdef double size_bytes = field(message, SIZE_BYTES)
        cdef double now_s
        if rate < 0 or size_bytes == 0:
            return call_after(arrival, self.env, latency_s)
        now_s = seconds(self.env)
        arrival.hold_s = size_bytes / rate
        arrival.span = 0.0
        if sender.send_free_s <= now_s:
            arrival.begin_s = now_s
            if sender.bytes_per_s >= 0:
                sender.send_free_s = now_s + arrival.hold_s
            return call_after(arrival, self.env, latency_s)
        arrival.begin_s = sender.send_free_s
        sender.send_free_s = arrival.begin_s + arrival.hold_s
        call_after(arrival, self.env, arrival.begin_s - now_s + latency_s)
        if sender.unsent is None:
            sender.unsent = deque()
        while sender.unsent and (<Arrival> sender.unsent[0]).begin_s <= now_s:
            sender.unsent.popleft()
        sender.unsent.append(arrival)
        return 0

    cdef int close_gaps(self, list recalled) except -1:
        cdef Arrival one
        cdef Interface sender
        cdef double now_s = seconds(self.env), free_s
        cdef dict receiving = self.receiving()
        cdef dict gone = {each: None for each in recalled if (<Arrival> each).hold_s > 0}
        cdef dict on_wire = {}  # by sender: whether what it sends now is recalled
        for each in gone:
            one = <Arrival> each
            if one.begin_s + one.hold_s > now_s:
                on_wire[one.source] = on_wire.get(one.source, False) or one.begin_s <= now_s
        for interface, free in on_wire.items():
            sender = <Interface> interface
            waiting = self.not_begun(sender)
            free_s = now_s if free else (<Arrival> waiting[0]).begin_s if waiting else sender.send_free_s
            self.plan_sending(sender, [each for each in waiting if each not in gone], free_s)
        for interface in dict.fromkeys([(<Arrival> each).target for each in gone]):
            if interface in receiving:
                left = [each for each in receiving[interface] if each not in gone]
                if len(left) < len(receiving[interface]):
                    self.plan_receiving(<Interface> interface, left)
        return 0

    cdef int plan_sending(self, Interface sender, list waiting, double free_s) except -1:
        """Lets what waits leave one after the other from ``free_s`` on."""
        cdef Arrival arrival
        cdef double now_s = seconds(self.env)
        sender.unsent = deque()
        for each in waiting:
            arrival = <Arrival> each
            arrival.hold_s = <double> field(arrival.argument, SIZE_BYTES) / self.rate(arrival)
            if free_s != arrival.begin_s:
                arrival.begin_s = free_s
                arrival = later(arrival, free_s - now_s + arrival.latency_s)
            if free_s > now_s:
                sender.unsent.append(arrival)
            free_s += arrival.hold_s
        sender.send_free_s = free_s
        return 0

    cdef int plan_receiving(self, Interface receiver, list waiting) except -1:
        """Takes in what has come, one after the other; what has begun to be taken in goes on as it began."""
        cdef Arrival arrival
        cdef double now_s = seconds(self.env), before_s, free_s = now_s
        for each in waiting:
            arrival = <Arrival> each
            if arrival.start_s > now_s:
                before_s = arrival.end_s
                arrival.start_s = free_s
                arrival.end_s = taken_in_s(arrival)
                if arrival.end_s != before_s:
                    arrival = later(arrival, arrival.end_s - now_s)
            free_s = arrival.end_s
        receiver.receive_free_s = free_s
        return 0


# --- Mailboxes and timers -------------------------------------------------------------------------

@cython.trashcan(True)
cdef class Receive(Event):
    """The arrival of a message of one of ``kinds`` (of any kind when none is named); its value is the message."""

    cdef Mailbox mailbox
    cdef readonly tuple kinds
    cdef dict functions             # by kind, for one that listens; else None
    cdef object program             # as which they run
    cdef readonly double since_s    # when somebody began to wait, of several the last

    cdef int begin(self) except -1:
        self.since_s = seconds(self.mailbox.endpoint.env)
        return self.mailbox.begin(self)

    cdef int cease(self) except -1:
        return self.mailbox.cease(self)

    cdef inline bint takes(self, object message) except -1:
        return not self.kinds or field(message, KIND) in self.kinds


cdef int listen(Receive receive, object message) except -1:
    """Calls the function for a message; the receive fails with what that raises."""
    cdef Environment env = receive.mailbox.endpoint.env
    active = env._active_proc
    env._active_proc = receive.program
    try:
        receive.functions[field(message, KIND)](message)
    except Exception as error:
        env._active_proc = active
        receive._defused = True
        fail_now(receive, error)
    env._active_proc = active
    return 0


cdef class Offer(ScheduledCall):
    """A look at what waits in a mailbox, which is the ``function``."""

    cdef int make(self) except -1:
        cdef Mailbox mailbox = <Mailbox> self.function
        cdef Endpoint endpoint = mailbox.endpoint
        self.function = None
        if endpoint.runs:
            mailbox.offer_now()
        else:
            endpoint.when_up(mailbox.offer_now)
        return 0


cdef class Mailbox:
    """Messages in order of arrival, handed to awaited receives in the order in which those began to wait."""

    cdef Endpoint endpoint
    cdef dict waiting           # by kind, deques of (serial, message) in order of arrival; None until the first has to
    cdef Py_ssize_t count, serial
    cdef Receive longest        # of the receives that have somebody waiting, the first to begin
    cdef dict others            # the rest in their order, or None
    cdef readonly bint _offer_due

    @property
    def _messages(self):
        return [message for _, message in sorted(one for queue in (self.waiting or {}).values() for one in queue)]

    @property
    def _receives(self):
        return self.receives()

    cdef tuple receives(self):
        if self.longest is None:
            return ()
        return (self.longest, *self.others) if self.others else (self.longest,)

    cdef inline Py_ssize_t length(self) noexcept:
        return self.count

    cdef inline bint hand_over(self, object message) except -1:
        """Give a message to the one receive that there is, if it is awaited and takes it: the common case."""
        cdef Receive receive = self.longest
        if self.others or not receive.takes(message) or not is_awaited(receive):
            return False
        self.longest = None
        self.hand(receive, message)
        return True

    cdef inline int hand(self, Receive receive, object message) except -1:
        """Give a message to a receive that waits no more; one that listens waits again, if somebody awaits it."""
        if receive.functions is None:
            return fire_event(receive, message)
        listen(receive, message)
        if is_awaited(receive):
            receive.begin()
        return 0

    cdef int put(self, object message) except -1:
        """A message arrives."""
        if self.longest is not None and self.length() == 0 and self.hand_over(message):
            return 0
        if self.waiting is None:
            self.waiting = {}
        queue = self.waiting.get(field(message, KIND))
        if queue is None:
            queue = self.waiting[field(message, KIND)] = deque()
        queue.append((self.serial, message))
        self.serial += 1
        self.count += 1
        if self.longest is not None:
            self.offer()
        return 0

    cdef object first_for(self, Receive receive):
        """The queue whose first message is the first that ``receive`` takes, or None."""
        found = None
        if self.count == 0:
            return None
        if not receive.kinds:
            for queue in self.waiting.values():
                if found is None or queue[0][0] < found[0][0]:
                    found = queue
            return found
        for kind in receive.kinds:
            queue = self.waiting.get(kind)
            if queue is not None and (found is None or queue[0][0] < found[0][0]):
                found = queue
        return found

    cdef object take_out(self, object queue):
        """Take the first message of a queue."""
        _, message = queue.popleft()
        self.count -= 1
        if not queue:
            del self.waiting[field(message, KIND)]
        return message

    cpdef clear(self):
        """Forget all messages and all receives."""
        self.waiting = None
        self.count = 0
        self.longest = None
        self.others = None
        self._offer_due = False

    cdef int begin(self, Receive receive) except -1:
        """Somebody begins to wait for ``receive``."""
        cdef Offer offer
        if not receive.processed:
            if self.longest is None:
                self.longest = receive
            elif self.longest is not receive:
                if self.others is None:
                    self.others = {}
                self.others[receive] = None
        if self.length() and not self._offer_due:
            self._offer_due = True
            offer = Offer.__new__(Offer)
            offer.function = self
            call_after(offer, self.endpoint.env, 0.0)
        return 0

    cdef int cease(self, Receive receive) except -1:
        """Nobody waits for ``receive`` any more."""
        if receive is not self.longest:
            if self.others is not None:
                self.others.pop(receive, None)
            return 0
        self.longest = None
        if self.others:
            self.longest = next(iter(self.others))
            del self.others[self.longest]
        return 0

    def offer_now(self):
        """Hand over what somebody awaits."""
        self._offer_due = False
        self.offer()

    cdef int offer(self) except -1:
        cdef Receive receive
        for each in self.receives():
            receive = <Receive> each
            if receive is not self.longest and (self.others is None or receive not in self.others):
                continue  # an earlier hand-over ended this wait
            queue = self.first_for(receive)
            if queue is None:
                continue
            if not is_awaited(receive):
                self.watch(receive)
                continue
            message = self.take_out(queue)  # before it is handed over: what is resumed may look here again
            self.cease(receive)
            self.hand(receive, message)
        return 0

    cdef int watch(self, Receive receive) except -1:
        """Offer again as soon as one of the conditions over ``receive``, which nobody awaits yet, is awaited."""
        cdef Waiters waiters
        for callback in receive.callbacks:
            condition = getattr(callback, "__self__", None)
            if isinstance(condition, PlainCondition) and condition._value is PENDING:
                callbacks = condition.callbacks
                if type(callbacks) is list:
                    waiters = Waiters.__new__(Waiters)
                    waiters.event = receive
                    waiters.extend(callbacks)
                    condition.callbacks = waiters
        return 0


cdef class Expiry(ScheduledCall):
    """The time of a timer, which is the ``function``, has come."""

    cdef int make(self) except -1:
        cdef Timer timer = <Timer> self.function
        self.function = None
        if timer.crashes == timer.endpoint.crashes:
            if timer.endpoint.runs:
                fire_event(timer, None)
            else:
                timer.endpoint.when_up(timer.happen)
        return 0


@cython.trashcan(True)
cdef class Timer(Event):
    """An event ``delay_s`` from now by its node's oscillator, unless the node crashes.

    While nobody awaits it, it is in no event queue.
    """

    cdef Endpoint endpoint
    cdef Py_ssize_t crashes, stretch
    cdef readonly double at_s
    cdef Expiry expiry

    cdef int begin(self) except -1:
        cdef double delay_s
        if self.expiry is None:
            if self.stretch != self.endpoint.stretch:
                self.at_s = self.endpoint.clock.renewed_s(self.at_s, self.stretch)
                self.stretch = self.endpoint.stretch
            delay_s = self.at_s - seconds(self.endpoint.env)
            self.expiry = Expiry.__new__(Expiry)
            self.expiry.function = self
            call_after(self.expiry, self.endpoint.env, delay_s if delay_s > 0 else 0.0)
        return 0

    cdef int cease(self) except -1:
        if self.expiry is not None:
            self.expiry.cancel()
            self.expiry = None
        return 0

    def happen(self):
        """Happen now, unless it has."""
        if not self.processed:
            fire_event(self, None)


# --- Endpoints ------------------------------------------------------------------------------------

@cython.trashcan(True)
cdef class Reply(Event):
    """The reply to a request, whose ``message`` it holds; its value is the message that answers."""

    cdef readonly object message


cdef class Patience(ScheduledCall):
    """The time in which a request is replied to is over: of the ``function``, an endpoint, the ``argument``, a reply.

    ``source`` is that time, as the user has written it.
    """

    cdef int make(self) except -1:
        cdef Endpoint endpoint = <Endpoint> self.function
        message = (<Reply> self.argument).message
        timeout_s = self.source
        self.function = self.argument = self.source = None
        endpoint._expire((
            field(message, REQUEST_ID), field(message, ID), timeout_s, field(message, TARGET), field(message, KIND)
        ))
        return 0


cdef class Endpoint:
    """The part of a node that sends, receives, requests, replies and waits: ``Node`` adds the rest."""

    cdef readonly Environment env
    cdef readonly object name
    cdef public Py_ssize_t crashes
    cdef public bint runs, true_clock
    cdef public Py_ssize_t stretch
    cdef public Py_ssize_t _down, _pauses
    cdef readonly object _held          # a deque
    cdef public Py_ssize_t _held_messages   # how many of them bring a message for the inbox
    cdef readonly Mailbox _mailbox
    # The one open request, while there is no other: its id (None if there is none), reply and expiry.
    cdef object request_id
    cdef Reply awaited_reply
    cdef ScheduledCall expiry
    cdef dict requests                  # all others: by id, lists of (message, reply, expiry); None until there is one
    cdef Transport transport
    cdef Interface interface            # None if the carrier is not compiled
    cdef Py_ssize_t inbox_messages      # -1: no limit

    def __init__(self, env, name, Transport transport not None, inbox_messages):
        self.env = env
        self.name = name
        self.runs = self.true_clock = True
        self.transport = transport
        self.inbox_messages = -1 if inbox_messages is None else inbox_messages
        self._held = deque()
        self._mailbox = Mailbox.__new__(Mailbox)
        self._mailbox.endpoint = self
        if transport.carrier is not None:
            self.interface = transport.carrier.interfaces[name]
            self.interface.endpoint = self

    @property
    def state(self):
        """What the node is now."""
        return "down" if self._down else "paused" if self._pauses else "up"

    @property
    def inbox_length(self):
        """Messages that have arrived and that no program has taken."""
        return self._mailbox.length()

    @property
    def inbox_is_full(self):
        """Whether the inbox has no room for one more message."""
        return self.is_full()

    @property
    def _open_requests(self):
        first = () if self.request_id is None else (self.request_id,)
        return (*first, *(self.requests or ()))

    cdef inline bint is_full(self) noexcept:
        return 0 <= self.inbox_messages <= self._mailbox.length() + self._held_messages

    def timer(self, delay_s):
        """An event ``delay_s`` from now by the node's own oscillator, see ``Clock``.

        One that expires during a pause happens when the node resumes.
        """
        cdef Timer timer
        if self._down:
            self._require_up("timer")
        check_seconds("delay_s", delay_s)
        timer = Timer.__new__(Timer)
        timer.env = self.env
        timer.watched = True
        timer.endpoint = self
        timer.crashes = self.crashes
        timer.at_s = seconds(self.env) + <double> delay_s if self.true_clock else self.clock.due_s(delay_s)
        timer.stretch = self.stretch
        return timer

    def receive(self, *kinds):
        """The next message of one of ``kinds`` (of any kind when none is named), for as long as it is awaited."""
        if self._down:
            self._require_up("receive")
        return self.receiving(kinds, None)

    def listen(self, functions):
        """What calls ``functions[kind](message)`` for each message of these kinds, for as long as it is awaited.

        It never happens, but fails with what a function raises. The functions run as the program that asks for it.
        """
        functions = dict(functions)
        if self._down:
            self._require_up("listen")
        if not functions:
            raise ValueError(f"functions must be those of at least one kind, got {functions}")
        return self.receiving(tuple(functions), functions)

    cdef Receive receiving(self, tuple kinds, dict functions):
        cdef Receive receive = Receive.__new__(Receive)
        receive.env = self.env
        receive.watched = True
        receive.mailbox = self._mailbox
        receive.kinds = kinds
        if functions is not None:
            receive.functions, receive.program = functions, self.env._active_proc
        return receive

    def send(self, target, kind, body=None, size_bytes=None):
        """Send a message and go on at once; what ``body`` is now is what arrives (see ``freeze``).

        ``size_bytes`` defaults to the size of the body and a header. Raises ``ValueError`` for an unknown target.
        """
        return self.post(target, kind, body, size_bytes, None, None)

    def request(self, target, kind, body=None, size_bytes=None, timeout_s=None, request_id=None):
        """The reply to a message. Without one within ``timeout_s`` the event fails with ``TimedOut``.

        The event's ``message`` is the one that asks. A retry passes the ``request_id`` of its first attempt, so that
        the receiver can tell that it is one. Several attempts may be open at once: each has its own timeout, and the
        first reply answers all of them.
        """
        cdef Reply reply
        cdef Patience expiry = None
        if timeout_s is not None:
            check_seconds("timeout_s", timeout_s)
        if request_id is None:
            request_id = self.transport.ids
            self.transport.ids += 1
        reply = Reply.__new__(Reply)
        reply.env = self.env
        reply.message = self.post(target, kind, body, size_bytes, request_id, None)
        message_id = field(reply.message, ID)
        if timeout_s is not None:
            expiry = Patience.__new__(Patience)
            expiry.function, expiry.argument, expiry.source = self, reply, timeout_s
            delay_s = timeout_s if self.true_clock else self.clock.due_s(timeout_s) - seconds(self.env)
            call_after_any(expiry, self.env, delay_s)
        if self.request_id is None and not self.requests:
            self.request_id = request_id
            self.awaited_reply = reply
            self.expiry = expiry
            return reply
        if self.requests is None:
            self.requests = {}
        if self.request_id is not None and self.request_id == request_id:
            self.requests[request_id] = [(field(self.awaited_reply.message, ID), self.awaited_reply, self.expiry)]
            self.forget_one()
        self.requests.setdefault(request_id, []).append((message_id, reply, expiry))
        return reply

    cdef inline void forget_one(self) noexcept:
        self.request_id = self.awaited_reply = self.expiry = None

    def reply(self, message, body=None, size_bytes=None):
        """Answer a request. Raises ``ValueError`` when ``message`` is none."""
        # By attribute, for it is the user who says what a message is.
        request_id = message.request_id
        if request_id is None:
            raise ValueError(f"only a request can be replied to, got a {message.kind!r} message without request_id")
        kind = self.transport.reply_kind(message.kind)
        return self.post(message.source, kind, body, size_bytes, None, request_id)

    def when_up(self, function):
        """Call ``function`` now, after the pause, or, on a node that is down, never."""
        if self._down:
            return
        if self._pauses:
            self._held.append(function)
        else:
            function()

    def deliver(self, message):
        """Take a message from the network, which has made sure that the node is not down."""
        self.take(whole(message))

    cdef int take(self, object message) except -1:
        if self._pauses:
            if field(message, REPLY_TO) is None:
                self._held_messages += 1
                self._held.append(partial(self._take_held, message))
            else:
                self._held.append(partial(self.deliver, message))
            return 0
        cdef Reply reply
        request_id = field(message, REPLY_TO)
        if request_id is None:
            return self._mailbox.put(message)
        if self.request_id is not None and self.request_id == request_id:
            reply = self.awaited_reply
            if self.expiry is not None:
                self.expiry.cancel()
            self.forget_one()
            return fire_event(reply, message)
        attempts = self.requests.pop(request_id, None) if self.requests else None
        if attempts is None:
            self._late(message)
            return 0
        for _, _, expiry in attempts:
            if expiry is not None:
                expiry.cancel()
        for _, each, _ in attempts:
            fire_event(<Event> each, message)
        return 0

    def _take_held(self, message):
        """Take a message that came during the pause."""
        self._held_messages -= 1
        self.deliver(message)

    def _withdraw(self, request_id, message_id):
        """The reply that was awaited by this attempt, and no longer is, or None when it is not open."""
        cdef Reply reply = self.awaited_reply
        if self.request_id is not None and self.request_id == request_id:
            if field(reply.message, ID) != message_id:
                return None
            if self.expiry is not None:
                self.expiry.cancel()
            self.forget_one()
            return reply
        attempts = self.requests.get(request_id, ()) if self.requests else ()
        for attempt in attempts:
            if attempt[0] == message_id:
                attempts.remove(attempt)
                if not attempts:
                    del self.requests[request_id]
                if attempt[2] is not None:
                    attempt[2].cancel()
                return attempt[1]
        return None

    def _retime(self):
        """The oscillator runs at another rate: what waits for it comes at another time."""
        cdef Py_ssize_t before = self.stretch
        cdef Timer timer
        self.stretch += 1
        self.true_clock = self.clock.is_true
        for due_s, _, _, call in self.env._queue:
            if type(call) is Expiry and (<Expiry> call).function is not None:
                timer = <Timer> (<Expiry> call).function
                if timer.endpoint is self:
                    timer.cease()
                    timer.begin()
            elif type(call) is Patience and (<Patience> call).function is self:
                delay_s = max(0.0, self.clock.renewed_s(due_s, before) - seconds(self.env))
                self.replace(<Patience> call, delay_s)

    cdef int replace(self, Patience before, double delay_s) except -1:
        """An attempt at a request gives up at another time, so far from now."""
        cdef Reply reply = <Reply> before.argument
        cdef Patience expiry = Patience.__new__(Patience)
        expiry.function, expiry.argument, expiry.source = self, reply, before.source
        call_after(expiry, self.env, delay_s)
        before.cancel()
        if self.awaited_reply is reply:
            self.expiry = expiry
            return 0
        attempts = self.requests[field(reply.message, REQUEST_ID)]
        for place, attempt in enumerate(attempts):
            if attempt[1] is reply:
                attempts[place] = (attempt[0], reply, expiry)
        return 0

    def _close_all(self):
        """Forget all requests, as a crash does."""
        if self.expiry is not None:
            self.expiry.cancel()
        for attempts in (self.requests or {}).values():
            for _, _, expiry in attempts:
                if expiry is not None:
                    expiry.cancel()
        self.forget_one()
        self.requests = None

    cdef object post(self, object target, object kind, object body, object size_bytes, object request_id,
                     object reply_to):
        """Writes a message and sends it, or keeps it until the pause ends."""
        cdef Interface receiver
        if self._down:
            self._require_up("send")
        receiver = self.transport.receiver_of(target)
        message = self.transport.written(self.name, target, kind, body, size_bytes, request_id, reply_to)
        if self._pauses:
            self._held.append(partial(self.transport.send, message))
        else:
            self.transport.dispatch(message, self.interface, receiver)
        return message


# --- Transport ------------------------------------------------------------------------------------

cdef class Transport:
    """What happens to each message, as far as it is the same for all: ``Network`` adds the rest."""

    cdef readonly Environment _env
    cdef readonly object _nodes
    cdef readonly set _names            # of all nodes that ever were
    cdef int64_t ids
    cdef object given_carrier
    cdef LatencyCarrier carrier         # the same, if it is compiled
    cdef object latency
    cdef double latency_s
    cdef public bint _accounts
    cdef public dict rules
    cdef object message_type, freeze, header_bytes
    cdef dict reply_kinds
    cdef list sends, delivers           # where their records go, None where they are not kept

    def __init__(self, env, nodes, trace, message_type, freeze, header_bytes):
        self._env = env
        self._nodes = nodes
        self._names = set()
        self.rules = {}
        self.message_type = message_type
        self.freeze = freeze
        self.header_bytes = header_bytes
        self.reply_kinds = {}
        self.sends = trace.sink("send", "message", "source", "target", "message_kind", "size_bytes")
        self.delivers = trace.sink("deliver", "message", "source", "target", "message_kind")

    @property
    def _carrier(self):
        return self.given_carrier

    @_carrier.setter
    def _carrier(self, carrier):
        self.given_carrier = carrier
        self.carrier = None
        if isinstance(carrier, LatencyCarrier):
            self.carrier = carrier
            self.carrier.transport = self

    @property
    def _constant_latency_s(self):
        return self.latency

    @_constant_latency_s.setter
    def _constant_latency_s(self, latency_s):
        self.latency = latency_s
        self.latency_s = 0.0 if latency_s is None else latency_s

    def new_id(self):
        """A number that no other message or request of this run has."""
        self.ids += 1
        return self.ids - 1

    def write(self, source, target, kind, body, size_bytes, request_id=None, reply_to=None):
        """Make a message, immutable. Raises ``ValueError`` for an unknown target or a negative size."""
        self.receiver_of(target)
        return self.written(source, target, kind, body, size_bytes, request_id, reply_to)

    def send(self, message):
        """Judge a message and put it on its way."""
        cdef Interface sender = None, receiver = None
        whole(message)
        if self.carrier is not None:
            sender, receiver = self.carrier.interfaces[message.source], self.carrier.interfaces[message.target]
        self.dispatch(message, sender, receiver)

    def _arrive(self, message):
        """The last bit is at the receiver's interface."""
        self.bring(whole(message), None)

    def _deliver(self, message):
        """Hand a message to its node, if that is there, up, and has room."""
        node = self._nodes.get(whole(message).target)
        if node is None or (<Endpoint?> node)._down:
            self._lose(message, "target_left" if node is None else "target_down")
        elif (<Endpoint> node).is_full() and message.reply_to is None:
            self._lose(message, "overloaded")
        else:
            if self.delivers is not None:
                self.record_delivery(message)
            (<Endpoint> node).take(message)

    cdef Interface receiver_of(self, object target):
        """The interface of the node that is called ``target``, or None if the carrier is not compiled."""
        cdef PyObject *found
        if self.carrier is not None:
            found = PyDict_GetItemWithError(self.carrier.interfaces, target)
            if found != NULL:
                return <Interface> found
        elif target in self._names:
            return None
        raise self._unknown("target", target)

    cdef object written(self, object source, object target, object kind, object body, object size_bytes,
                        object request_id, object reply_to):
        """A message to a node that is known."""
        cdef double own_bytes = 0.0
        body = frozen(body, self.freeze, &own_bytes)
        if size_bytes is None:
            size_bytes = self.header_bytes + own_bytes
        elif not (
            0 <= PyFloat_AS_DOUBLE(size_bytes) < INFINITY if type(size_bytes) is float else 0 <= size_bytes < INFINITY
        ):
            raise ValueError(f"size_bytes must be finite and at least 0, got {size_bytes}")
        message = new_tuple(self.message_type, FIELDS)
        set_field(message, ID, self.ids)
        self.ids += 1
        set_field(message, SOURCE, source)
        set_field(message, TARGET, target)
        set_field(message, KIND, kind)
        set_field(message, BODY, body)
        set_field(message, SIZE_BYTES, size_bytes)
        set_field(message, REQUEST_ID, request_id)
        set_field(message, REPLY_TO, reply_to)
        return message

    cdef int dispatch(self, object message, Interface sender, Interface receiver) except -1:
        """Judges a message and puts it on its way."""
        cdef double latency_s = self.latency_s
        if self.sends is not None:
            self.sends.append((
                present(self._env), "send", field(message, ID), field(message, SOURCE), field(message, TARGET),
                field(message, KIND), field(message, SIZE_BYTES),
            ))
        if self.latency is None:
            latency_s = self._latency_s(field(message, SOURCE), field(message, TARGET))
        if self.rules and self._meet(message, latency_s):
            return 0
        if self._accounts or field(message, SOURCE) == field(message, TARGET):
            self._carry(message, latency_s)
        elif sender is not None:
            self.carrier.take(message, sender, receiver, latency_s)
        else:
            self.given_carrier.carry(message, latency_s)
        return 0

    cdef int record_delivery(self, object message) except -1:
        self.delivers.append((
            present(self._env), "deliver", field(message, ID), field(message, SOURCE), field(message, TARGET),
            field(message, KIND),
        ))
        return 0

    cdef int bring(self, object message, Interface receiver) except -1:
        """The last bit is at the receiver's interface."""
        cdef Endpoint endpoint = receiver.endpoint if receiver is not None else None
        if self._accounts:
            self._account(message)
        elif endpoint is None or endpoint._down or endpoint.inbox_messages >= 0:
            self._deliver(message)
        else:
            if self.delivers is not None:
                self.record_delivery(message)
            return endpoint.take(message)
        return 0

    cdef object reply_kind(self, object kind):
        known = self.reply_kinds.get(kind)
        if known is None:
            known = self.reply_kinds[kind] = kind + "-reply"
        return known
