"""What a server does with vectors: sums, robust means, compression, updates. float64, C order, one thread."""

from libc.math cimport INFINITY, NAN, fabs, isfinite, isnan, sqrt
from libc.stdint cimport int64_t

cimport numpy as cnp

from _checks cimport (
    check_finite_at_least, check_length, check_some, checked_labels, checked_matrix, checked_result,
    checked_vector
)
from _lanes cimport (
    LANES, abs_lanes, first_bit, inlined, lanes, less_bits, load, max_lanes, min_lanes, nan_bits, splat, store,
    total
)

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


def axpy(double a, x, y):
    cdef const double[::1] X = checked_vector("x", x)
    cdef double[::1] Y = checked_result("y", y, X.shape[0], "x")
    cdef Py_ssize_t i
    with nogil:
        # y += a x
        for i in range(X.shape[0]):
            Y[i] += a * X[i]


def momentum_step(parameters, velocity, gradient, double rate, double momentum):
    cdef const double[::1] g = checked_vector("gradient", gradient)
    cdef double[::1] w = checked_result("parameters", parameters, g.shape[0], "gradient")
    cdef double[::1] v = checked_result("velocity", velocity, g.shape[0], "gradient")
    cdef Py_ssize_t i
    with nogil:
        # v = β v + g;   w -= η v
        for i in range(g.shape[0]):
            v[i] = momentum * v[i] + g[i]
            w[i] -= rate * v[i]


def adam_step(
    parameters, first, second, gradient, Py_ssize_t step, double rate=0.001,
    double beta1=0.9, double beta2=0.999, double epsilon=1e-8,
):
    cdef const double[::1] g = checked_vector("gradient", gradient)
    cdef double[::1] w = checked_result("parameters", parameters, g.shape[0], "gradient")
    cdef double[::1] m = checked_result("first", first, g.shape[0], "gradient")
    cdef double[::1] v = checked_result("second", second, g.shape[0], "gradient")
    if step < 1:
        raise ValueError(f"step must be at least 1, got {step}")
    for name, beta in (("beta1", beta1), ("beta2", beta2)):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"{name} must be within [0, 1), got {beta}")
    check_finite_at_least("epsilon", epsilon, 0.0)
    with nogil:
        _adam(w, m, v, g, rate / (1.0 - beta1**step), 1.0 / sqrt(1.0 - beta2**step), beta1, beta2, epsilon)


cdef void _adam(
    double[::1] w,           # IN, OUT (d,)
    double[::1] m,           # IN, OUT (d,)
    double[::1] v,           # IN, OUT (d,)
    const double[::1] g,     # IN  (d,)
    double rate,             # IN  η / (1 - β₁ᵗ)
    double scale,            # IN  1 / √(1 - β₂ᵗ)
    double beta1,            # IN
    double beta2,            # IN
    double epsilon,          # IN
) noexcept nogil:
    cdef Py_ssize_t i
    # m = β₁ m + (1-β₁) g;   v = β₂ v + (1-β₂) g²;   w -= η m̂ / (√v̂ + ε), m̂ = m/(1-β₁ᵗ), v̂ = v/(1-β₂ᵗ)
    for i in range(g.shape[0]):
        m[i] = beta1 * m[i] + (1.0 - beta1) * g[i]
        v[i] = beta2 * v[i] + (1.0 - beta2) * g[i] * g[i]
        w[i] -= rate * m[i] / (sqrt(v[i]) * scale + epsilon)
