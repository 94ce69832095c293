"""A Gantt chart has a bar for each attempt, none behind another, and says its colours and lines."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex

from simcluster.report import gantt

TABLE = pd.DataFrame(
    [
        ("a", "n-10", 0.0, 2.0, "done", "u"),
        ("b", "n-2", 1.0, 3.0, "lost", "v"),
        ("c", "n-2", 2.0, 4.0, "repeated", "u"),
        ("d", "n-2", 3.0, 5.0, "done", "v"),
    ],
    columns=["task", "node", "begin_s", "end_s", "state", "user"],
)


def bars(axes):
    return [
        (round(bar.get_y() + bar.get_height() / 2), bar.get_x(), bar.get_x() + bar.get_width())
        for bar in axes.patches
    ]


def keys(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_each_attempt_is_a_bar_from_its_begin_to_its_end_on_a_row_of_its_node():
    (axes,) = gantt(TABLE).axes

    assert bars(axes) == [(2, 0.0, 2.0), (0, 1.0, 3.0), (1, 2.0, 4.0), (0, 3.0, 5.0)]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["n-2", "n-10"]
    assert list(axes.get_yticks()) == [0.5, 2.0]
    assert axes.get_xlabel() == "time (s)"
    assert [text.get_text() for text in axes.texts] == ["a", "b", "c", "d"]


def test_colours_hatches_and_bounds_are_named():
    (axes,) = gantt(TABLE, by="user", bounds_s={"critical path": 3.5, "area": 2.25}).axes

    assert keys(axes) == ["user u", "user v", "lost", "repeated", "critical path: 3.5 s", "area: 2.25 s"]
    colours = [to_hex(bar.get_facecolor()) for bar in axes.patches]
    assert colours[0] == colours[2] != colours[1] == colours[3]
    assert [bar.get_hatch() for bar in axes.patches] == [None, "///", "...", None]
    assert [line.get_xdata()[0] for line in axes.lines] == [3.5, 2.25]


def test_of_many_jobs_some_are_named_and_of_many_bars_none_is_written_on():
    many = pd.DataFrame({
        "task": [f"t{i}" for i in range(100)], "node": "n", "begin_s": range(100), "end_s": range(1, 101),
        "job": [f"job-{i}" for i in range(100)],
    })  # fmt: skip
    (axes,) = gantt(many, by="job").axes

    assert keys(axes)[-1] == "and 88 more"
    assert len(keys(axes)) == 13
    assert not axes.texts


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 20), st.integers(0, 10)), min_size=1, max_size=15))
@settings(max_examples=15, deadline=None)
def test_no_bar_hides_another_and_no_node_has_more_rows_than_it_had_tasks_at_once(given_bars):
    table = pd.DataFrame([("t", node, begin, begin + length) for node, begin, length in given_bars],
                         columns=["task", "node", "begin_s", "end_s"])  # fmt: skip
    drawn = bars(gantt(table).axes[0])

    for place, (row, begin, end) in enumerate(drawn):
        for other, from_s, to_s in drawn[:place]:
            assert other != row or from_s >= end or to_s <= begin
    most = 0
    for node in "xyz":
        mine = [(begin, begin + length) for each, begin, length in given_bars if each == node]
        most += max((sum(b <= at < e or b == e == at for b, e in mine) for at, _ in mine), default=0)
    assert len({row for row, _, _ in drawn}) <= most


@pytest.mark.parametrize(
    ("table", "options", "rule"),
    [
        (TABLE[:0], {}, "there must be at least one attempt, got none"),
        (TABLE.drop(columns="node"), {}, "node"),
        (TABLE, {"by": "usr"}, "usr"),
    ],
)
def test_what_cannot_be_drawn_is_refused(table, options, rule):
    with pytest.raises(ValueError, match=rule):
        gantt(table, **options)
