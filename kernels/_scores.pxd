"""Scores of a group of rows against packed columns, by tiles in registers."""

from libc.stdint cimport uint64_t

from _lanes cimport LANES, TILE, inlined, lanes, less_bits, load, splat, store
from _tile cimport dot_tile

# Rows that are scored at a time, and elements of them: a panel and they stay in the first cache meanwhile.
cdef enum:
    GROUP = 32
    DEPTH = 256


cdef inline void score_rows(
    const double* X,         # IN  (n, d), n <= GROUP
    Py_ssize_t n,            # IN
    Py_ssize_t d,            # IN
    const double* P,         # IN  panels of Aᵀ, as pack_panels leaves them
    const double* h,         # IN  (width,)
    Py_ssize_t width,        # IN  whole lanes
    double* Z,               # OUT (GROUP, stride): Z_rj = h_j - Σ_c x_rc a_jc for j < width
    Py_ssize_t stride,       # IN
) noexcept nogil:
    cdef Py_ssize_t c = 0, j, r, depth, wide
    while True:
        depth = min(<Py_ssize_t> DEPTH, d - c)
        j = 0
        while j < width:
            wide = min(2 * LANES, width - j)
            r = 0
            while r < n:
                _score_tile(X + r * d + c, min(TILE, n - r), d, P + j * d + c * wide, wide, depth,
                            h + j if c == 0 else NULL, Z + r * stride + j, stride)
                r += TILE
            j += wide
        c += depth
        if c >= d:
            return


cdef inline inlined _score_tile(
    const double* X,         # IN  `count` rows, d apart; the first stands for those that are missing
    Py_ssize_t count,        # IN  1..TILE
    Py_ssize_t d,            # IN
    const double* P,         # IN  (depth, wide)
    Py_ssize_t wide,         # IN  LANES or 2 LANES
    Py_ssize_t depth,        # IN
    const double* h,         # IN  (wide,), or NULL: go on from Z
    double* Z,               # OUT (TILE, stride)
    Py_ssize_t stride,       # IN
) noexcept nogil:
    cdef Py_ssize_t r
    cdef const double* x[8]
    cdef const double* start
    cdef lanes z[16]
    for r in range(TILE):
        x[r] = X + (r if r < count else 0) * d
    if wide == LANES:
        dot_tile(x, P, LANES, depth, 1, z)
        for r in range(TILE):
            start = h if h != NULL else Z + r * stride
            store(Z + r * stride, load(start) - z[r])
    else:
        dot_tile(x, P, 2 * LANES, depth, 2, z)
        for r in range(TILE):
            start = h if h != NULL else Z + r * stride
            store(Z + r * stride + LANES, load(start + LANES) - z[2 * r + 1])
            store(Z + r * stride, load(start) - z[2 * r])


cdef inline uint64_t below(const double* z, Py_ssize_t width, double limit) noexcept nogil:
    """Bit j says whether z_j < limit, for at most 64 of them, whole lanes."""
    cdef Py_ssize_t j = 0
    cdef lanes most = splat(limit)
    cdef uint64_t word = 0
    while j < width:
        word |= <uint64_t> less_bits(load(z + j), most) << j
        j += LANES
    return word


cdef inline double* aligned(double* work) noexcept nogil:
    """The first element of *work* where a line of the cache begins: lanes that lie across two of them cost twice."""
    return <double*> ((<size_t> work + 63) // 64 * 64)
