"""Lifeguard: what a member of SWIM does about its own slowness."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from simcluster.engine import NUMBER, Spec


def suspicion_s(confirmed: int, expected: int, least_s: float, most_s: float) -> float:
    """How long a suspicion lasts that ``confirmed`` others share, of ``expected`` who make it shortest, in seconds.

    most − (most − least)·log(c + 1)/log(k + 1), at least ``least_s``; and that at once where nobody else is expected.
    Source: Dadgar, Phillips & Currey, "Lifeguard: local health awareness for more accurate failure detection", DSN-W
    2018, section IV-B; HashiCorp's memberlist, ``suspicion.go``.
    """
    if expected < 1:
        return least_s
    return max(least_s, most_s - (most_s - least_s) * math.log(confirmed + 1) / math.log(expected + 1))


class Lifeguard(Spec):
    """The three parts of Lifeguard, each of which 0, or ``False``, leaves out.

    Source: as ``suspicion_s``; the numbers are those of the paper and of HashiCorp's memberlist.
    """

    health: Annotated[int, Field(ge=0, le=1000), NUMBER] = 8
    """S, how bad a member's opinion of its own health may become: period and time-out are 1 + that many times as long.

    It grows by one with each probe that fails, each proxy that says nothing, and each suspicion that has to be
    refuted, and falls by one with each probe that is answered.
    """
    confirmations: Annotated[int, Field(ge=0, le=1000), NUMBER] = 3
    """k, after how many others' confirmations a suspicion lasts no longer than ``suspicion_s`` of SWIM."""
    patience: Annotated[float, Field(ge=1, le=1e6), NUMBER] = 6.0
    """How many times as long it lasts while nobody confirms it."""
    buddy: bool = True
    """Whether a member that is suspected hears of it first, with the next message from anybody who knows."""
