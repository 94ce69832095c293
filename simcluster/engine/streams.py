"""Random streams: one independent generator for each stable name."""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, *name: str | int) -> np.random.Generator:
    """The generator that belongs to ``name`` under ``seed``.

    The same seed and name give the same draws in any process; another name gives independent draws. So a new
    node, fault or draw shifts nobody else's draws, and two strategies under one seed meet the same latencies,
    faults and data (common random numbers: Law, Simulation Modeling and Analysis, 5th ed., section 11.2).

    Raises ``ValueError`` for a negative seed and ``TypeError`` for a seed that is no whole number, or a name that is
    neither text nor one.
    """
    if not isinstance(seed, (int, np.integer)):
        raise TypeError(f"a seed must be a whole number, got {seed!r}")
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    key = hashlib.blake2b(digest_size=16)
    for part in name:
        if isinstance(part, bool) or not isinstance(part, (str, int, np.integer)):
            raise TypeError(f"a stream's name is made of text and whole numbers, got {part!r}")
        kind = "s" if isinstance(part, str) else "i"
        text = str(part).encode()
        # Length first, so that ("a", "bc") and ("ab", "c") are different names.
        key.update(f"{kind}{len(text)}:".encode() + text)
    words = np.frombuffer(key.digest(), dtype="<u4")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([int(seed), *map(int, words)])))
