"""Loss and gradient of linear models in one pass over the rows. float64, C order, one thread.

Design: ``_linear`` and ``_softmax`` walk over blocks of rows (X w, then loss and slope, then Xᵀ slope, while the block
is in the cache); ``_slope`` holds what tells one linear loss from another.
"""

from libc.math cimport log
from libc.stdint cimport int64_t

cimport numpy as cnp

from _checks cimport (
    check_finite_at_least, check_index_range, check_label_stayed, check_length, check_some, checked_labels,
    checked_matrix, checked_vector, private_indices, read_once
)
from _lanes cimport (
    LANES, TILE, abs_lanes, exp_lanes, inlined, keep_first, keep_last, lanes, load, log1p_lanes,
    prefetch, separate, splat, store, total, totals, where_less
)
from _softmax cimport softmax_row
from _tile cimport dot_tile, padded

cnp.import_array()

# Elements of features from which they are read from beyond the second cache, and their blocks are prefetched.
cdef Py_ssize_t FAR = 2**18

cdef enum Loss:
    LEAST_SQUARES, HUBER, LOGISTIC, HINGE, SQUARED_HINGE


def least_squares(weights, features, targets, double l2=0.0, rows=None):
    return _regression(LEAST_SQUARES, weights, features, targets, 1.0, l2, rows)


def huber(weights, features, targets, double delta=1.0, double l2=0.0, rows=None):
    if not 0.0 < delta < 1e308:
        raise ValueError(f"delta must be finite and above 0, got {delta}")
    return _regression(HUBER, weights, features, targets, delta, l2, rows)


def logistic(weights, features, labels, double l2=0.0, rows=None):
    return _classification(LOGISTIC, weights, features, labels, l2, rows)


def hinge(weights, features, labels, double l2=0.0, rows=None):
    return _classification(HINGE, weights, features, labels, l2, rows)


def squared_hinge(weights, features, labels, double l2=0.0, rows=None):
    return _classification(SQUARED_HINGE, weights, features, labels, l2, rows)


cdef object _regression(Loss kind, weights, features, targets, double delta, double l2, rows):
    cdef const double[::1] y = checked_vector("targets", targets)
    check_length("targets", "elements", y.shape[0], "rows of features", len(features))
    return _gradient(kind, weights, features, y, None, delta, l2, rows)


cdef object _classification(Loss kind, weights, features, labels, double l2, rows):
    cdef const int64_t[::1] y = checked_labels("labels", labels)
    check_length("labels", "elements", y.shape[0], "rows of features", len(features))
    return _gradient(kind, weights, features, None, y, 1.0, l2, rows)


cdef object _gradient(
    Loss kind, weights, features, const double[::1] targets, const int64_t[::1] labels,
    double delta, double l2, rows
):
    cdef const double[::1] w = checked_vector("weights", weights)
    cdef const double[:, ::1] X = checked_matrix("features", features)
    cdef const int64_t[::1] index = _checked_rows(rows, X.shape[0])
    check_length("weights", "elements", w.shape[0], "columns of features", X.shape[1])
    if labels is not None:
        _check_labels(labels, index, 2)
    check_finite_at_least("l2", l2, 0.0)
    gradient = cnp.PyArray_ZEROS(1, [X.shape[1]], cnp.NPY_FLOAT64, 0)
    cdef double[::1] g = gradient
    cdef double loss
    with nogil:
        _linear(kind, w, X, targets, labels, index, delta, l2, g, &loss)
    return loss, gradient


cdef const int64_t[::1] _checked_rows(rows, Py_ssize_t n):
    """Return the rows of the mini-batch, or None for all of them."""
    if rows is None:
        check_some("features", "rows", n)
        return None
    cdef const int64_t[::1] index = private_indices("rows", rows)
    check_some("rows", "elements", index.shape[0])
    check_index_range("rows", index, n)
    return index


cdef int _check_labels(const int64_t[::1] y, const int64_t[::1] index, Py_ssize_t k) except -1:
    """Raise unless the labels of the mini-batch are all in 0..k-1. Others are not read: it may be one of very many."""
    cdef Py_ssize_t i
    cdef int64_t label
    if index is None:
        return check_index_range("labels", y, k)
    for i in range(index.shape[0]):
        label = read_once(&y[index[i]])
        if not 0 <= label < k:
            raise ValueError(f"labels must be within [0, {k - 1}], got {label} at index {index[i]}")
    return 0


