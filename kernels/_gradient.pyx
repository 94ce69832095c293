"""Loss and gradient of linear models in one pass over the rows. float64, C order, one thread."""

from libc.math cimport exp, fabs, log, log1p
from libc.stdint cimport int64_t

cimport numpy as cnp

import numpy as np

from _checks cimport (
    check_l2, check_length, check_some, checked_labels, checked_matrix, checked_vector
)

cnp.import_array()


def least_squares(weights, features, targets, double l2=0.0):
    cdef const double[::1] w = checked_vector("weights", weights)
    cdef const double[:, ::1] X = checked_matrix("features", features)
    cdef const double[::1] y = checked_vector("targets", targets)
    check_some("features", "rows", X.shape[0])
    check_length("weights", "elements", w.shape[0], "columns of features", X.shape[1])
    check_length("targets", "elements", y.shape[0], "rows of features", X.shape[0])
    check_l2(l2)
    gradient = np.zeros(X.shape[1])
    cdef double[::1] g = gradient
    cdef double loss
    with nogil:
        loss = _least_squares(w, X, y, l2, g)
    return loss, gradient


cdef double _least_squares(
    const double[::1] w,     # IN  (d,)
    const double[:, ::1] X,  # IN  (n, d)
    const double[::1] y,     # IN  (n,)
    double l2,               # IN
    double[::1] g,           # OUT (d,), zeros on entry
) noexcept nogil:
    cdef Py_ssize_t i, j, n = X.shape[0], d = X.shape[1]
    cdef double r, loss = 0.0
    # r_i = x_i·w - y_i;   f = 1/2n Σ r_i²;   ∇f = 1/n Σ r_i x_i
    for i in range(n):
        r = -y[i]
        for j in range(d):
            r += X[i, j] * w[j]
        loss += 0.5 * r * r
        for j in range(d):
            g[j] += r * X[i, j]
    return _mean_and_penalty(loss, n, w, l2, g)


def logistic(weights, features, labels, double l2=0.0):
    cdef const double[::1] w = checked_vector("weights", weights)
    cdef const double[:, ::1] X = checked_matrix("features", features)
    cdef const int64_t[::1] y = checked_labels("labels", labels)
    check_some("features", "rows", X.shape[0])
    check_length("weights", "elements", w.shape[0], "columns of features", X.shape[1])
    check_length("labels", "elements", y.shape[0], "rows of features", X.shape[0])
    check_l2(l2)
    _check_label_range(y, 2)
    gradient = np.zeros(X.shape[1])
    cdef double[::1] g = gradient
    cdef double loss
    with nogil:
        loss = _logistic(w, X, y, l2, g)
    return loss, gradient


cdef double _logistic(
    const double[::1] w,     # IN  (d,)
    const double[:, ::1] X,  # IN  (n, d)
    const int64_t[::1] y,    # IN  (n,), each 0 or 1
    double l2,               # IN
    double[::1] g,           # OUT (d,), zeros on entry
) noexcept nogil:
    cdef Py_ssize_t i, j, n = X.shape[0], d = X.shape[1]
    cdef double z, e, p, loss = 0.0
    # z_i = x_i·w;   σ(z) = 1/(1+e⁻ᶻ)
    # f = 1/n Σ log(1+e^{z_i}) - y_i z_i;   ∇f = 1/n Σ (σ(z_i) - y_i) x_i
    # log(1+eᶻ) = max(z, 0) + log1p(e^{-|z|}): the exponent is never positive, so nothing overflows.
    for i in range(n):
        z = 0.0
        for j in range(d):
            z += X[i, j] * w[j]
        e = exp(-fabs(z))
        p = (1.0 if z >= 0.0 else e) / (1.0 + e)
        loss += log1p(e) + (z * (1 - y[i]) if z >= 0.0 else -z * y[i])
        p -= y[i]
        for j in range(d):
            g[j] += p * X[i, j]
    return _mean_and_penalty(loss, n, w, l2, g)


def softmax(weights, features, labels, double l2=0.0):
    cdef const double[:, ::1] W = checked_matrix("weights", weights)
    cdef const double[:, ::1] X = checked_matrix("features", features)
    cdef const int64_t[::1] y = checked_labels("labels", labels)
    check_some("features", "rows", X.shape[0])
    check_some("weights", "columns", W.shape[1])
    check_length("weights", "rows", W.shape[0], "columns of features", X.shape[1])
    check_length("labels", "elements", y.shape[0], "rows of features", X.shape[0])
    check_l2(l2)
    _check_label_range(y, W.shape[1])
    gradient = np.zeros((W.shape[0], W.shape[1]))
    cdef double[:, ::1] G = gradient
    cdef double[::1] p = np.empty(W.shape[1])
    cdef double loss
    with nogil:
        loss = _softmax(W, X, y, l2, p, G)
    return loss, gradient


cdef double _softmax(
    const double[:, ::1] W,  # IN  (d, k)
    const double[:, ::1] X,  # IN  (n, d)
    const int64_t[::1] y,    # IN  (n,), each in 0..k-1
    double l2,               # IN
    double[::1] p,           # work (k,)
    double[:, ::1] G,        # OUT (d, k), zeros on entry
) noexcept nogil:
    cdef Py_ssize_t i, j, c, n = X.shape[0], d = X.shape[1], k = W.shape[1]
    cdef double top, total, x, loss = 0.0
    # z_i = Wᵀx_i;   p_ic = e^{z_ic} / Σ_c e^{z_ic}
    # f = 1/n Σ log Σ_c e^{z_ic} - z_{i y_i};   ∇f = 1/n Σ x_i (p_i - e_{y_i})ᵀ
    # The largest z_ic is taken off first: no exponent is positive, and one term of the sum is 1.
    for i in range(n):
        for c in range(k):
            p[c] = 0.0
        for j in range(d):
            x = X[i, j]
            for c in range(k):
                p[c] += x * W[j, c]
        top = p[0]
        for c in range(1, k):
            top = max(top, p[c])
        loss -= p[y[i]] - top
        total = 0.0
        for c in range(k):
            p[c] = exp(p[c] - top)
            total += p[c]
        loss += log(total)
        for c in range(k):
            p[c] /= total
        p[y[i]] -= 1.0
        for j in range(d):
            x = X[i, j]
            for c in range(k):
                G[j, c] += x * p[c]
    # Mean over the rows, then the penalty l2/2 |W|² and its gradient l2 W.
    loss /= n
    for j in range(d):
        for c in range(k):
            loss += 0.5 * l2 * W[j, c] * W[j, c]
            G[j, c] = G[j, c] / n + l2 * W[j, c]
    return loss


cdef double _mean_and_penalty(
    double loss,             # IN  sum over the rows
    Py_ssize_t n,            # IN
    const double[::1] w,     # IN  (d,)
    double l2,               # IN
    double[::1] g,           # IN  (d,) sum over the rows; OUT the gradient
) noexcept nogil:
    cdef Py_ssize_t j
    # f/n + l2/2 |w|²;   g/n + l2 w
    loss /= n
    for j in range(w.shape[0]):
        loss += 0.5 * l2 * w[j] * w[j]
        g[j] = g[j] / n + l2 * w[j]
    return loss


cdef int _check_label_range(const int64_t[::1] y, Py_ssize_t k) except -1:
    """Raise unless every label is one of 0..k-1."""
    cdef Py_ssize_t i
    for i in range(y.shape[0]):
        if not 0 <= y[i] < k:
            raise ValueError(f"labels must be within [0, {k - 1}], got {y[i]} at index {i}")
    return 0
