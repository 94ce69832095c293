"""Tiles of dot products in registers: TILE rows against one or two lanes of packed columns."""

from _lanes cimport LANES, TILE, inlined, lanes, load, splat, store


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


cdef inline void pack_panels(
    const double* A,         # IN  (k, d)
    Py_ssize_t k,            # IN
    Py_ssize_t d,            # IN
    double* P,               # OUT width · d numbers: panels of two lanes of columns, at the end perhaps one of one
    Py_ssize_t width,        # IN  whole lanes
) noexcept nogil:
    cdef Py_ssize_t j = 0, wide
    while j < width:
        wide = min(2 * LANES, width - j)
        pack_columns(A + j * d, min(wide, k - j), d, P + j * d, wide)
        j += wide


cdef inline inlined add_outer_tile(
    const double* X,         # IN  (rows, columns), rows `lead` apart
    Py_ssize_t columns,      # IN  1..TILE
    Py_ssize_t lead,         # IN
    const double* S,         # IN  (rows, wide lanes), rows `width` apart
    Py_ssize_t width,        # IN
    Py_ssize_t rows,         # IN
    Py_ssize_t wide,         # IN  1 or 2 lanes; a constant at every call, so that the loops unroll
    double* G,               # IN, OUT (columns, wide lanes), rows `width` apart: G_jv += Σ_i x_ij s_iv
) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef const double* x[8]
    cdef lanes a[8]
    cdef lanes b[8]
    cdef lanes u, p, q
    for j in range(TILE):
        # A tile that is not full repeats its first column, which is added once.
        x[j] = X + (j if j < columns else 0)
        a[j] = splat(0.0)
        b[j] = splat(0.0)
    for i in range(rows):
        p = load(S + i * width)
        if wide == 2:
            q = load(S + i * width + LANES)
        for j in range(TILE):
            u = splat(x[j][i * lead])
            a[j] += u * p
            if wide == 2:
                b[j] += u * q
    for j in range(TILE):
        if j < columns:
            store(G + j * width, load(G + j * width) + a[j])
            if wide == 2:
                store(G + j * width + LANES, load(G + j * width + LANES) + b[j])
