"""Journal: outcomes on their way into a store, in batches of at most half a second."""

from __future__ import annotations

import glob
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from simcluster.study.plan import Outcome, Task
from simcluster.study.store import Store, StoredRun, StoreError, is_running

#: Outcomes are kept when so long has passed since the last time, or so many have come.
FLUSH_S, FLUSH = 0.5, 1000
#: Other processes are told that this one is there at least so often.
BEAT_S = 3.0
#: Where sweeps that were given no file keep what they have done until they are over.
FOLDER = Path(".simcluster")


class Journal:
    """Keeps outcomes of the study ``key`` in a store."""

    def __init__(self, store: Store, key: str) -> None:
        self._store, self._key = store, key
        self._waiting: list[Outcome] = []
        self._beaten_s = time.monotonic()
        self._kept_s = self._beaten_s - FLUSH_S  # the first is kept at once, for whoever waits to see one

    def add(self, found: Outcome | None) -> bool:
        """Take in an outcome, or ``None`` for the time that passes; whether the store has changed."""
        now_s = time.monotonic()
        if found is not None:
            self._waiting.append(found)
        if self._waiting and (now_s - self._kept_s >= FLUSH_S or len(self._waiting) >= FLUSH):
            self.flush()
            return True
        if now_s - self._beaten_s >= BEAT_S:
            self._store.beat()
            self._beaten_s = now_s
        return False

    def flush(self) -> None:
        """Write what has not been written yet."""
        if self._waiting:
            self._store.write(self._key, self._waiting)
            self._waiting.clear()
        self._kept_s = self._beaten_s = time.monotonic()


class Unfinished:
    """The journal of a sweep that was given no file: in ``.simcluster/`` from its first half second to its end.

    What a process that was killed has left of the same sweep is taken over. Where the folder cannot be written, or
    what was measured is no numbers and words, there is none.
    """

    def __init__(self, key: Callable[[], str]) -> None:
        self._key_of = key
        self._key = ""
        self._path: Path | None = None
        self._store: Store | None = None
        self._journal: Journal | None = None
        self._early: list[Outcome] = []
        self._began_s = time.monotonic()
        self._off = False

    def taken_over(self) -> dict[Task, StoredRun]:
        """The runs that are done already, if a process that is gone has left them."""
        found: dict[Task, StoredRun] = {}
        if FOLDER.is_dir():
            self._key = self._key_of()
            for left in self._left():
                try:
                    store = Store(left)
                    runs = [run for run in store.runs(self._key) if run.error is None]
                    store.close()
                except StoreError:  # of the moment when it was killed
                    continue
                found |= {(run.cell, run.seed): run for run in runs}
                self._early += [Outcome(run.cell, run.seed, tuple(run.rows), elapsed_s=run.elapsed_s) for run in runs]
        return found

    def add(self, found: Outcome | None) -> None:
        """Take in an outcome, or ``None`` for the time that passes."""
        if self._off or (found is not None and found.error is not None):
            return
        if self._journal is None:
            if found is not None:
                self._early.append(found)
            if time.monotonic() - self._began_s < FLUSH_S:
                return
        try:
            if self._journal is None:
                self._begin()
            else:
                self._journal.add(found)
        except ValueError:  # a folder that cannot be written, values that cannot be stored: nobody has asked for it
            self._off = True
            self.end()

    def end(self) -> None:
        """The sweep is over, and its caller has what it gave."""
        if self._store is not None and self._path is not None:
            self._store.close()
            self._store = self._journal = None
            _remove(self._path)
            for left in self._left():
                _remove(left)
            with suppress(OSError):  # another sweep has its file there, or has taken the folder away
                FOLDER.rmdir()

    def leave(self) -> None:
        """The sweep is interrupted: what is done stays for the next one."""
        if self._journal is not None and self._store is not None:
            self._journal.flush()
            self._store.close()

    def _begin(self) -> None:
        self._key = self._key or self._key_of()
        try:
            FOLDER.mkdir(exist_ok=True)
        except OSError as error:
            raise StoreError(str(error)) from None
        self._path = FOLDER / f"{self._key}-{os.getpid()}.db"
        self._store = Store(self._path)
        self._journal = Journal(self._store, self._key)
        for each in self._early:
            self._journal.add(each)
        self._journal.flush()
        self._early.clear()

    def _left(self) -> list[Path]:
        """The files of processes that are gone."""
        mine = re.compile(rf"{self._key}-(\d+)\.db")
        found = ((Path(name), mine.fullmatch(Path(name).name)) for name in glob.glob(f"{FOLDER}/*.db"))
        return [path for path, match in found if match and not is_running(int(match[1]))]


def _remove(path: Path) -> None:
    for name in (path, f"{path}-wal", f"{path}-shm"):
        Path(name).unlink(missing_ok=True)
