"""Secrets of a round: keys that two agree on, secrets in shares, masks, and sums in fixed-point numbers mod 2⁶⁴.

They are what a protocol needs, at its sizes, and no cryptography for real secrets: the group is that of the numbers mod
2²⁵⁵ − 19, whose elements are as long as keys of X25519 and which is not safe at that length.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simcluster.engine import stream
from simcluster.learning import Array, Cost

PRIME = 2**255 - 19
GENERATOR = 2
KEY_BYTES = 32
"""What a public key, a share, or a tag weighs."""

Words = NDArray[np.uint64]

PRODUCT = Cost(flops=64.0, bytes=96.0)
"""A product of two numbers of four words, mod the prime: 16 products of words and as many sums, twice."""
POWER = 383 * PRODUCT
"""A power: 255 squares, and a product for half of the bits."""
_HASH_FLOPS_PER_BYTE = 30.0  # 64 rounds of some 30 operations for each block of 64 bytes
_DRAW_FLOPS = 16.0  # a word of a mask: a block cipher in counter mode, two operations a byte


def secret(generator: np.random.Generator) -> int:
    """A secret number below the prime."""
    return int.from_bytes(generator.bytes(KEY_BYTES), "big") % PRIME


def public(own: int) -> bytes:
    """The public key of a secret one (Diffie & Hellman 1976)."""
    return pow(GENERATOR, own, PRIME).to_bytes(KEY_BYTES, "big")


def agreed(own: int, other: bytes) -> bytes:
    """The key that the owner of a secret key and that of a public one agree on; both find the same."""
    return hashlib.sha256(pow(int.from_bytes(other, "big"), own, PRIME).to_bytes(KEY_BYTES, "big")).digest()


def shares(hidden: int, count: int, threshold: int, generator: np.random.Generator) -> list[int]:
    """So many shares of a number, of which ``threshold`` tell it, and fewer nothing (Shamir 1979): at 1, 2, …"""
    coefficients = [secret(generator) for _ in range(threshold - 1)]
    found = []
    for point in range(1, count + 1):
        value = 0
        for coefficient in reversed(coefficients):
            value = (value + coefficient) * point % PRIME
        found.append((value + hidden) % PRIME)
    return found


def combined(known: Mapping[int, int]) -> int:
    """The number of which these are shares, by their points: that of the polynomial through them, at 0."""
    value = 0
    for point, share in known.items():
        above = below = 1
        for other in known:
            if other != point:
                above, below = above * other % PRIME, below * (other - point) % PRIME
        value += share * above * pow(below, -1, PRIME)
    return value % PRIME


def sealed(key: bytes, label: bytes, text: bytes) -> bytes:
    """A text that only who has the key can read, and its tag; a key must see each ``label`` once."""
    hidden = _with_stream(key, label, text)
    return hidden + hmac.new(key, label + hidden, hashlib.sha256).digest()


def opened(key: bytes, label: bytes, given: bytes) -> bytes | None:
    """The text that was sealed; ``None`` where it was not, by this key and label."""
    hidden, tag = given[:-KEY_BYTES], given[-KEY_BYTES:]
    if not hmac.compare_digest(hmac.new(key, label + hidden, hashlib.sha256).digest(), tag):
        return None
    return _with_stream(key, label, hidden)


def _with_stream(key: bytes, label: bytes, text: bytes) -> bytes:
    blocks = range(math.ceil(len(text) / KEY_BYTES))
    drawn = b"".join(hashlib.sha256(key + label + block.to_bytes(4, "big")).digest() for block in blocks)
    return bytes(one ^ other for one, other in zip(text, drawn, strict=False))


def sealing(size_bytes: float) -> Cost:
    """What it takes to seal so many bytes, or to open them."""
    return Cost(flops=2 * _HASH_FLOPS_PER_BYTE * size_bytes, bytes=4 * size_bytes)


def mask(key: bytes, size: int) -> Words:
    """So many words that nobody can tell from noise without the key."""
    return stream(int.from_bytes(key, "big"), "mask").integers(0, 2**64, size, dtype=np.uint64)


def masking(masks: int, size: int) -> Cost:
    """What it takes to draw so many masks, and to add them up."""
    return Cost(flops=(_DRAW_FLOPS + 1) * masks * size, bytes=16.0 * masks * size)


def seed_key(seed: int) -> bytes:
    """The key of a worker's own mask."""
    return hashlib.sha256(seed.to_bytes(KEY_BYTES, "big")).digest()


def masked(words: Words, place: int, own: int, agreements: Mapping[int, bytes]) -> Words:
    """What a worker sends of its ``words``: with its own mask, and one for each other that cancels in the sum.

    ``agreements`` are the keys that it has with the others, by their places.
    """
    found = words + mask(seed_key(own), words.size)
    for other, key in agreements.items():
        found = found + mask(key, words.size) if place < other else found - mask(key, words.size)
    return found


def unmasked(
    sent: Mapping[int, Words], own: Mapping[int, int], lost: Mapping[int, int], keys: Mapping[int, bytes]
) -> Words:
    """The sum of the words of those who have sent theirs, by their places.

    ``own`` are the seeds of their own masks, ``lost`` the secret keys of those who share masks with them and have sent
    nothing, and ``keys`` the public ones of all.
    """
    found = np.zeros_like(next(iter(sent.values())))
    for place, words in sent.items():
        found = found + words - mask(seed_key(own[place]), words.size)
        for gone, key in lost.items():
            between = mask(agreed(key, keys[place]), words.size)
            found = found - between if place < gone else found + between
    return found


def fixed(values: Array, fraction_bits: int, most: int) -> Words | None:
    """Numbers as multiples of 2^−f, rounded, mod 2⁶⁴; ``None`` where the sum of ``most`` such need not be one.

    They must be less than 2^(63 − f)/most.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.rint(values.ravel() * 2.0**fraction_bits)
        if not (np.abs(scaled) < 2.0**63 / most).all():  # nor NaN
            return None
    return scaled.astype(np.int64).view(np.uint64)


def real(words: Words, fraction_bits: int, shape: Sequence[int]) -> Any:
    """The numbers again, float64."""
    return (words.view(np.int64).astype(np.float64) * 2.0**-fraction_bits).reshape(shape)