cdef void _linear(
    Loss kind,                     # IN
    const double[::1] w,           # IN  (d,)
    const double[:, ::1] X,        # IN  (n, d)
    const double[::1] targets,     # IN  (n,), of a regression
    const int64_t[::1] labels,     # IN  (n,), of a classification, each 0 or 1
    const int64_t[::1] index,      # IN  (m,) rows of the mini-batch, or None
    double delta,                  # IN  where Huber's loss turns straight
    double l2,                     # IN
    double[::1] g,                 # OUT (d,), zeros on entry
    double* f,                     # OUT
) noexcept nogil:
    cdef Py_ssize_t i, r, row, count, d = X.shape[1]
    cdef Py_ssize_t m = X.shape[0] if index is None else index.shape[0]
    cdef const double* x[8]
    cdef double y[8]
    cdef double c[8]
    cdef lanes z, loss, slope, losses = splat(0.0)
    cdef const double* weight = &w[0] if d else NULL
    cdef double* gradient = &g[0] if d else NULL
    # A block of rows that comes from far is fetched while an earlier one is computed. Beyond the last row it is a hint
    # that leads nowhere.
    cdef Py_ssize_t ahead = LANES * d if index is None and m * d > FAR else 0
    # z_i = x_i·w;   f = 1/m Σ φ(z_i, y_i) + l2/2 |w|²;   ∇f = 1/m Σ φ'(z_i, y_i) x_i + l2 w
    i = 0
    while i < m:
        count = min(LANES, m - i)
        for r in range(LANES):
            # A block that is not full repeats its first row, and counts it once.
            row = i + r if r < count else i
            if index is not None:
                row = index[row]
            x[r] = &X[row, 0] if d else NULL
            y[r] = targets[row] if labels is None else <double> labels[row]
        _dots(x, weight, d, ahead, &z)
        _slope(kind, z, load(y), delta, &loss, &slope)
        losses += keep_first(loss, count)
        store(c, keep_first(slope, count))
        _add_rows(x, c, d, gradient)
        i += LANES
    f[0] = total(losses) / m + 0.5 * l2 * _squared(weight, d)
    for r in range(d):
        g[r] = g[r] / m + l2 * w[r]


cdef double _squared(const double* w, Py_ssize_t count) noexcept nogil:
    """|w|². Not beside a store: of that the compiler makes two loops, and chooses by addresses how to round."""
    cdef Py_ssize_t r
    cdef double sum = 0.0
    for r in range(count):
        sum += w[r] * w[r]
    return sum


cdef inlined _slope(
    Loss kind, lanes z, lanes y, double delta, lanes* loss, lanes* slope
) noexcept nogil:
    """φ(z, y) and φ'(z, y) of a row in each lane; NaN in gives NaN out."""
    cdef lanes e, s, t, zero = splat(0.0), one = splat(1.0), bound = splat(delta)
    if kind == LEAST_SQUARES:
        # φ = (z - y)²/2
        slope[0] = z - y
        loss[0] = splat(0.5) * slope[0] * slope[0]
    elif kind == HUBER:
        # φ = t²/2 where |t| <= δ, else δ(|t| - δ/2), with t = z - y
        t = z - y
        s = abs_lanes(t)
        slope[0] = where_less(t, -bound, -bound, where_less(bound, t, bound, t))
        loss[0] = where_less(bound, s, bound * (s - splat(0.5) * bound), splat(0.5) * t * t)
    elif kind == LOGISTIC:
        # φ = log(1+eᶻ) - y z = log(1+e^{-|z|}) + max(z, 0) - y z;   φ' = 1/(1+e⁻ᶻ) - y
        # No exponent is positive, so nothing overflows.
        e = exp_lanes(-abs_lanes(z))
        slope[0] = where_less(z, zero, e, one) / (one + e) - y
        loss[0] = log1p_lanes(e) + where_less(z, zero, -z * y, z * (one - y))
    else:
        # t = max(0, 1 - s z), s = ±1;   hinge: φ = t, φ' = -s [t > 0];   squared: φ = t², φ' = -2 s t
        s = y + y - one
        t = one - s * z
        t = where_less(t, zero, zero, t)
        if kind == HINGE:
            loss[0] = t
            slope[0] = where_less(zero, t, -s, zero * z)
        else:
            loss[0] = t * t
            slope[0] = -(s + s) * t


