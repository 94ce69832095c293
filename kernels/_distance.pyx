"""Distances between rows, and what is built on them. float64, C order, one thread."""

from libc.math cimport INFINITY, isfinite
from libc.stdint cimport int64_t

cimport numpy as cnp

import numpy as np

from _checks cimport check_length, check_some, checked_matrix

cnp.import_array()


def squared_distances(a, b):
    cdef const double[:, ::1] A = checked_matrix("a", a)
    cdef const double[:, ::1] B = checked_matrix("b", b)
    check_length("b", "columns", B.shape[1], "a", A.shape[1])
    distances = np.empty((A.shape[0], B.shape[0]))
    cdef double[:, ::1] D = distances
    with nogil:
        _squared_distances(A, B, D)
    return distances


cdef void _squared_distances(
    const double[:, ::1] A,  # IN  (n, d)
    const double[:, ::1] B,  # IN  (m, d)
    double[:, ::1] D,        # OUT (n, m)
) noexcept nogil:
    cdef Py_ssize_t i, j, c
    cdef double t, total
    # D_ij = Σ_c (a_ic - b_jc)². Not |a|² - 2a·b + |b|², which loses the digits of close points.
    for i in range(A.shape[0]):
        for j in range(B.shape[0]):
            total = 0.0
            for c in range(A.shape[1]):
                t = A[i, c] - B[j, c]
                total += t * t
            D[i, j] = total


def nearest_centre(points, centres):
    cdef const double[:, ::1] X = checked_matrix("points", points)
    cdef const double[:, ::1] C = checked_matrix("centres", centres)
    check_some("centres", "rows", C.shape[0])
    check_length("centres", "columns", C.shape[1], "points", X.shape[1])
    _check_finite("centres", C)
    labels = np.empty(X.shape[0], dtype=np.int64)
    sums = np.zeros((C.shape[0], C.shape[1]))
    counts = np.zeros(C.shape[0])
    cdef int64_t[::1] nearest = labels
    cdef double[:, ::1] S = sums
    cdef double[::1] m = counts
    cdef double inertia = 0.0
    cdef Py_ssize_t bad
    with nogil:
        bad = _nearest_centre(X, C, nearest, S, m, &inertia)
    if bad >= 0:
        raise ValueError(
            f"points must have finite distances to the centres, got {points[bad]} at row {bad}"
        )
    return labels, sums, counts, inertia


cdef Py_ssize_t _nearest_centre(
    const double[:, ::1] X,  # IN  (n, d)
    const double[:, ::1] C,  # IN  (k, d), finite
    int64_t[::1] label,      # OUT (n,)
    double[:, ::1] S,        # OUT (k, d), zeros on entry
    double[::1] m,           # OUT (k,), zeros on entry
    double* inertia,         # OUT
) noexcept nogil:
    """Return the first row without a finite distance to any centre, or -1."""
    cdef Py_ssize_t i, j, c, nearest
    cdef double t, total, least
    # l_i = argmin_j |x_i - c_j|², the lowest j of equals
    # S_j = Σ_{l_i=j} x_i;   m_j = #{l_i=j};   inertia = Σ |x_i - c_{l_i}|²
    inertia[0] = 0.0
    for i in range(X.shape[0]):
        nearest = -1
        least = INFINITY
        for j in range(C.shape[0]):
            total = 0.0
            for c in range(X.shape[1]):
                t = X[i, c] - C[j, c]
                total += t * t
            if total < least:
                least = total
                nearest = j
        if nearest < 0:
            return i
        label[i] = nearest
        m[nearest] += 1.0
        inertia[0] += least
        for c in range(X.shape[1]):
            S[nearest, c] += X[i, c]
    return -1


cdef int _check_finite(str name, const double[:, ::1] A) except -1:
    """Raise unless every element is finite."""
    cdef Py_ssize_t i, j
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            if not isfinite(A[i, j]):
                raise ValueError(f"{name} must be finite, got {A[i, j]} at row {i}, column {j}")
    return 0
