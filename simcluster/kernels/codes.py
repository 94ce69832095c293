"""Products over GF(256), the field of Reed–Solomon codes. uint8, C-contiguous."""

from __future__ import annotations

from simcluster.kernels import reference
from simcluster.kernels.call import Cost, kernel
from simcluster.kernels.instructions import compiled
from simcluster.kernels.reference import Bytes

_codes = compiled("_codes")


def _product_cost(matrix: Bytes, data: Bytes) -> Cost:
    (m, k), n = matrix.shape, data.shape[1]
    return Cost(2 * m * k * n, m * k + (m + k) * n)


@kernel(cost=_product_cost, reference=reference.gf256_product)
def gf256_product(matrix: Bytes, data: Bytes) -> Bytes:
    """The product of *matrix* (m, k) and *data* (k, n) over GF(256), (m, n): y_i = ⊕_j a_ij·x_j for each byte.

    Bytes are polynomials over GF(2) modulo x⁸ + x⁴ + x³ + x² + 1 (0x11D), of which 2 is a primitive element: sums are
    exclusive ors. Encoding multiplies by the rows of a code's generator, repair by those of an inverse. Any size may be
    0. The cost counts a product and a sum of bytes as one operation each.

    Raises TypeError for another dtype, ValueError for shapes that disagree.
    Source: Plank, "A tutorial on Reed–Solomon coding for fault-tolerance in RAID-like systems", 1997.
    """
    return _codes.gf256_product(matrix, data)  # type: ignore[no-any-return]
