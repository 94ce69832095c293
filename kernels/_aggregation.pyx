"""How a server makes one vector of its workers': sums, means and robust means. float64, C order, one thread."""

from libc.math cimport INFINITY, NAN
from libc.stdint cimport int64_t

cimport numpy as cnp

from _checks cimport check_length, check_some, checked_matrix, checked_vector
from _lanes cimport LANES, first_bit, inlined, lanes, load, max_lanes, min_lanes, nan_bits, splat, store

cnp.import_array()


def weighted_sum(vectors, weights):
    cdef const double[:, ::1] V = checked_matrix("vectors", vectors)
    cdef const double[::1] w = checked_vector("weights", weights)
    check_length("weights", "elements", w.shape[0], "rows of vectors", V.shape[0])
    result = cnp.PyArray_EMPTY(1, [V.shape[1]], cnp.NPY_FLOAT64, 0)
    cdef double[::1] s = result
    with nogil:
        _weighted_sum(V, w, 1.0, s)
    return result


def mean_vector(vectors):
    cdef const double[:, ::1] V = checked_matrix("vectors", vectors)
    check_some("vectors", "rows", V.shape[0])
    result = cnp.PyArray_EMPTY(1, [V.shape[1]], cnp.NPY_FLOAT64, 0)
    cdef double[::1] s = result
    with nogil:
        _weighted_sum(V, None, V.shape[0], s)
    return result


cdef void _weighted_sum(
    const double[:, ::1] V,  # IN  (m, d)
    const double[::1] w,     # IN  (m,), or None: all 1
    double divisor,          # IN
    double[::1] s,           # OUT (d,)
) noexcept nogil:
    cdef Py_ssize_t i, j = 0, m = V.shape[0], d = V.shape[1]
    cdef double weight
    cdef const double* v
    cdef lanes a, b, c, e, u
    # s = (w_0 v_0 + w_1 v_1 + ...) / divisor, added in the order of the rows
    while j + 4 * LANES <= d:
        a = b = c = e = splat(0.0)
        for i in range(m):
            v = &V[i, j]
            u = splat(1.0 if w is None else w[i])
            a += u * load(v)
            b += u * load(v + LANES)
            c += u * load(v + 2 * LANES)
            e += u * load(v + 3 * LANES)
        u = splat(divisor)
        store(&s[j], a / u)
        store(&s[j + LANES], b / u)
        store(&s[j + 2 * LANES], c / u)
        store(&s[j + 3 * LANES], e / u)
        j += 4 * LANES
    for j in range(j, d):
        s[j] = 0.0
        for i in range(m):
            weight = 1.0 if w is None else w[i]
            s[j] += weight * V[i, j]
        s[j] /= divisor


