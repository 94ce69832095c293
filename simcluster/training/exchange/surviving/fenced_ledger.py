"""A ledger that takes only what belongs to its own history: what a server knows that others may replace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from simcluster.learning import Array, Call
from simcluster.training.exchange.servers.ledger import Ledger

if TYPE_CHECKING:
    from simcluster.training.training import Training


class Deposed(Exception):
    """Raised in whoever serves, when another server does."""


class FencedLedger(Ledger):
    """A ledger whose parameters come from those of servers before, and which ends when ``deposed`` says so.

    It knows of each life of a server before it how many updates of that are among its own. A contribution that was
    computed at parameters of these counts as it did there; one at parameters that are none of this history is refused,
    and its worker does the step anew.
    """

    def __init__(self, training: Training, deposed: Callable[[], bool]) -> None:
        super().__init__(training)
        self.versioned = True
        self._deposed = deposed
        self._before: dict[int, int] = {}

    def due(self) -> Call[None] | None:
        """As of a ledger. Raises ``Deposed``."""
        if self._deposed():
            raise Deposed
        return super().due()

    def accept(self, worker: str, clock: int, contribution: Array, version: tuple[Any, ...] = ()) -> bool:
        """Take a contribution, as a ledger does, unless it was computed at parameters of another history."""
        life, updates = version
        if updates <= self._before.get(life, -1):
            life = self._life
        if life != self._life and self._weight is None:
            return False
        return super().accept(worker, clock, contribution, (life, updates))

    def state(self) -> tuple[Any, ...]:
        """What another server has to know to go on from here."""
        return (*super().state(), (*self._before.items(), (self._life, self._updates)))

    def restore(
        self,
        clock: int,
        left_out: Sequence[str],
        following: Sequence[int],
        state: tuple[Array, ...],
        before: Sequence[tuple[int, int]] = (),
    ) -> None:
        """Go on from what was kept, and from its history."""
        super().restore(clock, left_out, following, state)
        self._before = dict(before)
        self._updates = before[-1][1] if before else 0
