"""Arguments for every kernel: what the tests that run them all draw from."""

import math

import numpy as np
from hypothesis import strategies as st

ROWS = st.integers(1, 20)
COLUMNS = st.integers(0, 20)


def _rows(draw, generator, n):
    return generator.integers(0, n, draw(ROWS)) if draw(st.booleans()) else None


def _linear(draw, generator, targets):
    n, d = draw(ROWS), draw(COLUMNS)
    return generator.normal(size=d), generator.normal(size=(n, d)), targets(n), draw(st.floats(0, 2))


def _regression(draw, generator):
    arguments = _linear(draw, generator, lambda n: 2 * generator.normal(size=n))
    return *arguments, _rows(draw, generator, len(arguments[1]))


def _huber(draw, generator):
    *arguments, l2, rows = _regression(draw, generator)
    return *arguments, draw(st.floats(0.1, 3)), l2, rows


def _classification(draw, generator):
    arguments = _linear(draw, generator, lambda n: generator.integers(0, 2, n))
    return *arguments, _rows(draw, generator, len(arguments[1]))


def _softmax(draw, generator):
    n, d, k = draw(ROWS), draw(COLUMNS), draw(ROWS)
    features, labels = generator.normal(size=(n, d)), generator.integers(0, k, n)
    return generator.normal(size=(d, k)), features, labels, draw(st.floats(0, 2)), _rows(draw, generator, n)


def _clipped(draw, generator):
    n, d, k = draw(ROWS), draw(COLUMNS), draw(st.integers(0, 20))
    rows = _rows(draw, generator, n)
    slopes = generator.normal(size=(n if rows is None else len(rows), k))
    return generator.normal(size=(n, d)), slopes, draw(st.sampled_from([1e-3, 1.0, 5.0, math.inf])), rows


def _field(draw, generator):
    m, k, n = (draw(st.integers(0, 12)) for _ in range(3))
    n = draw(st.sampled_from([n, 1023, 1025, 2100]))
    return generator.integers(0, 256, (m, k), dtype=np.uint8), generator.integers(0, 256, (k, n), dtype=np.uint8)


def _two_sets(draw, generator, least=0):
    n, m, d = draw(st.integers(0, 20)), draw(st.integers(least, 20)), draw(COLUMNS)
    # Rounded: equal distances are common, and exact.
    digits = draw(st.sampled_from([0, 9]))
    return generator.normal(size=(n, d)).round(digits), generator.normal(size=(m, d)).round(digits)


def _centres(draw, generator):
    points, centres = _two_sets(draw, generator, least=1)
    weights = generator.integers(0, 4, len(points)).astype(float) if draw(st.booleans()) else None
    return points, centres, weights


def _neighbours(draw, generator):
    queries, points = _two_sets(draw, generator, least=1)
    return queries, points, draw(st.integers(1, len(points)))


def _lists(draw, generator):
    shape = draw(st.integers(1, 4)), draw(st.integers(0, 4)), draw(st.integers(0, 6))
    distances = generator.integers(0, 5, shape).astype(float)
    return distances, generator.permutation(distances.size).reshape(shape)


def _dense(draw, generator):
    n, d, k = draw(st.integers(0, 20)), draw(COLUMNS), draw(COLUMNS)
    return generator.normal(size=(n, d)), generator.normal(size=(d, k)), generator.normal(size=k)


def _forward(draw, generator):
    return *_dense(draw, generator), draw(st.sampled_from(["identity", "relu", "tanh"]))


def _backward(draw, generator):
    inputs, weights, bias = _dense(draw, generator)
    outputs = np.tanh(inputs @ weights + bias)
    gradient = generator.normal(size=outputs.shape)
    return inputs, weights, outputs, gradient, draw(st.sampled_from(["identity", "relu", "tanh"]))


def _scores(draw, generator):
    n, k = draw(ROWS), draw(ROWS)
    return 10 * generator.normal(size=(n, k)), generator.integers(0, k, n)


def _bins(draw, generator):
    features, n, count = draw(st.integers(0, 5)), draw(ROWS), draw(st.sampled_from([1, 7, 256]))
    bins = generator.integers(0, count, (features, n)).astype(np.uint8)
    return bins, generator.normal(size=n), generator.random(n), count, _rows(draw, generator, n)


