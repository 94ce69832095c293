"""What survives a crash: how a program keeps its state, and finds it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from simcluster.cluster import Cluster, Node
from simcluster.engine import Event, Program
from simcluster.kernels.reference import Bytes


class Store(Protocol):
    """Keeps values under keys for programs on any node; what has been written survives crashes.

    One client at a time writes a key.
    """

    def start(self, cluster: Cluster) -> None:
        """Boot the programs that it needs, if any."""
        ...

    def write(self, node: Node, key: str, value: Any, size_bytes: float | None = None) -> Program:
        """Steps on ``node`` until ``value`` is durable under ``key``, instead of what was there before.

        ``size_bytes`` is what it weighs, if not as much as it seems to. They raise ``Failure`` when that does not come
        about: the value may be there then, or not.
        """
        ...

    def read(self, node: Node, key: str) -> Program:
        """Steps on ``node`` whose value is the one under ``key``. Raises ``KeyError`` or ``Failure``."""
        ...


class Preloads(Store, Protocol):
    """A store in which values may lie before a run begins, so that they can be what a job learns from."""

    def preload(self, cluster: Cluster, reader: str, key: str, value: Any, size_bytes: float) -> None:
        """Let ``value``, which the node ``reader`` will read, lie under ``key``: as its job starts, after ``start``.

        It takes no time. Raises ``DiskFull``.
        """
        ...


class Keeper(Protocol):
    """Keeps the state of one program, as long as that runs."""

    def restore(self) -> Program:
        """Steps whose value is the state to go on from, or ``None`` to begin anew."""
        ...

    def after_step(self, clock: int, state: Callable[[], Any]) -> Program:
        """Steps to take when ``clock`` steps are complete; ``state`` gives what would have to be kept."""
        ...


@dataclass(frozen=True, slots=True)
class Observed:
    """What the keeper of a state has seen so far.

    A checkpoint has taken ``cost_s`` in the mean, ``None`` before the first; the node has failed ``failures`` times in
    the ``elapsed_s`` since the run began.
    """

    cost_s: float | None
    failures: int
    elapsed_s: float


class Interval(Protocol):
    """How long a program works between two checkpoints; pure, and a plain function serves."""

    def __call__(self, observed: Observed) -> float:
        """Seconds from the end of a checkpoint, or of a restart, to the beginning of the next, 0 or more."""
        ...


class Recovery(Protocol):
    """How a job survives crashes of the nodes that hold its state."""

    def start(self, cluster: Cluster) -> None:
        """Boot the programs that it needs, if any, before the job's own."""
        ...

    def keeper(self, node: Node, name: str) -> Keeper:
        """What keeps the state that the job calls ``name``, of a program on ``node``; made when that begins."""
        ...


class ErasureCode(Protocol):
    """How blocks of bytes are kept so that some of them may be lost: linear over GF(256); pure."""

    def generator(self) -> Bytes:
        """The matrix (k + m, k), uint8, whose products with k blocks of data are what is kept.

        Its first k rows are the unit matrix: the data itself is kept, and m blocks besides.
        """
        ...


class Suspicion(Protocol):
    """When somebody is suspected of being gone; pure, and a plain function serves."""

    def __call__(self, heard_s: Sequence[float], now_s: float) -> bool:
        """Whether, at ``now_s``, somebody who was heard at these times (at least one, in order) is suspected."""
        ...


class Detector(Protocol):
    """Watches the peers of a node."""

    def start(self, cluster: Cluster, program: str, watcher: str, peers: Sequence[str], over: Event) -> None:
        """Boot at the peers what lets ``watcher`` know that they run ``program``, until ``over``."""
        ...

    def run(
        self, node: Node, program: str, peers: Sequence[str], tell: Callable[[str, bool], None], over: Event
    ) -> Program:
        """Steps on the node that watches, until ``over``: ``tell`` is told a peer, and whether it is suspected now."""
        ...
