"""Random streams: one independent generator for each stable name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from simcluster.engine.rules import check_differ, check_whole


def stream(seed: int, *name: str | int) -> np.random.Generator:
    """The generator that belongs to ``name`` under ``seed``.

    The same seed and name give the same draws in any process; another name gives independent draws. So a new
    node, fault or draw shifts nobody else's draws, and two strategies under one seed meet the same latencies,
    faults and data (common random numbers: Law, Simulation Modeling and Analysis, 5th ed., section 11.2).

    Raises ``ValueError`` for a seed that is no whole number of at least 0, and ``TypeError`` for a name that is neither
    text nor a whole number.
    """
    check_whole("seed", seed)
    key = hashlib.blake2b(digest_size=16)
    for part in name:
        if isinstance(part, bool) or not isinstance(part, (str, int, np.integer)):
            raise TypeError(f"a stream's name is made of text and whole numbers, got {part!r}")
        kind = "s" if isinstance(part, str) else "i"
        text = str(part).encode()
        # Length first, so that ("a", "bc") and ("ab", "c") are different names.
        key.update(f"{kind}{len(text)}:".encode() + text)
    # Words of 32 bits, those of the seed first: what SeedSequence makes of a list of whole numbers, at half the cost.
    own = int(seed).to_bytes(4 * max(1, -(-int(seed).bit_length() // 32)), "little")
    words = np.frombuffer(own + key.digest(), dtype="<u4").astype(np.uint32)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


def check_seeds(seeds: Sequence[int]) -> None:
    """Raise ``ValueError`` unless each of ``seeds`` is one, and no two are equal."""
    for seed in seeds:
        check_whole("seed", seed)
    check_differ("seeds", seeds)
