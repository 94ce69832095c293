"""An all-reduce by what pays for the size of the array."""

from __future__ import annotations

from typing import Literal

from simcluster.cluster.collectives.rabenseifner import rabenseifner
from simcluster.cluster.collectives.recursive_doubling import recursive_doubling
from simcluster.cluster.collectives.rounds import Round
from simcluster.engine import Positive, Spec


class Auto(Spec):
    """Recursive doubling for short arrays, recursive halving and doubling for long ones, as MPICH chooses.

    (Thakur, Rabenseifner & Gropp, "Optimization of collective communication operations in MPICH", Int. J. HPC Appl.,
    2005.) On idle links of latency α and β bytes per second they take as long as each other, for p = 2^k members, where
    an array has k·α·β/(k − 2(p − 1)/p) bytes: what ``short_bytes`` is to be for others than MPICH's.
    """

    kind: Literal["auto"] = "auto"
    short_bytes: Positive = 2048.0
    """Up to which size an array is short."""

    def __call__(self, member: int, members: int, size_bytes: float) -> tuple[Round, ...]:
        """The rounds of the one or of the other."""
        chosen = recursive_doubling if size_bytes <= self.short_bytes else rabenseifner
        return chosen(member, members, size_bytes)
