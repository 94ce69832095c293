"""What is sent instead of a whole vector: its largest elements, or few levels. float64, C order, one thread."""

from libc.math cimport INFINITY, fabs, isfinite, isnan, sqrt
from libc.stdint cimport int64_t

cimport numpy as cnp

from _checks cimport check_finite_at_least, check_length, checked_labels, checked_vector
from _lanes cimport LANES, abs_lanes, first_bit, lanes, less_bits, load, splat, total

cnp.import_array()


def top_k_sparse(vector, Py_ssize_t k):
    cdef const double[::1] v = checked_vector("vector", vector)
    cdef Py_ssize_t n = v.shape[0]
    if not 0 <= k <= n:
        raise ValueError(f"k must be within [0, {n}], the elements of vector, got {k}")
    indices = cnp.PyArray_EMPTY(1, [k], cnp.NPY_INT64, 0)
    values = cnp.PyArray_EMPTY(1, [k], cnp.NPY_FLOAT64, 0)
    cdef int64_t[::1] index = indices
    cdef double[::1] value = values
    cdef double[::1] A = cnp.PyArray_EMPTY(1, [n + 1], cnp.NPY_FLOAT64, 0)
    cdef int64_t[::1] J = cnp.PyArray_EMPTY(1, [n + LANES], cnp.NPY_INT64, 0)
    cdef Py_ssize_t bad
    with nogil:
        bad = _top_k_sparse(v, A, J, index, value)
    if bad >= 0:
        raise ValueError(f"vector must not be NaN, got nan at index {bad}")
    return indices, values


