"""One block of parity, the exclusive or of all others: RAID 4 and 5."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from simcluster.engine import Count, Spec
from simcluster.kernels.reference import Bytes


class Xor(Spec):
    """``data`` blocks and their exclusive or: any one of them may be lost.

    Source: Patterson, Gibson & Katz, "A case for redundant arrays of inexpensive disks", SIGMOD 1988.
    """

    kind: Literal["xor"] = "xor"
    data: Annotated[Count, Field(le=255)] = 4
    """k, how many blocks of data there are."""

    def generator(self) -> Bytes:
        """The unit matrix and a row of ones."""
        ones = np.ones((1, self.data), dtype=np.uint8)
        return np.concatenate([np.eye(self.data, dtype=np.uint8), ones])
