"""Exact nearest neighbours, and the merge of partial lists of them. float64, C order, one thread.

Design: a block of points is packed once for many queries and scored by tiles in registers. Per query, those that score
below a limit are candidates; when they fill their list, the k-th least score among them gives a lower limit, and
fewer remain. Only for the last of them are distances computed, always by the same direct sum.
"""

from libc.math cimport INFINITY, isfinite
from libc.stdint cimport int64_t, uint64_t

cimport numpy as cnp

from _checks cimport check_finite, check_length, check_some, checked_array, checked_matrix
from _lanes cimport LANES, TILE, first_bit_of_word, lanes, load, min_lanes, splat, store
from _scores cimport GROUP, aligned, below, score_rows
from _selection cimport bound_of_least, kth_least, sort_pairs
from _squares cimport margin_per_norm, squared, squared_distance
from _tile cimport pack_panels, padded

cnp.import_array()

cdef enum:
    BLOCK = 128              # points that are packed at a time
    CHUNK = 512              # queries between two packings, at most
    WORD = 64                # scores that are compared at a time


def top_k_neighbours(queries, points, Py_ssize_t k):
    cdef const double[:, ::1] Q = checked_matrix("queries", queries)
    cdef const double[:, ::1] X = checked_matrix("points", points)
    check_length("queries", "columns", Q.shape[1], "points", X.shape[1])
    if not 1 <= k <= X.shape[0]:
        raise ValueError(f"k must be within [1, {X.shape[0]}], the rows of points, got {k}")
    cdef double greatest = _greatest_square(Q), most = 0.0
    if not greatest < INFINITY:
        check_finite("queries", Q)
    distances = cnp.PyArray_EMPTY(2, [Q.shape[0], k], cnp.NPY_FLOAT64, 0)
    indices = cnp.PyArray_EMPTY(2, [Q.shape[0], k], cnp.NPY_INT64, 0)
    cdef double[:, ::1] D = distances
    cdef int64_t[:, ::1] J = indices
    cdef double[::1] h
    cdef Py_ssize_t bad = -1
    if Q.shape[0] >= TILE:
        h = cnp.PyArray_EMPTY(1, [X.shape[0]], cnp.NPY_FLOAT64, 0)
        with nogil:
            bad = _half_squares(X, &h[0], &most)
    if bad < 0:
        # Few queries do not pay for packing the points; and of huge numbers the scores overflow.
        if Q.shape[0] >= TILE and max(greatest, most) < 1e300:
            _search(Q, X, h, D, J)
        else:
            with nogil:
                bad = _search_directly(Q, X, D, J)
    if bad >= 0:
        raise ValueError(
            f"points must have finite distances to the queries, got {points[bad]} at row {bad}"
        )
    return distances, indices


cdef double _greatest_square(const double[:, ::1] Q) noexcept nogil:
    """The greatest |q_i|²; infinity where one is not a finite number."""
    cdef Py_ssize_t i
    cdef double greatest = 0.0, square
    for i in range(Q.shape[0] if Q.shape[1] else 0):
        square = squared(&Q[i, 0], Q.shape[1])
        greatest = max(greatest, square if isfinite(square) else INFINITY)
    return greatest


cdef Py_ssize_t _half_squares(const double[:, ::1] X, double* h, double* most) noexcept nogil:
    """h_j = |x_j|²/2; the greatest |x_j|². Return the first row of X that is not finite, or -1."""
    cdef Py_ssize_t j, d = X.shape[1]
    for j in range(X.shape[0]):
        h[j] = 0.5 * squared(&X[j, 0], d) if d else 0.0
        if not isfinite(h[j]) and not _all_finite(&X[j, 0], d):
            return j
        most[0] = max(most[0], 2.0 * h[j])
    return -1


cdef Py_ssize_t _search_directly(
    const double[:, ::1] Q,  # IN  (q, d), finite
    const double[:, ::1] X,  # IN  (n, d)
    double[:, ::1] D,        # OUT (q, k), each row ascending
    int64_t[:, ::1] J,       # OUT (q, k)
) noexcept nogil:
    """Return a row of X that is not finite, or has no finite distance to a query that needs it, or -1."""
    cdef Py_ssize_t i, j, q = Q.shape[0], n = X.shape[0], d = X.shape[1], k = D.shape[1], far = -1
    cdef const double* x
    cdef double value
    for i in range(q):
        for j in range(k):
            D[i, j] = INFINITY
            J[i, j] = n
    for j in range(n):
        x = &X[j, 0] if d else NULL
        for i in range(q):
            value = squared_distance(&Q[i, 0] if d else NULL, x, d)
            if value < D[i, k - 1]:
                _insert(value, j, k, &D[i, 0], &J[i, 0])
            elif not isfinite(value):
                far = j
                if not _all_finite(x, d):
                    return j
    for i in range(q):
        if D[i, k - 1] == INFINITY:
            return far
    return -1


