"""How long data lasts: a birth–death chain of how many copies, or blocks of a code, are lost."""

from __future__ import annotations

import math


def mean_time_to_data_loss_s(
    blocks: int, tolerated: int, mttf_s: float, mttr_s: float, repairs_at_once: int | None = None
) -> float:
    """The mean seconds until more than ``tolerated`` of ``blocks`` are lost at once, from when all are there.

    Each is lost at the rate 1/``mttf_s``, by itself, and made anew at 1/``mttr_s``, at most ``repairs_at_once`` of them
    side by side (``None``: all). With i lost the next is lost at λᵢ = (n − i)/MTTF and one restored at μᵢ, so the mean
    time from i to i + 1 is Tᵢ = 1/λᵢ + (μᵢ/λᵢ)·Tᵢ₋₁, and the result is T₀ + … + T_tolerated. Of a RAID 5 of n disks it
    is ((2n − 1)λ + μ)/(n(n − 1)λ²). Raises ValueError for numbers that no store has.

    Source: Patterson, Gibson & Katz, SIGMOD 1988; the chain: Trivedi, Probability and statistics with reliability,
    queuing and computer science applications, 2nd edition, 2002, section 8.4.
    """
    if not 0 <= tolerated < blocks:
        raise ValueError(f"tolerated must be from 0 to {blocks - 1}, one less than blocks, got {tolerated}")
    for name, value in (("mttf_s", mttf_s), ("mttr_s", mttr_s)):
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be finite and above 0, got {value}")
    if repairs_at_once is not None and repairs_at_once < 1:
        raise ValueError(f"repairs_at_once must be at least 1, got {repairs_at_once}")
    steps_s: list[float] = []
    for lost in range(tolerated + 1):
        repaired = lost if repairs_at_once is None else min(lost, repairs_at_once)
        back = steps_s[-1] * repaired * mttf_s / mttr_s if steps_s else 0.0
        steps_s.append((mttf_s + back) / (blocks - lost))
    return math.fsum(steps_s)
