"""Softmax and cross-entropy of one row of scores."""

from libc.math cimport INFINITY

from _lanes cimport LANES, exp_lanes, lanes, load, max_lanes, splat, store, total


cdef inline double softmax_row(
    double* z, Py_ssize_t k, Py_ssize_t width, Py_ssize_t y, double* norm
) noexcept nogil:
    """Turn the scores into p - e_y, multiply *norm* by Σ_c e^{z_c - top}; return top - z_y."""
    cdef Py_ssize_t c
    cdef lanes u, sums = splat(0.0), most = splat(-INFINITY)
    cdef double top = -INFINITY, loss
    for c in range(k, width):
        z[c] = -INFINITY
    for c in range(0, width):
        top = max(top, z[c])
    # The largest score is taken off: no exponent is positive, and one term of the sum is 1.
    loss = top - z[y]
    most = splat(top)
    c = 0
    while c < width:
        u = exp_lanes(load(z + c) - most)
        sums += u
        store(z + c, u)
        c += LANES
    top = total(sums)
    norm[0] *= top
    most = splat(1.0 / top)
    c = 0
    while c < width:
        store(z + c, load(z + c) * most)
        c += LANES
    z[y] -= 1.0
    return loss
