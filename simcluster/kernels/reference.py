"""The kernels in NumPy: the executable specification, written to be read and not to be fast."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", np.float64, np.int64)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bytes = NDArray[np.uint8]


def _chosen(rows: Integers | None, features: Floats, targets: NDArray[T]) -> tuple[Floats, NDArray[T]]:
    return (features, targets) if rows is None else (features[rows], targets[rows])


def _mean(
    losses: Floats, slopes: NDArray[np.floating[Any]], weights: Floats, features: Floats, l2: float
) -> tuple[float, Floats]:
    """1/n Σ φ_i + l2/2 |w|² and 1/n Σ φ'_i x_i + l2 w."""
    loss = np.mean(losses) + 0.5 * l2 * np.sum(weights * weights)
    return float(loss), features.T @ slopes / len(features) + l2 * weights


def least_squares(
    weights: Floats,
    features: Floats,
    targets: Floats,
    l2: float = 0.0,
    rows: Integers | None = None,
) -> tuple[float, Floats]:
    """1/2n Σ (x·w - y)² + l2/2 |w|² and its gradient."""
    features, targets = _chosen(rows, features, targets)
    residuals = features @ weights - targets
    return _mean(0.5 * residuals**2, residuals, weights, features, l2)


def huber(
    weights: Floats,
    features: Floats,
    targets: Floats,
    delta: float = 1.0,
    l2: float = 0.0,
    rows: Integers | None = None,
) -> tuple[float, Floats]:
    """1/n Σ (r²/2 where |r| <= δ, else δ(|r| - δ/2)) + l2/2 |w|², r = x·w - y, and its gradient."""
    features, targets = _chosen(rows, features, targets)
    residuals = features @ weights - targets
    sizes = np.abs(residuals)
    losses = np.where(sizes > delta, delta * (sizes - 0.5 * delta), 0.5 * residuals**2)
    return _mean(losses, np.clip(residuals, -delta, delta), weights, features, l2)


def logistic(
    weights: Floats,
    features: Floats,
    labels: Integers,
    l2: float = 0.0,
    rows: Integers | None = None,
) -> tuple[float, Floats]:
    """1/n Σ log(1 + e^z) - y z + l2/2 |w|², z = x·w, and its gradient."""
    features, labels = _chosen(rows, features, labels)
    z = features @ weights
    small = np.exp(-np.abs(z))
    probabilities = np.where(z >= 0, 1.0, small) / (1.0 + small)
    # log(1+e^z) - y z, with the large part cancelled by hand: z(1-y) for z >= 0, else -z y
    losses = np.log1p(small) + np.where(z >= 0, z * (1 - labels), -z * labels)
    return _mean(losses, probabilities - labels, weights, features, l2)


def hinge(
    weights: Floats,
    features: Floats,
    labels: Integers,
    l2: float = 0.0,
    rows: Integers | None = None,
) -> tuple[float, Floats]:
    """1/n Σ max(0, 1 - s z) + l2/2 |w|², z = x·w, s = ±1, and a subgradient (0 at the kink)."""
    features, labels = _chosen(rows, features, labels)
    signs = 2.0 * labels - 1.0
    gaps = np.maximum(0.0, 1.0 - signs * (features @ weights))
    return _mean(gaps, np.where(gaps > 0, -signs, 0.0 * gaps), weights, features, l2)


def squared_hinge(
    weights: Floats,
    features: Floats,
    labels: Integers,
    l2: float = 0.0,
    rows: Integers | None = None,
) -> tuple[float, Floats]:
    """1/n Σ max(0, 1 - s z)² + l2/2 |w|², z = x·w, s = ±1, and its gradient."""
    features, labels = _chosen(rows, features, labels)
    signs = 2.0 * labels - 1.0
    gaps = np.maximum(0.0, 1.0 - signs * (features @ weights))
    return _mean(gaps**2, -2.0 * signs * gaps, weights, features, l2)


def softmax(
    weights: Floats,
    features: Floats,
    labels: Integers,
    l2: float = 0.0,
    rows: Integers | None = None,
) -> tuple[float, Floats]:
    """1/n Σ log Σ_c e^{z_c} - z_y + l2/2 |W|², z = Wᵀx, and its gradient."""
    features, labels = _chosen(rows, features, labels)
    loss, errors = softmax_cross_entropy(features @ weights, labels)
    return loss + 0.5 * l2 * float(np.sum(weights * weights)), features.T @ errors + l2 * weights


def softmax_cross_entropy(scores: Floats, labels: Integers) -> tuple[float, Floats]:
    """1/n Σ log Σ_c e^{z_c} - z_y and its gradient in z."""
    places = np.arange(len(scores))
    scores = scores - scores.max(axis=1, keepdims=True)
    exponentials = np.exp(scores)
    totals = exponentials.sum(axis=1)
    errors = exponentials / totals[:, None]
    errors[places, labels] -= 1.0
    return float(np.mean(np.log(totals) - scores[places, labels])), errors / len(scores)


