"""Blocks of distances between rows, by tiles in registers. float64, C order, one thread."""

from libc.math cimport exp, sqrt

cimport numpy as cnp

from _checks cimport check_finite_at_least, check_length, checked_matrix
from _lanes cimport LANES, TILE, abs_lanes, exp_lanes, lanes, load, separate, splat, store, total
from _squares cimport squared
from _tile cimport dot_tile, pack_columns

cnp.import_array()

cdef enum Metric:
    SQUARED, MANHATTAN, COSINE

# Rows between two packings of the other side: they stay in the cache meanwhile.
cdef Py_ssize_t CHUNK = 128
# Columns of long vectors at a time: some of them stay in the first cache, all in the second.
cdef Py_ssize_t STRETCH = 512


def squared_distances(a, b):
    return _distances(SQUARED, a, b)


def manhattan_distances(a, b):
    return _distances(MANHATTAN, a, b)


def cosine_distances(a, b):
    return _distances(COSINE, a, b)


def rbf_kernel(a, b, double gamma):
    check_finite_at_least("gamma", gamma, 0.0)
    similarities = _distances(SQUARED, a, b)
    cdef double[:, ::1] K = similarities
    with nogil:
        _exponentials(gamma, K)
    return similarities


cdef void _exponentials(double gamma, double[:, ::1] K) noexcept nogil:
    """K_ij = e^{-γ K_ij}."""
    cdef Py_ssize_t i = 0, count = K.shape[0] * K.shape[1]
    cdef double* k = &K[0, 0] if count else NULL
    while i + LANES <= count:
        store(k + i, exp_lanes(splat(-gamma) * load(k + i)))
        i += LANES
    for i in range(i, count):
        k[i] = exp(-gamma * k[i])


cdef object _distances(Metric metric, a, b):
    cdef const double[:, ::1] A = checked_matrix("a", a)
    cdef const double[:, ::1] B = checked_matrix("b", b)
    check_length("b", "columns", B.shape[1], "a", A.shape[1])
    distances = cnp.PyArray_EMPTY(2, [A.shape[0], B.shape[0]], cnp.NPY_FLOAT64, 0)
    cdef double[:, ::1] D = distances
    cdef double[:, ::1] P = cnp.PyArray_EMPTY(2, [A.shape[1] + 1, 2 * LANES], cnp.NPY_FLOAT64, 0)
    with nogil:
        _block(metric, A, B, P, D)
    return distances


cdef void _block(
    Metric metric,           # IN
    const double[:, ::1] A,  # IN  (n, d)
    const double[:, ::1] B,  # IN  (m, d)
    double[:, ::1] P,        # work (d+1, 2 LANES): some rows of B, packed
    double[:, ::1] D,        # OUT (n, m)
) noexcept nogil:
    cdef Py_ssize_t n = A.shape[0], m = B.shape[0], d = A.shape[1], width = 2 * LANES
    cdef Py_ssize_t c, i, j, r, start, stop, count, columns
    cdef const double* x[8]
    cdef double z[128]
    if n == 0 or m == 0:
        return
    # SQUARED:   D_ij = Σ_c (a_ic - b_jc)². Not |a|² - 2a·b + |b|², which loses the digits of close points.
    # MANHATTAN: D_ij = Σ_c |a_ic - b_jc|;   COSINE: D_ij = 1 - a_i·b_j / |a_i| |b_j|, 1 where a row is 0
    start = 0
    while start < n:
        stop = min(start + CHUNK, n)
        j = 0
        while j < m:
            columns = min(width, m - j)
            pack_columns(&B[j, 0] if d else NULL, columns, d, &P[0, 0], width)
            i = start
            while i < stop:
                count = min(TILE, stop - i)
                for r in range(TILE):
                    x[r] = &A[i + r if r < count else i, 0] if d else NULL
                if metric == COSINE:
                    _dots(x, &P[0, 0], d, z)
                else:
                    _differences(metric, x, &P[0, 0], d, z)
                for r in range(count):
                    for c in range(columns):
                        D[i + r, j + c] = z[r * width + c]
                i += TILE
            j += width
        start = stop
    if metric == COSINE:
        _angles(A, B, D)


cdef separate _dots(const double** x, const double* P, Py_ssize_t d, double* z) noexcept nogil:
    """z_rv = Σ_c x_rc P_cv for TILE rows and two lanes of columns."""
    cdef Py_ssize_t r
    cdef lanes a[16]
    dot_tile(x, P, 2 * LANES, d, 2, a)
    for r in range(2 * TILE):
        store(z + r * LANES, a[r])