cdef Py_ssize_t _top_k_sparse(
    const double[::1] v,     # IN  (n,)
    double[::1] A,           # work (n+1,): |v| of the candidates
    int64_t[::1] J,          # work (n+LANES,): their indices, ascending
    int64_t[::1] index,      # OUT (k,), ascending
    double[::1] value,       # OUT (k,)
) noexcept nogil:
    """Return the index of a NaN, or -1."""
    cdef Py_ssize_t i, n = v.shape[0], k = index.shape[0], size, step, count = 0, found = 0, spare
    cdef double rank, limit = 0.0, sure = INFINITY
    # The k of greatest |v|, of equals the lowest index. A sample gives a limit that a few more than k reach;
    # among those the k-th greatest is found, and one walk over them takes what is above it and its equals.
    if _some_nan(v):
        for i in range(n):
            if isnan(v[i]):
                return i
    if k == 0:
        return -1
    if n > 4096 and 4 * k < n:
        size = min(max(n // 64, 1024), 16384)
        step = n // size
        for i in range(size):
            A[i] = fabs(v[i * step])
        # The rank of the k-th in the sample, four standard deviations up and down.
        rank = <double> size * k / n
        limit = _greatest(&A[0], size, <Py_ssize_t> min(rank + 4.0 * sqrt(rank) + 4.0, size - 1.0))
        if rank > 4.0 * sqrt(rank) + 4.0:
            sure = _greatest(&A[0], size, <Py_ssize_t> (rank - 4.0 * sqrt(rank) - 4.0))
    count = _at_least(v, limit, J)
    if count < k:
        count = _at_least(v, 0.0, J)
    found = _below(v, sure, J, count, A)
    if count - found >= k:
        found = _below(v, INFINITY, J, count, A)
    # An element of infinity is below no limit and is sure.
    limit = _greatest(&A[0], found, k - 1 - (count - found)) if k > count - found else INFINITY
    spare = k
    for i in range(count):
        if fabs(v[J[i]]) > limit:
            spare -= 1
    found = 0
    for i in range(count):
        # Never more than k, even if another thread writes to v meanwhile.
        if found < k and (fabs(v[J[i]]) > limit or (fabs(v[J[i]]) == limit and spare > 0)):
            if fabs(v[J[i]]) == limit:
                spare -= 1
            index[found] = J[i]
            value[found] = v[J[i]]
            found += 1
    return -1


cdef Py_ssize_t _below(
    const double[::1] v, double limit, int64_t[::1] J, Py_ssize_t count, double[::1] A
) noexcept nogil:
    """Put |v| of those of the candidates that are below the limit in A; return how many."""
    cdef Py_ssize_t i, found = 0
    for i in range(count):
        A[found] = fabs(v[J[i]])
        found += A[found] < limit
    return found


cdef bint _some_nan(const double[::1] v) noexcept nogil:
    cdef Py_ssize_t i
    cdef int64_t found = 0
    for i in range(v.shape[0]):
        found |= v[i] != v[i]
    return found != 0


cdef inline Py_ssize_t _at_least(const double[::1] v, double limit, int64_t[::1] J) noexcept nogil:
    """Put the indices of the elements with |v| >= limit in J; return how many."""
    cdef Py_ssize_t i = 0, n = v.shape[0], count = 0
    cdef unsigned int bits, all_bits = (1 << LANES) - 1
    while i + LANES <= n:
        bits = all_bits & ~less_bits(abs_lanes(load(&v[i])), splat(limit))
        while bits:
            J[count] = i + first_bit(bits)
            count += 1
            bits &= bits - 1
        i += LANES
    for i in range(i, n):
        if fabs(v[i]) >= limit:
            J[count] = i
            count += 1
    return count


cdef inline double _greatest(double* a, Py_ssize_t n, Py_ssize_t rank) noexcept nogil:
    """Return the element that *rank* others precede in descending order; reorders a."""
    # Hoare's selection, the pivot the median of three.
    cdef Py_ssize_t low = 0, high = n - 1, i, j
    cdef double pivot, t
    while low < high:
        pivot = max(min(a[low], a[high]), min(max(a[low], a[high]), a[(low + high) // 2]))
        i = low
        j = high
        while i <= j:
            while a[i] > pivot:
                i += 1
            while a[j] < pivot:
                j -= 1
            if i <= j:
                t = a[i]
                a[i] = a[j]
                a[j] = t
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            return a[rank]
    return a[rank]


def quantise(vector, noise, Py_ssize_t levels):
    cdef const double[::1] v = checked_vector("vector", vector)
    cdef const double[::1] u = checked_vector("noise", noise)
    check_length("noise", "elements", u.shape[0], "vector", v.shape[0])
    if not 1 <= levels < 2**51:
        raise ValueError(f"levels must be at least 1 and below 2^51, got {levels}")
    codes = cnp.PyArray_EMPTY(1, [v.shape[0]], cnp.NPY_INT64, 0)
    cdef int64_t[::1] q = codes
    cdef double norm
    cdef bint inside
    with nogil:
        norm = sqrt(_squared(v))
        inside = _within_one(u)
        if isfinite(norm) and inside:
            _quantise(v, u, levels, norm, q)
    if not isfinite(norm):
        raise ValueError(f"vector must have a finite norm, got {norm}")
    if not inside:
        raise ValueError(f"noise must be within [0, 1), got {min(noise)} to {max(noise)}")
    return norm, codes


cdef double _squared(const double[::1] v) noexcept nogil:
    """|v|²."""
    cdef Py_ssize_t i = 0, n = v.shape[0]
    cdef double rest = 0.0
    cdef lanes x, y, a = splat(0.0), b = splat(0.0)
    while i + 2 * LANES <= n:
        x = load(&v[i])
        y = load(&v[i + LANES])
        a += x * x
        b += y * y
        i += 2 * LANES
    for i in range(i, n):
        rest += v[i] * v[i]
    return total(a + b) + rest


cdef bint _within_one(const double[::1] u) noexcept nogil:
    """Whether each is in [0, 1)."""
    cdef Py_ssize_t i
    cdef bint outside = False
    for i in range(u.shape[0]):
        outside |= (not u[i] >= 0.0) | (not u[i] < 1.0)
    return not outside


cdef void _quantise(
    const double[::1] v,     # IN  (d,)
    const double[::1] u,     # IN  (d,), each in [0, 1)
    Py_ssize_t levels,       # IN
    double norm,             # IN  |v|
    int64_t[::1] q,          # OUT (d,)
) noexcept nogil:
    cdef Py_ssize_t i
    cdef double scale = levels / norm if norm > 0.0 else 0.0
    cdef int64_t code
    # q_i = sign(v_i) ⌊levels |v_i| / |v| + u_i⌋: the mean of |v| q_i / levels over u is v_i
    for i in range(v.shape[0]):
        code = <int64_t> (fabs(v[i]) * scale + u[i])
        q[i] = -code if v[i] < 0.0 else code


def dequantise(double norm, codes, Py_ssize_t levels):
    cdef const int64_t[::1] q = checked_labels("codes", codes)
    check_finite_at_least("norm", norm, 0.0)
    if levels < 1:
        raise ValueError(f"levels must be at least 1, got {levels}")
    result = cnp.PyArray_EMPTY(1, [q.shape[0]], cnp.NPY_FLOAT64, 0)
    cdef double[::1] v = result
    cdef Py_ssize_t i
    with nogil:
        # v_i = |v| q_i / levels
        for i in range(q.shape[0]):
            v[i] = norm * <double> q[i] / levels
    return result
