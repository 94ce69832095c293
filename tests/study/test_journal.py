"""The journal: what is done is kept as it comes, and what a sweep without a file leaves is for the next one alone."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from sweeping import duration, waiting

from simcluster.study import Outcome, Store
from simcluster.study.plan import Here
from simcluster.study.running import journal
from simcluster.study.running.journal import FOLDER, Journal, Unfinished
from simcluster.sweep import Interrupted, sweep

CASES = {mean_s: waiting(mean_s) for mean_s in (1.0, 10.0)}


@pytest.fixture
def at_once(tmp_path, monkeypatch):
    """A folder of one's own, in which everything is kept as soon as it is there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(journal, "FLUSH_S", 0.0)


@pytest.fixture
def gone():
    """The number of a process that was."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def leave(path, *seeds):
    store = Store(path)
    store.write("key", [Outcome(0, seed, ({"x": seed},)) for seed in seeds])
    store.close()
    return path


def killed(pid):
    """As if the process that had written the file were gone."""
    (path,) = FOLDER.glob("*.db")
    path.rename(path.with_name(f"{path.stem.partition('-')[0]}-{pid}.db"))


def test_other_processes_hear_of_one_whose_runs_are_long(tmp_path, monkeypatch):
    path = tmp_path / "x.db"
    store = Store(path)
    store.claim("key", [(0, 0)])
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE owners SET seen = 0")
    monkeypatch.setattr(journal, "BEAT_S", 0.0)

    Journal(store, "key").add(None)

    with closing(sqlite3.connect(path)) as raw, raw:
        assert raw.execute("SELECT min(seen) FROM owners").fetchone()[0] > 0


def test_what_a_process_that_is_gone_has_left_is_taken_over_and_what_others_do_is_not(at_once, gone):
    FOLDER.mkdir()
    left = leave(FOLDER / f"key-{gone}.db", 0, 1)
    others = [leave(FOLDER / f"key-{os.getppid() or 1}.db", 2), leave(FOLDER / f"another-{gone}.db", 3)]
    ours = Unfinished(lambda: "key")

    assert sorted(ours.taken_over()) == [(0, 0), (0, 1)]
    ours.add(Outcome(0, 4, ({"x": 4},)))
    ours.end()
    assert not left.exists()
    assert sorted(FOLDER.glob("*.db")) == sorted(others)


def test_what_has_not_been_written_yet_is_left_too(at_once, monkeypatch, gone):
    ours = Unfinished(lambda: "key")
    ours.add(Outcome(0, 0, ({"x": 0},)))
    monkeypatch.setattr(journal, "FLUSH_S", 1e9)
    ours.add(Outcome(0, 1, ({"x": 1},)))
    ours.leave()
    killed(gone)

    assert sorted(Unfinished(lambda: "key").taken_over()) == [(0, 0), (0, 1)]


def test_an_interrupted_sweep_is_gone_on_with_and_leaves_nothing(at_once, gone):
    def stop(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        sweep(CASES, range(4), duration, within=Here(), progress=stop)
    killed(gone)
    seen = []
    table = sweep(CASES, range(1, 4), duration, within=Here(), progress=lambda *far: seen.append(far))

    assert seen == [(done, 6) for done in range(3, 7)]  # of the three, one was under a seed that is not asked for
    pd.testing.assert_frame_equal(table, sweep(CASES, range(1, 4), duration))
    assert not FOLDER.exists()


def test_a_sweep_that_fails_leaves_nothing(at_once):
    def measure(result):
        if result.seed == 2:
            assert FOLDER.exists()
            raise ValueError("so")
        return duration(result)

    with pytest.raises(ValueError, match="so"):
        sweep(CASES, range(4), measure, within=Here())

    assert list(Path().iterdir()) == []
