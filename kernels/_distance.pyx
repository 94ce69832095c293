"""Distances between rows, and what is built on them. float64, C order, one thread.

Design: ``_block`` fills a block of distances by tiles in registers. ``_nearest_centre`` and ``_top_k`` use
x·c, one multiply-add per element, only to find the candidates, with a bound on its error; between candidates
the sum Σ (x_j - c_j)² decides, so the answer, ties included, is the one of the direct sum.
"""

from libc.math cimport INFINITY, exp, isfinite, sqrt
from libc.stdint cimport int64_t

cimport numpy as cnp

from _checks cimport (
    check_finite, check_finite_at_least, check_length, check_some, checked_array, checked_matrix,
    checked_vector
)
from _lanes cimport (
    LANES, TILE, abs_lanes, exp_lanes, first_bit, inlined, keep_last, lanes, less_bits, load, lowest,
    min_lanes, separate, splat, store, total, totals
)
from _tile cimport dot_tile, pack_columns, padded

cnp.import_array()

cdef enum Metric:
    SQUARED, MANHATTAN, COSINE

# Rows between two packings of the other side: they stay in the cache meanwhile.
cdef Py_ssize_t CHUNK = 128


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
        length = sqrt(_squared(&A[i, 0], d)) if d else 0.0
        for j in range(B.shape[0]):
            D[i, j] = D[i, j] / length if length != 0.0 else 0.0 * D[i, j]
    for j in range(B.shape[0]):
        length = sqrt(_squared(&B[j, 0], d)) if d else 0.0
        lengths = 1.0 / length if length != 0.0 else 0.0
        for i in range(A.shape[0]):
            D[i, j] = 1.0 - D[i, j] * lengths


cdef inline double _squared(const double* x, Py_ssize_t d) noexcept nogil:
    """|x|²."""
    cdef Py_ssize_t j = 0
    cdef double rest = 0.0
    cdef lanes a = splat(0.0)
    while j + LANES <= d:
        a += load(x + j) * load(x + j)
        j += LANES
    for j in range(j, d):
        rest += x[j] * x[j]
    return total(a) + rest


cdef inline double _distance(const double* x, const double* c, Py_ssize_t d) noexcept nogil:
    """|x - c|² by the direct sum; the one that decides between candidates."""
    cdef Py_ssize_t j = 0
    cdef double rest = 0.0
    cdef lanes t, u, a = splat(0.0), b = splat(0.0)
    while j + 2 * LANES <= d:
        t = load(x + j) - load(c + j)
        u = load(x + j + LANES) - load(c + j + LANES)
        a += t * t
        b += u * u
        j += 2 * LANES
    if j + LANES <= d:
        t = load(x + j) - load(c + j)
        a += t * t
        j += LANES
    if j < d and LANES <= d:
        t = keep_last(load(x + d - LANES) - load(c + d - LANES), d - j)
        b += t * t
    elif j < d:
        for j in range(j, d):
            rest += (x[j] - c[j]) * (x[j] - c[j])
        return rest
    return total(a + b)


cdef inline double _margin(Py_ssize_t d, double norms) noexcept nogil:
    """Above any error of |c|²/2 - x·c against half the direct sum, for |x|² + |c|² <= norms."""
    # |fl(x·c) - x·c| <= γ_d |x| |c| and |fl(Σ) - Σ| <= γ_{d+2} Σ, Σ <= 2 (|x|² + |c|²), γ_d = d ε/2 (1 + ...):
    # Higham, Accuracy and Stability of Numerical Algorithms, 3.1. The sum of them is below 4 (d+8) ε (|x|² + |c|²).
    return 8.0 * (d + 8) * 2.220446049250313e-16 * norms + 1e-300


