"""Task graphs by numbers: orders, and ranks by the longest way. float64, one thread."""

from libc.math cimport INFINITY, fabs
from libc.stdint cimport int64_t

cimport numpy as cnp

import numpy as np

from _checks cimport (
    check_index_range,
    check_length,
    check_some,
    checked_matrix,
    checked_vector,
    private_indices,
)

cnp.import_array()


cdef class TaskGraph:
    """n tasks; what i hands to j takes c[i, j] from one host to another, and nothing within one."""

    cdef readonly Py_ssize_t n
    cdef int64_t[::1] first, after               # successors of t: after[first[t]:first[t + 1]]
    cdef double[::1] after_s                     # c to each of them
    cdef int64_t[::1] first_before, before       # predecessors, likewise
    cdef double[::1] before_s
    cdef int64_t[::1] order                      # topological, as far as no cycle is in the way

    def __cinit__(self, starts, after, transfers):
        cdef Py_ssize_t i
        self.first, self.after = private_indices("starts", starts), private_indices("after", after)
        self.after_s = cnp.PyArray_NewCopy(checked_vector("transfers", transfers), cnp.NPY_CORDER)
        check_some("starts", "elements", self.first.shape[0])
        self.n = self.first.shape[0] - 1
        check_length("transfers", "elements", self.after_s.shape[0], "after", self.after.shape[0])
        check_index_range("after", self.after, self.n)
        if self.first[0] != 0 or self.first[self.n] != self.after.shape[0]:
            raise ValueError(f"starts must run from 0 to {len(after)}, the length of after, got {starts}")
        for i in range(self.n):
            if self.first[i] > self.first[i + 1]:
                raise ValueError(f"starts must not decrease, got {self.first[i]} before {self.first[i + 1]} at {i}")
        for i in range(self.after_s.shape[0]):
            if not 0.0 <= self.after_s[i] < INFINITY:
                raise ValueError(f"transfers must be finite and at least 0, got {self.after_s[i]} at index {i}")
        self._turn_round()

    cdef int _turn_round(self) except -1:
        """Find the predecessors, and Kahn's order, in which what has been ready longest comes first."""
        cdef Py_ssize_t i, k, done = 0, found = 0
        cdef int64_t[::1] room = np.zeros(self.n + 1, dtype=np.int64)
        self.first_before = np.zeros(self.n + 1, dtype=np.int64)
        self.before, self.before_s = np.zeros_like(self.after), np.zeros_like(self.after_s)
        for k in range(self.after.shape[0]):
            self.first_before[self.after[k] + 1] += 1
        for i in range(self.n):
            self.first_before[i + 1] += self.first_before[i]
            room[i] = self.first_before[i]
        for i in range(self.n):
            for k in range(self.first[i], self.first[i + 1]):
                self.before[room[self.after[k]]] = i
                self.before_s[room[self.after[k]]] = self.after_s[k]
                room[self.after[k]] += 1
        order = np.zeros(self.n, dtype=np.int64)
        self.order = order
        for i in range(self.n):
            room[i] = self.first_before[i + 1] - self.first_before[i]
            if room[i] == 0:
                self.order[found] = i
                found += 1
        while done < found:
            i = self.order[done]
            done += 1
            for k in range(self.first[i], self.first[i + 1]):
                room[self.after[k]] -= 1
                if room[self.after[k]] == 0:
                    self.order[found] = self.after[k]
                    found += 1
        self.order = order[:found]
        return 0

    def arrays(self):
        """The rows of successors (starts, tasks, transfers) and those of predecessors, likewise."""
        after = np.array(self.first), np.array(self.after), np.array(self.after_s)
        return *after, np.array(self.first_before), np.array(self.before), np.array(self.before_s)

    def successors(self, Py_ssize_t task):
        if not 0 <= task < self.n:
            raise ValueError(f"task must be within [0, {self.n - 1}], got {task}")
        return np.array(self.after[self.first[task]:self.first[task + 1]]).tolist()

    def topological_order(self):
        return np.array(self.order)

    def order_by(self, priorities):
        # What comes next has the highest priority of all that is ready, and of those the first place in Kahn's order.
        cdef const double[::1] priority = self._of_tasks("priorities", priorities)
        cdef int64_t[::1] place = np.zeros(self.n, dtype=np.int64), left = np.zeros(self.n, dtype=np.int64)
        cdef int64_t[::1] heap = np.zeros(self.n, dtype=np.int64)
        cdef Py_ssize_t i, k, found = 0, size = 0
        cdef int64_t t
        order = np.zeros(self.order.shape[0], dtype=np.int64)
        cdef int64_t[::1] ordered = order
        for i in range(self.order.shape[0]):
            place[self.order[i]] = i
        for t in range(self.n):
            left[t] = self.first_before[t + 1] - self.first_before[t]
            if left[t] == 0:
                size = _push(&heap[0], size, t, &priority[0], &place[0])
        while size:
            t = heap[0]
            size = _pop(&heap[0], size, &priority[0], &place[0])
            ordered[found] = t
            found += 1
            for k in range(self.first[t], self.first[t + 1]):
                left[self.after[k]] -= 1
                if left[self.after[k]] == 0:
                    size = _push(&heap[0], size, self.after[k], &priority[0], &place[0])
        return order

    def upward_ranks(self, weights, double transfer_factor):
        cdef const double[::1] w = self._of_tasks("weights", weights)
        cdef Py_ssize_t i, k
        cdef int64_t t
        ranks = np.zeros(self.n)
        cdef double[::1] rank = ranks
        cdef double most
        for i in range(self.order.shape[0] - 1, -1, -1):
            t, most = self.order[i], 0.0
            for k in range(self.first[t], self.first[t + 1]):
                most = max(most, transfer_factor * self.after_s[k] + rank[self.after[k]])
            rank[t] = w[t] + most
        return ranks

    def downward_ranks(self, weights):
        cdef const double[::1] w = self._of_tasks("weights", weights)
        cdef Py_ssize_t i, k
        cdef int64_t t
        ranks = np.zeros(self.n)
        cdef double[::1] rank = ranks
        for i in range(self.order.shape[0]):
            t = self.order[i]
            for k in range(self.first_before[t], self.first_before[t + 1]):
                rank[t] = max(rank[t], rank[self.before[k]] + w[self.before[k]] + self.before_s[k])
        return ranks

    def optimistic_costs(self, seconds, hosts):
        # OCT[t, p] = max over successors j of min over processors q of OCT[j, q] + w[j, q] + (c[t, j] between hosts)
        cdef const double[:, ::1] w = checked_matrix("seconds", seconds)
        cdef const int64_t[::1] host = private_indices("hosts", hosts)
        cdef Py_ssize_t i, k, p, m = w.shape[1]
        check_length("seconds", "rows", w.shape[0], "starts, but for one,", self.n)
        check_length("hosts", "elements", host.shape[0], "seconds", m)
        check_index_range("hosts", host, m)
        table = np.zeros((self.n, m))
        cdef double[:, ::1] oct = table
        cdef double[::1] here = np.zeros(m)  # the least on each host
        cdef double least
        cdef int64_t t, j
        for i in range(self.order.shape[0] - 1, -1, -1):
            t = self.order[i]
            for k in range(self.first[t], self.first[t + 1]):
                j, least = self.after[k], INFINITY
                here[:] = INFINITY
                for p in range(m):
                    here[host[p]] = min(here[host[p]], oct[j, p] + w[j, p])
                    least = min(least, oct[j, p] + w[j, p])
                for p in range(m):
                    oct[t, p] = max(oct[t, p], min(here[host[p]], least + self.after_s[k]))
        return table

    cdef const double[::1] _of_tasks(self, str name, object values):
        cdef const double[::1] vector = checked_vector(name, values)
        check_length(name, "elements", vector.shape[0], "starts, but for one,", self.n)
        return vector