cdef inlined _dots(const double** x, const double* w, Py_ssize_t d, Py_ssize_t ahead, lanes* z) noexcept nogil:
    """z_r = x_r·w for LANES rows, one in each lane; what stands so many elements ahead is fetched meanwhile."""
    cdef Py_ssize_t j = 0, r
    cdef lanes a[8]
    cdef lanes u
    cdef double s[8]
    for r in range(LANES):
        a[r] = splat(0.0)
    while j + LANES <= d:
        u = load(w + j)
        for r in range(LANES):
            if ahead:
                prefetch(x[r] + j + ahead)
            a[r] += load(x[r] + j) * u
        j += LANES
    if j < d and LANES <= d:
        # The last lanes again, without those that were counted.
        u = load(w + d - LANES)
        for r in range(LANES):
            a[r] += keep_last(load(x[r] + d - LANES), d - j) * u
    z[0] = totals(a)
    if d < LANES:
        for r in range(LANES):
            s[r] = 0.0
            for j in range(d):
                s[r] += x[r][j] * w[j]
        z[0] = load(s)


cdef inlined _add_rows(const double** x, const double* c, Py_ssize_t d, double* g) noexcept nogil:
    """g += Σ_r c_r x_r over LANES rows."""
    cdef Py_ssize_t j = 0, r
    cdef lanes a
    while j + LANES <= d:
        a = load(g + j)
        for r in range(LANES):
            a += splat(c[r]) * load(x[r] + j)
        store(g + j, a)
        j += LANES
    if j < d and LANES <= d:
        a = load(g + d - LANES)
        for r in range(LANES):
            a += splat(c[r]) * keep_last(load(x[r] + d - LANES), d - j)
        store(g + d - LANES, a)
    elif j < d:
        for j in range(d):
            for r in range(LANES):
                g[j] += c[r] * x[r][j]


def softmax(weights, features, labels, double l2=0.0, rows=None):
    cdef const double[:, ::1] W = checked_matrix("weights", weights)
    cdef const double[:, ::1] X = checked_matrix("features", features)
    cdef const int64_t[::1] y = checked_labels("labels", labels)
    cdef const int64_t[::1] index = _checked_rows(rows, X.shape[0])
    check_some("weights", "columns", W.shape[1])
    check_length("weights", "rows", W.shape[0], "columns of features", X.shape[1])
    check_length("labels", "elements", y.shape[0], "rows of features", X.shape[0])
    _check_labels(y, index, W.shape[1])
    check_finite_at_least("l2", l2, 0.0)
    cdef Py_ssize_t d = W.shape[0], width = padded(W.shape[1])
    gradient = cnp.PyArray_EMPTY(2, [d, W.shape[1]], cnp.NPY_FLOAT64, 0)
    cdef double[:, ::1] G = gradient
    # One row more than d, so that no view is empty.
    cdef double[:, ::1] P = cnp.PyArray_ZEROS(2, [d + 1, width], cnp.NPY_FLOAT64, 0)
    cdef double[:, ::1] S = cnp.PyArray_ZEROS(2, [d + 1, width], cnp.NPY_FLOAT64, 0)
    cdef double[:, ::1] Z = cnp.PyArray_EMPTY(2, [TILE, width], cnp.NPY_FLOAT64, 0)
    cdef double loss
    cdef Py_ssize_t bad
    with nogil:
        bad = _softmax(W, X, y, index, l2, P, S, Z, G, &loss)
    check_label_stayed(bad)
    return loss, gradient