def nearest_centre(points, centres, weights=None):
    cdef const double[:, ::1] X = checked_matrix("points", points)
    cdef const double[:, ::1] C = checked_matrix("centres", centres)
    cdef const double[::1] w = None
    check_some("centres", "rows", C.shape[0])
    check_length("centres", "columns", C.shape[1], "points", X.shape[1])
    check_finite("centres", C)
    if weights is not None:
        w = checked_vector("weights", weights)
        check_length("weights", "elements", w.shape[0], "rows of points", X.shape[0])
        for i in range(w.shape[0]):
            check_finite_at_least("weights", w[i], 0.0)
    cdef Py_ssize_t n = X.shape[0], d = X.shape[1], k = C.shape[0], width = padded(C.shape[0])
    labels = cnp.PyArray_EMPTY(1, [n], cnp.NPY_INT64, 0)
    sums = cnp.PyArray_ZEROS(2, [k, d], cnp.NPY_FLOAT64, 0)
    counts = cnp.PyArray_ZEROS(1, [k], cnp.NPY_FLOAT64, 0)
    cdef int64_t[::1] label = labels
    cdef double[:, ::1] S = sums
    cdef double[::1] m = counts
    cdef double[:, ::1] P = cnp.PyArray_EMPTY(2, [d + 1, width], cnp.NPY_FLOAT64, 0)
    cdef double[:, ::1] Z = cnp.PyArray_EMPTY(2, [TILE + 1, width], cnp.NPY_FLOAT64, 0)
    cdef double inertia = 0.0
    cdef Py_ssize_t bad
    with nogil:
        bad = _nearest_centre(X, C, w, P, Z, label, S, m, &inertia)
    if bad >= 0:
        raise ValueError(
            f"points must have finite distances to the centres, got {points[bad]} at row {bad}"
        )
    return labels, sums, counts, inertia


cdef Py_ssize_t _nearest_centre(
    const double[:, ::1] X,  # IN  (n, d)
    const double[:, ::1] C,  # IN  (k, d), finite
    const double[::1] w,     # IN  (n,), or None: all 1
    double[:, ::1] P,        # work (d+1, k padded): Cᵀ
    double[:, ::1] Z,        # work (TILE+1, k padded): scores of a tile; last row |c_j|²/2
    int64_t[::1] label,      # OUT (n,)
    double[:, ::1] S,        # OUT (k, d), zeros on entry
    double[::1] m,           # OUT (k,), zeros on entry
    double* inertia,         # OUT
) noexcept nogil:
    """Return the first row without a finite distance to any centre, or -1."""
    cdef Py_ssize_t i, j, r, count, nearest, n = X.shape[0], d = X.shape[1], k = C.shape[0]
    cdef Py_ssize_t width = P.shape[1]
    cdef const double* x[8]
    cdef const double* c = &C[0, 0] if d else NULL
    cdef const double* home[8]
    cdef Py_ssize_t place[8]
    cdef double norms[8]
    cdef double squares[8]
    cdef double weight, most = 0.0
    pack_columns(c, k, d, &P[0, 0], width)
    for j in range(width):
        Z[TILE, j] = 0.5 * _squared(c + j * d, d) if j < k else INFINITY
        if j < k:
            most = max(most, 2.0 * Z[TILE, j])
    # l_i = argmin_j |x_i - c_j|² = argmin_j |c_j|²/2 - x_i·c_j, the lowest j of equals
    # S_j = Σ_{l_i=j} w_i x_i;   m_j = Σ_{l_i=j} w_i;   inertia = Σ w_i |x_i - c_{l_i}|²
    i = 0
    while i < n:
        count = min(TILE, n - i)
        for r in range(TILE):
            x[r] = &X[i + r if r < count else i, 0] if d else NULL
            home[r] = NULL
        _scores(x, &P[0, 0], &Z[TILE, 0], d, width, &Z[0, 0])
        _squares(x, NULL, d, norms)
        for r in range(count):
            nearest = _nearest(&Z[r, 0], width, _margin(d, norms[r] + most), x[r], c, d)
            if nearest < 0:
                return i + r
            place[r] = nearest
            home[r] = c + nearest * d
        for r in range(count, TILE):
            home[r] = home[0]
        _squares(x, home, d, squares)
        for r in range(count):
            if not isfinite(squares[r]):
                return i + r
            nearest = place[r]
            weight = 1.0 if w is None else w[i + r]
            label[i + r] = nearest
            m[nearest] += weight
            inertia[0] += weight * squares[r]
            if d:
                _add(weight, x[r], d, &S[nearest, 0])
        i += TILE
    return -1