cdef struct Search:
    const double* X          # (n, d): the points
    const double* h          # (n,): |x_j|²/2
    Py_ssize_t d
    Py_ssize_t k
    Py_ssize_t room          # how many candidates a list can hold
    double margin            # see margin_per_norm
    double* work             # (2, room)

cdef struct Candidates:
    # z_j = |x_j|²/2 - q·x_j less the error that x_j may have in it; the places j ascend.
    # With the error on the other side it is z_j + rise_j; that of q itself is in the slack.
    double* z
    int64_t* j
    Py_ssize_t count
    double limit             # what does not score below it is none of the k nearest
    double slack


cdef object _search(
    const double[:, ::1] Q,  # IN  (q, d), finite
    const double[:, ::1] X,  # IN  (n, d), finite
    double[::1] h,           # IN  (n,): |x_j|²/2
    double[:, ::1] D,        # OUT (q, k), each row ascending
    int64_t[:, ::1] J,       # OUT (q, k)
):
    cdef Py_ssize_t q = Q.shape[0], n = X.shape[0], d = X.shape[1], k = D.shape[1], room, chunk, i, first = 0
    room = min(2 * k, n) + WORD
    chunk = min(q, max(<Py_ssize_t> GROUP, min(<Py_ssize_t> CHUNK, 2**20 // room)))
    cdef double[:, ::1] z = cnp.PyArray_EMPTY(2, [chunk + 2, room], cnp.NPY_FLOAT64, 0)
    cdef int64_t[:, ::1] j = cnp.PyArray_EMPTY(2, [chunk, room], cnp.NPY_INT64, 0)
    cdef double[::1] work = cnp.PyArray_EMPTY(1, [(d + 2 + GROUP) * BLOCK + 8], cnp.NPY_FLOAT64, 0)
    lists = cnp.PyArray_EMPTY(1, [chunk * sizeof(Candidates)], cnp.NPY_UINT8, 0)
    cdef Candidates* a = <Candidates*> cnp.PyArray_DATA(lists)
    cdef Search s
    s.X, s.h, s.d, s.k, s.room = &X[0, 0] if d else NULL, &h[0], d, k, room
    s.margin, s.work = margin_per_norm(d), &z[chunk, 0]
    with nogil:
        for i in range(chunk):
            a[i].z, a[i].j = &z[i, 0], &j[i, 0]
        while first < q:
            chunk = min(chunk, q - first)
            _search_chunk(&s, &Q[first, 0] if d else NULL, chunk, n, aligned(&work[0]), a)
            for i in range(chunk):
                _finish(&s, &a[i], &Q[first + i, 0] if d else NULL, &D[first + i, 0], &J[first + i, 0])
            first += chunk


cdef void _search_chunk(
    const Search* s,         # IN
    const double* Q,         # IN  (q, d)
    Py_ssize_t q,            # IN
    Py_ssize_t n,            # IN  points
    double* P,               # work (d + 2 + GROUP, BLOCK): a block of points in panels; |x_j|²/2 less its error;
                             #      the rise; scores of a group of queries
    Candidates* a,           # OUT (q,)
) noexcept nogil:
    cdef Py_ssize_t columns, i, r, start = 0, v, width, d = s.d
    cdef double* h = P + d * BLOCK
    cdef double* rise = h + BLOCK
    cdef double* Z = rise + BLOCK
    for i in range(q):
        a[i].count, a[i].limit, a[i].slack = 0, INFINITY, s.margin * squared(Q + i * d, d) + 1e-300
    while start < n:
        columns = min(<Py_ssize_t> BLOCK, n - start)
        width = padded(columns)
        pack_panels(s.X + start * d, columns, d, P, width)
        for v in range(width):
            h[v] = s.h[start + v] * (1.0 - s.margin) if v < columns else INFINITY
            rise[v] = 2.0 * s.margin * s.h[start + v] if v < columns else 0.0
        i = 0
        while i < q:
            score_rows(Q + i * d, min(<Py_ssize_t> GROUP, q - i), d, P, h, width, Z, BLOCK)
            for r in range(min(<Py_ssize_t> GROUP, q - i)):
                _collect(s, &a[i + r], Q + (i + r) * d, Z + r * BLOCK, rise, width, start)
            i += GROUP
        start += BLOCK


cdef inline void _collect(
    const Search* s,         # IN
    Candidates* a,           # INOUT
    const double* q,         # IN  (d,): their query
    const double* z,         # IN  (width,): scores of a block of points
    const double* rise,      # IN  (width,)
    Py_ssize_t width,        # IN
    Py_ssize_t start,        # IN  the first point of the block
) noexcept nogil:
    cdef Py_ssize_t v = 0, span
    cdef uint64_t word
    if start == 0:
        a.limit = _first_limit(z, rise, width, s.k) + a.slack
    while v < width:
        span = min(<Py_ssize_t> WORD, width - v)
        word = below(z + v, span, a.limit)
        if word and a.count + WORD > s.room:
            _thin_out(s, a, q)
            word = below(z + v, span, a.limit)
        while word:
            span = v + first_bit_of_word(word)
            a.z[a.count] = z[span]
            a.j[a.count] = start + span
            a.count += 1
            word &= word - 1
        v += WORD


cdef inline double _first_limit(
    const double* z, const double* rise, Py_ssize_t width, Py_ssize_t k
) noexcept nogil:
    """Return a number that k of the z_j + rise_j, and hardly more, do not exceed: the k-th of the minima of groups."""
    cdef Py_ssize_t g = 0, groups = padded(k + k // 2), v
    cdef double least[WORD]
    cdef lanes low
    # The last LANES - 1 may be padding: each group needs one that is not.
    if groups > WORD or width < groups + LANES:
        return INFINITY
    while g < groups:
        low = splat(INFINITY)
        v = g
        while v < width:
            low = min_lanes(load(z + v) + load(rise + v), low)
            v += groups
        store(least + g, low)
        g += LANES
    return kth_least(least, groups, k)


cdef void _thin_out(const Search* s, Candidates* a, const double* q) noexcept nogil:
    """Lower the limit to the k-th least score, with its error, and keep what scores below it."""
    cdef Py_ssize_t v, kept = 0
    for v in range(a.count):
        s.work[v] = a.z[v] + 2.0 * s.margin * s.h[a.j[v]]
    for v in range(a.count, padded(a.count)):
        s.work[v] = INFINITY
    a.limit = min(a.limit, bound_of_least(s.work, padded(a.count), s.k) + a.slack)
    for v in range(a.count):
        a.z[kept] = a.z[v]
        a.j[kept] = a.j[v]
        kept += a.z[v] < a.limit
    a.count = kept
    if kept + WORD > s.room:
        _keep_nearest(s, a, q)


cdef void _keep_nearest(const Search* s, Candidates* a, const double* q) noexcept nogil:
    """Keep the k nearest, of equals the first: where so many score alike that only distances tell."""
    cdef Py_ssize_t v, kept = 0, less = 0, equal = 0
    cdef double* distances = s.work
    cdef double kth
    for v in range(a.count):
        distances[v] = distances[s.room + v] = squared_distance(q, s.X + a.j[v] * s.d, s.d)
    kth = kth_least(distances + s.room, a.count, s.k)
    for v in range(a.count):
        less += distances[v] < kth
    for v in range(a.count):
        equal += distances[v] == kth
        if distances[v] < kth or (distances[v] == kth and less + equal <= s.k):
            a.z[kept] = a.z[v]
            a.j[kept] = a.j[v]
            kept += 1
    a.count = kept


cdef void _finish(
    const Search* s, Candidates* a, const double* q, double* D, int64_t* J
) noexcept nogil:
    """Write the k nearest of the candidates, ascending."""
    cdef Py_ssize_t v
    if a.count > s.k:
        _thin_out(s, a, q)
    for v in range(a.count):
        s.work[v] = squared_distance(q, s.X + a.j[v] * s.d, s.d)
    sort_pairs(s.work, a.j, a.count)
    for v in range(s.k):
        D[v] = s.work[v]
        J[v] = a.j[v]


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
