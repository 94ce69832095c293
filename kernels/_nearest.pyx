"""Lloyd's step: the nearest centre of each row, and the sum and count of each centre. float64, C order, one thread.

Design: GROUP rows at a time, so that they stay in the first cache. Scores |c|²/2 - x·c against all centres by tiles in
registers; the least of each row and how far its error reaches, a row to a lane; then, row by row, who scores that
little, and only where it is not one alone the direct sums.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int64_t, uint64_t

cimport numpy as cnp

from _checks cimport (
    check_finite, check_finite_at_least, check_length, check_some, checked_matrix, checked_vector
)
from _lanes cimport (
    LANES, TILE, first_bit_of_word, inlined, keep_last, lanes, load, lowests, min_lanes, prefetch, separate,
    splat, store, totals, where_less
)
from _scores cimport GROUP, aligned, below, score_rows
from _squares cimport margin_per_norm, squared, squared_distance
from _tile cimport pack_panels, padded

cnp.import_array()

# The inertia of a row may be |x|² + 2 (|c|²/2 - x·c) where the error of that is this small a part of it.
cdef double PART = 1e-11


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
    sums = cnp.PyArray_EMPTY(2, [k, d], cnp.NPY_FLOAT64, 0)
    counts = cnp.PyArray_ZEROS(1, [k], cnp.NPY_FLOAT64, 0)
    cdef int64_t[::1] label = labels
    cdef double[:, ::1] S = sums
    cdef double[::1] m = counts
    cdef double[::1] work = cnp.PyArray_EMPTY(1, [(d + GROUP + 1) * width + k * padded(d) + 8], cnp.NPY_FLOAT64, 0)
    cdef double inertia = 0.0
    cdef Py_ssize_t bad
    with nogil:
        bad = _nearest_centre(X, C, w, aligned(&work[0]), label, S, m, &inertia)
    if bad >= 0:
        raise ValueError(
            f"points must have finite distances to the centres, got {points[bad]} at row {bad}"
        )
    return labels, sums, counts, inertia


cdef Py_ssize_t _nearest_centre(
    const double[:, ::1] X,  # IN  (n, d)
    const double[:, ::1] C,  # IN  (k, d), finite
    const double[::1] w,     # IN  (n,), or None: all 1
    double* p,               # work (d + GROUP + 1, k padded): panels of Cᵀ; scores of a group of rows; |c_j|²/2;
                             #      (k, d padded): S, every row from the beginning of a line of the cache
    int64_t[::1] label,      # OUT (n,)
    double[:, ::1] S,        # OUT (k, d)
    double[::1] m,           # OUT (k,), zeros on entry
    double* inertia,         # OUT
) noexcept nogil:
    """Return the first row without a finite distance to any centre, or -1."""
    cdef Py_ssize_t i = 0, j, r, count, n = X.shape[0], d = X.shape[1], k = C.shape[0]
    cdef Py_ssize_t stride = padded(k), whole = k // LANES * LANES, width
    cdef const double* c = &C[0, 0] if d else NULL
    cdef const double* x
    cdef double* z = p + d * stride
    cdef double* h = z + GROUP * stride
    cdef double* s = h + stride
    cdef double norms[GROUP]
    cdef double most = 0.0, weight, sum_of_squares = 0.0
    # Few centres beyond whole lanes of them are dearer as a panel than one by one, lanes along d.
    width = whole if LANES <= d and 2 * (k - whole) <= LANES else stride
    pack_panels(c, min(k, width), d, p, width)
    for j in range(stride):
        h[j] = 0.5 * squared(c + j * d, d) if j < k else INFINITY
        if j < k:
            most = max(most, 2.0 * h[j])
        for r in range(GROUP):
            z[r * stride + j] = INFINITY
    for j in range(k * padded(d)):
        s[j] = 0.0
    # l_i = argmin_j |x_i - c_j|² = argmin_j |c_j|²/2 - x_i·c_j, the lowest j of equals
    # S_j = Σ_{l_i=j} w_i x_i;   m_j = Σ_{l_i=j} w_i;   inertia = Σ w_i |x_i - c_{l_i}|²
    while i < n:
        count = min(<Py_ssize_t> GROUP, n - i)
        x = &X[i, 0] if d else NULL
        _score_lengthwise(x, count, d, c, width, k, h, z, stride, norms)
        score_rows(x, count, d, p, h, width, z, stride)
        j = _assign(x, count, d, c, z, stride, norms, most, &label[i])
        if j >= 0:
            return i + j
        for r in range(count):
            weight = 1.0 if w is None else w[i + r]
            m[label[i + r]] += weight
            sum_of_squares += weight * norms[r]
            if d:
                _add(weight, x + r * d, d, s + label[i + r] * padded(d))
        i += GROUP
    for j in range(k):
        for r in range(d):
            S[j, r] = s[j * padded(d) + r]
    inertia[0] = sum_of_squares
    return -1


cdef void _score_lengthwise(
    const double* X,         # IN  (n, d)
    Py_ssize_t n,            # IN
    Py_ssize_t d,            # IN
    const double* c,         # IN  (k, d)
    Py_ssize_t first,        # IN
    Py_ssize_t k,            # IN
    const double* h,         # IN  (k,)
    double* Z,               # OUT (n, stride): Z_rj = h_j - x_r·c_j for first <= j < k
    Py_ssize_t stride,       # IN
    double* norms,           # OUT (n,): |x_r|²
) noexcept nogil:
    cdef Py_ssize_t i = 0, j, other, r
    cdef const double* x[8]
    cdef double z[16]
    while i < n:
        for r in range(TILE):
            x[r] = X + (i + r if i + r < n else i) * d
        if k <= first:
            _squares(x, d, norms + i)
        j = first
        while j < k:
            other = min(j + 1, k - 1)
            _products(x, c + j * d, c + other * d, d, z, norms + i)
            for r in range(TILE):
                Z[(i + r) * stride + j] = h[j] - z[r]
                Z[(i + r) * stride + other] = h[other] - z[TILE + r]
            j += 2
        i += TILE


cdef separate _squares(const double** x, Py_ssize_t d, double* squares) noexcept nogil:
    """|x_r|² of TILE rows."""
    cdef Py_ssize_t g, j, r
    cdef lanes t
    cdef lanes a[8]
    for g in range(TILE // LANES):
        for r in range(LANES):
            a[r] = splat(0.0)
        j = 0
        while j + LANES <= d:
            for r in range(LANES):
                t = load(x[g * LANES + r] + j)
                prefetch(x[g * LANES + r] + j + TILE * d)
                a[r] += t * t
            j += LANES
        if j < d and LANES <= d:
            for r in range(LANES):
                t = keep_last(load(x[g * LANES + r] + d - LANES), d - j)
                a[r] += t * t
        store(squares + g * LANES, totals(a))
    if d < LANES:
        for r in range(TILE):
            squares[r] = squared(x[r], d)


cdef separate _products(
    const double** x, const double* c, const double* e, Py_ssize_t d, double* z, double* squares
) noexcept nogil:
    """z_r = x_r·c, z_{TILE+r} = x_r·e and |x_r|² for TILE rows, lanes along d >= LANES."""
    cdef Py_ssize_t g, j, r
    cdef lanes p, q, t
    cdef lanes a[8]
    cdef lanes b[8]
    cdef lanes s[8]
    for g in range(TILE // LANES):
        for r in range(LANES):
            a[r] = splat(0.0)
            b[r] = splat(0.0)
            s[r] = splat(0.0)
        j = 0
        while j + LANES <= d:
            p = load(c + j)
            q = load(e + j)
            for r in range(LANES):
                t = load(x[g * LANES + r] + j)
                prefetch(x[g * LANES + r] + j + TILE * d)
                a[r] += t * p
                b[r] += t * q
                s[r] += t * t
            j += LANES
        if j < d:
            p = load(c + d - LANES)
            q = load(e + d - LANES)
            for r in range(LANES):
                t = keep_last(load(x[g * LANES + r] + d - LANES), d - j)
                a[r] += t * p
                b[r] += t * q
                s[r] += t * t
        store(z + g * LANES, totals(a))
        store(z + TILE + g * LANES, totals(b))
        store(squares + g * LANES, totals(s))


cdef Py_ssize_t _assign(
    const double* X,         # IN  (n, d)
    Py_ssize_t n,            # IN  1..GROUP
    Py_ssize_t d,            # IN
    const double* c,         # IN  (k, d)
    const double* Z,         # IN  (GROUP, width): scores
    Py_ssize_t width,        # IN
    double* squares,         # IN  (GROUP,) |x_i|²; OUT |x_i - c_{l_i}|²
    double most,             # IN  the greatest |c_j|²
    int64_t* label,          # OUT (n,)
) noexcept nogil:
    """Return the first row without a finite distance to any centre, or -1."""
    cdef Py_ssize_t nearest, r
    cdef double limits[GROUP]
    r = 0
    while r < n:
        _limits(Z + r * width, width, margin_per_norm(d), most, squares + r, limits + r)
        r += TILE
    for r in range(n):
        nearest = _nearest(Z + r * width, width, limits[r], X + r * d, c, d)
        if nearest < 0:
            return r
        label[r] = nearest
        if not squares[r] < INFINITY:
            squares[r] = squared_distance(X + r * d, c + nearest * d, d)
            if not squares[r] < INFINITY:
                return r
    return -1


cdef separate _limits(
    const double* Z,         # IN  (TILE, width): scores
    Py_ssize_t width,        # IN
    double margin,           # IN
    double most,             # IN  the greatest |c_j|²
    double* squares,         # IN  |x_r|²; OUT min_j |x_r - c_j|², or infinity where too few digits of it are known
    double* limits,          # OUT below them scores the nearest
) noexcept nogil:
    cdef Py_ssize_t g, j, r
    cdef lanes square, error
    cdef lanes low[8]
    for g in range(TILE // LANES):
        for r in range(LANES):
            low[r] = min_lanes(load(Z + (g * LANES + r) * width), splat(INFINITY))
        j = LANES
        while j < width:
            for r in range(LANES):
                low[r] = min_lanes(load(Z + (g * LANES + r) * width + j), low[r])
            j += LANES
        low[0] = lowests(low)
        square = load(squares + g * LANES)
        error = (square + most) * margin + 1e-300
        store(limits + g * LANES, low[0] + error)
        square = square + low[0] + low[0]
        store(squares + g * LANES, where_less(error, square * PART, square, splat(INFINITY)))


cdef inline Py_ssize_t _nearest(
    const double* z, Py_ssize_t width, double limit, const double* x, const double* c, Py_ssize_t d
) noexcept nogil:
    """Return the lowest j of the least |x - c_j|² among those that score below the limit, -1 if none."""
    cdef Py_ssize_t j = 0
    cdef uint64_t word = 0
    while j < width:
        word = below(z + j, min(<Py_ssize_t> 64, width - j), limit)
        if word:
            break
        j += 64
    # Nearly always one alone scores so little.
    if word == 0 or word & (word - 1) or (j + 64 < width and _any_below(z, j + 64, width, limit)):
        return _least(x, c, width, z, limit, d)
    return j + first_bit_of_word(word)


cdef bint _any_below(const double* z, Py_ssize_t first, Py_ssize_t width, double limit) noexcept nogil:
    while first < width:
        if below(z + first, min(<Py_ssize_t> 64, width - first), limit):
            return True
        first += 64
    return False


cdef Py_ssize_t _least(
    const double* x, const double* c, Py_ssize_t width, const double* z, double limit, Py_ssize_t d
) noexcept nogil:
    """Return the lowest j of the least |x - c_j|² among those that score below the limit."""
    cdef Py_ssize_t j, nearest = -1
    cdef double value, least = INFINITY
    for j in range(width):
        # Padding scores infinity, which is below no limit.
        if z[j] < limit:
            value = squared_distance(x, c + j * d, d)
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