cdef separate _scores(
    const double** x, const double* P, const double* h, Py_ssize_t d, Py_ssize_t width, double* Z
) noexcept nogil:
    """Z_rj = h_j - Σ_c x_rc P_cj for TILE rows."""
    cdef Py_ssize_t j = 0, r
    cdef lanes z[16]
    while j + 2 * LANES <= width:
        dot_tile(x, P + j, width, d, 2, z)
        for r in range(TILE):
            store(Z + r * width + j, load(h + j) - z[2 * r])
            store(Z + r * width + j + LANES, load(h + j + LANES) - z[2 * r + 1])
        j += 2 * LANES
    if j < width:
        dot_tile(x, P + j, width, d, 1, z)
        for r in range(TILE):
            store(Z + r * width + j, load(h + j) - z[r])


cdef inlined _squares(
    const double** x, const double** c, Py_ssize_t d, double* squares
) noexcept nogil:
    """|x_r - c_r|² for TILE rows; |x_r|² when c is NULL."""
    cdef Py_ssize_t g, j, r
    cdef double u
    cdef lanes t
    cdef lanes a[8]
    for g in range(TILE // LANES):
        for r in range(LANES):
            a[r] = splat(0.0)
        j = 0
        while j + LANES <= d:
            for r in range(LANES):
                t = load(x[g * LANES + r] + j)
                if c != NULL:
                    t -= load(c[g * LANES + r] + j)
                a[r] += t * t
            j += LANES
        store(squares + g * LANES, totals(a))
    for r in range(TILE):
        for j in range(d // LANES * LANES, d):
            u = x[r][j] - (c[r][j] if c != NULL else 0.0)
            squares[r] += u * u


cdef inline Py_ssize_t _nearest(
    const double* z, Py_ssize_t width, double margin, const double* x, const double* c,
    Py_ssize_t d
) noexcept nogil:
    """Return the lowest j of the least |x - c_j|²; -1 when none is less than infinity."""
    cdef Py_ssize_t j = 0, nearest = -1
    cdef unsigned int bits
    cdef bint many = False
    cdef lanes low = splat(INFINITY)
    while j < width:
        low = min_lanes(load(z + j), low)
        j += LANES
    low = splat(lowest(low) + margin)
    j = 0
    while j < width:
        bits = less_bits(load(z + j), low)
        if bits:
            many = many or nearest >= 0 or (bits & (bits - 1)) != 0
            if nearest < 0:
                nearest = j + first_bit(bits)
        j += LANES
    if many or nearest < 0:
        nearest = _least(x, c, width, z, lowest(low), d)
    return nearest


cdef Py_ssize_t _least(
    const double* x, const double* c, Py_ssize_t width, const double* z, double limit, Py_ssize_t d
) noexcept nogil:
    """Return the lowest j of the least |x - c_j|² among those that score below the limit."""
    cdef Py_ssize_t j, nearest = -1
    cdef double value, least = INFINITY
    for j in range(width):
        # Padding scores infinity, which is below no limit.
        if z[j] < limit:
            value = _distance(x, c + j * d, d)
            if value < least:
                least = value
                nearest = j
    return nearest


cdef inlined _add(double weight, const double* x, Py_ssize_t d, double* s) noexcept nogil:
    """s += weight x."""
    cdef Py_ssize_t j = 0
    cdef lanes u = splat(weight)
    while j + LANES <= d:
        store(s + j, load(s + j) + u * load(x + j))
        j += LANES
    for j in range(j, d):
        s[j] += weight * x[j]


def top_k_neighbours(queries, points, Py_ssize_t k):
    cdef const double[:, ::1] Q = checked_matrix("queries", queries)
    cdef const double[:, ::1] X = checked_matrix("points", points)
    check_length("queries", "columns", Q.shape[1], "points", X.shape[1])
    if not 1 <= k <= X.shape[0]:
        raise ValueError(f"k must be within [1, {X.shape[0]}], the rows of points, got {k}")
    check_finite("queries", Q)
    distances = cnp.PyArray_EMPTY(2, [Q.shape[0], k], cnp.NPY_FLOAT64, 0)
    indices = cnp.PyArray_EMPTY(2, [Q.shape[0], k], cnp.NPY_INT64, 0)
    cdef double[:, ::1] D = distances
    cdef int64_t[:, ::1] J = indices
    cdef double[:, ::1] P = cnp.PyArray_EMPTY(2, [X.shape[1] + 2, 2 * LANES], cnp.NPY_FLOAT64, 0)
    cdef double[::1] h = cnp.PyArray_EMPTY(1, [Q.shape[0] + 1], cnp.NPY_FLOAT64, 0)
    cdef Py_ssize_t bad
    with nogil:
        bad = _top_k(Q, X, P, h, D, J)
    if bad >= 0:
        raise ValueError(
            f"points must have finite distances to the queries, got {points[bad]} at row {bad}"
        )
    return distances, indices


cdef Py_ssize_t _top_k(
    const double[:, ::1] Q,  # IN  (q, d), finite
    const double[:, ::1] X,  # IN  (n, d)
    double[:, ::1] P,        # work (d+2, 2 LANES): some points packed; the last row |x_j|²/2
    double[::1] h,           # work (q+1,): |q_i|²
    double[:, ::1] D,        # OUT (q, k), each row ascending
    int64_t[:, ::1] J,       # OUT (q, k)
) noexcept nogil:
    """Return a row of X without a finite distance to a query, or -1."""
    cdef Py_ssize_t q = Q.shape[0], n = X.shape[0], d = X.shape[1], k = D.shape[1]
    cdef Py_ssize_t i, j, r, v, start, stop, count, columns, width = 2 * LANES
    cdef const double* x[8]
    cdef const double* p
    cdef double most, value
    cdef unsigned int bits
    cdef double z[128]
    for i in range(q):
        h[i] = _squared(&Q[i, 0], d) if d else 0.0
        for j in range(k):
            D[i, j] = INFINITY
            J[i, j] = n
    if q < TILE:
        # Too few queries to pay for packing the points: the direct sums at once, one pass over the points.
        for j in range(n):
            p = &X[j, 0] if d else NULL
            for i in range(q):
                value = _distance(&Q[i, 0] if d else NULL, p, d)
                if not isfinite(value):
                    return j
                if value < D[i, k - 1]:
                    _insert(value, j, k, &D[i, 0], &J[i, 0])
        return -1
    start = 0
    while start < q:
        stop = min(start + CHUNK, q)
        j = 0
        while j < n:
            columns = min(width, n - j)
            pack_columns(&X[j, 0] if d else NULL, columns, d, &P[0, 0], width)
            most = 0.0
            for v in range(width):
                P[d + 1, v] = 0.5 * _squared(&X[j + v, 0], d) if v < columns and d else 0.0
                most = max(most, 2.0 * P[d + 1, v])
                if v < columns and not isfinite(P[d + 1, v]) and not _all_finite(&X[j + v, 0], d):
                    return j + v
            i = start
            while i < stop:
                count = min(TILE, stop - i)
                for r in range(TILE):
                    x[r] = &Q[i + r if r < count else i, 0] if d else NULL
                _dots(x, &P[0, 0], d, z)
                for r in range(count):
                    # |q - x|²/2 - |q|²/2 = |x|²/2 - q·x: below the k-th so far, or within the error of it
                    value = 0.5 * (D[i + r, k - 1] - h[i + r]) + _margin(d, h[i + r] + most)
                    bits = less_bits(load(&P[d + 1, 0]) - load(z + r * width), splat(value))
                    bits |= less_bits(load(&P[d + 1, LANES]) - load(z + r * width + LANES), splat(value)) << LANES
                    if D[i + r, k - 1] == INFINITY:
                        bits = (1 << width) - 1
                    bits &= (1 << columns) - 1
                    while bits:
                        v = first_bit(bits)
                        bits &= bits - 1
                        value = _distance(x[r], &X[j + v, 0] if d else NULL, d)
                        if value < D[i + r, k - 1]:
                            _insert(value, j + v, k, &D[i + r, 0], &J[i + r, 0])
                i += TILE
            j += width
        start = stop
    for i in range(q):
        if not isfinite(D[i, k - 1]):
            return n - 1
    return -1


cdef inline bint _all_finite(const double* x, Py_ssize_t d) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(d):
        if not isfinite(x[j]):
            return False
    return True


cdef inline void _insert(
    double value, int64_t index, Py_ssize_t k, double* D, int64_t* J
) noexcept nogil:
    """Put (value, index) in its place in the ascending list of k; the last falls out."""
    cdef Py_ssize_t place = k - 1
    while place > 0 and (
        value < D[place - 1] or (value == D[place - 1] and index < J[place - 1])
    ):
        D[place] = D[place - 1]
        J[place] = J[place - 1]
        place -= 1
    D[place] = value
    J[place] = index


def merge_top_k(distances, indices):
    cdef const double[:, :, ::1] D = checked_array("distances", distances, cnp.NPY_FLOAT64, "float64", 3)
    cdef const int64_t[:, :, ::1] J = checked_array("indices", indices, cnp.NPY_INT64, "int64", 3)
    check_some("distances", "lists", D.shape[0])
    check_length("indices", "lists", J.shape[0], "distances", D.shape[0])
    check_length("indices", "queries", J.shape[1], "distances", D.shape[1])
    check_length("indices", "neighbours", J.shape[2], "distances", D.shape[2])
    merged = cnp.PyArray_EMPTY(2, [D.shape[1], D.shape[2]], cnp.NPY_FLOAT64, 0)
    places = cnp.PyArray_EMPTY(2, [D.shape[1], D.shape[2]], cnp.NPY_INT64, 0)
    cdef double[:, ::1] M = merged
    cdef int64_t[:, ::1] N = places
    cdef Py_ssize_t bad
    with nogil:
        bad = _merge_top_k(D, J, M, N)
    if bad >= 0:
        raise ValueError(f"distances must not be NaN, got {distances[:, bad].tolist()} at query {bad}")
    return merged, places


cdef Py_ssize_t _merge_top_k(
    const double[:, :, ::1] D,   # IN  (p, q, k)
    const int64_t[:, :, ::1] J,  # IN  (p, q, k)
    double[:, ::1] M,            # OUT (q, k), each row ascending by (distance, index)
    int64_t[:, ::1] N,           # OUT (q, k)
) noexcept nogil:
    """Return a query with a NaN among its distances, or -1."""
    cdef Py_ssize_t i, j, v, k = D.shape[2]
    for i in range(D.shape[1]):
        for v in range(k):
            M[i, v] = D[0, i, v]
            N[i, v] = J[0, i, v]
        for v in range(k):
            _insert(D[0, i, v], J[0, i, v], v + 1, &M[i, 0], &N[i, 0])
            if D[0, i, v] != D[0, i, v]:
                return i
        for j in range(1, D.shape[0]):
            for v in range(k):
                if D[j, i, v] < M[i, k - 1] or (
                    D[j, i, v] == M[i, k - 1] and J[j, i, v] < N[i, k - 1]
                ):
                    _insert(D[j, i, v], J[j, i, v], k, &M[i, 0], &N[i, 0])
                elif D[j, i, v] != D[j, i, v]:
                    return i
    return -1


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
    cdef Py_ssize_t i, j, start = 0, d = V.shape[1], m = V.shape[0], span
    # D_ij = D_ji = Σ_c (v_ic - v_jc)², a stretch of columns at a time: each is read once from memory.
    while start < d:
        span = min(1024, d - start)
        for i in range(m):
            for j in range(i):
                D[i, j] += _distance(&V[i, start], &V[j, start], span)
        start += span
    for i in range(m):
        for j in range(i):
            D[j, i] = D[i, j]
