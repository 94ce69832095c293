"""Expressions of NumPy in one pass, without the arrays between: the same bits, types and warnings. One thread.

Of float64 in C order and of one shape; whatever else comes, and what becomes infinite or no number, NumPy computes, so
that it warns as it always does. Compiled without fused multiply-add, which rounds once where NumPy rounds twice.
"""

from libc.stdint cimport uint64_t

cimport numpy as cnp

cnp.import_array()

cdef extern from *:
    """
    /* Has its highest bit set where the number is infinite or none: its exponent is all ones. Integers fill lanes. */
    static inline uint64_t beyond_of(double number) {
        uint64_t bits;
        memcpy(&bits, &number, sizeof bits);
        return (bits & 0x7ff0000000000000ULL) + 0x0010000000000000ULL;
    }
    """
    uint64_t beyond_of(double number) noexcept nogil


cdef inline bint check_plain(object value) except -1:
    """Whether it is an array that the loops below can read."""
    if type(value) is not cnp.ndarray:
        return False
    cdef cnp.ndarray array = value
    return (
        cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT64 and cnp.PyArray_NDIM(array) > 0
        and cnp.PyArray_ISCARRAY_RO(array)  # in C order, aligned, not swapped
    )


cdef inline bint check_alike(object one, object other) except -1:
    return (
        check_plain(one) and check_plain(other) and cnp.PyArray_SAMESHAPE(<cnp.ndarray> one, <cnp.ndarray> other)
    )


def minus_scaled(x, a, y):
    if not isinstance(a, float) or not check_alike(x, y):
        return x - a * y
    found = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), cnp.NPY_FLOAT64, 0)
    cdef bint finite
    cdef double factor = a
    cdef double* result = <double*> cnp.PyArray_DATA(<cnp.ndarray> found)
    cdef const double* left = <const double*> cnp.PyArray_DATA(<cnp.ndarray> x)
    cdef const double* right = <const double*> cnp.PyArray_DATA(<cnp.ndarray> y)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(x)
    with nogil:
        finite = _minus_scaled(left, factor, right, size, result)
    return found if finite else x - a * y


def scaled(x, a):
    if not isinstance(a, float) or not check_plain(x):
        return a * x
    found = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), cnp.NPY_FLOAT64, 0)
    cdef bint finite
    cdef double factor = a
    cdef double* result = <double*> cnp.PyArray_DATA(<cnp.ndarray> found)
    cdef const double* numbers = <const double*> cnp.PyArray_DATA(<cnp.ndarray> x)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(x)
    with nogil:
        finite = _scaled(numbers, factor, size, result)
    return found if finite else a * x


def divided_plus_scaled(x, n, a, y):
    if not isinstance(n, float) or not isinstance(a, float) or not check_alike(x, y):
        return x / n + a * y
    found = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), cnp.NPY_FLOAT64, 0)
    cdef bint finite
    cdef double divisor = n, factor = a
    cdef double* result = <double*> cnp.PyArray_DATA(<cnp.ndarray> found)
    cdef const double* left = <const double*> cnp.PyArray_DATA(<cnp.ndarray> x)
    cdef const double* right = <const double*> cnp.PyArray_DATA(<cnp.ndarray> y)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(x)
    with nogil:
        finite = _divided_plus_scaled(left, divisor, factor, right, size, result)
    return found if finite else x / n + a * y


cdef bint _scaled(const double* x, double a, Py_ssize_t size, double* result) noexcept nogil:
    """Whether all are finite."""
    cdef Py_ssize_t i
    cdef uint64_t beyond = 0
    # a x
    for i in range(size):
        result[i] = a * x[i]
        beyond |= beyond_of(result[i])
    return beyond >> 63 == 0


cdef bint _minus_scaled(
    const double* x, double a, const double* y, Py_ssize_t size, double* result
) noexcept nogil:
    """Whether all are finite."""
    cdef Py_ssize_t i
    cdef uint64_t beyond = 0
    # x − a y
    for i in range(size):
        result[i] = x[i] - a * y[i]
        beyond |= beyond_of(result[i])
    return beyond >> 63 == 0


cdef bint _divided_plus_scaled(
    const double* x, double n, double a, const double* y, Py_ssize_t size, double* result
) noexcept nogil:
    """Whether all are finite."""
    cdef Py_ssize_t i
    cdef uint64_t beyond = 0
    # x / n + a y
    for i in range(size):
        result[i] = x[i] / n + a * y[i]
        beyond |= beyond_of(result[i])
    return beyond >> 63 == 0
