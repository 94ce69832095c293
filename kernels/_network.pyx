"""A dense layer forward and backward, and softmax cross-entropy. float64, C order, one thread.

The products are BLAS, called on one thread by simcluster.kernels.blas. BLAS counts columns first: our (n, k)
in C order is its (k, n), so C = A B is asked for as Cᵀ = Bᵀ Aᵀ, with nothing moved.
"""

from libc.stdint cimport int64_t
from libc.math cimport log, tanh

cimport numpy as cnp

from scipy.linalg.cython_blas cimport dgemm

from _checks cimport (
    check_index_range, check_length, check_some, checked_labels, checked_matrix, checked_vector
)
from _lanes cimport LANES, TILE, lanes, load, separate, splat, store, tanh_lanes, where_less
from _softmax cimport softmax_row
from _tile cimport dot_tile, padded

cnp.import_array()

# Weights up to which the forward product is taken tile by tile, bias and activation at once, not by BLAS.
cdef Py_ssize_t PACKED = 2**17

cdef enum Activation:
    IDENTITY, RELU, TANH


cdef Activation _activation(name) except *:
    if name == "identity":
        return IDENTITY
    if name == "relu":
        return RELU
    if name == "tanh":
        return TANH
    raise ValueError(f"activation must be 'identity', 'relu' or 'tanh', got {name!r}")


def dense_forward(inputs, weights, bias, activation="relu"):
    cdef const double[:, ::1] X = checked_matrix("inputs", inputs)
    cdef const double[:, ::1] W = checked_matrix("weights", weights)
    cdef const double[::1] b = checked_vector("bias", bias)
    cdef Activation kind = _activation(activation)
    check_length("weights", "rows", W.shape[0], "columns of inputs", X.shape[1])
    check_length("bias", "elements", b.shape[0], "columns of weights", W.shape[1])
    cdef Py_ssize_t d = X.shape[1], k = W.shape[1]
    outputs = cnp.PyArray_EMPTY(2, [X.shape[0], k], cnp.NPY_FLOAT64, 0)
    cdef double[:, ::1] Y = outputs
    cdef double[:, ::1] P
    if d * k > PACKED:
        with nogil:
            _forward(X, W, b, kind, Y)
    else:
        P = cnp.PyArray_ZEROS(2, [d + 1 + TILE, padded(k)], cnp.NPY_FLOAT64, 0)
        with nogil:
            _forward_tiles(X, W, b, kind, P, Y)
    return outputs


cdef void _forward_tiles(
    const double[:, ::1] X,  # IN  (n, d)
    const double[:, ::1] W,  # IN  (d, k)
    const double[::1] b,     # IN  (k,)
    Activation kind,         # IN
    double[:, ::1] P,        # work (d + 1 + TILE, k padded), zeros on entry: W, b, a tile of outputs
    double[:, ::1] Y,        # OUT (n, k)
) noexcept nogil:
    cdef Py_ssize_t c, i, r, count, n = X.shape[0], d = X.shape[1], k = W.shape[1], width = P.shape[1]
    cdef const double* x[8]
    # Y = φ(X W + 1 bᵀ), TILE rows at a time: the bias and φ are applied before a row leaves the registers' cache
    for i in range(d):
        for c in range(k):
            P[i, c] = W[i, c]
    for c in range(k):
        P[d, c] = b[c]
    i = 0
    while i < n and k > 0:
        count = min(TILE, n - i)
        for r in range(TILE):
            x[r] = &X[i + r if r < count else i, 0] if d else NULL
        if count == TILE and k == width:
            _tile_outputs(x, &P[0, 0], &P[d, 0], d, width, &Y[i, 0])
            _activate(kind, TILE * k, &Y[i, 0])
        else:
            _tile_outputs(x, &P[0, 0], &P[d, 0], d, width, &P[d + 1, 0])
            _activate(kind, count * width, &P[d + 1, 0])
            for r in range(count):
                for c in range(k):
                    Y[i + r, c] = P[d + 1 + r, c]
        i += TILE