def dense_forward(inputs: Floats, weights: Floats, bias: Floats, activation: str = "relu") -> Floats:
    """φ(X W + b)."""
    outputs = inputs @ weights + bias
    if activation == "relu":
        return np.maximum(0.0, outputs)
    return np.tanh(outputs) if activation == "tanh" else outputs


def dense_backward(
    inputs: Floats,
    weights: Floats,
    outputs: Floats,
    output_gradient: Floats,
    activation: str = "relu",
) -> tuple[Floats, Floats, Floats]:
    """∂f/∂X, ∂f/∂W, ∂f/∂b from Y = φ(X W + b) and ∂f/∂Y."""
    slopes = output_gradient
    if activation == "relu":
        slopes = np.where(outputs <= 0.0, 0.0, slopes)
    elif activation == "tanh":
        slopes = slopes * (1.0 - outputs**2)
    return slopes @ weights.T, inputs.T @ slopes, slopes.sum(axis=0)


def squared_distances(a: Floats, b: Floats) -> Floats:
    """Σ_c (a_ic - b_jc)² for every row of a and of b."""
    differences = a[:, None] - b[None]
    return np.asarray((differences * differences).sum(axis=2))


def manhattan_distances(a: Floats, b: Floats) -> Floats:
    """Σ_c |a_ic - b_jc| for every row of a and of b."""
    return np.asarray(np.abs(a[:, None] - b[None]).sum(axis=2))


def cosine_distances(a: Floats, b: Floats) -> Floats:
    """1 - a_i·b_j / |a_i| |b_j|, and 1 where a row is 0."""
    lengths = np.sqrt((a * a).sum(axis=1))[:, None], np.sqrt((b * b).sum(axis=1))[None]
    product = lengths[0] * lengths[1]
    return 1.0 - np.where(product > 0, (a @ b.T) / np.where(product > 0, product, 1.0), 0.0)


def rbf_kernel(a: Floats, b: Floats, gamma: float) -> Floats:
    """e^{-γ |a_i - b_j|²}."""
    return np.asarray(np.exp(-gamma * squared_distances(a, b)))


def pairwise_squared_distances(vectors: Floats) -> Floats:
    """|v_i - v_j|² for all pairs."""
    return squared_distances(vectors, vectors)


def nearest_centre(
    points: Floats, centres: Floats, weights: Floats | None = None
) -> tuple[Integers, Floats, Floats, float]:
    """For each point the nearest centre; for each centre the sum and the count of its points."""
    weights = np.ones(len(points)) if weights is None else weights
    distances = squared_distances(points, centres)
    labels: Integers = distances.argmin(axis=1).astype(np.int64)
    counts = np.bincount(labels, weights, minlength=len(centres)).astype(np.float64)
    sums = np.zeros_like(centres)
    np.add.at(sums, labels, weights[:, None] * points)
    return labels, sums, counts, float(weights @ distances.min(axis=1))


def top_k_neighbours(queries: Floats, points: Floats, k: int) -> tuple[Floats, Integers]:
    """The k nearest points of each query, ascending by (distance, index)."""
    distances = squared_distances(queries, points)
    indices = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distances, indices, axis=1), indices.astype(np.int64)


def merge_top_k(distances: Floats, indices: Integers) -> tuple[Floats, Integers]:
    """The k least (distance, index) of several lists of k, per query."""
    lists, queries, k = distances.shape
    d = distances.transpose(1, 0, 2).reshape(queries, lists * k)
    i = indices.transpose(1, 0, 2).reshape(queries, lists * k)
    order = np.lexsort((i, d))[:, :k]
    return np.take_along_axis(d, order, axis=1), np.take_along_axis(i, order, axis=1)


def histograms(
    bins: Bytes,
    gradients: Floats,
    hessians: Floats,
    n_bins: int = 256,
    rows: Integers | None = None,
) -> Floats:
    """Σ (g, h, 1) over the rows of each bin of each feature."""
    places = np.arange(bins.shape[1]) if rows is None else rows
    result = np.zeros((len(bins), n_bins, 3))
    terms = np.stack([gradients, hessians, np.ones_like(gradients)], axis=1)[places]
    for histogram, feature in zip(result, bins, strict=True):
        np.add.at(histogram, feature[places], terms)
    return result


def subtract_histograms(parent: Floats, child: Floats) -> Floats:
    """The histograms of the rows of the parent that are not the child's."""
    return parent - child


def best_split(
    histograms: Floats, l2: float = 0.0, min_hessian: float = 0.0, min_count: float = 1.0
) -> tuple[float, int, int]:
    """The split of greatest gain, of equals the lowest (feature, bin)."""
    left = histograms.cumsum(axis=1)
    whole = left[:, -1:]
    right = whole - left

    def score(sums: Floats) -> Floats:
        curvature = sums[..., 1] + l2
        safe = np.where(curvature > 0, curvature, 1.0)
        return np.where(curvature > 0, sums[..., 0] ** 2 / safe, 0.0)

    gains = score(left) + score(right) - score(whole)
    for side in (left, right):
        gains[(side[..., 2] < min_count) | (side[..., 1] < min_hessian)] = 0.0
    gains = gains[:, :-1]
    if gains.size == 0 or gains.max() <= 0.0:
        return 0.0, -1, -1
    feature, bin_ = np.unravel_index(gains.argmax(), gains.shape)
    return float(gains.max()), int(feature), int(bin_)