def coordinate_median(vectors):
    cdef const double[:, ::1] V = checked_matrix("vectors", vectors)
    check_some("vectors", "rows", V.shape[0])
    return _middle(V, (V.shape[0] - 1) // 2)


def trimmed_mean(vectors, Py_ssize_t trim):
    cdef const double[:, ::1] V = checked_matrix("vectors", vectors)
    if not 0 <= 2 * trim < V.shape[0]:
        raise ValueError(
            f"trim must be at least 0 and below half of the {V.shape[0]} rows of vectors, got {trim}"
        )
    return _middle(V, trim)


cdef object _middle(const double[:, ::1] V, Py_ssize_t trim):
    cdef Py_ssize_t i, j, m = V.shape[0], d = V.shape[1], log2 = 3
    cdef double[:, ::1] W
    if d < LANES:
        W = cnp.PyArray_ZEROS(2, [m, LANES], cnp.NPY_FLOAT64, 0)
        for i in range(m):
            for j in range(d):
                W[i, j] = V[i, j]
        return _middle(W, trim)[:d].copy()
    while 1 << log2 < m:
        log2 += 1
    result = cnp.PyArray_EMPTY(1, [d], cnp.NPY_FLOAT64, 0)
    cdef double[::1] s = result
    # Seven more, so that it can begin at a multiple of 64 bytes: no lanes then lie on two cache lines.
    work = cnp.PyArray_EMPTY(1, [m * LANES + 7], cnp.NPY_FLOAT64, 0)
    cdef double* B = <double*> ((<size_t> cnp.PyArray_DATA(work) + 63) // 64 * 64)
    # Knuth's count of all the exchanges, (t² - t + 4) 2ᵗ⁻² - 1, and a mark for each row.
    cdef Py_ssize_t most = (log2 * log2 - log2 + 4) << (log2 - 2)
    cdef int64_t[::1] N = cnp.PyArray_EMPTY(1, [2 * most + m], cnp.NPY_INT64, 0)
    cdef Py_ssize_t first
    with nogil:
        first = _network(m, 1 << log2, trim, most, &N[2 * most], &N[0])
        _sorted_middle(V, trim, (1 << log2) // 8, &N[2 * first], most - first, B, s)
    return result


cdef Py_ssize_t _network(
    Py_ssize_t m,            # IN  rows to be sorted
    Py_ssize_t top,          # IN  m rounded up to a power of 2, at least 8
    Py_ssize_t trim,         # IN
    Py_ssize_t most,         # IN  for how many exchanges there is room
    int64_t* wanted,         # work (m,): 0 a row that is left out, 1 one that is added to others, 2 one at its place
    int64_t* pairs,          # OUT (most, 2): which rows to exchange if the first is the greater; from the one returned
) noexcept nogil:
    # Batcher's merge exchange: Knuth, The Art of Computer Programming 3, algorithm 5.2.2M, from where the rows that are
    # top / 8 apart are in order. Then, from the last to the first, an exchange of two rows that are both left out, or
    # both added, is left out itself.
    cdef Py_ssize_t i, p = top // 16, q, r, gap, count = 0, first = most
    while p > 0:
        q = top // 2
        r = 0
        gap = p
        while gap > 0:
            for i in range(m - gap):
                if i & p == r:
                    pairs[2 * count] = i
                    pairs[2 * count + 1] = i + gap
                    count += 1
            gap = q - p
            q //= 2
            r = p
        p //= 2
    for i in range(m):
        wanted[i] = trim <= i < m - trim
    while count > 0:
        count -= 1
        i = pairs[2 * count]
        r = pairs[2 * count + 1]
        if wanted[i] == 2 or wanted[i] != wanted[r]:
            wanted[i] = wanted[r] = 2
            first -= 1
            pairs[2 * first] = i
            pairs[2 * first + 1] = r
    return first


cdef void _sorted_middle(
    const double[:, ::1] V,  # IN  (m, d), m >= 1, d >= LANES
    Py_ssize_t trim,         # IN  how many of the least and of the greatest are left out
    Py_ssize_t step,         # IN  8 rows that are so far apart are sorted in registers, before
    const int64_t* pairs,    # IN  (count, 2): the exchanges
    Py_ssize_t count,        # IN
    double* B,               # work (m, LANES)
    double[::1] s,           # OUT (d,)
) noexcept nogil:
    cdef Py_ssize_t i, j = 0, r, m = V.shape[0], d = V.shape[1]
    cdef unsigned int nan
    cdef lanes x[8]
    cdef lanes sums
    # s_j = mean of v_(trim)j ... v_(m-1-trim)j of those in ascending order; NaN where one of them is NaN
    while j < d:
        # The last columns may be taken twice.
        j = min(j, d - LANES)
        nan = 0
        for r in range(min(step, m)):
            for i in range(8):
                x[i] = load(&V[r + i * step, j]) if r + i * step < m else splat(INFINITY)
            nan |= nan_bits(x[0], x[1]) | nan_bits(x[2], x[3]) | nan_bits(x[4], x[5]) | nan_bits(x[6], x[7])
            _sort_eight(x)
            for i in range(8):
                if r + i * step < m:
                    store(B + (r + i * step) * LANES, x[i])
        for i in range(count):
            _exchange(B + pairs[2 * i] * LANES, B + pairs[2 * i + 1] * LANES)
        sums = splat(0.0)
        for i in range(trim, m - trim):
            sums += load(B + i * LANES)
        store(&s[j], sums / splat(m - 2 * trim))
        while nan:
            s[j + first_bit(nan)] = NAN
            nan &= nan - 1
        j += LANES


cdef inlined _sort_eight(lanes* x) noexcept nogil:
    """Sort eight lanes, each place by itself, ascending: the same algorithm, written out."""
    cdef Py_ssize_t i
    for i in range(4):
        _order(&x[i], &x[i + 4])
    for i in range(2):
        _order(&x[i], &x[i + 2])
        _order(&x[i + 4], &x[i + 6])
    for i in range(2):
        _order(&x[i + 2], &x[i + 4])
    for i in range(4):
        _order(&x[2 * i], &x[2 * i + 1])
    _order(&x[1], &x[4])
    _order(&x[3], &x[6])
    for i in range(3):
        _order(&x[2 * i + 1], &x[2 * i + 2])


cdef inlined _order(lanes* low, lanes* high) noexcept nogil:
    """Put the lesser of each place low and the greater high."""
    cdef lanes x = low[0], y = high[0]
    low[0] = min_lanes(x, y)
    high[0] = max_lanes(x, y)


cdef inlined _exchange(double* low, double* high) noexcept nogil:
    """The same in memory."""
    cdef lanes x = load(low), y = load(high)
    store(low, min_lanes(x, y))
    store(high, max_lanes(x, y))
