"""What decides in a task graph without a master that places tasks: one side at the ledger, one at each worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from simcluster.cluster import Message

if TYPE_CHECKING:
    from simcluster.scheduling.decentralised.ledger import Ledger
    from simcluster.scheduling.decentralised.worker import Worker


class Spawn(NamedTuple):
    """A task to be done: who keeps what it takes, in the order of its edges; ``again``: it was ordered before.

    What is taken from these is expected to keep them busy for so long that it may take ``wait_s`` until it comes.
    """

    task: str
    holders: tuple[str, ...]
    again: bool
    wait_s: float = 0.0


Takes = Mapping[str, Callable[[Message], None]]
"""Kinds of messages, and who takes them."""


class AtLedger(Protocol):
    """A scheduler's side where it is known what is done."""

    takes: Takes

    def place(self, tasks: Sequence[str], reporter: str | None) -> Sequence[str]:
        """Tasks that may begin now; those that are returned go to ``reporter``, who has just done the last before them.

        Without a reporter they are the first of all, were released, or are lost and must be done again; all must then
        be placed.
        """
        ...

    def stand_in(self, task: str) -> int | None:
        """By which number workers know a task that is under way and that nobody has yet; ``None``: by its name."""
        ...

    def forget(self, task: str) -> None:
        """It is not to be handed out any more."""
        ...


class AtWorker(Protocol):
    """A scheduler's side at a worker."""

    takes: Takes
    spawns: bool
    """Whether a task comes here by itself when all that it takes lies here, before that is reported."""

    def spawned(self, orders: Sequence[Spawn]) -> None:
        """Tasks that may begin and are here now."""
        ...

    def idle(self) -> None:
        """Start what is here as long as the worker has idle cores, or look for something elsewhere."""
        ...

    def holds(self, task: str) -> bool:
        """Whether a task waits here."""
        ...

    def expects(self, stand_in: int) -> bool:
        """Whether what has this number waits here."""
        ...


class Scheduler(Protocol):
    """How tasks that may begin come to idle cores. Its two sides talk by messages, any of which may be lost or doubled.

    A side is made anew whenever its node starts anew, and knows nothing then. A task that nobody has any more is found
    by the ledger's census, and placed again.
    """

    def at_ledger(self, ledger: Ledger) -> AtLedger:
        """Its side at the ledger."""
        ...

    def at_worker(self, worker: Worker) -> AtWorker:
        """Its side at a worker."""
        ...
