"""What a checker says: valid, invalid with the anomalies that prove it, or unknown with the limit that was met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from simcluster.measurement.histories import Operation


@dataclass(frozen=True)
class Anomaly:
    """One thing that may not be: its name, a sentence, and the operations that show it."""

    name: str
    sentence: str
    operations: tuple[Operation, ...] = ()

    def __str__(self) -> str:
        return "\n".join([f"{self.name}: {self.sentence}", *(f"  {operation}" for operation in self.operations)])


@dataclass(frozen=True)
class Judgement:
    """A checker's verdict over a history of so many operations.

    ``why`` says of an unknown verdict which limit was met. ``anomalies`` prove an invalid one, the first of each kind
    first.
    """

    verdict: Literal["valid", "invalid", "unknown"]
    operations: int
    anomalies: tuple[Anomaly, ...] = ()
    why: str = ""

    @property
    def valid(self) -> bool:
        """Whether the history was found to be right; an unknown one was not."""
        return self.verdict == "valid"

    def __str__(self) -> str:
        head = f"{self.verdict}: {self.operations} operations" + (f"; {self.why}" if self.why else "")
        return "\n".join([head, *(str(anomaly) for anomaly in self.anomalies)])


def judged(operations: int, anomalies: Sequence[Anomaly]) -> Judgement:
    """Valid without anomalies, invalid with them."""
    return Judgement("invalid" if anomalies else "valid", operations, tuple(anomalies))
