"""What a balancer remembers of the sets of replicas that it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from simcluster.serving.protocols import ReplicaView

T = TypeVar("T")
_SETS = 256  # are remembered; each replica that is passed over for a while makes one more


class PerSet(Generic[T]):
    """A value for each set of replicas.

    That of a tuple is found without a look at its members as long as it is the same tuple that is given again, however
    many sets take turns, as those of shards do.
    """

    __slots__ = ("_kept", "_last")

    def __init__(self) -> None:
        self._kept: dict[tuple[str, ...], T] = {}
        self._last: dict[str, tuple[tuple[ReplicaView, ...], T]] = {}

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self._last.clear()

    def of(self, replicas: Sequence[ReplicaView], make: Callable[[Sequence[ReplicaView]], T]) -> T:
        """The value of these, which ``make`` gives where there is none yet."""
        first = replicas[0].name
        last = self._last.get(first)
        if last is not None and last[0] is replicas:
            return last[1]
        names = tuple([replica.name for replica in replicas])
        if (value := self._kept.get(names)) is None:
            if len(self._kept) == _SETS:
                del self._kept[next(iter(self._kept))]
            value = self._kept[names] = make(replicas)
        if isinstance(replicas, tuple):  # a list could be another one by now
            self._last[first] = replicas, value
        return value


class Shards(Generic[T]):
    """The shards of a service, as its balancer meets them: a set belongs to the shard that has its first member.

    So whoever is passed over for a while, because it is suspected or has been tried, is still in its shard.
    """

    __slots__ = ("_by_name", "_make", "_sets")

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._by_name: dict[str, T] = {}
        self._sets: PerSet[tuple[T, frozenset[str]]] = PerSet()

    def of(self, replicas: Sequence[ReplicaView], met: Callable[[T, ReplicaView], object]) -> tuple[T, frozenset[str]]:
        """What is known of the shard of these, and their names; ``met`` is told of whoever is met first."""

        def make(replicas: Sequence[ReplicaView]) -> tuple[T, frozenset[str]]:
            known = (self._by_name[replica.name] for replica in replicas if replica.name in self._by_name)
            shard = next(known, None) or self._make()
            for replica in replicas:
                if replica.name not in self._by_name:
                    self._by_name[replica.name] = shard
                    met(shard, replica)
            return shard, frozenset(replica.name for replica in replicas)

        return self._sets.of(replicas, make)

    def holding(self, name: str) -> T | None:
        """What is known of the shard of a replica, ``None`` of one that has not been met."""
        return self._by_name.get(name)
