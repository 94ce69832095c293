"""The store: what is in it stays, whoever writes, and what is no store is refused."""

import gc
import os
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.study import Outcome, Store, StoredStudy, StoreError
from simcluster.study.store import GONE_S, is_running

KEY = "a" * 32


def entered(path=":memory:", cells=3, **options):
    store = Store(path, **options)
    store.enter(KEY, "study", {"seeds": [0], "columns": [], "cells": cells}, [([n], None) for n in range(cells)])
    return store


plain = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text()


@given(st.lists(st.dictionaries(st.text(), plain)))
def test_rows_come_back_as_they_were(rows):
    store = entered()
    store.write(KEY, [Outcome(1, 2, tuple(rows), elapsed_s=0.5)])

    (run,) = store.runs(KEY)

    assert (run.cell, run.seed, run.rows, run.error, run.elapsed_s) == (1, 2, rows, None, 0.5)


@given(st.lists(st.dictionaries(st.sampled_from("wxyz"), plain), min_size=1))
def test_a_frame_is_what_pandas_makes_of_the_rows_whichever_of_them_lack_a_value(rows):
    store = entered(cells=2)
    store.write(KEY, [Outcome(0, 3, tuple(rows)), Outcome(1, 3, tuple(reversed(rows)))])
    heads = [{"cell": cell, "seed": 3} for cell in (0, 1)]

    made = StoredStudy(store, KEY, "study", {"columns": ["cell"]}).frame()

    plainly = [{**head, **row} for head, each in zip(heads, (rows, reversed(rows)), strict=True) for row in each]
    pd.testing.assert_frame_equal(made, pd.DataFrame(plainly))


def test_the_first_outcome_of_a_run_stays():
    store = entered()
    store.write(KEY, [Outcome(0, 0, ({"x": 1},))])
    store.write(KEY, [Outcome(0, 0, ({"x": 2},)), Outcome(0, 1, ({"x": 3},))])

    assert [run.rows[0]["x"] for run in store.runs(KEY)] == [1, 3]


def test_an_error_is_kept_in_words_with_its_notes():
    error = ValueError("so \x1b[31m and \udc00")
    error.add_note("in the run a")
    store = entered()
    store.write(KEY, [Outcome(0, 0, (), error, "Traceback: here")])

    (run,) = store.runs(KEY)

    assert (run.error, run.traceback) == ("ValueError: so \x1b[31m and \\udc00\nin the run a", "Traceback: here")
    assert store.counts(KEY) == (1, 1)


def test_what_one_process_has_begun_another_leaves_alone_until_it_is_gone(tmp_path):
    path = tmp_path / "x.db"
    one, other = entered(path), entered(path)
    tasks = [(0, seed) for seed in range(4)]

    assert one.claim(KEY, tasks[:3]) == tasks[:3]
    assert other.claim(KEY, tasks) == tasks[3:]
    one.write(KEY, [Outcome(0, 0, ({},))])
    one.close()
    assert other.claim(KEY, tasks) == tasks[1:3]


def test_what_a_killed_process_has_begun_is_anybodys_at_once(tmp_path):
    path = tmp_path / "x.db"
    entered(path).close()
    program = (
        "import os, sys; from simcluster.study import Store\n"
        f"store = Store({str(path)!r}); print(store.claim({KEY!r}, [(0, 0), (0, 1)]), flush=True); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (9, "[(0, 0), (0, 1)]\n")

    assert Store(path).claim(KEY, [(0, 0), (0, 1)]) == [(0, 0), (0, 1)]


def test_a_process_of_another_machine_is_gone_when_it_is_silent(tmp_path):
    path = tmp_path / "x.db"
    one, other = entered(path), entered(path)
    one.claim(KEY, [(0, 0)])
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE owners SET host = 'elsewhere'")
    assert other.claim(KEY, [(0, 0)]) == []
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE owners SET seen = seen - ? WHERE host = 'elsewhere'", (GONE_S + 1,))
    assert other.claim(KEY, [(0, 0)]) == [(0, 0)]


def test_a_store_that_nobody_closes_is_closed_with_the_last_that_knows_it(tmp_path):
    store = entered(tmp_path / "x.db")
    connection = store._db
    del store
    gc.collect()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_failed_runs_may_be_forgotten():
    store = entered()
    store.write(KEY, [Outcome(0, 0, ({},)), Outcome(0, 1, (), ValueError("x"))])
    store.forget_failed(KEY)

    assert store.finished(KEY) == {(0, 0)}


def foreign(path):
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("CREATE TABLE other (x)")


def newer(path):
    entered(path).close()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("PRAGMA user_version = 99")


def cut(path):
    store = entered(path)
    store.write(KEY, [Outcome(0, seed, ({"x": "y" * 4000},)) for seed in range(50)])
    store.close()
    os.truncate(path, 5000)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b"not a database" * 100), "must be a database of studies, got a file of"),
        (foreign, "must be a database of studies, got another one"),
        (newer, "must be of format 1, got 99"),
        (lambda path: path.mkdir(), "must be a file that can be opened"),
    ],
)
def test_what_is_no_store_is_refused_and_stays_as_it_is(make, said, tmp_path):
    path = tmp_path / "x.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None

    for read in (False, True):
        with pytest.raises(StoreError, match=said):
            Store(path, read=read)
    assert before is None or path.read_bytes() == before


