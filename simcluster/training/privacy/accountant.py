"""What repeated noise has given away: Rényi differential privacy of a sampled Gaussian, added up over the steps.

With probability q each row takes part in a step, whose sum of rows, none of them longer than 1, gets noise N(0, σ²).
The step is (α, ρ(α)) Rényi differentially private with (Mironov, Talwar & Zhang, "Rényi differential privacy of the
sampled Gaussian mechanism", 2019, section 3.3)

    ρ(α) = 1/(α − 1)·log Σ_k C(α, k)·(1 − q)^(α − k)·q^k·exp((k² − k)/(2σ²)),

and T steps are (α, T·ρ(α)). Orders α are whole numbers, where this is exact: between them ε could be less, never more.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np

from simcluster.learning import Array

ORDERS = (*range(2, 257), 320, 384, 512, 768, 1024)
"""The orders α that are tried."""

_LOG_FACTORIALS: Array = np.concatenate([[0.0], np.log(np.arange(1.0, ORDERS[-1] + 1)).cumsum()])

Conversion = Literal["standard", "improved"]


@lru_cache(maxsize=256)
def divergences(rate: float, noise: float) -> tuple[float, ...]:
    """ρ(α) of one step at each of ``ORDERS``, of sampling rate q and noise multiplier σ; infinite without noise."""
    if rate == 0:
        return (0.0,) * len(ORDERS)
    if noise == 0:
        return (math.inf,) * len(ORDERS)
    return tuple(_divergence(rate, noise, order) for order in ORDERS)


def _divergence(rate: float, noise: float, order: int) -> float:
    if rate == 1:
        return order / 2 / noise / noise  # in this order, for a noise whose square is no number
    k = np.arange(order + 1, dtype=np.float64)
    ways = _LOG_FACTORIALS[order] - _LOG_FACTORIALS[: order + 1] - _LOG_FACTORIALS[order::-1]
    with np.errstate(over="ignore"):
        grown = (k * k - k) / 2 / noise / noise
        logs = ways + (order - k) * math.log1p(-rate) + k * math.log(rate) + grown
    greatest = float(logs.max())
    if math.isinf(greatest):
        return math.inf
    return max(0.0, (greatest + math.log(math.fsum(np.exp(logs - greatest)))) / (order - 1))


def epsilon(steps: int, rate: float, noise: float, delta: float, conversion: Conversion = "standard") -> float:
    """The least ε for which so many steps are (ε, δ) differentially private, as far as these orders show it.

    ``standard`` is ρ + log(1/δ)/(α − 1) (Mironov, "Rényi differential privacy", CSF 2017, proposition 3); ``improved``
    is ρ + log((α − 1)/α) − log(δ·α)/(α − 1) (Canonne, Kamath & Steinke 2020, proposition 12; Balle et al. 2020).
    """
    if steps == 0 or rate == 0:
        return 0.0
    orders: Array = np.array(ORDERS, dtype=np.float64)
    found = steps * np.array(divergences(rate, noise)) + math.log(1 / delta) / (orders - 1)
    if conversion == "improved":
        found += np.log1p(-1 / orders) - np.log(orders) / (orders - 1)
    return max(0.0, float(found.min()))


def steps_within(
    budget: float, most: int, rate: float, noise: float, delta: float, conversion: Conversion = "standard"
) -> int:
    """How many steps, ``most`` at most, spend no more than ``budget``."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if epsilon(middle, rate, noise, delta, conversion) <= budget:
            low = middle
        else:
            high = middle - 1
    return low
