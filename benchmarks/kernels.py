"""How fast the kernels are: each beside NumPy and beside the specialist, one thread, checked in the same run.

    python benchmarks/kernels.py [--json FILE] [--only WORD] [--quick]

Ours and the peer take turns; the table gives the ratio of the medians (above 1: ours is faster). Times are
those of the thread, so what else runs on the machine does not count, except for the caches it takes.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from simcluster import kernels
from simcluster.kernels import KERNELS

try:  # scikit-learn's private kernels, where this version has them
    from sklearn._loss import HalfMultinomialLoss
    from sklearn.cluster._k_means_lloyd import lloyd_iter_chunked_dense
    from sklearn.ensemble._hist_gradient_boosting.histogram import HistogramBuilder
    from sklearn.linear_model._linear_loss import LinearModelLoss
    from sklearn.metrics._pairwise_distances_reduction import ArgKmin
except ImportError as error:
    sys.exit(f"benchmarks/kernels.py needs scikit-learn's kernels: {error}")

SHARDS = [(32, 16), (128, 64), (1797, 64)]
LARGER = [(569, 30), (20_000, 64), (200_000, 64)]
LAST_LEVEL = Path("/sys/devices/system/cpu/cpu0/cache/index3/size")
GENERATOR = np.random.default_rng(0)


def normal(*shape):
    """Standard normal numbers, the same in every run."""
    return GENERATOR.normal(size=shape)


def beyond_the_cache():
    """A shape of twice the last-level cache, where Linux tells its size and (200000, 64) is not that large."""
    cache_bytes = 1024 * int(LAST_LEVEL.read_text().strip().removesuffix("K")) if LAST_LEVEL.exists() else 0
    rows = -(-2 * cache_bytes // (64 * 8 * 100_000)) * 100_000
    return [(rows, 64)] if 200_000 < rows <= 4_000_000 else []


def numpy_least_squares(w, X, y):
    """Least squares in two passes."""
    r = X @ w - y
    return 0.5 * (r @ r) / len(y), X.T @ r / len(y)


def numpy_logistic(w, X, y):
    """Logistic regression in two passes, as carefully as ours."""
    z = X @ w
    e = np.exp(-np.abs(z))
    p = np.where(z >= 0, 1.0, e) / (1.0 + e)
    loss = np.mean(np.log1p(e) + np.maximum(z, 0.0) - y * z)
    return loss, X.T @ (p - y) / len(y)


def numpy_hinge(w, X, y):
    """Hinge loss in two passes."""
    s = 2.0 * y - 1.0
    t = np.maximum(0.0, 1.0 - s * (X @ w))
    return np.mean(t), X.T @ np.where(t > 0, -s, 0.0) / len(y)


def numpy_softmax(W, X, y):
    """Softmax regression in two passes."""
    n = len(y)
    places = np.arange(n)
    z = X @ W
    z -= z.max(axis=1, keepdims=True)
    own = z[places, y]
    np.exp(z, out=z)
    total = z.sum(axis=1)
    z /= total[:, None]
    z[places, y] -= 1.0
    return np.mean(np.log(total) - own), X.T @ z / n


def gradient_cases():
    """Losses and gradients: kernel and shape, peer, our arguments, the peer's function, how to compare."""
    peers = {
        "least_squares": numpy_least_squares,
        "logistic": numpy_logistic,
        "hinge": numpy_hinge,
    }
    for n, d in SHARDS + LARGER + beyond_the_cache():
        X, w = normal(n, d), 0.1 * normal(d)
        labels = GENERATOR.integers(0, 2, n)
        for name, peer in peers.items():
            y = normal(n) if name == "least_squares" else labels
            yield name, (n, d), "numpy", (w, X, y), lambda p=peer, w=w, X=X, y=y: p(w, X, y), None
    for n, d, k in [(32, 16, 3), (32, 16, 10), (128, 64, 10), (1797, 64, 10), (20_000, 64, 10), (2000, 784, 10),
                    (2000, 100, 100), (200_000, 64, 10)]:  # fmt: skip
        X, W, y = normal(n, d), 0.1 * normal(d, k), GENERATOR.integers(0, k, n)
        yield "softmax", (n, d, k), "numpy", (W, X, y), lambda W=W, X=X, y=y: numpy_softmax(W, X, y), None
        loss = LinearModelLoss(HalfMultinomialLoss(n_classes=k), fit_intercept=False)
        coefficients, target = np.ascontiguousarray(W.T), y.astype(float)
        # With k = 2 its shape would differ; the gradient comes back as (k, d).
        yield ("softmax", (n, d, k), "sklearn", (W, X, y),
               lambda f=loss, c=coefficients, X=X, t=target: f.loss_gradient(c, X, t),
               lambda ours, theirs: error(ours, (theirs[0], theirs[1].T)))  # fmt: skip


