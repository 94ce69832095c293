"""What the coordinator of the distributed store knows of its servers, from what they report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simcluster.cluster import Message
from simcluster.engine import Record
from simcluster.recovery.detectors import Watch
from simcluster.recovery.stores.store_version import Version

if TYPE_CHECKING:
    from simcluster.recovery.stores.distributed_store import DistributedStore


class Census:
    """Which servers live, what room they have, and who holds what.

    Whatever is heard has the number of its message; numbers grow in time. So a report that is late or comes twice
    undoes nothing that is newer, and one from before the coordinator began, at the number ``begun``, says nothing.
    Only copies on servers that live are counted.
    """

    def __init__(self, store: DistributedStore, record: Record, now_s: float, begun: int = -1) -> None:
        self._store = store
        self._record = record
        self._begun_s, self._begun = now_s, begun
        #: Whether every server that lives has had the time to report.
        self.settled = False
        self._watch = Watch(store.silence, store.servers, now_s, self._tell, suspected=True)
        self._reported = dict.fromkeys(store.servers, begun)
        self._free_bytes = dict.fromkeys(store.servers, 0.0)
        self._held: dict[str, dict[str, int]] = {server: {} for server in store.servers}
        self._versions: dict[str, dict[str, Version]] = {}  # of each key, by the names of their blocks
        self._counts: dict[str, int] = {}  # the number of each key's newest version that has had enough copies
        self._complete = False  # whether all that was acknowledged before the coordinator began has been heard of

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
        self._free_bytes[server], names = report.body
        before = self._held[server]
        for name in names:
            if name not in before:
                self._note(name)
        newer = {name: since for name, since in before.items() if since > number}
        self._held[server] = {**dict.fromkeys(names, number), **newer}

    def add(self, name: str, servers: Sequence[str], number: int) -> None:
        """These servers have had the block; they have it, as message ``number`` says, unless they reported since."""
        version = self._note(name)
        if len(servers) >= self._store.copies_acknowledged:
            self._counts[version.key] = max(version.number, self._counts.get(version.key, -1))
        for server in servers:
            if number > self._reported[server]:
                self._held[server][name] = number

    def begin_with(self, name: str, servers: Sequence[str], number: int, now_s: float) -> None:
        """These servers have had the block since before the run, and all servers live."""
        for server in self._store.servers:
            self._watch.hear(server, now_s)
        self.add(name, servers, number)

    def holders(self, name: str) -> tuple[str, ...]:
        """The servers that live and have the block."""
        return tuple(server for server, held in self._held.items() if name in held and self._lives(server))

    def current(self, key: str) -> list[tuple[Version, tuple[str, ...]]]:
        """The versions that are not superseded, the newest first, and their holders."""
        found = []
        for name, version in sorted(self._versions.get(key, {}).items(), key=lambda item: -item[1].number):
            if version.number < self._counts.get(key, -1):
                break
            holders = self.holders(name)
            if len(holders) >= self._store.copies_acknowledged:
                self._counts[key] = version.number
            found.append((version, holders))
        return found

    def short(self) -> dict[str, tuple[str, ...]]:
        """The newest blocks that have too few copies, but not none, and who has them; those with the fewest first."""
        self._few_are_lost()
        newest = (next((found for found in self.current(key) if found[1]), None) for key in self._versions)
        short = [found for found in newest if found and len(found[1]) < self._store.replication]
        return {version.name: holders for version, holders in sorted(short, key=lambda found: len(found[1]))}

    def superseded(self, *keys: str) -> dict[str, list[str]]:
        """The superseded blocks, of these keys or of all, by the servers that live and have them."""
        found: dict[str, list[str]] = {}
        for key in keys or self._versions:
            old = [name for name, version in self._versions[key].items() if version.number < self._counts.get(key, -1)]
            for name in old:
                for server in self.holders(name):
                    found.setdefault(server, []).append(name)
                if not any(name in held for held in self._held.values()):
                    del self._versions[key][name]
        return found

    def with_room(self, size_bytes: float) -> list[str]:
        """The servers that live and have so much room."""
        return [server for server, free in self._free_bytes.items() if free >= size_bytes and self._lives(server)]

    def locate(self, key: str) -> tuple[str, tuple[str, ...], bool]:
        """The block that a read shall return, who has it, and whether that, or that there is none, is certain.

        Of what is written since the coordinator began it knows whether it counts. What was written before may have
        counted although too few copies are heard of. Then somebody who lives has it, as long as only few are lost: so
        it is passed over when nobody does, and when somebody does it is read as soon as it has been copied, to as many
        as can have it, lest it is lost with the few that had it after somebody has read it.
        """
        few, enough = self._few_are_lost(), self._store.copies_acknowledged
        current = self.current(key)
        counts = self._counts.get(key, -1)
        sure = counts > self._begun or self._complete
        for version, holders in current:
            if version.number > max(counts, self._begun):
                continue
            if holders:
                if version.number != counts:
                    able = {*holders, *self.with_room(version.size_bytes)}
                    sure = few and len(holders) >= min(enough, len(able))
                return (version.name, holders, True) if sure else ("", (), False)
            sure = few
        return "", (), self.settled and self._lost < (1 if counts >= 0 else enough)

    @property
    def _lost(self) -> int:
        return sum(not self._lives(server) for server in self._store.servers)

    def _few_are_lost(self) -> bool:
        """Whether so few that a holder of whatever was acknowledged lives; once that is so, all that was is known."""
        few = self.settled and self._lost < self._store.copies_acknowledged
        self._complete = self._complete or few
        return few

    def _note(self, name: str) -> Version:
        version = Version.of(name)
        self._versions.setdefault(version.key, {})[name] = version
        return version

    def _lives(self, server: str) -> bool:
        return not self._watch.suspected[server]

    def _tell(self, server: str, suspected: bool) -> None:
        self._record(self._store.name, "server_lost" if suspected else "server_found", "", server)
