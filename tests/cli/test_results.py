import numpy as np
import pandas as pd
import pytest

from simcluster.measurement.statistics import interval_for, ranking
from simcluster.report import read_csv
from simcluster.study import Store, StoredStudy, open_study


def test_the_means_and_intervals_are_those_of_the_runs_over_the_seeds(studied, good):
    told = good("results", "study.db", "--metric", "ended_s", "--json").json
    frame = open_study("study.db").frame()
    interval = interval_for(frame["ended_s"])

    for cell in told["cells"]:
        runs = frame[frame["staleness"] == cell["label"]["staleness"]]["ended_s"]
        wanted = interval(runs)
        assert cell["seeds"] == 3
        assert cell["metrics"]["ended_s"] == pytest.approx(
            {"mean": wanted.estimate, "low": wanted.low, "high": wanted.high}
        )
    assert [cell["label"]["staleness"] for cell in told["cells"]] == [0, 2]


def test_as_many_metrics_are_shown_as_there_is_room_for_and_the_others_named(studied, good):
    ended = good("results", "study.db")

    head, *rows = ended.out.splitlines()[1:4]
    *table, more = ended.out.splitlines()
    assert max(map(len, table)) <= 80
    assert [row.split()[:2] for row in rows] == [["0", "3"], ["2", "3"]]
    shown, left = head.split()[2:], more.partition("also: ")[2].split(", ")
    frame = open_study("study.db").frame()
    differ = [name for name in frame.select_dtypes("number") if name not in ("staleness", "seed")
              and frame[name].nunique() > 1]  # fmt: skip
    assert [*shown, *left] == differ


def test_metrics_that_were_asked_for_have_as_many_tables_as_they_need(studied, good):
    named = ["ended_s", "loss_final", "computing_s", "messages_sent"]

    out = good("results", "study.db", *(word for name in named for word in ("--metric", name))).out

    heads = [line.split() for line in out.splitlines() if line.startswith("staleness ")]
    assert max(map(len, out.splitlines())) <= 80
    assert [name for head in heads for name in head[2:]] == named
    assert len(heads) > 1


def test_a_long_label_leaves_room_for_a_metric(capsys, monkeypatch):
    from simcluster.cli.means import means, means_table

    monkeypatch.setenv("COLUMNS", "80")
    frame = pd.DataFrame([{"policy": f"{place} " * 60, "seed": 0, "ended_s": 1.5} for place in range(2)])

    means_table(means(frame, ["policy"], ["ended_s"]), ["policy"], [])

    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.endswith("1.5 [-inf, inf]") or line.endswith("1.5 [0, inf]") for line in lines].count(True) == 2


def test_one_cell_is_shown_downwards(studied, good):
    (studied / "one.yaml").write_text((studied / "study.yaml").read_text().replace("[0, 2]", "[0]"))
    good("sweep", "one.yaml", "--processes", "1", "--quiet")

    rows = good("results", "one.db").out.splitlines()[1:]

    assert rows[0].split() == ["staleness=0", "mean", "of", "3", "seeds", "[95", "%]"]
    assert any(row.startswith("ended_s ") for row in rows)


def test_means_over_all_cells_of_a_value(studied, good):
    (studied / "two.yaml").write_text(
        (studied / "study.yaml").read_text().replace("values: {", "values: {horizon_s: [50, 60], ")
    )
    good("sweep", "two.yaml", "--processes", "1", "--quiet")

    told = good("results", "two.db", "--by", "staleness", "--metric", "ended_s", "--json").json

    means = open_study("two.db").frame().groupby(["staleness", "seed"])["ended_s"].mean().groupby("staleness").mean()
    assert [cell["metrics"]["ended_s"]["mean"] for cell in told["cells"]] == pytest.approx(list(means))
    assert {cell["seeds"] for cell in told["cells"]} == {3}


def test_failures_are_counted_and_said_how_to_run_again(odd, call, good):
    call("sweep", "study.yaml", "--processes", "1", "--plugin", "odd_parts")

    out = good("results", "study.db").out
    told = good("results", "study.db", "--json").json

    assert "4 failed: RuntimeError: odd \\x1b[31mseed" in out
    assert out.count("  again: simcluster replay study.db --study") == 1
    assert (told["done"], told["failed"], len(told["failures"])) == (8, 4, 4)
    assert "\x1b" not in out


