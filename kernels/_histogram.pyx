"""Histograms of binned features for boosted trees, and the best split. float64, C order, one thread."""

from libc.math cimport isfinite
from libc.stdint cimport int64_t, uint8_t

cimport numpy as cnp

from _checks cimport (
    check_finite_at_least, check_index_range, check_length, check_some, checked_array,
    checked_labels, checked_vector
)
from _lanes cimport add_four

cnp.import_array()

# Rows at a time: their gradients stay in the cache while one feature after the other reads them.
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
        index = checked_labels("rows", rows)
        check_index_range("rows", index, B.shape[1])
    cdef Py_ssize_t most = _greatest(B) if n_bins < 256 else 0
    if most >= n_bins:
        raise ValueError(f"bins must be below n_bins, {n_bins}, got {most}")
    cdef Py_ssize_t f = B.shape[0], m = B.shape[1] if index is None else index.shape[0]
    result = cnp.PyArray_ZEROS(3, [f, n_bins, 3], cnp.NPY_FLOAT64, 0)
    cdef double[:, :, ::1] H = result
    cdef double[:, ::1] T = cnp.PyArray_EMPTY(2, [2 * n_bins, 4], cnp.NPY_FLOAT64, 0)
    cdef double[:, ::1] terms = cnp.PyArray_EMPTY(2, [min(m, SPAN) + 1, 4], cnp.NPY_FLOAT64, 0)
    with nogil:
        _histograms(B, g, h, index, n_bins, terms, T, H)
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
    double[:, ::1] terms,       # work (span+1, 4): g, h, 1, 0 of some rows
    double[:, ::1] T,           # work (2 n_bins, 4): two tables of one feature
    double[:, :, ::1] H,        # OUT (f, n_bins, 3), zeros on entry
) noexcept nogil:
    cdef Py_ssize_t i, j, start = 0, count, f = B.shape[0]
    cdef Py_ssize_t m = B.shape[1] if index is None else index.shape[0]
    cdef const uint8_t* bin
    cdef const int64_t* row
    cdef double* even = &T[0, 0]
    cdef double* odd = even
    cdef const double* term = &terms[0, 0]
    # H_jb = Σ_{i: B_ji=b} (g_i, h_i, 1). Of many rows the even and the odd ones add into two tables, so that one
    # addition need not wait for the one before it.
    if m > 2 * n_bins:
        odd = &T[n_bins, 0]
    while start < m:
        count = min(SPAN, m - start)
        for i in range(count):
            j = start + i if index is None else index[start + i]
            terms[i, 0] = g[j]
            terms[i, 1] = h[j]
            terms[i, 2] = 1.0
            terms[i, 3] = 0.0
        for j in range(f):
            for i in range(4 * (n_bins if odd == even else 2 * n_bins)):
                even[i] = 0.0
            if index is None:
                bin = &B[j, start]
                for i in range(count // 2):
                    add_four(even + 4 * bin[2 * i], term + 8 * i)
                    add_four(odd + 4 * bin[2 * i + 1], term + 8 * i + 4)
                if count % 2:
                    add_four(even + 4 * bin[count - 1], term + 4 * (count - 1))
            else:
                bin = &B[j, 0]
                row = &index[start]
                for i in range(count // 2):
                    add_four(even + 4 * bin[row[2 * i]], term + 8 * i)
                    add_four(odd + 4 * bin[row[2 * i + 1]], term + 8 * i + 4)
                if count % 2:
                    add_four(even + 4 * bin[row[count - 1]], term + 4 * (count - 1))
            _add_tables(n_bins, even, odd, &H[j, 0, 0])
        start += count


cdef inline void _add_tables(
    Py_ssize_t n_bins, double* even, const double* odd, double* h
) noexcept nogil:
    """h_b += even_b + odd_b, without the fourth, for each bin."""
    cdef Py_ssize_t b
    if odd != even:
        for b in range(4 * n_bins):
            even[b] += odd[b]
    for b in range(n_bins):
        h[3 * b] += even[4 * b]
        h[3 * b + 1] += even[4 * b + 1]
        h[3 * b + 2] += even[4 * b + 2]


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
