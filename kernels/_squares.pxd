"""Sums of squares, and how far a cheap score may lie from them.

The nearest rows are found by the score |c|²/2 - x·c, one multiply-add per element; between those that its error
leaves undecided the direct sum Σ (x_j - c_j)² decides, so the answer, ties included, is that of the direct sum.
"""

from _lanes cimport LANES, keep_last, lanes, load, splat, total


cdef inline double squared(const double* x, Py_ssize_t d) noexcept nogil:
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


cdef inline double squared_distance(const double* x, const double* c, Py_ssize_t d) noexcept nogil:
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


cdef inline double margin_per_norm(Py_ssize_t d) noexcept nogil:
    """What, times |x|² + |c|², is above any error of |c|²/2 - x·c against half the direct sum, twice."""
    # |fl(x·c) - x·c| <= γ_d |x| |c| and |fl(Σ) - Σ| <= γ_{d+2} Σ, Σ <= 2 (|x|² + |c|²), γ_d = d ε/2 (1 + ...):
    # Higham, Accuracy and Stability of Numerical Algorithms, 3.1. The sum of them is below 4 (d+8) ε (|x|² + |c|²).
    return 8.0 * (d + 8) * 2.220446049250313e-16