def lloyd_case(n, d, k):
    """One iteration of Lloyd's algorithm beside scikit-learn's."""
    X = normal(n, d)
    C = X[:k].copy()
    weights, new, inside = np.ones(n), np.zeros_like(C), np.zeros(k)
    labels, shift = np.zeros(n, dtype=np.int32), np.zeros(k)

    def peer():
        lloyd_iter_chunked_dense(X, weights, C, new, inside, labels, shift, 1)
        return labels, new, inside

    def compare(ours, theirs):
        filled = ours[2] > 0
        centres = ours[1][filled] / ours[2][filled, None]
        return max(error(ours[0], theirs[0]), error(centres, theirs[1][filled]), error(ours[2], theirs[2]))

    return "nearest_centre", (n, d, k), "sklearn", (X, C), peer, compare


def distance_cases():
    """Lloyd's step, neighbours and blocks of distances."""
    for n, d, k in [(32, 16, 8), (128, 64, 10), (1797, 64, 10), (2000, 16, 8), (2000, 100, 100), (2000, 784, 10),
                    (20_000, 64, 10), (20_000, 100, 100), (5000, 784, 100), (100_000, 16, 8), (100_000, 64, 10),
                    (200_000, 64, 32)]:  # fmt: skip
        yield lloyd_case(n, d, k)
    for q, n, d, k in [(1, 1797, 64, 5), (8, 32, 16, 5), (128, 128, 64, 5), (100, 1797, 64, 5), (1797, 1797, 64, 10),
                       (500, 10_000, 100, 100), (500, 20_000, 64, 10), (300, 5000, 784, 10)]:  # fmt: skip
        Q, X = normal(q, d), normal(n, d)
        yield (
            "top_k_neighbours",
            (q, n, d, k),
            "sklearn",
            (Q, X, k),
            lambda Q=Q, X=X, k=k: ArgKmin.compute(Q, X, k, metric="sqeuclidean", return_distance=True),
            None,
        )
    for n, m, d in [(128, 10, 64), (1797, 100, 64)]:
        A, B = normal(n, d), normal(m, d)
        yield ("squared_distances", (n, m, d), "numpy", (A, B),
               lambda A=A, B=B: (A * A).sum(1)[:, None] - 2.0 * (A @ B.T) + (B * B).sum(1), None)  # fmt: skip
    for m, d in [(10, 100_000), (32, 100_000)]:
        V = normal(m, d)

        def gram(V=V):
            G = V @ V.T
            return np.diag(G)[:, None] - 2.0 * G + np.diag(G)

        yield "pairwise_squared_distances", (m, d), "numpy", (V,), gram, None