cdef Py_ssize_t _softmax(
    const double[:, ::1] W,        # IN  (d, k)
    const double[:, ::1] X,        # IN  (n, d)
    const int64_t[::1] y,          # IN  (n,), each in 0..k-1
    const int64_t[::1] index,      # IN  (m,) rows of the mini-batch, or None
    double l2,                     # IN
    double[:, ::1] P,              # work (d+1, k padded), zeros on entry: W
    double[:, ::1] S,              # work (d+1, k padded), zeros on entry: Σ x_i (p_i - e_{y_i})ᵀ
    double[:, ::1] Z,              # work (TILE, k padded): the scores of a tile, then its slopes
    double[:, ::1] G,              # OUT (d, k)
    double* f,                     # OUT
) noexcept nogil:
    """Return the row of a label that is no longer in the range, or -1."""
    cdef Py_ssize_t i, j, r, row, label, count, d = X.shape[1], k = W.shape[1], width = P.shape[1]
    cdef Py_ssize_t m = X.shape[0] if index is None else index.shape[0]
    cdef const double* x[8]
    cdef double norm, losses = 0.0
    for j in range(d):
        for r in range(k):
            P[j, r] = W[j, r]
    # z_i = Wᵀx_i;   p_ic = e^{z_ic} / Σ_c e^{z_ic}
    # f = 1/m Σ log Σ_c e^{z_ic} - z_{i y_i} + l2/2 |W|²;   ∇f = 1/m Σ x_i (p_i - e_{y_i})ᵀ + l2 W
    i = 0
    while i < m:
        count = min(TILE, m - i)
        for r in range(TILE):
            row = i + r if r < count else i
            if index is not None:
                row = index[row]
            x[r] = &X[row, 0] if d else NULL
        _scores(x, &P[0, 0], d, width, &Z[0, 0])
        norm = 1.0
        for r in range(count):
            row = i + r if index is None else index[i + r]
            label = read_once(&y[row])
            if not 0 <= label < k:
                return row
            losses += softmax_row(&Z[r, 0], k, width, label, &norm)
        for r in range(count, TILE):
            for j in range(width):
                Z[r, j] = 0.0
        # log Π Σ = Σ log Σ, and no Σ is below 1 or above k.
        losses += log(norm)
        _add_outer(x, &Z[0, 0], d, width, &S[0, 0])
        i += TILE
    f[0] = losses / m + 0.5 * l2 * _squared(&W[0, 0] if d else NULL, d * k)
    for j in range(d):
        for r in range(k):
            G[j, r] = S[j, r] / m + l2 * W[j, r]
    return -1


cdef separate _scores(
    const double** x, const double* P, Py_ssize_t d, Py_ssize_t width, double* Z
) noexcept nogil:
    """Z_rc = Σ_j x_rj P_jc for TILE rows."""
    cdef Py_ssize_t c = 0, r
    cdef lanes z[16]
    while c + 2 * LANES <= width:
        dot_tile(x, P + c, width, d, 2, z)
        for r in range(TILE):
            store(Z + r * width + c, z[2 * r])
            store(Z + r * width + c + LANES, z[2 * r + 1])
        c += 2 * LANES
    if c < width:
        dot_tile(x, P + c, width, d, 1, z)
        for r in range(TILE):
            store(Z + r * width + c, z[r])


cdef separate _add_outer(
    const double** x, const double* Z, Py_ssize_t d, Py_ssize_t width, double* S
) noexcept nogil:
    """S_jc += Σ_r x_rj Z_rc over TILE rows."""
    cdef Py_ssize_t c = 0, j, r
    cdef lanes a, b, u
    cdef lanes p[16]
    while c + 2 * LANES <= width:
        for r in range(TILE):
            p[2 * r] = load(Z + r * width + c)
            p[2 * r + 1] = load(Z + r * width + c + LANES)
        for j in range(d):
            a = load(S + j * width + c)
            b = load(S + j * width + c + LANES)
            for r in range(TILE):
                u = splat(x[r][j])
                a += u * p[2 * r]
                b += u * p[2 * r + 1]
            store(S + j * width + c, a)
            store(S + j * width + c + LANES, b)
        c += 2 * LANES
    if c < width:
        for r in range(TILE):
            p[r] = load(Z + r * width + c)
        for j in range(d):
            a = load(S + j * width + c)
            for r in range(TILE):
                a += splat(x[r][j]) * p[r]
            store(S + j * width + c, a)
