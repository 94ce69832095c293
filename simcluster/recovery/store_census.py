"""What the coordinator of the distributed store knows of its servers, from what they report."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from simcluster.cluster import Message
from simcluster.engine import Record
from simcluster.recovery.detectors import Watch

if TYPE_CHECKING:
    from simcluster.recovery.distributed_store import DistributedStore


class Census:
    """Which servers live, what room they have, and who holds what.

    Whatever is heard has the number of its message; numbers grow in time. So a report that is late or comes twice
    undoes nothing that is newer. Only copies on servers that live are counted.
    """

    def __init__(self, store: DistributedStore, record: Record, now_s: float) -> None:
        self._store = store
        self._record = record
        self._begun_s = now_s
        #: Whether every server that lives has had the time to report.
        self.settled = False
        self._watch = Watch(store.silence, store.servers, now_s, self._tell, suspected=True)
        self._reported = dict.fromkeys(store.servers, -1)
        self._free_bytes = dict.fromkeys(store.servers, 0.0)
        self._held: dict[str, dict[str, int]] = {server: {} for server in store.servers}
        self._size_bytes: dict[str, float] = {}

    def look(self, now_s: float) -> None:
        """Judge the silence of all."""
        self.settled = self.settled or self._store.silence((self._begun_s,), now_s)
        self._watch.look(now_s)

    def hear(self, report: Message, now_s: float) -> None:
        """A server lives, and has these blocks and no others, unless it got some since it reported."""
        server, number = report.source, report.id
        if server not in self._reported or number <= self._reported[server]:
            return
        self._watch.hear(server, now_s)
        self._reported[server] = number
        self._free_bytes[server], blocks = report.body
        self._size_bytes.update(blocks)
        newer = {key: since for key, since in self._held[server].items() if since > number}
        self._held[server] = {**dict.fromkeys((key for key, _ in blocks), number), **newer}

    def add(self, key: str, size_bytes: float, servers: Iterable[str], number: int) -> None:
        """These servers have the block, as message ``number`` says, unless they have reported since."""
        self._size_bytes[key] = size_bytes
        for server in servers:
            if number > self._reported[server]:
                self._held[server][key] = number

    def size_bytes(self, key: str) -> float:
        """The size of a block."""
        return self._size_bytes[key]

    def holders(self, key: str) -> tuple[str, ...]:
        """The servers that live and have the block."""
        return tuple(server for server, held in self._held.items() if key in held and self._lives(server))

    def short(self) -> dict[str, tuple[str, ...]]:
        """The blocks that have too few copies, but not none, and who has them; those with the fewest first."""
        holders = {key: self.holders(key) for key in self._size_bytes}
        short = [key for key, servers in holders.items() if 0 < len(servers) < self._store.replication]
        return {key: holders[key] for key in sorted(short, key=lambda key: len(holders[key]))}

    def with_room(self, size_bytes: float) -> list[str]:
        """The servers that live and have so much room."""
        return [server for server, free in self._free_bytes.items() if free >= size_bytes and self._lives(server)]

    def locate(self, key: str) -> tuple[tuple[str, ...], bool]:
        """Who has the block, and whether that is certain.

        Of a block that somebody has had it is when all servers live; of another as soon as so few are lost that one of
        its holders would live, unless that one's disk has been lost.
        """
        lost = sum(not self._lives(server) for server in self._store.servers)
        few = 1 if key in self._size_bytes else self._store.copies_acknowledged
        return self.holders(key), self.settled and lost < few

    def _lives(self, server: str) -> bool:
        return not self._watch.suspected[server]

    def _tell(self, server: str, suspected: bool) -> None:
        self._record(self._store.name, "server_lost" if suspected else "server_found", "", server)
