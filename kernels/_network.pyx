"""A dense layer forward and backward, and softmax cross-entropy. float64, C order, one thread.

The products of small weights are taken in tiles, those of large ones by BLAS, called on one thread by
simcluster.kernels.blas. BLAS counts columns first: our (n, k) in C order is its (k, n), so C = A B is asked for as
Cᵀ = Bᵀ Aᵀ, with nothing moved.
"""

from libc.stdint cimport int64_t
from libc.math cimport log
from libc.string cimport memcpy, memset

cimport numpy as cnp

from scipy.linalg.cython_blas cimport dgemm

from _checks cimport (
    check_index_range, check_label_stayed, check_length, check_some, checked_labels, checked_matrix, checked_vector,
    read_once
)
from _lanes cimport LANES, TILE, inlined, lanes, load, separate, splat, store, tanh_lanes, where_less
from _softmax cimport softmax_row
from _tile cimport add_outer_tile, dot_tile, pack_panels, padded

cnp.import_array()

# Weights up to which the products are taken tile by tile, with all that goes with them in one pass, not by BLAS. With
# narrower lanes a tile reuses less of what it loads.
cdef Py_ssize_t TILED = 2**17 if LANES == 8 else 2**15
WITHOUT_BLAS = TILED

# Rows at a time of the backward pass: their slopes stay in the cache.
cdef Py_ssize_t BLOCK = 64

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
    cdef double* Y = <double*> cnp.PyArray_DATA(outputs)
    cdef double* P = NULL
    if d * k > TILED:
        with nogil:
            _forward(X, W, b, kind, Y)
        return outputs
    if k % (2 * LANES):
        work = cnp.PyArray_EMPTY(1, [(d + 1) * padded(k % (2 * LANES))], cnp.NPY_FLOAT64, 0)
        P = <double*> cnp.PyArray_DATA(work)
    with nogil:
        _forward_tiles(X, W, b, kind, P, Y)
    return outputs


cdef void _forward_tiles(
    const double[:, ::1] X,  # IN  (n, d)
    const double[:, ::1] W,  # IN  (d, k)
    const double[::1] b,     # IN  (k,)
    Activation kind,         # IN
    double* P,               # work (d + 1, rest padded): the columns of W and b that fill no panel
    double* Y,               # OUT (n, k)
) noexcept nogil:
    cdef Py_ssize_t c, i, n = X.shape[0], d = X.shape[1], k = W.shape[1]
    cdef Py_ssize_t rest = k % (2 * LANES), width = padded(rest), whole = k - rest
    # Y = φ(X W + 1 bᵀ), TILE rows at a time: the bias and φ are applied before an output leaves its register
    if n == 0 or k == 0:
        return
    if rest:
        memset(P, 0, (d + 1) * width * sizeof(double))
        for i in range(d):
            for c in range(rest):
                P[i * width + c] = W[i, whole + c]
        for c in range(rest):
            P[d * width + c] = b[whole + c]
    i = 0
    while i < n:
        _tile_rows(
            kind, min(TILE, n - i), d, &X[i, 0] if d else NULL, d, &W[0, 0] if d else NULL, 2 * LANES, k, P, &b[0],
            k, Y + i * k,
        )
        i += TILE


cdef separate _tile_rows(
    Activation kind,         # IN
    Py_ssize_t count,        # IN  1..TILE
    Py_ssize_t d,            # IN
    const double* X,         # IN  (count, d), rows `lead` apart
    Py_ssize_t lead,         # IN
    const double* P,         # IN  panels of 2 LANES columns, `panel` apart, their rows `stride` apart
    Py_ssize_t panel,        # IN
    Py_ssize_t stride,       # IN
    const double* rest,      # IN  (d + 1, padded): the columns that fill no panel, and their bias
    const double* b,         # IN  (k,), or NULL: no bias
    Py_ssize_t k,            # IN
    double* Y,               # OUT (count, k)
) noexcept nogil:
    """Y_rc = φ(Σ_j x_rj P_jc + b_c)."""
    cdef Py_ssize_t c = 0, r
    cdef const double* x[8]
    cdef lanes z[16]
    for r in range(TILE):
        # A tile that is not full repeats its first row, which is stored once.
        x[r] = X + lead * (r if r < count else 0)
    while c + 2 * LANES <= k:
        dot_tile(x, P, stride, d, 2, z)
        _put(kind, 2, z, b if b == NULL else b + c, count, 2 * LANES, Y + c, k)
        P += panel
        c += 2 * LANES
    if b != NULL:
        b = rest + d * padded(k - c)
    if k - c > LANES:
        dot_tile(x, rest, 2 * LANES, d, 2, z)
        _put(kind, 2, z, b, count, k - c, Y + c, k)
    elif c < k:
        dot_tile(x, rest, LANES, d, 1, z)
        _put(kind, 1, z, b, count, k - c, Y + c, k)


