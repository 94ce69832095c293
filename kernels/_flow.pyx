"""Max-min fair rates of fluid flows over shared links, by progressive filling. float64, one thread."""

from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

cimport numpy as cnp

import numpy as np

from _checks cimport check_some, checked_labels, checked_vector, private_indices

cnp.import_array()

cdef Py_ssize_t ROOM = 8            # for the flows on a link, at first
cdef double SATURATED = 1.0 - 1e-9  # of its capacity: what counts as full where a false alarm costs time only
cdef double BELOW = 1.0 - 1e-12     # of a level: rates from here on are computed anew


def max_min(capacities, starts, links):
    cdef const int64_t[::1] first = checked_labels("starts", starts)
    cdef const int64_t[::1] flat = checked_labels("links", links)
    cdef Py_ssize_t i
    check_some("starts", "elements", first.shape[0])
    if first[0] != 0 or first[first.shape[0] - 1] != flat.shape[0]:
        raise ValueError(f"starts must run from 0 to {len(links)}, the length of links, got {starts}")
    for i in range(first.shape[0] - 1):
        if first[i] > first[i + 1]:
            raise ValueError(f"starts must not decrease, got {first[i]} before {first[i + 1]} at {i}")
    table = Flows(capacities)
    for i in range(first.shape[0] - 1):
        table.add(links[first[i]:first[i + 1]], 1.0, 0.0)
    table.fill(0.0)
    return table.rates(np.arange(first.shape[0] - 1))


