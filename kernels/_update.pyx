"""Updates of parameters in place: a scaled sum, momentum, Adam. float64, C order, one thread."""

from libc.math cimport sqrt

from _checks cimport check_finite_at_least, checked_result, checked_vector


def axpy(double a, x, y):
    cdef const double[::1] X = checked_vector("x", x)
    cdef double[::1] Y = checked_result("y", y, X.shape[0], "x")
    cdef Py_ssize_t i
    with nogil:
        # y += a x
        for i in range(X.shape[0]):
            Y[i] += a * X[i]


def momentum_step(parameters, velocity, gradient, double rate, double momentum):
    cdef const double[::1] g = checked_vector("gradient", gradient)
    cdef double[::1] w = checked_result("parameters", parameters, g.shape[0], "gradient")
    cdef double[::1] v = checked_result("velocity", velocity, g.shape[0], "gradient")
    cdef Py_ssize_t i
    with nogil:
        # v = β v + g;   w -= η v
        for i in range(g.shape[0]):
            v[i] = momentum * v[i] + g[i]
            w[i] -= rate * v[i]


def adam_step(
    parameters, first, second, gradient, Py_ssize_t step, double rate=0.001,
    double beta1=0.9, double beta2=0.999, double epsilon=1e-8,
):
    cdef const double[::1] g = checked_vector("gradient", gradient)
    cdef double[::1] w = checked_result("parameters", parameters, g.shape[0], "gradient")
    cdef double[::1] m = checked_result("first", first, g.shape[0], "gradient")
    cdef double[::1] v = checked_result("second", second, g.shape[0], "gradient")
    if step < 1:
        raise ValueError(f"step must be at least 1, got {step}")
    for name, beta in (("beta1", beta1), ("beta2", beta2)):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"{name} must be within [0, 1), got {beta}")
    check_finite_at_least("epsilon", epsilon, 0.0)
    with nogil:
        _adam(w, m, v, g, rate / (1.0 - beta1**step), 1.0 / sqrt(1.0 - beta2**step), beta1, beta2, epsilon)


cdef void _adam(
    double[::1] w,           # IN, OUT (d,)
    double[::1] m,           # IN, OUT (d,)
    double[::1] v,           # IN, OUT (d,)
    const double[::1] g,     # IN  (d,)
    double rate,             # IN  η / (1 - β₁ᵗ)
    double scale,            # IN  1 / √(1 - β₂ᵗ)
    double beta1,            # IN
    double beta2,            # IN
    double epsilon,          # IN
) noexcept nogil:
    cdef Py_ssize_t i
    # m = β₁ m + (1-β₁) g;   v = β₂ v + (1-β₂) g²;   w -= η m̂ / (√v̂ + ε), m̂ = m/(1-β₁ᵗ), v̂ = v/(1-β₂ᵗ)
    for i in range(g.shape[0]):
        m[i] = beta1 * m[i] + (1.0 - beta1) * g[i]
        v[i] = beta2 * v[i] + (1.0 - beta2) * g[i] * g[i]
        w[i] -= rate * m[i] / (sqrt(v[i]) * scale + epsilon)
