"""The k least of some numbers: a bound on them, the k-th, and the order of a few pairs."""

from libc.math cimport INFINITY
from libc.stdint cimport int64_t

from _lanes cimport LANES, count_bits, lanes, load, lowest, max_lanes, min_lanes, splat, where_less
from _scores cimport below

cdef enum:
    STEPS = 12               # of a bisection, at most


cdef inline double bound_of_least(const double* t, Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    """Return a number that k of n numbers, filled up with infinity, do not exceed, nor many more: by bisection."""
    cdef Py_ssize_t v, count
    cdef lanes u, least = load(t), most = splat(lowest(load(t)))
    cdef double low, high, middle
    v = 0
    while v < n:
        u = load(t + v)
        least = min_lanes(u, least)
        most = max_lanes(where_less(u, splat(INFINITY), u, most), most)
        v += LANES
    low = lowest(least)
    high = -lowest(-most)
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        count = _count_below(t, n, middle)
        if count < k:
            low = middle
        else:
            high = middle
            if count <= k + k // 4:
                break
    return high


cdef inline Py_ssize_t _count_below(const double* t, Py_ssize_t n, double limit) noexcept nogil:
    cdef Py_ssize_t v = 0, count = 0
    while v < n:
        count += count_bits(below(t + v, min(<Py_ssize_t> 64, n - v), limit))
        v += 64
    return count


cdef inline double kth_least(double* t, Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    """Return the k-th least of n numbers, which change places: Hoare, Algorithm 65 (Find), 1961."""
    cdef Py_ssize_t i, j, first = 0, last = n - 1, place = k - 1
    cdef double pivot
    while first < last:
        pivot = t[place]
        i = first
        j = last
        while i <= j:
            while t[i] < pivot:
                i += 1
            while pivot < t[j]:
                j -= 1
            if i <= j:
                t[i], t[j] = t[j], t[i]
                i += 1
                j -= 1
        if j < place:
            first = i
        if place < i:
            last = j
    return t[place]


cdef inline void sort_pairs(double* D, int64_t* J, Py_ssize_t n) noexcept nogil:
    """Sort by (D, J): Shell, A high-speed sorting procedure, 1959, with Knuth's gaps."""
    cdef Py_ssize_t gap = 1, place, v
    cdef double value
    cdef int64_t index
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap:
        for v in range(gap, n):
            value = D[v]
            index = J[v]
            place = v
            while place >= gap and (
                value < D[place - gap] or (value == D[place - gap] and index < J[place - gap])
            ):
                D[place] = D[place - gap]
                J[place] = J[place - gap]
                place -= gap
            D[place] = value
            J[place] = index
        gap //= 3
