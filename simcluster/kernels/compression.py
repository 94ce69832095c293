"""What is sent instead of a whole vector: its largest elements, or few levels.

Arrays are float64 (indices and codes int64) and C-contiguous. TypeError for another dtype; ValueError for
shapes that disagree, and for what a kernel refuses.
"""

from __future__ import annotations

from simcluster.kernels import reference
from simcluster.kernels.call import Cost, kernel
from simcluster.kernels.instructions import compiled
from simcluster.kernels.reference import Floats, Integers

_compression = compiled("_compression")


def _top_k_cost(vector: Floats, k: int) -> Cost:
    return Cost(2 * len(vector) + 4 * k, 8 * len(vector) + 16 * k)


def _quantise_cost(vector: Floats, noise: Floats, levels: int) -> Cost:
    return Cost(6 * len(vector), 24 * len(vector))


def _dequantise_cost(norm: float, codes: Integers, levels: int) -> Cost:
    return Cost(2 * len(codes), 16 * len(codes))


@kernel(cost=_top_k_cost, reference=reference.top_k_sparse)
def top_k_sparse(vector: Floats, k: int) -> tuple[Integers, Floats]:
    """The k elements of *vector* (n,) of greatest |v|: indices (k,) int64, ascending, and values (k,).

    Of equals the lowest index. k within [0, n]. Infinity is the greatest; NaN is refused. Source: Aji &
    Heafield, Sparse communication for distributed gradient descent, 2017.
    """
    return _compression.top_k_sparse(vector, k)  # type: ignore[no-any-return]


@kernel(cost=_quantise_cost, reference=reference.quantise)
def quantise(vector: Floats, noise: Floats, levels: int) -> tuple[float, Integers]:
    """Stochastic quantisation: the norm |v| and codes sign(v_i) ⌊levels |v_i| / |v| + u_i⌋, (d,) int64.

    *noise* u (d,) uniform in [0, 1) makes |v| q / levels an unbiased estimate of *vector* v (d,). A norm
    that is not finite and noise outside [0, 1) are refused. Source: Alistarh et al., QSGD, 2017.
    """
    return _compression.quantise(vector, noise, levels)  # type: ignore[no-any-return]


@kernel(cost=_dequantise_cost, reference=reference.dequantise)
def dequantise(norm: float, codes: Integers, levels: int) -> Floats:
    """The vector |v| q / levels that quantise encoded: *codes* q (d,) int64, result (d,)."""
    return _compression.dequantise(norm, codes, levels)  # type: ignore[no-any-return]
