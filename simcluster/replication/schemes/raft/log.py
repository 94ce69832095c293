"""The log of Raft in memory: entries from a base on, before which a snapshot stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple


class Members(NamedTuple):
    """An entry's command that says who belongs to the cluster, after how many of the changes that are to be made."""

    names: tuple[str, ...]
    changes: int


class Entry(NamedTuple):
    """What a leader of ``term`` put into the log: a ``Command``, ``Members``, or ``None`` to have something to commit.
    """

    term: int
    command: Any


class Log:
    """Entries with the indices ``base_index + 1`` up to ``last_index``."""

    def __init__(self, members: Members) -> None:
        self.base_index, self.base_term = 0, 0
        self.entries: list[Entry] = []
        self._members = [(0, members)]  # who belonged from which index on, those of the base first

    @property
    def last_index(self) -> int:
        """The index of the last entry."""
        return self.base_index + len(self.entries)

    @property
    def last_term(self) -> int:
        """Its term."""
        return self.entries[-1].term if self.entries else self.base_term

    @property
    def members(self) -> Members:
        """Who belongs to the cluster by the last entry that says so, committed or not."""
        return self._members[-1][1]

    @property
    def members_since(self) -> int:
        """The index of that entry."""
        return self._members[-1][0]

    def members_at(self, index: int) -> Members:
        """Who belonged at an index."""
        return [members for since, members in self._members if since <= index][-1]

    def __getitem__(self, index: int) -> Entry:
        return self.entries[index - self.base_index - 1]

    def term_at(self, index: int) -> int:
        """The term of the entry at an index, which may be that of the base."""
        return self.base_term if index == self.base_index else self[index].term

    def since(self, index: int, most: int | None = None) -> tuple[Entry, ...]:
        """The entries after an index, at most so many."""
        begin = index - self.base_index
        return tuple(self.entries[begin : None if most is None else begin + most])

    def append(self, entry: Entry) -> int:
        """Put an entry at the end; its index."""
        self.entries.append(entry)
        if type(entry.command) is Members:
            self._members.append((self.last_index, entry.command))
        return self.last_index

    def put(self, index: int, entries: Iterable[Entry]) -> None:
        """Put entries after an index, in place of all that came after it."""
        del self.entries[index - self.base_index :]
        while self._members[-1][0] > index:
            self._members.pop()
        for entry in entries:
            self.append(entry)

    def begin_at(self, index: int, term: int, members: Members) -> None:
        """Let the log begin after an entry of which a snapshot tells; what follows it in the log is kept."""
        follows = index <= self.last_index and index >= self.base_index and self.term_at(index) == term
        left = self.since(index) if follows else ()
        self.base_index, self.base_term, self.entries, self._members = index, term, [], [(index, members)]
        self.put(index, left)