cdef class Flows:
    """Flows in numbered slots; each passes its links at its rate until its bytes are sent.

    The rates are those of the last ``fill``. Changes since then are remembered as dirty links and as a level
    under which no rate can have changed, so that ``fill`` computes the rest only.

    Every method holds the GIL from its beginning to its end, so that threads may share a table.
    """

    # Links, with the flows on each as one run of a pool, in the order in which they came
    cdef double[::1] capacity      # c_l
    cdef int32_t[::1] pool         # slots; a run that is full moves to the end and gets twice the room
    cdef Py_ssize_t[::1] begin, room, count  # l's run: its place, its length, how much of it is in use
    cdef Py_ssize_t n_pool
    cdef double[::1] residual      # what the rates known so far leave of c_l
    cdef Py_ssize_t[::1] unfilled  # m_l: l's flows whose rate is not known yet
    cdef double[::1] share         # residual_l / m_l when l was last looked at: never more than it is now
    cdef Py_ssize_t[::1] heap      # links by share, a binary heap
    cdef Py_ssize_t[::1] queue     # dirty links, then all that fill reaches from them
    cdef char[::1] queued
    cdef Py_ssize_t n_queue, n_heap
    cdef int64_t[::1] seen         # the last pass that looked at l
    cdef int64_t passes
    cdef char[::1] full            # whether it was saturated then
    # Slots
    cdef int32_t[:, ::1] route     # links, as many of the row as the flow has hops
    cdef Py_ssize_t[::1] hops
    cdef double[::1] rate          # r_i; infinite until the first fill
    cdef double[::1] filled        # r_i as fill finds it
    cdef double[::1] left          # bytes not sent at since
    cdef double[::1] since
    cdef double[::1] finish        # when left is sent at this rate; infinite in a free slot
    cdef char[::1] used
    cdef char[::1] open            # fill knows no rate for it yet
    cdef Py_ssize_t[::1] component
    cdef list free                 # slots; the last is taken first
    cdef double level              # no flow with a lower rate is touched by the changes since the last fill
    cdef bint grows                # make_room is at work

    def __cinit__(self, capacities):
        self.capacity = cnp.PyArray_NewCopy(checked_vector("capacities", capacities), cnp.NPY_CORDER)
        cdef Py_ssize_t i, n = self.capacity.shape[0]
        for i in range(n):
            _check_capacity(self.capacity[i], i)
        self.pool = np.zeros(ROOM * n, dtype=np.int32)
        self.begin = np.arange(n, dtype=np.intp) * ROOM
        self.room = np.full(n, ROOM, dtype=np.intp)
        self.n_pool = ROOM * n
        self.residual, self.share = np.zeros(n), np.zeros(n)
        self.count, self.unfilled, self.heap, self.queue = (np.zeros(n, dtype=np.intp) for _ in range(4))
        self.queued, self.full = (np.zeros(n, dtype=np.int8) for _ in range(2))
        self.seen, self.passes = np.zeros(n, dtype=np.int64), 0
        self.route = np.zeros((0, 4), dtype=np.int32)
        self.hops, self.component = (np.zeros(0, dtype=np.intp) for _ in range(2))
        self.rate, self.filled, self.left, self.since, self.finish = (np.zeros(0) for _ in range(5))
        self.used, self.open = (np.zeros(0, dtype=np.int8) for _ in range(2))
        self.n_queue = self.n_heap = 0
        self.free = []
        self.level = INFINITY

    def add(self, links, double size, double now):
        cdef const int64_t[::1] wanted = private_indices("links", links)
        cdef Py_ssize_t i, j, link, slot, n = wanted.shape[0]
        self._check_whole()
        if not (0.0 <= size < INFINITY):
            raise ValueError(f"size must be finite and at least 0, got {size}")
        for i in range(n):
            self._check_link(wanted[i])
            for j in range(i):
                if wanted[j] == wanted[i]:
                    raise ValueError(f"a route must pass each link once, got link {wanted[i]} at {j} and {i}")
        if not self.free or n > self.route.shape[1]:
            self._make_room(n)
        slot = self.free.pop()
        for i in range(n):
            link = wanted[i]
            self.route[slot, i] = <int32_t> link
            if self.count[link] == self.room[link]:
                self._move_run(link)
            self.pool[self.begin[link] + self.count[link]] = <int32_t> slot
            self.count[link] += 1
            self._soil(link)
        self.hops[slot] = n
        self.used[slot] = 1
        self.rate[slot] = INFINITY
        self.left[slot] = size
        self.since[slot] = now
        self.finish[slot] = now if n == 0 or size == 0.0 else INFINITY
        return slot

    def remove(self, Py_ssize_t slot, double now):
        self._check_slot(slot)
        cdef double unsent = self._unsent(slot, now)
        self.remove_all(np.array([slot], dtype=np.int64))
        return unsent

    def remove_all(self, slots):
        self._check_whole()
        cdef const int64_t[::1] leaving = private_indices("slots", slots)
        cdef Py_ssize_t i, n = leaving.shape[0]
        if len(set(leaving)) < n:
            raise ValueError(f"slots must differ, got {slots}")
        for i in range(n):
            self._check_slot(leaving[i])
        self._depart(leaving)
        for i in range(n):
            self.free.append(leaving[i])

    cdef void _depart(self, const int64_t[::1] leaving) noexcept nogil:
        """Empty the slots: each link is looked at once, and closes its gaps once."""
        cdef Py_ssize_t i, h, k, to, slot, link
        cdef double rate
        self.passes += 1
        for i in range(leaving.shape[0]):
            slot = leaving[i]
            rate = self.rate[slot]
            for h in range(self.hops[slot]):
                link = self.route[slot, h]
                if self.seen[link] != self.passes:
                    self.seen[link] = self.passes
                    self.full[link] = self._load(link) >= SATURATED * self.capacity[link]
                # The flows on a link that is not full have their limits elsewhere.
                if rate > 0.0 and self.full[link]:
                    self._soil(link)
                if self.queued[link]:
                    self.level = min(self.level, rate)
            self.used[slot] = 0
            self.finish[slot] = INFINITY
        self.passes += 1
        for i in range(leaving.shape[0]):
            slot = leaving[i]
            for h in range(self.hops[slot]):
                link = self.route[slot, h]
                if self.seen[link] != self.passes:
                    self.seen[link] = self.passes
                    to = self.begin[link]
                    for k in range(self.begin[link], self.begin[link] + self.count[link]):
                        if self.used[self.pool[k]]:
                            self.pool[to] = self.pool[k]
                            to += 1
                    self.count[link] = to - self.begin[link]

    def set_capacity(self, Py_ssize_t link, double value):
        self._check_whole()
        self._check_link(link)
        _check_capacity(value, link)
        cdef double load = self._load(link), rate, greatest = 0.0
        cdef Py_ssize_t k
        if value == self.capacity[link]:
            return
        if self.queued[link] or load >= SATURATED * self.capacity[link]:
            # It was full at the greatest of its rates: those may rise.
            for k in range(self.begin[link], self.begin[link] + self.count[link]):
                rate = self.rate[self.pool[k]]
                if rate < INFINITY:
                    greatest = max(greatest, rate)
            self.level = min(self.level, greatest)
            self._soil(link)
        elif load >= SATURATED * value or self.capacity[link] == INFINITY:
            self._soil(link)
        self.capacity[link] = value

    def fill(self, double now):
        self._check_whole()
        if self.n_queue > 0:
            self._fill(now)

    def earliest(self):
        return _least(self.finish)

    def due(self, double until):
        cdef Py_ssize_t i
        return [i for i in range(self.finish.shape[0]) if self.used[i] and self.finish[i] <= until]

    def unsent(self, Py_ssize_t slot, double now):
        self._check_slot(slot)
        return self._unsent(slot, now)

    def rates(self, slots):
        for slot in slots:
            self._check_slot(slot)
        return np.asarray(self.rate)[slots]

    def load(self, Py_ssize_t link):
        self._check_link(link)
        return self._load(link)

    cdef void _fill(self, double now) noexcept nogil:
        cdef Py_ssize_t i, n
        # No link saturates anew under the level λ = min_l x_l, where Σ_{i on l} min(r_i, x_l) = c_l over the dirty
        # links l: filling goes the same way as before until then, and rates r_i < λ stay as they are.
        for i in range(self.n_queue):
            self.level = min(self.level, self._saturation(self.queue[i]))
        n = self._open(self.level * BELOW)
        self._rise()
        for i in range(n):
            self._settle(self.component[i], now)
        self.n_queue = 0
        self.level = INFINITY

    cdef Py_ssize_t _open(self, double least) noexcept nogil:
        """Open what the dirty links reach through flows with r_i >= least; return how many flows these are."""
        cdef Py_ssize_t i = 0, k, h, f, link, m, n = 0
        cdef double residual
        # residual_l = c_l - Σ r_i over the flows that stay closed;   m_l = #{open flows on l}
        while i < self.n_queue:
            link = self.queue[i]
            i += 1
            residual, m = self.capacity[link], 0
            for k in range(self.begin[link], self.begin[link] + self.count[link]):
                f = self.pool[k]
                if self.open[f]:
                    m += 1
                elif self.rate[f] >= least:
                    m += 1
                    self.open[f] = 1
                    self.filled[f] = INFINITY
                    self.component[n] = f
                    n += 1
                    for h in range(self.hops[f]):
                        if self.capacity[self.route[f, h]] < INFINITY:
                            self._soil(self.route[f, h])
                else:
                    residual -= self.rate[f]
            self.residual[link] = residual
            self.unfilled[link] = m
        return n

    cdef void _rise(self) noexcept nogil:
        """Fill the open flows on the queued links; one that no link limits stays at an infinite rate."""
        cdef Py_ssize_t i, k, h, f, link
        cdef double share, level = 0.0
        self.n_heap = 0
        for i in range(self.n_queue):
            link = self.queue[i]
            self.queued[link] = 0
            if self.unfilled[link] > 0 and self.capacity[link] < INFINITY:
                self.share[link] = max(self.residual[link], 0.0) / self.unfilled[link]
                self.heap[self.n_heap] = link
                self.n_heap += 1
        for i in range(self.n_heap // 2 - 1, -1, -1):
            self._sift(i)
        # Until all have a rate: l* = argmin residual_l / m_l saturates, and its flows get r_i = residual_l* / m_l*.
        # Shares only grow, so the least of shares that may be out of date is looked at again before it counts.
        while self.n_heap > 0:
            link = self.heap[0]
            if self.unfilled[link] > 0:
                share = max(self.residual[link], 0.0) / self.unfilled[link]
                if share > self.share[link]:
                    self.share[link] = share
                    self._sift(0)
                    continue
                level = max(level, share)
                for k in range(self.begin[link], self.begin[link] + self.count[link]):
                    f = self.pool[k]
                    if self.open[f]:
                        self.open[f] = 0
                        self.filled[f] = level
                        for h in range(self.hops[f]):
                            self.residual[self.route[f, h]] -= level
                            self.unfilled[self.route[f, h]] -= 1
            self.n_heap -= 1
            self.heap[0] = self.heap[self.n_heap]
            self._sift(0)

    cdef double _saturation(self, Py_ssize_t link) noexcept nogil:
        """x with Σ_i min(r_i, x) = c over the flows of a link; infinite when they leave some of c."""
        cdef Py_ssize_t k, m = self.count[link]
        cdef double x = -1.0, rate, total, rest = self.capacity[link]
        while m > 0 and rest / m > x:
            x = rest / m
            total, m = 0.0, 0
            for k in range(self.begin[link], self.begin[link] + self.count[link]):
                rate = self.rate[self.pool[k]]
                if rate < x:
                    total += rate
                else:
                    m += 1
            rest = max(self.capacity[link] - total, 0.0)
        return x if m > 0 else INFINITY

    cdef void _settle(self, Py_ssize_t f, double now) noexcept nogil:
        """Book what flow f has sent, and let it go on at the rate that was filled."""
        self.open[f] = 0
        if self.filled[f] == self.rate[f] and self.rate[f] < INFINITY:
            return
        self.left[f] = self._unsent(f, now)
        self.since[f] = now
        self.rate[f] = self.filled[f]
        if self.left[f] == 0.0 or self.rate[f] == INFINITY:
            self.finish[f] = now
        elif self.rate[f] == 0.0:
            self.finish[f] = INFINITY
        else:
            self.finish[f] = now + self.left[f] / self.rate[f]

    cdef double _unsent(self, Py_ssize_t f, double now) noexcept nogil:
        if self.finish[f] <= now:
            return 0.0
        if self.rate[f] == INFINITY or now <= self.since[f]:
            return self.left[f]
        return max(self.left[f] - self.rate[f] * (now - self.since[f]), 0.0)

    cdef double _load(self, Py_ssize_t link) noexcept nogil:
        """Σ r_i over the flows of a link that have a rate."""
        cdef Py_ssize_t k
        cdef double rate, total = 0.0
        for k in range(self.begin[link], self.begin[link] + self.count[link]):
            rate = self.rate[self.pool[k]]
            if rate < INFINITY:
                total += rate
        return total

    cdef void _soil(self, Py_ssize_t link) noexcept nogil:
        """Put a link on the queue, once."""
        if not self.queued[link]:
            self.queued[link] = 1
            self.queue[self.n_queue] = link
            self.n_queue += 1

    cdef void _sift(self, Py_ssize_t i) noexcept nogil:
        """Move the link at place i of the heap down to where no share under it is less."""
        cdef Py_ssize_t child, link
        if i >= self.n_heap:
            return
        link = self.heap[i]
        while True:
            child = 2 * i + 1
            if child >= self.n_heap:
                break
            if child + 1 < self.n_heap and self.share[self.heap[child + 1]] < self.share[self.heap[child]]:
                child += 1
            if self.share[self.heap[child]] >= self.share[link]:
                break
            self.heap[i] = self.heap[child]
            i = child
        self.heap[i] = link

    cdef int _make_room(self, Py_ssize_t hops) except -1:
        """Make room, during which nothing else may change the table."""
        self.grows = True
        try:
            return self._grow(hops)
        finally:
            self.grows = False

    cdef int _grow(self, Py_ssize_t hops) except -1:
        """Make the table twice as long when no slot is free, and its routes long enough for so many hops."""
        cdef Py_ssize_t i, h, n = self.rate.shape[0], slots = n if self.free else max(16, 2 * n)
        cdef int32_t[:, ::1] route = np.zeros((slots, max(hops, self.route.shape[1])), dtype=np.int32)
        for i in range(n):
            for h in range(self.route.shape[1]):
                route[i, h] = self.route[i, h]
        self.route = route
        self.hops, self.component = _longer(self.hops, slots), _longer(self.component, slots)
        self.rate, self.filled = _longer(self.rate, slots), _longer(self.filled, slots)
        self.left, self.since = _longer(self.left, slots), _longer(self.since, slots)
        self.finish = _longer(self.finish, slots)
        self.used, self.open = _longer(self.used, slots), _longer(self.open, slots)
        for i in range(slots - 1, n - 1, -1):
            self.finish[i] = INFINITY
            self.free.append(i)
        return 0

    cdef int _move_run(self, Py_ssize_t link) except -1:
        """Move a link's run to the end of the pool and give it twice the room."""
        cdef Py_ssize_t k, begin = self.n_pool, end = begin + 2 * self.room[link]
        if end > self.pool.shape[0]:
            self.grows = True
            try:
                self.pool = _longer(self.pool, 2 * end)
            finally:
                self.grows = False
        self.n_pool = end
        for k in range(self.count[link]):
            self.pool[begin + k] = self.pool[self.begin[link] + k]
        self.begin[link] = begin
        self.room[link] *= 2
        return 0

    cdef int _check_whole(self) except -1:
        # What is collected while the table is copied may want to change it.
        if self.grows:
            raise RuntimeError("a table of flows must not be changed while it makes room for a flow")
        return 0

    cdef int _check_link(self, int64_t link) except -1:
        if not 0 <= link < self.capacity.shape[0]:
            raise ValueError(f"links must be within [0, {self.capacity.shape[0]}), got {link}")
        return 0

    cdef int _check_slot(self, Py_ssize_t slot) except -1:
        if not 0 <= slot < self.used.shape[0] or not self.used[slot]:
            raise ValueError(f"slot must hold a flow, got {slot}")
        return 0


cdef double _least(const double[::1] values) noexcept nogil:
    cdef Py_ssize_t i
    cdef double least = INFINITY
    for i in range(values.shape[0]):
        least = min(least, values[i])
    return least


cdef object _longer(object old, Py_ssize_t wanted):
    cdef cnp.ndarray array = np.asarray(old)
    cdef cnp.ndarray longer = np.zeros(wanted, dtype=array.dtype)
    # NumPy would release the GIL.
    memcpy(cnp.PyArray_DATA(longer), cnp.PyArray_DATA(array), cnp.PyArray_NBYTES(array))
    return longer


cdef int _check_capacity(double value, Py_ssize_t link) except -1:
    if not value >= 0.0:
        raise ValueError(f"capacities must be at least 0, got {value} at link {link}")
    return 0
