"""What linear codes over GF(256) share: blocks are encoded, and blocks that are left give all of them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simcluster.kernels import Call, gf256_product
from simcluster.kernels.reference import Bytes
from simcluster.recovery.protocols import ErasureCode


class Lost(ValueError):
    """Too few blocks are left, or not those that a code needs."""


def encode(code: ErasureCode, blocks: Bytes) -> Call[Bytes]:
    """The parity (m, n) of ``blocks`` (k, n), uint8."""
    generator = code.generator()
    if blocks.ndim != 2 or len(blocks) != generator.shape[1]:
        raise ValueError(f"blocks must be {generator.shape[1]} rows of bytes, got shape {blocks.shape}")
    return gf256_product.call(np.ascontiguousarray(generator[generator.shape[1] :]), blocks)


def decode(code: ErasureCode, blocks: Mapping[int, Bytes], wanted: Sequence[int]) -> Call[Bytes]:
    """The blocks ``wanted``, in that order, (len(wanted), n), from those that are left, by their numbers.

    Block i is row i of the generator times the data: the first k are the data. Raises ``Lost`` where what is left does
    not determine the data.
    """
    generator = code.generator()
    numbers = sorted(blocks)
    if strange := [number for number in (*numbers, *wanted) if not 0 <= number < len(generator)]:
        raise ValueError(f"blocks must be from 0 to {len(generator) - 1}, got {strange[0]}")
    chosen, inverse = _solved(generator, numbers)
    recover = gf256_product(np.ascontiguousarray(generator[list(wanted)]), inverse)
    return gf256_product.call(recover, np.stack([blocks[number] for number in chosen]))


def _solved(generator: Bytes, numbers: Sequence[int]) -> tuple[list[int], Bytes]:
    """Blocks among these that determine the data, and the matrix (k, k) that gives the data from them.

    Gauss and Jordan's elimination, one row of the generator after the other: one that depends on those before it is
    passed over, so that for a code of which any k blocks suffice the first k are taken.
    """
    k = generator.shape[1]
    chosen: list[int] = []
    pivots: list[int] = []
    left = np.zeros((0, 2 * k), dtype=np.uint8)  # rows in terms of the data, and of the chosen blocks
    for number in numbers:
        if len(chosen) == k:
            break
        row = np.zeros((1, 2 * k), dtype=np.uint8)
        row[0, :k], row[0, k + len(chosen)] = generator[number], 1
        row ^= gf256_product(np.ascontiguousarray(row[:, pivots]), left)
        if not row[0, :k].any():
            continue
        pivot = int(row[0, :k].argmax())
        row = gf256_product(np.array([[_inverse(int(row[0, pivot]))]], dtype=np.uint8), row)
        left ^= gf256_product(np.ascontiguousarray(left[:, [pivot]]), row)
        left = np.concatenate([left, row])
        chosen.append(number)
        pivots.append(pivot)
    if len(chosen) < k:
        raise Lost(f"blocks left must determine {k} blocks, got {list(numbers)}")
    return chosen, np.ascontiguousarray(left[np.argsort(pivots), k:])


def _inverse(value: int) -> int:
    """1/a = a²⁵⁴ in GF(256)."""
    found, power = np.ones((1, 1), dtype=np.uint8), np.array([[value]], dtype=np.uint8)
    for _ in range(7):
        power = gf256_product(power, power)
        found = gf256_product(found, power)
    return int(found[0, 0])
