"""Curves: each strategy's band in each panel, of the rows, the column and the unit that the panel says."""

import numpy as np
import pandas as pd
import pytest

from simcluster.report import Panel, curves

TABLE = pd.DataFrame(
    [
        {"who": who, "where": where, "x": x, "seed": seed, "y": 10 * x + seed + 100 * (who == "b") + 7 * (where == "w")}
        for who in ("a", "b")
        for where in ("v", "w")
        for x in (1, 2)
        for seed in (0, 1)
    ]
)


def lines(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def test_a_panel_shows_the_means_of_its_rows_in_its_unit():
    panels = [Panel("x", "y", "x (s)", "y (ms)", name, unit=0.5, where={"where": name}) for name in ("v", "w")]

    drawn, axes = curves(TABLE, "who", panels, "Why?", "About")

    assert lines(axes[0]) == {"a": [[1, 21], [2, 41]], "b": [[1, 221], [2, 241]]}
    assert lines(axes[1]) == {"a": [[1, 35], [2, 55]], "b": [[1, 235], [2, 255]]}
    assert [each.get_xlabel() for each in axes] == ["x (s)", "x (s)"]
    assert [each.get_ylabel() for each in axes] == ["y (ms)", ""]  # which both have
    assert drawn.texts[-1].get_text() == "About; 95 % intervals, seeds 0–1"


def test_panels_of_other_columns_have_their_own_labels():
    one = TABLE[TABLE["where"] == "v"]

    _, axes = curves(one, "who", [Panel("x", "y", "x", "y"), Panel("seed", "x", "seed", "x", at=[0, 1])], "Why?", "")

    assert [each.get_ylabel() for each in axes] == ["y", "x"]


def test_words_stand_in_their_order_along_the_axis():
    one = TABLE[TABLE["x"] == 2].replace({"v": "z"})

    _, (axes,) = curves(one, "who", [Panel("where", "y", "", "y")], "Why?", "")

    assert lines(axes) == {"a": [[0, 20.5], [1, 27.5]], "b": [[0, 120.5], [1, 127.5]]}
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["z", "w"]


def test_a_curve_is_what_holds_at_each_point():
    table = pd.DataFrame({"who": "a", "seed": [0, 0, 1], "t": [1.0, 3.0, 2.0], "y": [4.0, 2.0, 8.0]})

    _, (axes,) = curves(table, "who", [Panel("t", "y", "t", "y", at=[2.0, 3.0])], "Why?", "")

    assert lines(axes) == {"a": [[2.0, pytest.approx(np.mean([4, 8]))], [3.0, pytest.approx(np.mean([2, 8]))]]}
