"""Timetables of task graphs on unequal processors, with their gaps. float64, one thread.

Task t takes w[t, p] on processor p; what i hands to j takes c[i, j] from one host to another, and nothing within one.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, realloc
from libc.string cimport memmove

cimport numpy as cnp

import numpy as np

from _checks cimport check_index_range, check_length, check_some, checked_matrix, checked_vector, private_indices

from simcluster.kernels._task_graph import TaskGraph

cnp.import_array()

cdef struct Row:
    # What a processor does: slots, which do not overlap, in order of time.
    double* begin
    double* end
    Py_ssize_t count, room
    Py_ssize_t packed  # how many of the first slots follow each other from time 0 on without a gap


cdef class _Sources


cdef class Timetable:
    """A task graph on processors, and when each task begins and ends there, as far as it is placed.

    Every method holds the GIL from its beginning to its end, so that threads may share a timetable.
    """

    cdef readonly Py_ssize_t n_placed
    cdef Py_ssize_t n, m
    cdef double[:, ::1] seconds                  # w
    cdef const uint8_t[:, ::1] allowed           # whether t may run on p; None: everything everywhere
    cdef int64_t[::1] host                       # of each processor
    cdef int64_t[::1] first, after               # successors of t: after[first[t]:first[t + 1]]
    cdef int64_t[::1] first_before, before       # predecessors, likewise
    cdef double[::1] before_s                    # c from each of them
    cdef double[::1] begin, end                  # of what is placed
    cdef int64_t[::1] processor, sequence        # where each is (-1: nowhere), and the order in which they were placed
    cdef double[::1] arrival                     # of a task's last input at each processor
    cdef Row* rows

    def __cinit__(self, graph, seconds, hosts, allowed=None):
        cdef Py_ssize_t i
        if not isinstance(graph, TaskGraph):
            raise TypeError(f"graph must be a TaskGraph, got {type(graph).__name__}")
        self.first, self.after, _, self.first_before, self.before, self.before_s = graph.arrays()
        self.seconds = cnp.PyArray_NewCopy(checked_matrix("seconds", seconds), cnp.NPY_CORDER)
        self.n, self.m = self.seconds.shape[0], self.seconds.shape[1]
        check_length("seconds", "rows", self.n, "graph", graph.n)
        check_some("seconds", "columns", self.m)
        self.host = private_indices("hosts", hosts)
        check_length("hosts", "elements", self.host.shape[0], "seconds", self.m)
        check_index_range("hosts", self.host, self.m)
        times = np.asarray(self.seconds)
        if self.n and not (0.0 <= times.min() and times.max() < INFINITY):
            wrong = times[~((times >= 0.0) & (times < INFINITY))][0]
            raise ValueError(f"seconds must be finite and at least 0, got {wrong}")
        self.allowed = None
        if allowed is not None:
            may = np.array(allowed, dtype=bool, order="C")
            if may.shape != times.shape:
                raise ValueError(f"allowed must have the shape of seconds, {times.shape}, got {may.shape}")
            if not may.any(axis=1).all():
                raise ValueError(f"a task must be allowed somewhere, got {np.argmin(may.any(axis=1))} that is not")
            self.allowed = may.view(np.uint8)
        self.begin, self.end, self.arrival = np.zeros(self.n), np.zeros(self.n), np.zeros(self.m)
        self.processor, self.sequence = np.full(self.n, -1), np.zeros(self.n, dtype=np.int64)
        self.rows = <Row*> realloc(NULL, self.m * sizeof(Row))
        if self.rows == NULL:
            raise MemoryError
        for i in range(self.m):
            self.rows[i].begin = self.rows[i].end = NULL
            self.rows[i].count = self.rows[i].room = self.rows[i].packed = 0

    def __dealloc__(self):
        cdef Py_ssize_t p
        if self.rows != NULL:
            for p in range(self.m):
                free(self.rows[p].begin)
                free(self.rows[p].end)
            free(self.rows)

    def slots(self):
        """When each task begins and ends, on which processor, and the tasks in the order in which they were placed."""
        placed = np.array(self.sequence)[:self.n_placed]
        return np.array(self.begin), np.array(self.end), np.array(self.processor), placed

    def finishes(self, Py_ssize_t task):
        self._check_task(task, -1)
        found = np.zeros(self.m)
        cdef double[::1] finish = found
        cdef Py_ssize_t p
        cdef double begin = 0.0
        self._arrive(task)
        for p in range(self.m):
            _gap(&self.rows[p], self.arrival[p], self.seconds[task, p], &begin)
            finish[p] = begin + self.seconds[task, p] if self._may(task, p) else INFINITY
        return found

    def place(self, Py_ssize_t task, Py_ssize_t processor):
        self._check_task(task, -1)
        if not 0 <= processor < self.m:
            raise ValueError(f"processor must be within [0, {self.m - 1}], got {processor}")
        cdef double begin = 0.0
        self._arrive(task)
        cdef Py_ssize_t at = _gap(&self.rows[processor], self.arrival[processor], self.seconds[task, processor], &begin)
        self._take(task, processor, at, begin)
        return self.end[task]

    def remove_last(self):
        if self.n_placed == 0:
            raise ValueError("a task must have been placed before one is removed, got none")
        cdef int64_t task = self.sequence[self.n_placed - 1]
        cdef Row* row = &self.rows[self.processor[task]]
        cdef Py_ssize_t i = row.count - 1
        while row.begin[i] != self.begin[task] or row.end[i] != self.end[task]:
            i -= 1
        memmove(row.begin + i, row.begin + i + 1, (row.count - i - 1) * sizeof(double))
        memmove(row.end + i, row.end + i + 1, (row.count - i - 1) * sizeof(double))
        row.count -= 1
        row.packed = min(row.packed, i)
        self.processor[task] = -1
        self.n_placed -= 1

    def place_in_order(self, order, handicaps=None, fixed=None):
        # Each where EFT[t, p] + h[t, p] is least, in a gap where one is long enough; the first of those alike.
        cdef const int64_t[::1] tasks = private_indices("order", order)
        cdef const double[:, ::1] h = None
        cdef const int64_t[::1] only = None
        cdef Py_ssize_t i, p, at, best, best_at = 0
        cdef int64_t t
        cdef double begin = 0.0, score, best_score, best_begin = 0.0, extra = 0.0
        check_index_range("order", tasks, self.n)
        if handicaps is not None:
            h = checked_matrix("handicaps", handicaps)
            check_length("handicaps", "rows", h.shape[0], "seconds", self.n)
            check_length("handicaps", "columns", h.shape[1], "seconds", self.m)
        if fixed is not None:
            only = private_indices("fixed", fixed)
            check_length("fixed", "elements", only.shape[0], "seconds", self.n)
        for i in range(tasks.shape[0]):
            t, best, best_score = tasks[i], -1, INFINITY
            self._check_task(t, -1)
            self._arrive(t)
            for p in range(self.m):
                if (only is not None and 0 <= only[t] != p) or not self._may(t, p):
                    continue
                if h is not None:
                    extra = h[t, p]
                if best >= 0 and self.arrival[p] + self.seconds[t, p] + extra >= best_score:
                    continue
                at = _gap(&self.rows[p], self.arrival[p], self.seconds[t, p], &begin)
                score = begin + self.seconds[t, p] + extra
                if best < 0 or score < best_score:
                    best, best_score, best_at, best_begin = p, score, at, begin
            if best < 0:
                rule = f"fixed must be within [-1, {self.m - 1}], and where the task may run"
                raise ValueError(f"{rule}, got {only[t]} at index {t}")
            self._take(t, best, best_at, best_begin)

    def place_when_ready(self, bonuses, positions, double duration_factor, bint largest):
        # Of all (t, p) whose t has all of its inputs: the one with the least start + f w[t, p] - bonus[t], where the
        # start is not before p's last end. A pair gets no better while others are placed, so that only what would
        # have gone to the processor that was taken last is looked at anew. What has no predecessors is not looked at
        # one by one (_Sources): it waits for processors alone.
        cdef const double[::1] bonus = self._of_tasks("bonuses", bonuses)
        cdef const double[::1] position = self._of_tasks("positions", positions)
        cdef int64_t[::1] ready = np.zeros(self.n, dtype=np.int64), left = np.zeros(self.n, dtype=np.int64)
        cdef int64_t[::1] at = np.zeros(self.n, dtype=np.int64)
        cdef double[::1] score = np.zeros(self.n), start = np.zeros(self.n)
        cdef Py_ssize_t i, k, best, n_ready = 0
        cdef int64_t t, p, source
        if self.n_placed:
            raise ValueError(f"no task must be placed yet, got {self.n_placed} that are")
        for i in range(self.n):
            left[i] = self.first_before[i + 1] - self.first_before[i]
        cdef _Sources sources = _Sources(self, bonus, position, duration_factor, largest)
        p = -1
        while n_ready or sources.left:
            best = 0
            for i in range(n_ready):
                t = ready[i]
                if at[t] == p or at[t] < 0:
                    self._arrive(t)
                    at[t] = self._soonest(t, duration_factor, &start[t])
                    score[t] = start[t] + duration_factor * self.seconds[t, at[t]] - bonus[t]
                if _beats(score[t], position[t], score[ready[best]], position[ready[best]], largest):
                    best = i
            t = ready[best] if n_ready else -1
            if sources.left:
                source = sources.next(score, start, at)
                if t < 0 or _beats(score[source], position[source], score[t], position[t], largest):
                    t = source
                    sources.remove(t)
            p = at[t]
            if n_ready and t == ready[best]:
                n_ready -= 1
                ready[best] = ready[n_ready]
            self._take(t, p, self.rows[p].count, start[t])
            for k in range(self.first[t], self.first[t + 1]):
                left[self.after[k]] -= 1
                if left[self.after[k]] == 0:
                    ready[n_ready] = self.after[k]
                    n_ready += 1
                    at[self.after[k]] = -1

    # Within

    cdef const double[::1] _of_tasks(self, str name, object values):
        cdef const double[::1] vector = checked_vector(name, values)
        check_length(name, "elements", vector.shape[0], "seconds", self.n)
        return vector

    cdef int _check_task(self, Py_ssize_t task, Py_ssize_t processor) except -1:
        if not 0 <= task < self.n:
            raise ValueError(f"task must be within [0, {self.n - 1}], got {task}")
        if self.processor[task] != processor:
            raise ValueError(f"a task must be placed once, got {task} again")
        return 0

    cdef inline bint _may(self, Py_ssize_t t, Py_ssize_t p) noexcept nogil:
        return self.allowed is None or self.allowed[t, p]

    cdef inline double _free_s(self, Py_ssize_t p) noexcept nogil:
        """When all that is placed on a processor has ended."""
        return self.rows[p].end[self.rows[p].count - 1] if self.rows[p].count else 0.0

    cdef void _arrive(self, Py_ssize_t t) noexcept nogil:
        """Note when the last input of t can have reached each processor; what is not placed yet is not waited for."""
        cdef Py_ssize_t k, p
        cdef int64_t i, host
        cdef double there, away
        for p in range(self.m):
            self.arrival[p] = 0.0
        for k in range(self.first_before[t], self.first_before[t + 1]):
            i = self.before[k]
            if self.processor[i] < 0:
                continue
            host, there = self.host[self.processor[i]], self.end[i]
            away = there + self.before_s[k]
            for p in range(self.m):
                self.arrival[p] = max(self.arrival[p], there if self.host[p] == host else away)

    cdef int64_t _soonest(self, Py_ssize_t t, double factor, double* start) noexcept nogil:
        """Where start + f w is least, after all that is placed there; of those alike, where t ends first."""
        cdef Py_ssize_t p
        cdef int64_t best = -1
        cdef double begin, score, least = INFINITY, end, first_end = INFINITY
        for p in range(self.m):
            if not self._may(t, p):
                continue
            begin = max(self.arrival[p], self._free_s(p))
            end = begin + self.seconds[t, p]
            score = begin + factor * self.seconds[t, p]
            if best < 0 or score < least or (score == least and end < first_end):
                best, least, first_end = p, score, end
                start[0] = begin
        return best

    cdef int _take(self, Py_ssize_t t, Py_ssize_t p, Py_ssize_t at, double begin) except -1:
        """Let t begin on p then, as the slot number ``at``."""
        cdef Row* row = &self.rows[p]
        cdef double end = begin + self.seconds[t, p]
        cdef void* moved
        if row.count == row.room:
            moved = realloc(row.begin, (2 * row.room + 8) * sizeof(double))
            if moved == NULL:
                raise MemoryError
            row.begin = <double*> moved
            moved = realloc(row.end, (2 * row.room + 8) * sizeof(double))
            if moved == NULL:
                raise MemoryError
            row.end = <double*> moved
            row.room = 2 * row.room + 8
        memmove(row.begin + at + 1, row.begin + at, (row.count - at) * sizeof(double))
        memmove(row.end + at + 1, row.end + at, (row.count - at) * sizeof(double))
        row.begin[at], row.end[at] = begin, end
        row.count += 1
        row.packed = min(row.packed, at)
        while row.packed < row.count and row.begin[row.packed] == (row.end[row.packed - 1] if row.packed else 0.0):
            row.packed += 1
        self.begin[t], self.end[t], self.processor[t] = begin, end, p
        self.sequence[self.n_placed] = t
        self.n_placed += 1
        return 0


cdef class _Sources:
    """The tasks without predecessors that are not placed yet: which of them is next in place_when_ready.

    A processor is free at the same time for all of them, so that they have an order there that never changes: by
    k[t, p] = f w[t, p] - bonus[t], the least first, or where ``largest`` the largest, then by position. Processors
    that are alike share it. Each order is a ring of tasks, with n between its last and its first.
    """

    cdef Timetable table
    cdef const double[::1] bonus, position
    cdef double factor
    cdef bint largest
    cdef Py_ssize_t left, kinds
    cdef int64_t[::1] kind                       # of each processor, by which order
    cdef double[::1] free_s                      # of the first processor of each kind that is free
    cdef int64_t[::1] first_free, cursor         # that processor; how far each order has been looked at
    cdef int64_t[::1] columns                    # a processor of each kind
    cdef int64_t[:, ::1] following, preceding

    def __cinit__(self, Timetable table, const double[::1] bonus, const double[::1] position, double factor,
                  bint largest):
        cdef Py_ssize_t p
        self.table, self.bonus, self.position, self.factor, self.largest = table, bonus, position, factor, largest
        sources = np.flatnonzero(np.diff(np.asarray(table.first_before)) == 0)
        self.left = len(sources)
        keys = factor * np.asarray(table.seconds)[sources] - np.asarray(bonus)[sources, None]
        may = np.ones(keys.shape, dtype=bool)
        if table.allowed is not None:
            may = np.asarray(table.allowed)[sources] != 0
        numbers, orders, columns, positions = {}, [], [], np.asarray(position)[sources]
        self.kind = np.zeros(table.m, dtype=np.int64)
        for p in range(table.m):
            name = keys[:, p].tobytes(), may[:, p].tobytes()
            if name not in numbers:
                numbers[name] = len(orders)
                order = np.lexsort((positions, -keys[:, p] if largest else keys[:, p]))
                orders.append(sources[order[may[order, p]]])
                columns.append(p)
            self.kind[p] = numbers[name]
        self.kinds = len(orders)
        self.free_s, self.columns = np.zeros(self.kinds), np.array(columns, dtype=np.int64)
        self.first_free, self.cursor = self.columns.copy(), self.columns.copy()
        following = np.full((self.kinds, table.n + 1), -1, dtype=np.int64)
        preceding = following.copy()
        for k, order in enumerate(orders):
            ring = np.concatenate([[table.n], order, [table.n]])
            following[k, ring[: len(ring) - 1]], preceding[k, ring[1:]] = ring[1:], ring[: len(ring) - 1]
        self.following, self.preceding = following, preceding

    cdef int64_t next(self, double[::1] score, double[::1] start, int64_t[::1] at) noexcept nogil:
        """Which is next, with its score, its start and its processor; one is left."""
        cdef Py_ssize_t p, k
        cdef double free_s
        for k in range(self.kinds):
            self.free_s[k] = INFINITY
        for p in range(self.table.m):
            k, free_s = self.kind[p], self.table._free_s(p)
            if free_s < self.free_s[k]:
                self.free_s[k], self.first_free[k] = free_s, p
        if self.largest:
            return self.last_to_end(score, start, at)
        cdef int64_t t, best = -1
        cdef double its, least = INFINITY
        for k in range(self.kinds):
            t = self.following[k, self.table.n]
            if t == self.table.n:
                continue
            its = self.free_s[k] + self.factor * self.table.seconds[t, self.first_free[k]] - self.bonus[t]
            if best < 0 or _beats(its, self.position[t], least, self.position[best], False):
                best, least = t, its
        self.look(best, score, start, at)
        return best

    cdef int64_t last_to_end(self, double[::1] score, double[::1] start, int64_t[::1] at) noexcept nogil:
        """The largest of all least scores, without a look at all: what comes later in every order has none above bound.

        That is the least of what the orders say; where not all may run everywhere the greatest, as no task is in all
        orders. Source: R. Fagin, A. Lotem, M. Naor, "Optimal aggregation algorithms for middleware", PODS 2001.
        """
        cdef Py_ssize_t k, n = self.table.n
        cdef int64_t t, best = -1
        cdef double its, bound, bound_position
        cdef bint everywhere = self.table.allowed is None, any_left
        for k in range(self.kinds):
            self.cursor[k] = self.following[k, n]
        while True:
            any_left, bound, bound_position = False, 0.0, 0.0
            for k in range(self.kinds):
                t = self.cursor[k]
                if t == n:  # all that may run there has been seen
                    continue
                self.look(t, score, start, at)
                if best < 0 or _beats(score[t], self.position[t], score[best], self.position[best], True):
                    best = t
                its = self.free_s[k] + self.factor * self.table.seconds[t, self.columns[k]] - self.bonus[t]
                if not any_left or (_beats(bound, bound_position, its, self.position[t], True) if everywhere
                                    else _beats(its, self.position[t], bound, bound_position, True)):
                    bound, bound_position = its, self.position[t]
                any_left = True
                self.cursor[k] = self.following[k, t]
            if not any_left or score[best] > bound or (
                score[best] == bound and self.position[best] <= bound_position
            ):
                return best

    cdef void look(self, int64_t t, double[::1] score, double[::1] start, int64_t[::1] at) noexcept nogil:
        self.table._arrive(t)
        at[t] = self.table._soonest(t, self.factor, &start[t])
        score[t] = start[t] + self.factor * self.table.seconds[t, at[t]] - self.bonus[t]

    cdef void remove(self, int64_t t) noexcept nogil:
        cdef Py_ssize_t k
        self.left -= 1
        for k in range(self.kinds):
            if self.following[k, t] >= 0:
                self.following[k, self.preceding[k, t]] = self.following[k, t]
                self.preceding[k, self.following[k, t]] = self.preceding[k, t]


cdef Py_ssize_t _gap(const Row* row, double ready, double duration, double* begin) noexcept nogil:
    """Which slot comes after the first idle time from ``ready`` on that is so long, and when it begins."""
    cdef Py_ssize_t low = 0, high = row.count, middle
    while low < high:  # the first slot that ends after ready
        middle = (low + high) // 2
        if row.end[middle] > ready:
            high = middle
        else:
            low = middle + 1
    begin[0] = ready
    # Something fits between slots without a gap only where adding it to the time changes nothing.
    if low < row.packed and row.end[row.packed - 1] + duration > row.end[row.packed - 1]:
        low = row.packed
        begin[0] = max(ready, row.end[low - 1])
    while low < row.count and begin[0] + duration > row.begin[low]:
        begin[0] = max(begin[0], row.end[low])
        low += 1
    return low


cdef inline bint _beats(double score, double position, double other, double its, bint largest) noexcept nogil:
    if score != other:
        return score > other if largest else score < other
    return position < its