def test_a_store_that_is_cut_off_is_said(tmp_path):
    path = tmp_path / "x.db"
    cut(path)

    with pytest.raises(StoreError, match="is damaged or cut off"):
        list(Store(path).runs(KEY))


def test_a_file_that_is_only_read_must_be_there_and_is_not_made(tmp_path):
    with pytest.raises(StoreError, match="must be a file that is there"):
        Store(tmp_path / "x.db", read=True)
    assert not (tmp_path / "x.db").exists()


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(StoreError, match="in a folder that is there"):
        Store(tmp_path / "none" / "x.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(StoreError, match="must be a file that can be opened and written"):
        Store(tmp_path / "x.db")


FULL = """
import resource, signal, sys
from simcluster.study import Outcome, Store, StoredStudy, StoreError
KEY = "a" * 32
store = Store(sys.argv[1])
store.enter(KEY, "study", {"seeds": [0], "columns": [], "cells": 1}, [([0], None)])
store.write(KEY, [Outcome(0, 0, ({"x": 1},))])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    for seed in range(1, 1000):
        store.write(KEY, [Outcome(0, seed, ({"x": "y" * 5000},))])
except StoreError as error:
    print(seed, error)
"""


def test_a_disk_that_fills_is_said_and_what_was_stored_stays(tmp_path):
    path = tmp_path / "x.db"
    said = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True).stdout

    seed, text = int(said.split()[0]), said.split(" ", 1)[1]
    assert "full" in text
    assert "what is stored stays" in text
    kept = [run.seed for run in Store(path).runs(KEY)]
    assert kept == list(range(seed))


def test_what_cannot_be_stored_is_refused_and_named():
    store = entered()
    with pytest.raises(ValueError, match="measure must be of numbers, words and lists of them to be stored"):
        store.write(KEY, [Outcome(0, 0, ({"x": object()},))])


def test_a_process_of_another_machine_is_not_looked_for_on_this_one(tmp_path):
    path = tmp_path / "x.db"
    one, other = entered(path), entered(path)
    one.claim(KEY, [(0, 0)])
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE owners SET host = 'elsewhere', pid = ?", (gone.pid,))

    assert other.claim(KEY, [(0, 0)]) == []


def test_a_process_that_one_may_not_signal_runs(monkeypatch):
    def forbidden(pid, signal):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", forbidden)

    assert is_running(1)


def test_what_cannot_be_entered_leaves_nothing_and_the_store_goes_on():
    store = entered()
    definition = {"seeds": [0], "columns": [], "cells": 1}
    with pytest.raises(ValueError, match="label must be of numbers, words and lists of them to be stored"):
        store.enter("b" * 32, "study", definition, [([object()], None)])

    assert [key for key, _, _ in store.studies()] == [KEY]
    store.write(KEY, [Outcome(0, 0, ({},))])
    assert store.finished(KEY) == {(0, 0)}


def test_a_study_that_is_entered_again_has_the_seeds_of_both_and_is_the_newest():
    store = entered()
    store.enter("b" * 32, "other", {"seeds": [0]}, [])
    again = store.enter(KEY, "study", {"seeds": [5], "columns": [], "cells": 3}, [])

    assert again["seeds"] == [0, 5]
    assert [key for key, _, _ in store.studies()] == ["b" * 32, KEY]
    assert len(store.cells(KEY)) == 3


def test_two_may_enter_their_studies_at_once(tmp_path):
    path = tmp_path / "x.db"
    both_are_there = Barrier(2, timeout=20)

    def enter(name):
        store = Store(path)
        both_are_there.wait()
        for place in range(30):
            store.enter(f"{name}-{place % 3}", name, {"seeds": [place]}, [])

    with ThreadPoolExecutor() as threads:
        list(threads.map(enter, "ab"))

    assert [len(definition["seeds"]) for _, _, definition in Store(path).studies()] == [10] * 6