cdef inlined _put(
    Activation kind, Py_ssize_t wide, const lanes* z, const double* b, Py_ssize_t count, Py_ssize_t columns,
    double* Y, Py_ssize_t k,
) noexcept nogil:
    """Y_rc = φ(z_rc + b_c), of the `wide` lanes of each row as many as there are columns."""
    cdef Py_ssize_t c, r
    cdef double out[128]
    cdef double* y = Y
    cdef Py_ssize_t step = k
    if count < TILE or columns < wide * LANES:
        y = out
        step = wide * LANES
    for c in range(wide):
        for r in range(TILE):
            store(y + r * step + c * LANES, z[r * wide + c] if b == NULL else z[r * wide + c] + load(b + c * LANES))
    for r in range(TILE):
        _activate(kind, wide * LANES, y + r * step)
    if y == out:
        for r in range(count):
            for c in range(columns):
                Y[r * k + c] = out[r * step + c]


cdef void _forward(
    const double[:, ::1] X,  # IN  (n, d)
    const double[:, ::1] W,  # IN  (d, k), d and k at least 1
    const double[::1] b,     # IN  (k,)
    Activation kind,         # IN
    double* Y,               # OUT (n, k)
) noexcept nogil:
    cdef Py_ssize_t i, c, n = X.shape[0], d = X.shape[1], k = W.shape[1], rest = n * k % LANES
    cdef double last[8]
    # Y = φ(X W + 1 bᵀ)
    for i in range(n):
        for c in range(k):
            Y[i * k + c] = b[c]
    if n:
        _multiply(b"N", b"N", k, n, d, &W[0, 0], k, &X[0, 0], d, 1.0, Y, k)
        _activate(kind, n * k - rest, Y)
        memset(last, 0, sizeof(last))
        memcpy(last, Y + n * k - rest, rest * sizeof(double))
        _activate(kind, LANES, last)
        memcpy(Y + n * k - rest, last, rest * sizeof(double))


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
    """Put φ(y) in place of each of count y, whole lanes."""
    cdef Py_ssize_t i = 0
    cdef lanes v, zero = splat(0.0)
    # relu: max(0, y), NaN stays NaN;   tanh: tanh y
    if kind == RELU:
        while i < count:
            v = load(y + i)
            store(y + i, where_less(v, zero, zero, v))
            i += LANES
    elif kind == TANH:
        while i < count:
            store(y + i, tanh_lanes(load(y + i)))
            i += LANES


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
    # The products fill them; where a size is 0 nobody does.
    cdef bint some = n and d and k, tiled = d * k <= TILED
    cdef Py_ssize_t rows = min(BLOCK, n), width = padded(k)
    input_gradient = _output(n, d, some)
    weight_gradient = _output(d, k, some)
    bias_gradient = cnp.PyArray_ZEROS(1, [k], cnp.NPY_FLOAT64, 0)
    work = cnp.PyArray_EMPTY(1, [(rows + d) * width + padded(d) * k if tiled else n * k], cnp.NPY_FLOAT64, 0)
    cdef double* A = <double*> cnp.PyArray_DATA(input_gradient)
    cdef double* B = <double*> cnp.PyArray_DATA(weight_gradient)
    cdef double* c = <double*> cnp.PyArray_DATA(bias_gradient)
    cdef double* S = <double*> cnp.PyArray_DATA(work)
    with nogil:
        if tiled:
            _backward_tiles(X, W, Y, E, kind, rows, S, S + rows * width, S + (rows + d) * width, A, B, c)
        else:
            _backward(X, W, Y, E, kind, S, A, B, c)
    return input_gradient, weight_gradient, bias_gradient


cdef object _output(Py_ssize_t rows, Py_ssize_t columns, bint filled):
    """Return an array that is filled later, or of zeros."""
    if filled:
        return cnp.PyArray_EMPTY(2, [rows, columns], cnp.NPY_FLOAT64, 0)
    return cnp.PyArray_ZEROS(2, [rows, columns], cnp.NPY_FLOAT64, 0)


