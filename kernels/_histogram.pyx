"""Histograms of binned features for boosted trees, and the best split. float64, C order, one thread."""

from libc.math cimport isfinite
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy, memset

cimport numpy as cnp

from _checks cimport (
    check_finite_at_least, check_index_range, check_length, check_some, checked_array,
    checked_vector, private_indices
)
from _lanes cimport add_four

cnp.import_array()

# Rows at a time: their gradients stay in the cache while one pair of features after the other reads them.
cdef Py_ssize_t SPAN = 16384


def histograms(bins, gradients, hessians, Py_ssize_t n_bins=256, rows=None):
    cdef const uint8_t[:, ::1] B = checked_array("bins", bins, cnp.NPY_UINT8, "uint8", 2)
    cdef const double[::1] g = checked_vector("gradients", gradients)
    cdef const double[::1] h = checked_vector("hessians", hessians)
    cdef const int64_t[::1] index = None
    check_length("gradients", "elements", g.shape[0], "columns of bins", B.shape[1])
    check_length("hessians", "elements", h.shape[0], "columns of bins", B.shape[1])
    if not 1 <= n_bins <= 256:
        raise ValueError(f"n_bins must be within [1, 256], got {n_bins}")
    if rows is not None:
        index = private_indices("rows", rows)
        check_index_range("rows", index, B.shape[1])
    cdef Py_ssize_t most = _greatest(B) if n_bins < 256 else 0
    if most >= n_bins:
        raise ValueError(f"bins must be below n_bins, {n_bins}, got {most}")
    cdef Py_ssize_t f = B.shape[0], m = B.shape[1] if index is None else index.shape[0]
    result = cnp.PyArray_EMPTY(3, [f, n_bins, 3], cnp.NPY_FLOAT64, 0)
    # Seven more, so that it can begin at a multiple of 64 bytes: no sum of four then lies on two cache lines. And room
    # for 256 bins, since another thread may write to bins once they have been checked.
    work = cnp.PyArray_EMPTY(1, [4 * (n_bins + max(n_bins + min(m, SPAN), 256)) + 7], cnp.NPY_FLOAT64, 0)
    cdef double* H = <double*> cnp.PyArray_DATA(result)
    cdef double* T = <double*> ((<size_t> cnp.PyArray_DATA(work) + 63) // 64 * 64)
    with nogil:
        _histograms(B, g, h, index, n_bins, T + 8 * n_bins, T, H)
    return result


cdef Py_ssize_t _greatest(const uint8_t[:, ::1] B) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef uint8_t most = 0
    for i in range(B.shape[0]):
        for j in range(B.shape[1]):
            most = B[i, j] if B[i, j] > most else most
    return most


cdef void _histograms(
    const uint8_t[:, ::1] B,    # IN  (f, n)
    const double[::1] g,        # IN  (n,)
    const double[::1] h,        # IN  (n,)
    const int64_t[::1] index,   # IN  (m,) rows of the node, or None
    Py_ssize_t n_bins,          # IN
    double* terms,              # work (span, 4): g, h, 1, 0 of some rows
    double* T,                  # work (2, n_bins, 4): the tables of two features
    double* H,                  # OUT (f, n_bins, 3)
) noexcept nogil:
    cdef Py_ssize_t i, j, start = 0, count, f = B.shape[0]
    cdef Py_ssize_t m = B.shape[1] if index is None else index.shape[0]
    cdef const int64_t* row = NULL
    # H_jb = Σ_{i: B_ji=b} (g_i, h_i, 1), two features at a time: the terms are loaded once for both, and of two rows of
    # one bin the second addition waits for the first, but not the other feature's.
    while start < m or start == 0:
        count = min(SPAN, m - start)
        for i in range(count):
            j = start + i if index is None else index[start + i]
            terms[4 * i] = g[j]
            terms[4 * i + 1] = h[j]
            terms[4 * i + 2] = 1.0
            terms[4 * i + 3] = 0.0
        if index is not None and count:
            row = &index[start]
        for j in range(0, f, 2):
            memset(T, 0, 8 * n_bins * sizeof(double))
            if count:
                _add_rows(
                    count, row, &B[j, 0] + (start if row == NULL else 0), B.shape[1] if j + 1 < f else 0,
                    terms, T, T + 4 * n_bins,
                )
            for i in range(j, min(j + 2, f)):
                _add_table(n_bins, T + 4 * n_bins * (i - j), start > 0, H + 3 * n_bins * i)
        start += SPAN


cdef inline void _add_rows(
    Py_ssize_t count, const int64_t* row, const uint8_t* bin, Py_ssize_t next,
    const double* term, double* first, double* second,
) noexcept nogil:
    """Add the terms to the table of a feature, and to that of the one `next` bytes further on, if that is not 0."""
    cdef Py_ssize_t i, r, a, b
    if next:
        for i in range(count):
            # All that is read stands before what is written, which might be the same to the compiler.
            r = i if row == NULL else row[i]
            a = bin[r]
            b = bin[next + r]
            add_four(first + 4 * a, term + 4 * i)
            add_four(second + 4 * b, term + 4 * i)
    else:
        for i in range(count):
            r = i if row == NULL else row[i]
            add_four(first + 4 * bin[r], term + 4 * i)


cdef inline void _add_table(Py_ssize_t n_bins, const double* table, bint more, double* h) noexcept nogil:
    """h_b = table_b, or h_b += table_b if there is more in it already, without the fourth, for each bin."""
    cdef Py_ssize_t b
    if more:
        for b in range(n_bins):
            h[3 * b] += table[4 * b]
            h[3 * b + 1] += table[4 * b + 1]
            h[3 * b + 2] += table[4 * b + 2]
    else:
        # Four at once; the next bin overwrites the fourth.
        for b in range(n_bins - 1):
            memcpy(h + 3 * b, table + 4 * b, 4 * sizeof(double))
        b = n_bins - 1
        memcpy(h + 3 * b, table + 4 * b, 3 * sizeof(double))


def subtract_histograms(parent, child):
    cdef const double[:, :, ::1] P = checked_array("parent", parent, cnp.NPY_FLOAT64, "float64", 3)
    cdef const double[:, :, ::1] C = checked_array("child", child, cnp.NPY_FLOAT64, "float64", 3)
    check_length("child", "features", C.shape[0], "parent", P.shape[0])
    check_length("child", "bins", C.shape[1], "parent", P.shape[1])
    check_length("child", "sums", C.shape[2], "parent", P.shape[2])
    result = cnp.PyArray_EMPTY(3, [P.shape[0], P.shape[1], P.shape[2]], cnp.NPY_FLOAT64, 0)
    cdef double[:, :, ::1] S = result
    cdef Py_ssize_t i, j, c
    with nogil:
        # The rows of the sibling are those of the parent without those of the child.
        for i in range(P.shape[0]):
            for j in range(P.shape[1]):
                for c in range(P.shape[2]):
                    S[i, j, c] = P[i, j, c] - C[i, j, c]
    return result


def best_split(histograms, double l2=0.0, double min_hessian=0.0, double min_count=1.0):
    cdef const double[:, :, ::1] H = checked_array("histograms", histograms, cnp.NPY_FLOAT64, "float64", 3)
    check_length("histograms", "sums", H.shape[2], "(gradient, hessian, count)", 3)
    check_some("histograms", "features", H.shape[0])
    check_finite_at_least("l2", l2, 0.0)
    check_finite_at_least("min_hessian", min_hessian, 0.0)
    check_finite_at_least("min_count", min_count, 1.0)
    cdef double gain = 0.0
    cdef Py_ssize_t feature = -1, bin = -1, bad
    with nogil:
        bad = _best_split(H, l2, min_hessian, min_count, &gain, &feature, &bin)
    if bad >= 0:
        raise ValueError(f"histograms must be finite, got a sum that is not in feature {bad}")
    return gain, feature, bin


cdef Py_ssize_t _best_split(
    const double[:, :, ::1] H,  # IN  (f, b, 3)
    double l2,                  # IN
    double min_hessian,         # IN
    double min_count,           # IN
    double* gain,               # OUT
    Py_ssize_t* feature,        # OUT
    Py_ssize_t* bin,            # OUT
) noexcept nogil:
    """Return a feature whose sums are not finite, or -1."""
    cdef Py_ssize_t j, b
    cdef double G, K, n, g, h, count, value
    # gain = G_L²/(H_L + λ) + G_R²/(H_R + λ) - G²/(H + λ), of equals the lowest feature, then the lowest bin;
    # bins up to b go left
    for j in range(H.shape[0]):
        G = K = n = 0.0
        for b in range(H.shape[1]):
            G += H[j, b, 0]
            K += H[j, b, 1]
            n += H[j, b, 2]
        if not (isfinite(G) and isfinite(K) and isfinite(n)):
            return j
        g = h = count = 0.0
        for b in range(H.shape[1] - 1):
            g += H[j, b, 0]
            h += H[j, b, 1]
            count += H[j, b, 2]
            if count < min_count or n - count < min_count or h < min_hessian or K - h < min_hessian:
                continue
            value = _score(g, h + l2) + _score(G - g, K - h + l2) - _score(G, K + l2)
            if value > gain[0]:
                gain[0] = value
                feature[0] = j
                bin[0] = b
    return -1


cdef inline double _score(double g, double h) noexcept nogil:
    """g²/h, and 0 where there is no curvature."""
    return g * g / h if h > 0.0 else 0.0
