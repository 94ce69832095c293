"""Queueing: what sojourn times say, and the closed forms that a simulated queue must agree with.

Rates are per second and times in seconds; ``arrivals_per_s`` is λ, ``services_per_s`` is μ. Source of the M/M/c
forms: L. Kleinrock, Queueing Systems, volume 1, 1975, sections 3.2 and 3.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from simcluster.engine import check_whole


def sojourn_percentiles(
    sojourns_s: ArrayLike, percentiles: Sequence[float] = (50, 95, 99), warm_up: float = 0.1
) -> dict[float, float]:
    """Percentiles of sojourn times in seconds, by percentile, without the first ``warm_up`` share of them.

    ``sojourns_s`` (n,) stand in order of arrival: the first find the system emptier than it will be. Raises
    ``ValueError`` when nothing is left or ``warm_up`` is outside [0, 1).
    """
    if not 0 <= warm_up < 1:
        raise ValueError(f"warm_up must be within [0, 1), got {warm_up}")
    all_s = np.asarray(sojourns_s, dtype=np.float64)
    if np.isnan(all_s).any():
        raise ValueError(f"sojourns_s must be numbers, got {all_s}")
    for percentile in percentiles:
        if not 0 <= percentile <= 100:
            raise ValueError(f"percentiles must be within [0, 100], got {percentile}")
    kept_s = all_s[int(warm_up * len(all_s)) :]
    if not len(kept_s):
        raise ValueError(f"there must be at least 1 sojourn time, got {len(all_s)}")
    return {q: float(np.percentile(kept_s, q)) for q in percentiles}


def offered_load(arrivals_per_s: float, services_per_s: float, servers: int = 1) -> float:
    """The utilisation ρ = λ / (c μ) of a system that keeps up.

    Raises ``ValueError`` for rates that are not positive, fewer than 1 server, or ρ >= 1: such a queue grows for
    ever.
    """
    for name, rate in (("arrivals_per_s", arrivals_per_s), ("services_per_s", services_per_s)):
        if not 0 < rate < math.inf:
            raise ValueError(f"{name} must be finite and greater than 0, got {rate}")
    check_whole("servers", servers, 1)
    load = arrivals_per_s / (servers * services_per_s)
    if load >= 1:
        raise ValueError(f"the offered load must be less than 1, got {load}")
    return load


def mm1_sojourn_s_mean(arrivals_per_s: float, services_per_s: float) -> float:
    """Mean sojourn time of M/M/1: 1 / (μ − λ)."""
    offered_load(arrivals_per_s, services_per_s)
    return 1 / (services_per_s - arrivals_per_s)


def mm1_sojourn_s_percentile(arrivals_per_s: float, services_per_s: float, percentile: float) -> float:
    """Percentile of the sojourn time of M/M/1 served in order, which is exponential: −ln(1 − q) / (μ − λ)."""
    if not 0 <= percentile < 100:
        raise ValueError(f"percentile must be within [0, 100), got {percentile}")
    return -math.log1p(-percentile / 100) * mm1_sojourn_s_mean(arrivals_per_s, services_per_s)


def erlang_c(arrivals_per_s: float, services_per_s: float, servers: int) -> float:
    """The probability that an arrival to M/M/c has to wait (Erlang 1917).

    From Erlang B by its recursion B(k) = a B(k−1) / (k + a B(k−1)), which does not overflow, with a = λ/μ:
    C = B(c) / (1 − ρ (1 − B(c))).
    """
    load = offered_load(arrivals_per_s, services_per_s, servers)
    offered = arrivals_per_s / services_per_s
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = offered * blocked / (k + offered * blocked)
    return blocked / (1 - load * (1 - blocked))


def mmc_sojourn_s_mean(arrivals_per_s: float, services_per_s: float, servers: int) -> float:
    """Mean sojourn time of M/M/c: 1/μ + C / (c μ − λ)."""
    waits = erlang_c(arrivals_per_s, services_per_s, servers)
    return 1 / services_per_s + waits / (servers * services_per_s - arrivals_per_s)


def choices_sojourn_s_mean(load: float, services_per_s: float, choices: int) -> float:
    """Mean sojourn time when each arrival joins the shortest of ``choices`` queues drawn from infinitely many.

    1/μ Σ over i >= 1 of ρ^((dⁱ − d)/(d − 1)), which for d = 1 is M/M/1. Source: M. Mitzenmacher, "The power of two
    choices in randomized load balancing", IEEE Transactions on Parallel and Distributed Systems 12(10), 2001.
    """
    check_whole("choices", choices, 1)
    offered_load(load * services_per_s, services_per_s)
    if choices == 1:
        return 1 / (services_per_s * (1 - load))
    total, term, exponent = 0.0, 1.0, 0
    while term > 1e-17 * total:
        total += term
        exponent = exponent * choices + choices  # (dⁱ − d)/(d − 1) for i = 1, 2, …: 0, d, d² + d, …
        term = load**exponent
    return total / services_per_s