cdef separate _tile_outputs(
    const double** x, const double* P, const double* b, Py_ssize_t d, Py_ssize_t width, double* Y
) noexcept nogil:
    """Y_rc = Σ_j x_rj P_jc + b_c for TILE rows."""
    cdef Py_ssize_t c = 0, r
    cdef lanes z[16]
    while c + 2 * LANES <= width:
        dot_tile(x, P + c, width, d, 2, z)
        for r in range(TILE):
            store(Y + r * width + c, z[2 * r] + load(b + c))
            store(Y + r * width + c + LANES, z[2 * r + 1] + load(b + c + LANES))
        c += 2 * LANES
    if c < width:
        dot_tile(x, P + c, width, d, 1, z)
        for r in range(TILE):
            store(Y + r * width + c, z[r] + load(b + c))


cdef void _forward(
    const double[:, ::1] X,  # IN  (n, d)
    const double[:, ::1] W,  # IN  (d, k)
    const double[::1] b,     # IN  (k,)
    Activation kind,         # IN
    double[:, ::1] Y,        # OUT (n, k)
) noexcept nogil:
    cdef Py_ssize_t i, c, n = X.shape[0], d = X.shape[1], k = W.shape[1]
    # Y = φ(X W + 1 bᵀ)
    for i in range(n):
        for c in range(k):
            Y[i, c] = b[c]
    if n == 0 or k == 0:
        return
    if d:
        _multiply(b"N", b"N", k, n, d, &W[0, 0], k, &X[0, 0], d, 1.0, &Y[0, 0], k)
    _activate(kind, n * k, &Y[0, 0])


cdef inline void _multiply(
    char* a_order, char* b_order, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    const double* A, Py_ssize_t a_lead, const double* B, Py_ssize_t b_lead, double beta,
    double* C, Py_ssize_t c_lead,
) noexcept nogil:
    """C = A B + β C, column-major; the sizes are below 2³¹."""
    cdef int rows = <int> m, columns = <int> n, inner = <int> k
    cdef int lead_a = <int> a_lead, lead_b = <int> b_lead, lead_c = <int> c_lead
    cdef double one = 1.0
    dgemm(
        a_order, b_order, &rows, &columns, &inner, &one, <double*> A, &lead_a,
        <double*> B, &lead_b, &beta, C, &lead_c,
    )


cdef void _activate(Activation kind, Py_ssize_t count, double* y) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef lanes v, zero = splat(0.0)
    # relu: max(0, y), NaN stays NaN;   tanh: tanh y
    if kind == RELU:
        while i + LANES <= count:
            v = load(y + i)
            store(y + i, where_less(v, zero, zero, v))
            i += LANES
        for i in range(i, count):
            y[i] = 0.0 if y[i] < 0.0 else y[i]
    elif kind == TANH:
        while i + LANES <= count:
            store(y + i, tanh_lanes(load(y + i)))
            i += LANES
        for i in range(i, count):
            y[i] = tanh(y[i])


def dense_backward(inputs, weights, outputs, output_gradient, activation="relu"):
    cdef const double[:, ::1] X = checked_matrix("inputs", inputs)
    cdef const double[:, ::1] W = checked_matrix("weights", weights)
    cdef const double[:, ::1] Y = checked_matrix("outputs", outputs)
    cdef const double[:, ::1] E = checked_matrix("output_gradient", output_gradient)
    cdef Activation kind = _activation(activation)
    check_length("weights", "rows", W.shape[0], "columns of inputs", X.shape[1])
    check_length("outputs", "rows", Y.shape[0], "inputs", X.shape[0])
    check_length("outputs", "columns", Y.shape[1], "weights", W.shape[1])
    check_length("output_gradient", "rows", E.shape[0], "inputs", X.shape[0])
    check_length("output_gradient", "columns", E.shape[1], "weights", W.shape[1])
    cdef Py_ssize_t n = X.shape[0], d = X.shape[1], k = W.shape[1]
    # BLAS fills them; where a size is 0 nobody does.
    cdef bint some = n and d and k
    input_gradient = _output(n, d, some)
    weight_gradient = _output(d, k, some)
    bias_gradient = cnp.PyArray_ZEROS(1, [k], cnp.NPY_FLOAT64, 0)
    cdef double[:, ::1] S = cnp.PyArray_EMPTY(2, [n, k], cnp.NPY_FLOAT64, 0)
    cdef double[:, ::1] A = input_gradient
    cdef double[:, ::1] B = weight_gradient
    cdef double[::1] c = bias_gradient
    with nogil:
        _backward(X, W, Y, E, kind, S, A, B, c)
    return input_gradient, weight_gradient, bias_gradient


