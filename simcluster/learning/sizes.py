"""How much there may be: what is beyond it is a slip of the keyboard, and is said before memory runs out."""

from __future__ import annotations

MOST_CLASSES = 100_000
"""Of how many classes labels may be."""
MOST_NUMBERS = 2**28
"""How many numbers one array may have: 2 GiB of them."""


def check_numbers(what: str, numbers: float, got: str) -> None:
    """Raise ``ValueError`` where ``what``, which comes of ``got``, would be more numbers than an array may have."""
    if numbers > MOST_NUMBERS:
        raise ValueError(f"{what} must be at most {MOST_NUMBERS} numbers, got {numbers:.3g} of {got}")