def mean_rows(seconds):
    cdef const double[:, ::1] times = checked_matrix("seconds", seconds)
    check_some("seconds", "columns", times.shape[1])
    means = np.zeros(times.shape[0])
    _mean_rows(times, means)
    return means


cdef inline bint _sooner(int64_t i, int64_t j, const double* priority, const int64_t* place) noexcept nogil:
    return priority[i] > priority[j] or (priority[i] == priority[j] and place[i] < place[j])


cdef Py_ssize_t _push(
    int64_t* heap, Py_ssize_t size, int64_t t, const double* priority, const int64_t* place
) noexcept nogil:
    cdef Py_ssize_t i = size
    while i and _sooner(t, heap[(i - 1) // 2], priority, place):
        heap[i] = heap[(i - 1) // 2]
        i = (i - 1) // 2
    heap[i] = t
    return size + 1


cdef Py_ssize_t _pop(int64_t* heap, Py_ssize_t size, const double* priority, const int64_t* place) noexcept nogil:
    """Take the first away, and say how many are left."""
    cdef Py_ssize_t i = 0, child
    cdef int64_t last = heap[size - 1]
    size -= 1
    while 2 * i + 1 < size:
        child = 2 * i + 1
        if child + 1 < size and _sooner(heap[child + 1], heap[child], priority, place):
            child += 1
        if not _sooner(heap[child], last, priority, place):
            break
        heap[i] = heap[child]
        i = child
    heap[i] = last
    return size


cdef void _mean_rows(const double[:, ::1] seconds, double[::1] means) noexcept nogil:
    """Mean of each row, summed with what rounding loses (Neumaier), so that order does not matter on paper ties."""
    cdef Py_ssize_t i, p
    cdef double total, lost, added
    for i in range(seconds.shape[0]):
        total = lost = 0.0
        for p in range(seconds.shape[1]):
            added = total + seconds[i, p]
            if fabs(total) >= fabs(seconds[i, p]):
                lost += (total - added) + seconds[i, p]
            else:
                lost += (seconds[i, p] - added) + total
            total = added
        means[i] = (total + lost) / seconds.shape[1]
