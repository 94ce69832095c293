"""Store: the runs of studies in one SQLite file, which a process that is killed leaves whole."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from simcluster.study.plan import Outcome, Task, check_columns

FORMAT = 1
_APPLICATION = 0x51C1  # says in the file's head that it is one of these
#: A process that has not been heard of for so long is gone, and what it has begun is anybody's.
GONE_S = 15.0
#: How long another process may hold the file.
BUSY_S = 10.0
#: So many runs are read at a time.
READ = 1000

_TABLES = """
CREATE TABLE studies (
    study TEXT PRIMARY KEY, name TEXT NOT NULL, definition TEXT NOT NULL, begun REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE cells (
    study TEXT NOT NULL, cell INTEGER NOT NULL, label TEXT NOT NULL, scenario TEXT, PRIMARY KEY (study, cell)
) WITHOUT ROWID;
CREATE TABLE runs (
    study TEXT NOT NULL, cell INTEGER NOT NULL, seed INTEGER NOT NULL, rows TEXT NOT NULL,
    error TEXT, traceback TEXT, elapsed_s REAL NOT NULL, attempts INTEGER NOT NULL, PRIMARY KEY (study, cell, seed)
) WITHOUT ROWID;
CREATE TABLE claims (
    study TEXT NOT NULL, cell INTEGER NOT NULL, seed INTEGER NOT NULL, owner TEXT NOT NULL,
    PRIMARY KEY (study, cell, seed)
) WITHOUT ROWID;
CREATE TABLE owners (
    owner TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, seen REAL NOT NULL
) WITHOUT ROWID;
"""


class StoreError(ValueError):
    """A file that cannot be read or written, or is no store; what is in it stays."""


class StoredRun(NamedTuple):  # which is made in a third of the time of a frozen class: there may be 100,000
    """A run as it was stored: its rows, or its error in words and where that was raised."""

    cell: int
    seed: int
    rows: Sequence[Mapping[str, Any]]
    error: str | None
    traceback: str | None
    elapsed_s: float
    attempts: int


class Store:
    """The file at ``path``, made where there is none; ``":memory:"`` is one that nobody else sees.

    Several processes may use it at a time. Raises ``StoreError`` for a file that is something else, is damaged, or
    cannot be written, unless it is only to be ``read``.
    """

    def __init__(self, path: Path | str, *, read: bool = False) -> None:
        self.path = str(path)
        if not self.path or "\0" in self.path:
            raise StoreError(f"path must name a file, got {self.path!r}")
        self._owner = f"{socket.gethostname()}-{os.getpid()}-{os.urandom(8).hex()}"
        there = self.path != ":memory:" and os.path.exists(self.path)
        if read and not there:
            raise StoreError(f"{self.path}: must be a file that is there")
        with self._said():
            # Only read it is opened as it is for writing too: the log beside it may have to be read as well.
            self._db = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            # Whoever forgets to close it; the collector may come to that in any thread.
            weakref.finalize(self, self._db.close)
            self._prepare(read)

    def close(self) -> None:
        """Leave the file; what this process has begun and not finished is anybody's."""
        with self._said():
            if not self._db.in_transaction:
                self._forget()
            self._db.close()

    def enter(
        self, study: str, name: str, definition: Mapping[str, Any], cells: Sequence[tuple[Any, str | None]]
    ) -> dict[str, Any]:
        """Make the study known: what it is called, what it is, and label and scenario (as JSON) of each cell.

        Returns the definition, with the seeds of all that have run it.
        """
        with self._writing():
            found = self._db.execute("SELECT definition FROM studies WHERE study = ?", (study,)).fetchone()
            if found is not None:
                known = json.loads(found[0])
                definition = {**definition, "seeds": sorted({*known["seeds"], *definition["seeds"]})}
                text = _json("study", definition)
                again = "UPDATE studies SET definition = ?, begun = ? WHERE study = ?"
                self._db.execute(again, (text, time.time(), study))
            else:
                self._db.execute(
                    "INSERT INTO studies VALUES (?, ?, ?, ?)", (study, name, _json("study", definition), time.time())
                )
                self._db.executemany(
                    "INSERT INTO cells VALUES (?, ?, ?, ?)",
                    ((study, place, _json("label", label), text) for place, (label, text) in enumerate(cells)),
                )
        return dict(definition)

    def studies(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Each study, its name and its definition, the newest last."""
        with self._said():
            found = self._db.execute("SELECT study, name, definition FROM studies ORDER BY begun, study").fetchall()
        return [(study, name, json.loads(text)) for study, name, text in found]

    def cells(self, study: str) -> list[tuple[Any, str | None]]:
        """Label and scenario (as JSON) of each cell."""
        with self._said():
            found = self._db.execute("SELECT label, scenario FROM cells WHERE study = ? ORDER BY cell", (study,))
            return [(json.loads(label), scenario) for label, scenario in found]

    def scenario(self, study: str, cell: int) -> str | None:
        """The scenario (as JSON) of one cell, if it has one."""
        with self._said():
            query = "SELECT scenario FROM cells WHERE study = ? AND cell = ?"
            found = self._db.execute(query, (study, cell)).fetchone()
        return None if found is None else found[0]

    def finished(self, study: str) -> set[Task]:
        """The runs that are over, well or not."""
        with self._said():
            return set(self._db.execute("SELECT cell, seed FROM runs WHERE study = ?", (study,)))

    def counts(self, study: str) -> tuple[int, int]:
        """How many runs are over, and how many of them have failed."""
        with self._said():
            query = "SELECT count(*), count(error) FROM runs WHERE study = ?"
            done, failed = self._db.execute(query, (study,)).fetchone()
        return int(done), int(failed)

    def runs(self, study: str, *, task: Task | None = None, failed: bool = False) -> Iterator[StoredRun]:
        """The runs that are over, in the order of cells and seeds; only the one of ``task``, or those that failed."""
        only = (" AND cell = ? AND seed = ?" if task is not None else "") + (" AND error IS NOT NULL" if failed else "")
        query = (
            "SELECT cell, seed, rows, error, traceback, elapsed_s, attempts FROM runs WHERE study = ?"
            f"{only} ORDER BY cell, seed"
        )
        with self._said():
            found = self._db.execute(query, (study, *(task or ())))
            while some := found.fetchmany(READ):
                # All at once, for each call of the decoder costs more than a row does.
                rows = json.loads(f"[{','.join(text for _, _, text, *_ in some)}]")
                for (cell, seed, _, *rest), each in zip(some, rows, strict=True):
                    yield StoredRun(cell, seed, each, *rest)

    def claim(self, study: str, tasks: Sequence[Task]) -> list[Task]:
        """Those of ``tasks`` that nobody has finished or begun; now this process has begun them."""
        with self._writing():
            self._seen()
            self._forget_the_gone()
            ours = [task for task in tasks if self._is_free(study, task)]
            claimed = "INSERT INTO claims VALUES (?, ?, ?, ?)"
            self._db.executemany(claimed, ((study, *task, self._owner) for task in ours))
        return ours

    def _is_free(self, study: str, task: Task) -> bool:
        tables = ("runs", "claims")
        asked = (f"SELECT 1 FROM {table} WHERE study = ? AND cell = ? AND seed = ?" for table in tables)
        return all(self._db.execute(text, (study, *task)).fetchone() is None for text in asked)

    def release(self) -> None:
        """What this process has begun and not finished is anybody's again."""
        with self._writing():
            self._db.execute("DELETE FROM claims WHERE owner = ?", (self._owner,))

    def write(self, study: str, outcomes: Iterable[Outcome]) -> None:
        """Keep what became of runs. Of a run that is kept already the first outcome stays."""
        rows = [
            (
                study, each.cell, each.seed, _json("measure", list(each.rows)),
                None if each.error is None else _words(each.error), _encodable(each.traceback), each.elapsed_s,
                each.attempts,
            )
            for each in outcomes
        ]  # fmt: skip
        with self._writing():
            self._seen()
            kept = "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            self._db.executemany(kept, rows)
            over = "DELETE FROM claims WHERE study = ? AND cell = ? AND seed = ?"
            self._db.executemany(over, [row[:3] for row in rows])

    def beat(self) -> None:
        """Let other processes know that this one is there."""
        with self._writing():
            self._seen()

    def forget_failed(self, study: str) -> None:
        """Let runs that have failed be run again."""
        with self._writing():
            self._db.execute("DELETE FROM runs WHERE study = ? AND error IS NOT NULL", (study,))

    def _prepare(self, read: bool) -> None:
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if tables and application != _APPLICATION:
            raise StoreError(f"{self.path}: must be a database of studies, got another one")
        if tables and version != FORMAT:
            raise StoreError(f"{self.path}: must be of format {FORMAT}, got {version}: another version wrote it")
        if read:
            if not tables:
                raise StoreError(f"{self.path}: must be a database of studies, got an empty file")
            return
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        with self._writing():
            if not self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                for statement in filter(str.strip, _TABLES.split(";")):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA application_id = {_APPLICATION}")
                self._db.execute(f"PRAGMA user_version = {FORMAT}")

    def _seen(self) -> None:
        ours = (self._owner, socket.gethostname(), os.getpid(), time.time())
        self._db.execute("INSERT OR REPLACE INTO owners VALUES (?, ?, ?, ?)", ours)

    def _forget(self) -> None:
        for table in ("claims", "owners"):
            found = self._db.execute(f"SELECT 1 FROM {table} WHERE owner = ?", (self._owner,)).fetchone()
            if found is not None:
                self._db.execute(f"DELETE FROM {table} WHERE owner = ?", (self._owner,))

    def _forget_the_gone(self) -> None:
        """What processes that are gone had begun is anybody's."""
        here = socket.gethostname()
        for owner, host, pid, seen in self._db.execute("SELECT owner, host, pid, seen FROM owners").fetchall():
            if owner != self._owner and (time.time() - seen > GONE_S or (host == here and not is_running(pid))):
                self._db.execute("DELETE FROM claims WHERE owner = ?", (owner,))
                self._db.execute("DELETE FROM owners WHERE owner = ?", (owner,))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction that no other process's comes between."""
        with self._said():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except UnicodeEncodeError as error:
            raise StoreError(f"path must name a file, got {self.path!r} ({error.reason})") from None
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {_SAID.get(str(error), str(error))}; what is stored stays") from None


_SAID = {
    "file is not a database": "must be a database of studies, got a file of something else",
    "unable to open database file": "must be a file that can be opened and written, in a folder that is there",
    "database is locked": f"must be free, but another process has held it for {BUSY_S:g} s",
    "attempt to write a readonly database": "must be a file that can be written",
    "database or disk is full": "the disk is full",
    "disk I/O error": "the disk could not be read or written (it may be full)",
    "database disk image is malformed": "is damaged or cut off",
}


def storable(found: Outcome, columns: Sequence[str] = ()) -> Outcome:
    """The same outcome; what was measured and cannot be stored, or is called like a column, is an error of the run."""
    try:
        check_columns(found.rows, columns)
        _json("measure", list(found.rows))
    except ValueError as error:
        return Outcome(found.cell, found.seed, (), error, found.traceback, found.elapsed_s, found.attempts)
    return found


def is_running(pid: int) -> bool:
    """Whether a process of this machine runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _words(error: BaseException) -> str:
    notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
    return _encodable(f"{type(error).__name__}: {error}{notes}")


def _encodable(text: str) -> str:
    """The text, in which half a surrogate pair is its escape."""
    return text.encode(errors="backslashreplace").decode()


def _json(name: str, value: Any) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        rule = f"{name} must be of numbers, words and lists of them to be stored"
        raise ValueError(f"{rule}, got {value!r:.80} ({error})") from None