def histogram_cases():
    """Histograms of all rows and of a node's rows."""
    for n, f in [(128, 8), (1797, 64), (20_000, 30), (500_000, 20)]:
        bins = GENERATOR.integers(0, 255, (f, n)).astype(np.uint8)
        g, h = normal(n).astype(np.float32), GENERATOR.random(n).astype(np.float32)
        index = np.arange(n, dtype=np.uint32)
        builder = HistogramBuilder(bins.T, 256, g, h, False, 1)

        def compare(ours, theirs):
            theirs = np.asarray(theirs)[: ours.shape[0]]
            return error(tuple(ours[..., i] for i in range(3)),
                         (theirs["sum_gradients"], theirs["sum_hessians"], theirs["count"]))  # fmt: skip

        yield ("histograms", (n, f), "sklearn", (bins, g.astype(float), h.astype(float)),
               lambda b=builder, i=index: b.compute_histograms_brute(i), compare)  # fmt: skip
        some = np.sort(GENERATOR.permutation(n)[: n // 2])
        few = some.astype(np.uint32)
        yield ("histograms", (n // 2, n, f), "sklearn", (bins, g.astype(float), h.astype(float), 256, some),
               lambda b=builder, i=few: b.compute_histograms_brute(i), compare)  # fmt: skip


def network_cases():
    """Dense layers."""
    for n, d, k in [(32, 16, 16), (128, 64, 32), (1797, 64, 32), (20_000, 64, 64), (2000, 784, 128)]:
        X, W, b = normal(n, d), 0.1 * normal(d, k), normal(k)
        for activation in ("relu", "tanh"):

            def forward(X=X, W=W, b=b, activation=activation):
                Z = X @ W + b
                return np.maximum(Z, 0.0, out=Z) if activation == "relu" else np.tanh(Z, out=Z)

            yield f"dense_forward {activation}", (n, d, k), "numpy", (X, W, b, activation), forward, None
        Y, E = np.maximum(0.0, X @ W + b), normal(n, k)

        def backward(X=X, W=W, Y=Y, E=E):
            S = E * (Y > 0.0)
            return S @ W.T, X.T @ S, S.sum(axis=0)

        yield "dense_backward relu", (n, d, k), "numpy", (X, W, Y, E, "relu"), backward, None


def reduction_cases():
    """What a server does with vectors."""
    for m, d in [(8, 650), (16, 10_000), (64, 650), (64, 100_000)]:
        V, w = normal(m, d), normal(m)
        yield "coordinate_median", (m, d), "numpy", (V,), lambda V=V: np.median(V, axis=0), None
        trim = m // 4
        yield ("trimmed_mean", (m, d), "numpy", (V, trim),
               lambda V=V, t=trim: np.sort(V, axis=0)[t : len(V) - t].mean(axis=0), None)  # fmt: skip
        yield "weighted_sum", (m, d), "numpy", (V, w), lambda V=V, w=w: w @ V, None
    for d, k in [(650, 65), (10_000, 100), (1_000_000, 10_000), (1_000_000, 100_000)]:
        v = normal(d)

        def partition(v=v, k=k):
            index = np.sort(np.argpartition(np.abs(v), len(v) - k)[len(v) - k :])
            return index, v[index]

        yield "top_k_sparse", (d, k), "numpy", (v, k), partition, None
    for d in (650, 100_000, 4_000_000):
        v, u = normal(d), GENERATOR.random(d)

        def quantise(v=v, u=u):
            norm = np.sqrt(v @ v)
            return norm, (np.sign(v) * np.floor(np.abs(v) * (255 / norm) + u)).astype(np.int64)

        yield "quantise", (d,), "numpy", (v, u, 255), quantise, None
        y = normal(d)

        def axpy(v=v, y=y):
            y += 1e-9 * v

        yield "axpy", (d,), "numpy", (1e-9, v, y.copy()), axpy, lambda ours, theirs: 0.0
        state = [normal(d), np.zeros(d), np.zeros(d)]
        copies = [part.copy() for part in state]

        def adam(p=copies[0], m=copies[1], s=copies[2], g=v):
            m *= 0.9
            m += 0.1 * g
            s *= 0.999
            s += 0.001 * g * g
            p -= 0.001 / (1 - 0.9**5) * m / (np.sqrt(s / (1 - 0.999**5)) + 1e-8)

        yield "adam_step", (d,), "numpy", (*state, v, 5), adam, lambda ours, theirs: 0.0


def error(ours, theirs):
    """The greatest difference, against the greatest size, over all the results."""
    if not isinstance(ours, tuple):
        ours, theirs = (ours,), (theirs,)
    worst = 0.0
    for mine, other in zip(ours, theirs, strict=True):
        mine, other = np.asarray(mine, dtype=float), np.asarray(other, dtype=float)
        size = max(float(np.abs(other).max(initial=0.0)), 1e-300)
        worst = max(worst, float(np.abs(mine - other).max(initial=0.0)) / size)
    return worst


def take_turns(first, second, seconds):
    """Medians of the times of two functions that run by turns, each long enough for the clock."""
    functions, loops, times = (first, second), [], ([], [])
    for function in functions:
        function()
        start = time.thread_time()
        function()
        loops.append(max(1, int(200e-6 / max(time.thread_time() - start, 1e-7))))
    stop = time.thread_time() + seconds
    while time.thread_time() < stop or len(times[0]) < 7:
        for function, count, taken in zip(functions, loops, times, strict=True):
            start = time.thread_time()
            for _ in range(count):
                function()
            taken.append((time.thread_time() - start) / count)
    return statistics.median(times[0]), statistics.median(times[1])


def read_bandwidth():
    """Bytes per second at which one thread reads an array far larger than the cache, with our own sum of it."""
    rows = normal(1, 2**25)  # 256 MB
    weights = np.ones(2**25)
    best = []
    for _ in range(5):
        start = time.thread_time()
        np.dot(rows[0], weights)
        best.append(2 * rows.nbytes / (time.thread_time() - start))
    return statistics.median(best)


def main():
    """Run the cases, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the results there")
    parser.add_argument("--only", default="", help="only kernels whose name contains this")
    parser.add_argument("--quick", action="store_true", help="0.05 s for each case instead of 0.4")
    options = parser.parse_args()
    seconds = 0.05 if options.quick else 0.4
    results, wrong = [], 0
    with threadpool_limits(1):
        bandwidth = read_bandwidth()
        print(f"instruction set {kernels.instruction_set()}, read bandwidth {bandwidth / 1e9:.1f} GB/s, one thread")
        print(f"{'kernel':27}{'shape':>22} {'peer':8}{'ours':>10}{'peer':>10}{'ratio':>7}"
              f"{'GFLOP/s':>9}{'GB/s':>7}  error")  # fmt: skip
        families = (gradient_cases, distance_cases, histogram_cases, network_cases, reduction_cases)
        for name, shape, peer, arguments, function, compare in (case for family in families for case in family()):
            if options.only not in name:
                continue
            kernel = KERNELS[name.split()[0]]
            difference = (compare or error)(kernel(*arguments), function())
            wrong += not difference < 1e-9
            ours, theirs = take_turns(lambda k=kernel, a=arguments: k(*a), function, seconds)
            cost = kernel.cost(*arguments)
            results.append({"kernel": name, "shape": list(shape), "peer": peer, "ours_s": ours, "peer_s": theirs,
                            "ratio": theirs / ours, "max_error": difference})  # fmt: skip
            print(f"{name:27}{'×'.join(map(str, shape)):>22} {peer:8}{ours * 1e6:8.1f}µs{theirs * 1e6:8.1f}µs"
                  f"{theirs / ours:7.2f}{cost.flops / ours / 1e9:9.1f}{cost.bytes / ours / 1e9:7.1f}  {difference:.0e}",
                  flush=True)  # fmt: skip
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if wrong:
        sys.exit(f"{wrong} results differ from their peer's by more than 1e-9")


if __name__ == "__main__":
    main()
