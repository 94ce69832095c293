"""Products over GF(256), the field of Reed–Solomon codes. uint8, C order, one thread."""

from libc.stdint cimport uint8_t
from libc.string cimport memset

cimport numpy as cnp

from _checks cimport checked_array, check_length

cnp.import_array()

cdef enum:
    TILE = 1024  # bytes of each row that are worked on together, so that sums and data stay in the first cache
    ROWS = 8     # of the product that are summed up together


def gf256_product(matrix, data):
    cdef const uint8_t[:, ::1] A = checked_array("matrix", matrix, cnp.NPY_UINT8, "uint8", 2)
    cdef const uint8_t[:, ::1] X = checked_array("data", data, cnp.NPY_UINT8, "uint8", 2)
    check_length("data", "rows", X.shape[0], "the columns of matrix", A.shape[1])
    result = cnp.PyArray_ZEROS(2, [A.shape[0], X.shape[1]], cnp.NPY_UINT8, 0)
    cdef uint8_t[:, ::1] Y = result
    if A.shape[0] and A.shape[1] and X.shape[1]:
        with nogil:
            _product(A, X, Y)
    return result


cdef void _product(
    const uint8_t[:, ::1] A,   # IN  (m, k), m, k >= 1
    const uint8_t[:, ::1] X,   # IN  (k, n), n >= 1
    uint8_t[:, ::1] Y,         # OUT (m, n)
) noexcept nogil:
    # y_i = ⊕_j a_ij·x_j. With a = Σ_b a_b 2^b this is, by Horner, a doubling of the sum and then ⊕ x_j where a_b is
    # set, from the highest bit to the lowest: a sum is doubled eight times however many rows there are, and no byte is
    # looked up in a table, so that the compiler does it for all bytes of a vector at once.
    cdef uint8_t sums[ROWS * TILE]
    cdef Py_ssize_t first, row, rows, begin, size, j
    cdef int bit
    begin = 0
    while begin < X.shape[1]:
        size = min(<Py_ssize_t>TILE, X.shape[1] - begin)
        first = 0
        while first < A.shape[0]:
            rows = min(<Py_ssize_t>ROWS, A.shape[0] - first)
            memset(sums, 0, rows * TILE)
            for bit in range(7, -1, -1):
                for row in range(rows):
                    if bit < 7:
                        _double(sums + row * TILE, size)
                    for j in range(A.shape[1]):
                        if A[first + row, j] >> bit & 1:
                            _add(&X[j, begin], sums + row * TILE, size)
            for row in range(rows):
                _add(sums + row * TILE, &Y[first + row, begin], size)
            first += ROWS
        begin += TILE


cdef inline void _double(uint8_t* y, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(size):
        y[i] = <uint8_t>(y[i] << 1) ^ (0x1D if y[i] & 0x80 else 0)


cdef inline void _add(const uint8_t* x, uint8_t* y, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(size):
        y[i] = y[i] ^ x[i]