cdef separate _differences(
    Metric metric, const double** x, const double* P, Py_ssize_t d, double* z
) noexcept nogil:
    """z_rv = Σ_c (x_rc - P_cv)², or of |x_rc - P_cv|, for TILE rows and two lanes of columns."""
    cdef Py_ssize_t c, r
    cdef lanes a[8]
    cdef lanes b[8]
    cdef lanes u, p, q
    for r in range(TILE):
        a[r] = splat(0.0)
        b[r] = splat(0.0)
    if metric == SQUARED:
        for c in range(d):
            p = load(P + 2 * c * LANES)
            q = load(P + (2 * c + 1) * LANES)
            for r in range(TILE):
                u = splat(x[r][c])
                a[r] += (u - p) * (u - p)
                b[r] += (u - q) * (u - q)
    else:
        for c in range(d):
            p = load(P + 2 * c * LANES)
            q = load(P + (2 * c + 1) * LANES)
            for r in range(TILE):
                u = splat(x[r][c])
                a[r] += abs_lanes(u - p)
                b[r] += abs_lanes(u - q)
    for r in range(TILE):
        store(z + 2 * r * LANES, a[r])
        store(z + (2 * r + 1) * LANES, b[r])


cdef void _angles(
    const double[:, ::1] A,  # IN  (n, d)
    const double[:, ::1] B,  # IN  (m, d)
    double[:, ::1] D,        # IN  (n, m) a_i·b_j; OUT the cosine distances
) noexcept nogil:
    cdef Py_ssize_t i, j, d = A.shape[1]
    cdef double lengths, length
    for i in range(A.shape[0]):
        length = sqrt(squared(&A[i, 0], d)) if d else 0.0
        for j in range(B.shape[0]):
            D[i, j] = D[i, j] / length if length != 0.0 else 0.0 * D[i, j]
    for j in range(B.shape[0]):
        length = sqrt(squared(&B[j, 0], d)) if d else 0.0
        lengths = 1.0 / length if length != 0.0 else 0.0
        for i in range(A.shape[0]):
            D[i, j] = 1.0 - D[i, j] * lengths


def pairwise_squared_distances(vectors):
    cdef const double[:, ::1] V = checked_matrix("vectors", vectors)
    distances = cnp.PyArray_ZEROS(2, [V.shape[0], V.shape[0]], cnp.NPY_FLOAT64, 0)
    cdef double[:, ::1] D = distances
    with nogil:
        _pairwise(V, D)
    return distances


cdef void _pairwise(
    const double[:, ::1] V,  # IN  (m, d), d long
    double[:, ::1] D,        # OUT (m, m), zeros on entry
) noexcept nogil:
    cdef Py_ssize_t c, i, j, r, start = 0, d = V.shape[1], m = V.shape[0], span
    cdef const double* x[4]
    cdef const double* y[4]
    cdef double sums[16]
    # D_ij = D_ji = Σ_c (v_ic - v_jc)², a stretch of columns at a time, which is read once from memory.
    while start < d:
        span = min(STRETCH, d - start)
        i = 0
        while i < m:
            for r in range(TILE // 2):
                x[r] = &V[min(i + r, m - 1), start]
            j = 0
            while j < min(i + TILE // 2, m):
                for c in range(4):
                    y[c] = &V[min(j + c, m - 1), start]
                _pairs(x, y, span, sums)
                for r in range(min(TILE // 2, m - i)):
                    for c in range(min(<Py_ssize_t> 4, i + r - j)):
                        D[i + r, j + c] += sums[4 * r + c]
                j += 4
            i += TILE // 2
        start += span
    for i in range(m):
        for j in range(i):
            D[j, i] = D[i, j]


cdef separate _pairs(const double** x, const double** y, Py_ssize_t d, double* sums) noexcept nogil:
    """|x_r - y_c|² for TILE/2 rows and 4 others, in registers."""
    cdef Py_ssize_t c, j = 0, r
    cdef lanes t, u
    cdef lanes v[4]
    cdef lanes a[16]
    for r in range(2 * TILE):
        a[r] = splat(0.0)
    while j + LANES <= d:
        for c in range(4):
            v[c] = load(y[c] + j)
        for r in range(TILE // 2):
            u = load(x[r] + j)
            for c in range(4):
                t = u - v[c]
                a[4 * r + c] += t * t
        j += LANES
    for r in range(2 * TILE):
        sums[r] = total(a[r])
    while j < d:
        for r in range(2 * TILE):
            sums[r] += (x[r // 4][j] - y[r % 4][j]) * (x[r // 4][j] - y[r % 4][j])
        j += 1
