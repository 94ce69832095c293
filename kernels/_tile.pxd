"""Tiles of dot products in registers: TILE rows against one or two lanes of packed columns."""

from _lanes cimport LANES, TILE, inlined, lanes, load, splat


cdef inline inlined dot_tile(
    const double** x,        # IN  TILE rows of d
    const double* P,         # IN  (d, stride): the columns, LANES of them side by side
    Py_ssize_t stride,       # IN
    Py_ssize_t d,            # IN
    Py_ssize_t wide,         # IN  1 or 2 lanes; a constant at every call, so that the loops unroll
    lanes* z,                # OUT (TILE, wide): z_rv = Σ_j x_rj P_jv
) noexcept nogil:
    cdef Py_ssize_t j, r
    cdef lanes a[8]
    cdef lanes b[8]
    cdef lanes u, p, q
    for r in range(TILE):
        a[r] = splat(0.0)
        b[r] = splat(0.0)
    for j in range(d):
        p = load(P + j * stride)
        if wide == 2:
            q = load(P + j * stride + LANES)
        for r in range(TILE):
            u = splat(x[r][j])
            a[r] += u * p
            if wide == 2:
                b[r] += u * q
    for r in range(TILE):
        z[r * wide] = a[r]
        if wide == 2:
            z[r * wide + 1] = b[r]


cdef inline void pack_columns(
    const double* A,         # IN  (k, d), rows `step` apart
    Py_ssize_t k,            # IN
    Py_ssize_t d,            # IN
    double* P,               # OUT (d, width): Aᵀ, zeros in the columns from k on
    Py_ssize_t width,        # IN
) noexcept nogil:
    cdef Py_ssize_t i, j
    for j in range(d):
        for i in range(k):
            P[j * width + i] = A[i * d + j]
        for i in range(k, width):
            P[j * width + i] = 0.0


cdef inline Py_ssize_t padded(Py_ssize_t k) noexcept nogil:
    """*k* rounded up to whole lanes."""
    return (k + LANES - 1) // LANES * LANES
