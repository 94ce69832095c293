"""Gradients of rows, each clipped by itself, and their sum. float64, C order, one thread."""

from libc.math cimport NAN, sqrt
from libc.stdint cimport int64_t

cimport numpy as cnp

from _checks cimport check_index_range, check_length, checked_matrix, private_indices
from _squares cimport squared

cnp.import_array()


def clipped_gradient_sum(features, slopes, double bound, rows=None):
    cdef const double[:, ::1] X = checked_matrix("features", features)
    cdef const double[:, ::1] S = checked_matrix("slopes", slopes)
    cdef const int64_t[::1] index = None
    cdef Py_ssize_t m = X.shape[0]
    if rows is not None:
        index = private_indices("rows", rows)
        check_index_range("rows", index, X.shape[0])
        m = index.shape[0]
    check_length("slopes", "rows", S.shape[0], "rows" if rows is not None else "features", m)
    if not bound > 0.0:
        raise ValueError(f"bound must be above 0, got {bound}")
    result = cnp.PyArray_ZEROS(2, [X.shape[1], S.shape[1]], cnp.NPY_FLOAT64, 0)
    cdef double[:, ::1] G = result
    if G.shape[0] and G.shape[1]:
        with nogil:
            _clipped_sum(X, S, index, bound, G)
    return result


cdef void _clipped_sum(
    const double[:, ::1] X,        # IN  (n, d), d >= 1
    const double[:, ::1] S,        # IN  (m, k), k >= 1: the slope of each row's loss in each of its scores
    const int64_t[::1] index,      # IN  (m,) rows of X, or None for all
    double bound,                  # IN  C, which may be infinite
    double[:, ::1] G,              # OUT (d, k), zeros on entry
) noexcept nogil:
    cdef Py_ssize_t i, j, c, d = X.shape[1], k = S.shape[1]
    cdef double length, factor, part
    cdef const double* x
    cdef const double* s
    # G = Σ min(1, C / |x sᵀ|) x sᵀ. The gradient of a row of a linear model is x sᵀ, whose norm is |x| |s|: no
    # gradient is ever written down.
    for i in range(S.shape[0]):
        x = &X[i if index is None else index[i], 0]
        s = &S[i, 0]
        length = sqrt(squared(x, d)) * sqrt(squared(s, k))
        factor = 1.0
        if length > bound:
            factor = bound / length
        elif length != length:
            factor = NAN
        for j in range(d):
            part = factor * x[j]
            for c in range(k):
                G[j, c] += part * s[c]