cdef object _output(Py_ssize_t rows, Py_ssize_t columns, bint filled):
    """Return an array that is filled later, or of zeros."""
    if filled:
        return cnp.PyArray_EMPTY(2, [rows, columns], cnp.NPY_FLOAT64, 0)
    return cnp.PyArray_ZEROS(2, [rows, columns], cnp.NPY_FLOAT64, 0)


cdef void _backward(
    const double[:, ::1] X,  # IN  (n, d)
    const double[:, ::1] W,  # IN  (d, k)
    const double[:, ::1] Y,  # IN  (n, k), what the layer put out
    const double[:, ::1] E,  # IN  (n, k), ∂f/∂Y
    Activation kind,         # IN
    double[:, ::1] S,        # work (n, k): the slopes
    double[:, ::1] A,        # OUT (n, d), zeros on entry
    double[:, ::1] B,        # OUT (d, k), zeros on entry
    double[::1] c,           # OUT (k,), zeros on entry
) noexcept nogil:
    cdef Py_ssize_t i, n = X.shape[0], d = X.shape[1], k = W.shape[1]
    # S = E ∘ φ'(Y): relu [Y > 0] (NaN stays NaN), tanh 1 - Y²
    # ∂f/∂X = S Wᵀ;   ∂f/∂W = Xᵀ S;   ∂f/∂b = Sᵀ 1
    if n == 0 or k == 0:
        return
    for i in range(n):
        _slopes(kind, k, &Y[i, 0], &E[i, 0], &S[i, 0], &c[0])
    if d:
        _multiply(b"T", b"N", d, n, k, &W[0, 0], k, &S[0, 0], k, 0.0, &A[0, 0], d)
        _multiply(b"N", b"T", k, d, n, &S[0, 0], k, &X[0, 0], d, 0.0, &B[0, 0], k)


cdef inline void _slopes(
    Activation kind, Py_ssize_t k, const double* y, const double* e, double* s, double* c
) noexcept nogil:
    """The slopes s of a row, and c += s."""
    cdef Py_ssize_t j = 0
    cdef lanes u, v, zero = splat(0.0)
    while j + LANES <= k:
        u = load(e + j)
        v = load(y + j)
        if kind == RELU:
            u = where_less(zero, v, u, v - v)
        elif kind == TANH:
            u = u * (splat(1.0) - v * v)
        store(s + j, u)
        store(c + j, load(c + j) + u)
        j += LANES
    for j in range(j, k):
        s[j] = e[j]
        if kind == RELU:
            s[j] = e[j] if y[j] > 0.0 else y[j] - y[j]
        elif kind == TANH:
            s[j] = e[j] * (1.0 - y[j] * y[j])
        c[j] += s[j]


def softmax_cross_entropy(scores, labels):
    cdef const double[:, ::1] Z = checked_matrix("scores", scores)
    cdef const int64_t[::1] y = checked_labels("labels", labels)
    check_some("scores", "rows", Z.shape[0])
    check_some("scores", "columns", Z.shape[1])
    check_length("labels", "elements", y.shape[0], "rows of scores", Z.shape[0])
    check_index_range("labels", y, Z.shape[1])
    gradient = cnp.PyArray_EMPTY(2, [Z.shape[0], Z.shape[1]], cnp.NPY_FLOAT64, 0)
    cdef double[:, ::1] G = gradient
    cdef double[::1] p = cnp.PyArray_EMPTY(1, [padded(Z.shape[1])], cnp.NPY_FLOAT64, 0)
    cdef double loss
    with nogil:
        loss = _softmax_cross_entropy(Z, y, p, G)
    return loss, gradient


cdef double _softmax_cross_entropy(
    const double[:, ::1] Z,  # IN  (n, k)
    const int64_t[::1] y,    # IN  (n,), each in 0..k-1
    double[::1] p,           # work (k padded,)
    double[:, ::1] G,        # OUT (n, k)
) noexcept nogil:
    cdef Py_ssize_t i, c, n = Z.shape[0], k = Z.shape[1]
    cdef double norm, loss = 0.0
    # f = 1/n Σ log Σ_c e^{z_ic} - z_{i y_i};   ∂f/∂z_ic = (p_ic - [c = y_i]) / n, p the softmax of z
    for i in range(n):
        for c in range(k):
            p[c] = Z[i, c]
        norm = 1.0
        loss += softmax_row(&p[0], k, p.shape[0], y[i], &norm) + log(norm)
        for c in range(k):
            G[i, c] = p[c] / n
    return loss / n