cdef void _backward(
    const double[:, ::1] X,  # IN  (n, d)
    const double[:, ::1] W,  # IN  (d, k), d and k at least 1
    const double[:, ::1] Y,  # IN  (n, k), what the layer put out
    const double[:, ::1] E,  # IN  (n, k), ∂f/∂Y
    Activation kind,         # IN
    double* S,               # work (n, k): the slopes
    double* A,               # OUT (n, d)
    double* B,               # OUT (d, k)
    double* c,               # OUT (k,), zeros on entry
) noexcept nogil:
    cdef Py_ssize_t i, n = X.shape[0], d = X.shape[1], k = W.shape[1]
    # S = E ∘ φ'(Y): relu [Y > 0] (NaN stays NaN), tanh 1 - Y²
    # ∂f/∂X = S Wᵀ;   ∂f/∂W = Xᵀ S;   ∂f/∂b = Sᵀ 1
    if n == 0:
        return
    for i in range(n):
        _slopes(kind, k, &Y[i, 0], &E[i, 0], S + i * k, c)
    _multiply(b"T", b"N", d, n, k, &W[0, 0], k, S, k, 0.0, A, d)
    _multiply(b"N", b"T", k, d, n, S, k, &X[0, 0], d, 0.0, B, k)


cdef void _backward_tiles(
    const double[:, ::1] X,  # IN  (n, d)
    const double[:, ::1] W,  # IN  (d, k)
    const double[:, ::1] Y,  # IN  (n, k), what the layer put out
    const double[:, ::1] E,  # IN  (n, k), ∂f/∂Y
    Activation kind,         # IN
    Py_ssize_t rows,         # IN  how many at a time
    double* S,               # work (rows, k padded): their slopes
    double* G,               # work (d, k padded): ∂f/∂W
    double* P,               # work (k d padded,): Wᵀ in panels
    double* A,               # OUT (n, d)
    double* B,               # OUT (d, k)
    double* c,               # OUT (k,), zeros on entry
) noexcept nogil:
    cdef Py_ssize_t i, j, count, start = 0, n = X.shape[0], d = X.shape[1], k = W.shape[1], width = padded(k)
    cdef Py_ssize_t whole = d - d % (2 * LANES)
    cdef const double* x
    # The same formulas, some rows at a time: both products while the slopes are in the cache
    if n == 0 or k == 0:
        return
    if d:
        pack_panels(&W[0, 0], d, k, P, padded(d))
    memset(G, 0, d * width * sizeof(double))
    memset(S, 0, rows * width * sizeof(double))
    while start < n:
        count = min(rows, n - start)
        x = &X[start, 0] if d else NULL
        for i in range(count):
            _slopes(kind, k, &Y[start + i, 0], &E[start + i, 0], S + i * width, c)
        i = 0
        while i < count:
            _tile_rows(
                IDENTITY, min(TILE, count - i), k, S + i * width, width, P, 2 * LANES * k, 2 * LANES, P + whole * k,
                NULL, d, A + (start + i) * d,
            )
            i += TILE
        j = 0
        while j < d:
            _add_products(x + j, min(TILE, d - j), d, S, width, count, G + j * width)
            j += TILE
        start += rows
    for j in range(d):
        memcpy(B + j * k, G + j * width, k * sizeof(double))


cdef separate _add_products(
    const double* X,         # IN  (rows, columns), rows `lead` apart
    Py_ssize_t columns,      # IN  1..TILE
    Py_ssize_t lead,         # IN
    const double* S,         # IN  (rows, width)
    Py_ssize_t width,        # IN  whole lanes
    Py_ssize_t rows,         # IN
    double* G,               # IN, OUT (columns, width)
) noexcept nogil:
    """G_jc += Σ_i x_ij s_ic."""
    cdef Py_ssize_t c = 0
    while c + 2 * LANES <= width:
        add_outer_tile(X, columns, lead, S + c, width, rows, 2, G + c)
        c += 2 * LANES
    if c < width:
        add_outer_tile(X, columns, lead, S + c, width, rows, 1, G + c)


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
    cdef Py_ssize_t bad
    with nogil:
        bad = _softmax_cross_entropy(Z, y, p, G, &loss)
    check_label_stayed(bad)
    return loss, gradient


cdef Py_ssize_t _softmax_cross_entropy(
    const double[:, ::1] Z,  # IN  (n, k)
    const int64_t[::1] y,    # IN  (n,), each in 0..k-1
    double[::1] p,           # work (k padded,)
    double[:, ::1] G,        # OUT (n, k)
    double* f,               # OUT
) noexcept nogil:
    """Return the row of a label that is no longer in the range, or -1."""
    cdef Py_ssize_t i, c, label, n = Z.shape[0], k = Z.shape[1]
    cdef double norm, loss = 0.0
    # f = 1/n Σ log Σ_c e^{z_ic} - z_{i y_i};   ∂f/∂z_ic = (p_ic - [c = y_i]) / n, p the softmax of z
    for i in range(n):
        for c in range(k):
            p[c] = Z[i, c]
        norm = 1.0
        label = read_once(&y[i])
        if not 0 <= label < k:
            return i
        loss += softmax_row(&p[0], k, p.shape[0], label, &norm) + log(norm)
        for c in range(k):
            G[i, c] = p[c] / n
    f[0] = loss / n
    return -1
