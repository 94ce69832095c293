"""What a report writes: whole or absent, inside its folder, and text that no spreadsheet runs."""

import csv
import math
import os
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simcluster.report import read_csv, save, write_csv, write_parquet

TABLE = pd.DataFrame({"seed": [0, 1], "strategy": ["a", "b"], "time_s": [-1.5, math.nan]})
BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝")


@given(st.lists(st.text(), min_size=1, max_size=5))
@example(["=1+1", "'=1+1", "''", "'tis", "-1.5", "+", "@a", "\t=1", "a\rb", "\r", 'a"b', "NA", "nan", "1.0", ""])
def test_any_text_comes_back_from_a_csv_and_none_begins_as_a_formula(tmp_path_factory, cells):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    table = pd.DataFrame({"seed": range(len(cells)), "label": pd.Series(cells, dtype=object)})

    write_csv(table, path)

    assert read_csv(path, text=["label"])["label"].tolist() == cells
    with path.open(newline="", encoding="utf-8") as file:
        assert not [row for row in csv.reader(file) if row[1].startswith(BEGINS)]


@given(st.lists(st.floats(), min_size=1), st.integers(-(2**62), 2**62))
def test_numbers_come_back_to_the_last_bit_and_negative_ones_stay_numbers(tmp_path_factory, numbers, whole):
    path = tmp_path_factory.mktemp("csv") / "t.csv"

    write_csv(pd.DataFrame({"value": numbers, "seed": whole}), path)

    found = read_csv(path)
    assert np.array_equal(found["value"].to_numpy(dtype=float), numbers, equal_nan=True)
    assert set(found["seed"]) == {whole}


def test_cells_of_any_kind_are_written_and_the_table_of_the_caller_is_as_it_was(tmp_path):
    kinds = pd.Categorical(["@a", "b"])
    table = pd.DataFrame({"=seed": [1, 2], "-x": ["-1", None], "kind": kinds, "mixed": [-1, "-1"]})
    before = table.copy()

    path = write_csv(table, tmp_path / "new" / "t.csv")

    pd.testing.assert_frame_equal(table, before)
    assert path.read_text().splitlines() == ["'=seed,'-x,kind,mixed", "1,'-1,'@a,-1", "2,,b,'-1"]
    assert read_csv(path, text=["-x"]).to_dict("list") == {
        "=seed": [1, 2], "-x": ["-1", ""], "kind": ["@a", "b"], "mixed": ["-1", "-1"],
    }  # fmt: skip


def test_parquet_keeps_types_and_refuses_a_column_of_several(tmp_path):
    path = write_parquet(TABLE, tmp_path / "t.parquet")

    pd.testing.assert_frame_equal(pd.read_parquet(path), TABLE)
    with pytest.raises(ValueError, match="every column of a Parquet file must be of one type"):
        write_parquet(pd.DataFrame({"mixed": [1, "a"]}), tmp_path / "mixed.parquet")
    assert [each.name for each in tmp_path.iterdir()] == ["t.parquet"]


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("simcluster.report.exports.find_spec", lambda name: None)

    with pytest.raises(ValueError, match=r"^Parquet needs pyarrow: pip install 'simcluster\[parquet\]'$"):
        write_parquet(TABLE, tmp_path / "t.parquet")


@pytest.mark.parametrize("name", ["../x", "a/b", "/x", "a\\b", "C:x", "..", ".", "", "a\x1b", "a\nb", "a\0", None])
def test_a_name_cannot_leave_its_folder(name, tmp_path):
    (tmp_path / "in").mkdir()

    with pytest.raises(ValueError, match=r"^name: must be that of a file"):
        save(None, TABLE, tmp_path / "in", name)
    assert [each.name for each in tmp_path.rglob("*")] == ["in"]


def test_a_link_is_replaced_and_what_it_leads_to_is_as_it_was(tmp_path):
    outside, inside = tmp_path / "outside.csv", tmp_path / "in"
    outside.write_text("mine")
    inside.mkdir()
    (inside / "t.csv").symlink_to(outside)
    (inside / "u.csv").symlink_to(tmp_path / "nothing.csv")

    save(None, TABLE, inside, "t")
    save(None, TABLE, inside, "u")

    assert outside.read_text() == "mine"
    assert not (tmp_path / "nothing.csv").exists()
    assert len(read_csv(inside / "t.csv")) == len(read_csv(inside / "u.csv")) == 2


def test_only_a_file_is_replaced(tmp_path):
    (tmp_path / "t.csv").mkdir()
    os.mkfifo(tmp_path / "pipe")

    for path in ("t.csv", "pipe"):
        with pytest.raises(ValueError, match="must not have anything but a file at"):
            write_csv(TABLE, tmp_path / path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["pipe", "t.csv"]
    for nowhere in ("", ".."):
        with pytest.raises(ValueError, match="path: must be that of a file"):
            write_csv(TABLE, nowhere)


def test_what_is_written_has_the_rights_that_any_file_has(tmp_path):
    (tmp_path / "plain").write_text("")

    path = write_csv(TABLE, tmp_path / "t.csv")

    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


FULL = """
    import resource, signal, sys
    from simcluster.report import band, figure, legend, read_csv, save, write_csv, write_parquet
    import pandas as pd

    out, limit = sys.argv[1], int(sys.argv[2])
    table = pd.DataFrame({"seed": range(5000), "x": 1.23456})
    drawn, (axes,) = figure("t", "x", "y")
    band(axes, [1, 2], [[1.0, 2.0]], "a", 0)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    for write in (
        lambda: save(drawn, table, out, "p", formats=["png", "pdf", "svg"]),
        lambda: write_csv(table, f"{out}/only.csv"),
        lambda: write_parquet(pd.DataFrame({"x": [f"{i * 0.1}" for i in range(30_000)]}), f"{out}/only.parquet"),
    ):
        try:
            write()
        except ValueError as error:
            print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("limit", [0, 4096, 20_000, 58_000])  # the table takes 64 kB, the picture about 30
def test_a_disk_that_fills_leaves_what_was_there_and_says_so(limit, old, tmp_path):
    names = ["p.csv", "p.png", "p.pdf", "p.svg", "only.csv", "only.parquet"] if old else []
    for name in names:
        (tmp_path / name).write_text("old")

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL), str(tmp_path), str(limit)],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip

    told = done.stdout.splitlines()
    assert len(told) == 3
    for line in told:
        assert line.startswith(f"out: must be a folder that can be written, got {str(tmp_path)!r} (")
        assert "File too large" in line
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == dict.fromkeys(names, "old")


def test_a_mark_of_byte_order_stays_in_the_first_name(tmp_path):
    made = write_csv(pd.DataFrame({"\ufeffa": ["\ufeffx"]}), tmp_path / "x.csv")

    again = read_csv(made)
    assert (list(again.columns), list(again["\ufeffa"])) == (["\ufeffa"], ["\ufeffx"])


def test_half_of_a_surrogate_pair_is_written_as_its_escape(tmp_path):
    table = pd.DataFrame(
        [["a\udc00b"] for _ in range(2)], dtype=object, columns=pd.Index(["l\udc00"], dtype=object), index=[7, 7]
    )
    path = write_csv(table, tmp_path / "t.csv")

    assert path.read_text(encoding="utf-8") == "l\\udc00\na\\udc00b\na\\udc00b\n"