def _histograms(draw, generator, positive=False):
    shape = draw(st.integers(1, 4)), draw(st.integers(1, 9))
    # Whole numbers: sums and ties are exact.
    gradients, hessians = generator.integers(-3, 4, shape), generator.integers(0, 4, shape)
    return np.stack([gradients, hessians, generator.integers(0, 4, shape)], axis=2).astype(float)


def _two_histograms(draw, generator):
    parent = _histograms(draw, generator)
    return parent, generator.random(parent.shape)


def _split(draw, generator):
    limits = draw(st.sampled_from([0.0, 2.0])), draw(st.sampled_from([1.0, 3.0]))
    return _histograms(draw, generator), draw(st.sampled_from([0.0, 1.0])), *limits


def _vectors(draw, generator, least=1):
    return generator.normal(size=(draw(st.integers(least, 20)), draw(st.integers(0, 70)))).round(1)


def _weighted(draw, generator):
    vectors = _vectors(draw, generator, least=0)
    return vectors, generator.normal(size=len(vectors))


def _trimmed(draw, generator):
    vectors = _vectors(draw, generator)
    return vectors, draw(st.integers(0, (len(vectors) - 1) // 2))


def _vector(draw, generator):
    return generator.normal(size=draw(st.integers(0, 70))).round(draw(st.sampled_from([0, 9])))


def _sparse(draw, generator):
    # Longer than 4096: the sample decides, too.
    vector = generator.normal(size=5000) if draw(st.integers(0, 9)) == 0 else _vector(draw, generator)
    return vector, draw(st.integers(0, len(vector)))


def _quantise(draw, generator):
    vector = _vector(draw, generator)
    return vector, generator.random(len(vector)), draw(st.integers(1, 300))


def _codes(draw, generator):
    return draw(st.floats(0, 9)), generator.integers(-9, 10, draw(COLUMNS)), draw(st.integers(1, 9))


def _several(draw, generator, count):
    d = draw(st.integers(0, 70))
    return [generator.normal(size=d) for _ in range(count)]


def _momentum(draw, generator):
    return *_several(draw, generator, 3), draw(st.floats(0, 1)), draw(st.floats(0, 1))


def _adam(draw, generator):
    parameters, first, second, gradient = _several(draw, generator, 4)
    return parameters, first, second**2, gradient, draw(st.integers(1, 99)), draw(st.floats(0, 1))


ARGUMENTS = {
    "least_squares": _regression,
    "huber": _huber,
    "logistic": _classification,
    "hinge": _classification,
    "squared_hinge": _classification,
    "softmax": _softmax,
    "squared_distances": _two_sets,
    "manhattan_distances": _two_sets,
    "cosine_distances": _two_sets,
    "rbf_kernel": lambda draw, generator: (*_two_sets(draw, generator), draw(st.floats(0, 2))),
    "pairwise_squared_distances": lambda draw, generator: (_vectors(draw, generator, least=0),),
    "nearest_centre": _centres,
    "top_k_neighbours": _neighbours,
    "merge_top_k": _lists,
    "dense_forward": _forward,
    "dense_backward": _backward,
    "softmax_cross_entropy": _scores,
    "histograms": _bins,
    "subtract_histograms": _two_histograms,
    "best_split": _split,
    "weighted_sum": _weighted,
    "clipped_gradient_sum": _clipped,
    "gf256_product": _field,
    "mean_vector": lambda draw, generator: (_vectors(draw, generator),),
    "coordinate_median": lambda draw, generator: (_vectors(draw, generator),),
    "trimmed_mean": _trimmed,
    "top_k_sparse": _sparse,
    "quantise": _quantise,
    "dequantise": _codes,
    "axpy": lambda draw, generator: (draw(st.floats(-2, 2)), *_several(draw, generator, 2)),
    "momentum_step": _momentum,
    "adam_step": _adam,
}
IN_PLACE = {"axpy": (2,), "momentum_step": (0, 1), "adam_step": (0, 1, 2)}
"""Which of their arguments these kernels update."""
