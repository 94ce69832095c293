"""What every kernel asks of its arguments: dtype, number of axes, C order, lengths."""

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


cdef inline int check_l2(double l2) except -1:
    """Raise unless the penalty is a finite number that is not negative."""
    if not (0.0 <= l2 < 1e308):
        raise ValueError(f"l2 must be finite and at least 0, got {l2}")
    return 0