def test_what_is_no_number_has_no_mean(folder, good):
    from simcluster.cli.means import means

    frame = pd.DataFrame({"seed": [0, 1], "a": [1.0, np.inf], "b": [np.nan, np.nan], "c": [True, False]})

    (cell,) = means(frame, [], ["a", "b", "c"])

    assert cell.means["a"] == "not finite in 1 of 2"
    assert cell.means["b"] == "none"
    assert cell.means["c"].estimate == 0.5


def test_names_from_a_database_cannot_command_the_terminal(studied, good):
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect("study.db")) as db, db:
        named = "replace(definition, 'staleness', 'st\\u001bale')"
        db.execute(f"UPDATE studies SET name = 'a\x1b[2Jb', definition = {named}")
    db.close()

    said = good("status", "study.db").out + good("results", "study.db").out + good("status", "study.db", "--json").out

    assert "\x1b" not in said
    assert "a\\x1b[2Jb" in said


def test_compare_prints_the_ranking(studied, good, monkeypatch):
    def compare(self, column, metric, lower_is_better=True):
        cells = self.frame().groupby(column)[metric]
        values = {str(name): rows.to_numpy() for name, rows in cells}
        return ranking(values, lower_is_better=lower_is_better)

    monkeypatch.setattr(StoredStudy, "compare", compare, raising=False)
    wanted = open_study("study.db").compare("staleness", "ended_s")
    assert isinstance(wanted.order, tuple)

    assert good("compare", "study.db", "staleness", "--metric", "ended_s").out == f"{wanted}\n"
    told = good("compare", "study.db", "staleness", "--metric", "ended_s", "--higher-is-better", "--json").json
    assert told["order"] == list(reversed(wanted.order))
    assert told["pairs"][0]["p_value"] == pytest.approx(wanted.pairs[0].p_value)


def test_export_writes_the_frame(studied, good):
    good("export", "study.db", "--to", "runs.csv")
    good("export", "study.db", "--to", "runs.parquet")

    frame = open_study("study.db").frame()
    pd.testing.assert_frame_equal(pd.read_parquet("runs.parquet"), frame)
    pd.testing.assert_series_equal(read_csv("runs.csv")["ended_s"], frame["ended_s"])


def test_plot_draws_a_picture_with_its_table(studied, good):
    ended = good("plot", "study.db", "--kind", "cdf", "--y", "ended_s", "--by", "staleness", "--out", "times.png")

    assert ended.out == "times.png\ntimes.csv\n"
    assert (studied / "times.png").stat().st_size > 10_000
    assert len(read_csv("times.csv")) == 6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["results", "none.db"], "error: none.db: must be a file that is there"),
        (["results", "study.db", "--by", "stalenes"], "error: by: must be one of staleness, "),
        (["results", "study.db", "--by", "digest"], "error: by: must be one of staleness, "),
        (["results", "study.db", "--metric", "ended_"], "error: metric must be one of "),
        (["results", "study.db", "--study", "x"], "error: study.db: study must be one of "),
        (["compare", "study.db", "staleness"], "error: Missing option '--metric'."),
        (["export", "study.db", "--to", "runs.xlsx"], "error: path must end in .csv or .parquet, got 'runs.xlsx'"),
        (["export", "study.db", "--to", "there.csv"], "error: there.csv: must not be there yet"),
        (["plot", "study.db", "--kind", "pie", "--out", "a.png"], "error: kind must be one of lines, cdf, heat_map"),
        (["plot", "study.db", "--out", "a.gif", "--x", "staleness", "--y", "ended_s"], "error: format: must be one of"),
    ],
)
def test_what_a_user_gets_wrong_is_one_line(studied, call, arguments, said):
    (studied / "there.csv").write_text("mine")

    ended = call(*arguments)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(said)
    assert ended.err.count("\n") == 1
    assert (studied / "there.csv").read_text() == "mine"


def test_a_database_is_left_as_it_was_by_whoever_only_reads(studied, good):
    before = Store("study.db", read=True).studies()

    good("results", "study.db")
    good("status", "study.db")

    assert Store("study.db", read=True).studies() == before
