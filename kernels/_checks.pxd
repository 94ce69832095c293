"""What every kernel asks of its arguments: dtype, number of axes, C order, lengths."""

from libc.math cimport INFINITY, isfinite
from libc.stdint cimport int64_t, uint64_t

cimport numpy as cnp


cdef inline cnp.ndarray checked_array(str name, object value, int typenum, str dtype, int ndim):
    """Return *value* as the array that it must be already: nothing is ever converted or copied."""
    if not isinstance(value, cnp.ndarray):
        raise TypeError(f"{name} must be a NumPy array, got {type(value).__name__}")
    cdef cnp.ndarray array = value
    if cnp.PyArray_NDIM(array) != ndim:
        raise ValueError(f"{name} must have {ndim} axes, got shape {value.shape}")
    if cnp.PyArray_TYPE(array) != typenum or not cnp.PyArray_ISNOTSWAPPED(array):
        raise TypeError(f"{name} must be {dtype}, got {value.dtype}")
    if not cnp.PyArray_IS_C_CONTIGUOUS(array) or not cnp.PyArray_ISALIGNED(array):
        raise ValueError(
            f"{name} must be C-contiguous, got strides {value.strides} for shape {value.shape}"
        )
    return array


cdef inline cnp.ndarray checked_vector(str name, object value):
    return checked_array(name, value, cnp.NPY_FLOAT64, "float64", 1)


cdef inline cnp.ndarray checked_matrix(str name, object value):
    return checked_array(name, value, cnp.NPY_FLOAT64, "float64", 2)


cdef inline cnp.ndarray checked_labels(str name, object value):
    return checked_array(name, value, cnp.NPY_INT64, "int64", 1)


cdef inline cnp.ndarray private_indices(str name, object value):
    """Return a copy of the indices: what is checked here must still be so when the GIL has been released.

    Another thread, or another process that has mapped the same file, may write to what was given.
    """
    return cnp.PyArray_NewCopy(checked_labels(name, value), cnp.NPY_CORDER)


cdef extern from *:
    """
    /* One read, whatever the compiler would rather do: another thread may write there meanwhile. */
    static inline int64_t read_once(const int64_t *place) { return *(const volatile int64_t *) place; }
    """
    int64_t read_once(const int64_t* place) noexcept nogil


cdef inline int check_label_stayed(Py_ssize_t bad) except -1:
    """Raise if a kernel found at *bad*, -1 if nowhere, a label out of the range that all were in before it began."""
    if bad >= 0:
        raise ValueError(f"labels must not be written to while a kernel reads them, got another one at index {bad}")
    return 0


cdef inline int check_length(
    str name, str axis, Py_ssize_t got, str other, Py_ssize_t wanted
) except -1:
    """Raise unless the *axis* of *name* is as long as that of *other*."""
    if got != wanted:
        raise ValueError(f"{name} must have {wanted} {axis}, as {other} has, got {got}")
    return 0


cdef inline int check_some(str name, str axis, Py_ssize_t got) except -1:
    """Raise unless *name* has at least one of *axis*."""
    if got < 1:
        raise ValueError(f"{name} must have at least one of its {axis}, got {got}")
    return 0


cdef inline int check_finite_at_least(str name, double value, double least) except -1:
    """Raise unless *value* is a finite number that is not below *least*."""
    if not (least <= value < INFINITY):
        raise ValueError(f"{name} must be finite and at least {least:g}, got {value}")
    return 0


cdef inline int check_index_range(str name, const int64_t[::1] index, Py_ssize_t stop) except -1:
    """Raise unless every element is one of 0..stop-1."""
    cdef Py_ssize_t i
    cdef uint64_t most = 0
    for i in range(index.shape[0]):
        # A negative one is a huge one when its sign is a digit.
        most = max(most, <uint64_t> index[i])
    if index.shape[0] and most >= <uint64_t> stop:
        for i in range(index.shape[0]):
            if not 0 <= index[i] < stop:
                raise ValueError(
                    f"{name} must be within [0, {stop - 1}], got {index[i]} at index {i}"
                )
    return 0


cdef inline int check_finite(str name, const double[:, ::1] A) except -1:
    """Raise unless every element is finite."""
    cdef Py_ssize_t i, j
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            if not isfinite(A[i, j]):
                raise ValueError(f"{name} must be finite, got {A[i, j]} at row {i}, column {j}")
    return 0


cdef inline cnp.ndarray checked_result(str name, object value, Py_ssize_t length, str other):
    """Return the vector that is updated in place: writable, and as long as the *other*."""
    cdef cnp.ndarray array = checked_vector(name, value)
    if not cnp.PyArray_ISWRITEABLE(array):
        raise ValueError(f"{name} must be writable, as it is updated in place, got a read-only array")
    check_length(name, "elements", cnp.PyArray_DIM(array, 0), other, length)
    return array