def weighted_sum(vectors: Floats, weights: Floats) -> Floats:
    """Σ w_i v_i in the order of the rows."""
    total = np.zeros(vectors.shape[1])
    for weight, vector in zip(weights, vectors, strict=True):
        total = total + weight * vector
    return total


def mean_vector(vectors: Floats) -> Floats:
    """The mean of the rows, added in their order."""
    return weighted_sum(vectors, np.ones(len(vectors))) / len(vectors)


def clipped_gradient_sum(features: Floats, slopes: Floats, bound: float, rows: Integers | None = None) -> Floats:
    """Σ min(1, C/|x sᵀ|) x sᵀ."""
    chosen = features if rows is None else features[rows]
    total = np.zeros((features.shape[1], slopes.shape[1]))
    for x, s in zip(chosen, slopes, strict=True):
        length = np.sqrt(np.sum(x * x)) * np.sqrt(np.sum(s * s))
        factor = bound / length if length > bound else 1.0 if length <= bound else np.nan
        total = total + (factor * x)[:, np.newaxis] * s
    return total


def gf256_product(matrix: Bytes, data: Bytes) -> Bytes:
    """y_i = ⊕_j a_ij·x_j over GF(256): a·x is a polynomial's product, of which 0x11D takes what is of degree 8 on."""
    product = np.zeros((len(matrix), data.shape[1]), dtype=np.int64)
    for bit in range(8):
        chosen = ((matrix[:, :, np.newaxis] >> bit) & 1) * (data[np.newaxis].astype(np.int64) << bit)
        product ^= np.bitwise_xor.reduce(chosen, axis=1)
    for degree in range(15, 7, -1):
        product ^= (product >> degree & 1) * (0x11D << degree - 8)
    return product.astype(np.uint8)


def coordinate_median(vectors: Floats) -> Floats:
    """The median of each column."""
    return np.asarray(np.median(vectors, axis=0))


def trimmed_mean(vectors: Floats, trim: int) -> Floats:
    """The mean of each column without its *trim* least and *trim* greatest."""
    kept = np.sort(vectors, axis=0)[trim : len(vectors) - trim]
    return np.asarray(np.where(np.isnan(vectors).any(axis=0), np.nan, kept.sum(axis=0) / len(kept)))


def top_k_sparse(vector: Floats, k: int) -> tuple[Integers, Floats]:
    """The k elements of greatest |v|, of equals the lowest index; ascending by index."""
    indices = np.sort(np.argsort(-np.abs(vector), kind="stable")[:k]).astype(np.int64)
    return indices, vector[indices]


def quantise(vector: Floats, noise: Floats, levels: int) -> tuple[float, Integers]:
    """|v| and sign(v_i) ⌊levels |v_i| / |v| + u_i⌋."""
    norm = np.sqrt(np.sum(vector * vector))
    steps = np.abs(vector) * (levels / norm if norm > 0 else 0.0) + noise
    return float(norm), (np.sign(vector) * np.floor(steps)).astype(np.int64)


def dequantise(norm: float, codes: Integers, levels: int) -> Floats:
    """|v| q_i / levels."""
    return norm * codes / levels


def axpy(a: float, x: Floats, y: Floats) -> None:
    """y += a x."""
    y += a * x


def momentum_step(parameters: Floats, velocity: Floats, gradient: Floats, rate: float, momentum: float) -> None:
    """v = β v + g; w -= η v."""
    velocity[:] = momentum * velocity + gradient
    parameters -= rate * velocity


def adam_step(
    parameters: Floats,
    first: Floats,
    second: Floats,
    gradient: Floats,
    step: int,
    rate: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> None:
    """m = β₁ m + (1-β₁) g; v = β₂ v + (1-β₂) g²; w -= η m̂ / (√v̂ + ε)."""
    first[:] = beta1 * first + (1.0 - beta1) * gradient
    second[:] = beta2 * second + (1.0 - beta2) * gradient**2
    slope = first / (1.0 - beta1**step)
    parameters -= rate * slope / (np.sqrt(second / (1.0 - beta2**step)) + epsilon)


def max_min(capacities: Floats, starts: Integers, links: Integers) -> Floats:
    """Progressive filling: all rates rise together; those on the link that is full first stay as they are."""
    n, n_links = len(starts) - 1, len(capacities)
    flows = np.repeat(np.arange(n), np.diff(starts))
    rates = np.full(n, np.inf)
    residual, unfilled = capacities.copy(), np.bincount(links, minlength=n_links)
    while len(links):
        shares = np.divide(residual, unfilled, out=np.full(n_links, np.inf), where=unfilled > 0)
        level = shares.min()
        if level == np.inf:
            break
        full = shares == level
        rates[flows[full[links]]] = level
        done = rates[flows] < np.inf
        passed = np.bincount(links[done], minlength=n_links)
        unfilled = unfilled - passed
        residual = np.maximum(residual - level * passed, 0.0)
        flows, links = flows[~done], links[~done]
    return rates
