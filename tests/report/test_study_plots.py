"""The figures of a study: what they show of the table, and that hard tables are drawn, said or refused."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from simcluster.engine import printable
from simcluster.measurement import interval_for
from simcluster.report import band, cdf, figure, front, heat_map, label_of, legend, lines, pareto, plot, save

LONG = "a long label that nobody would write but a program does, with alpha=0.1234567 and beta="
HARD = ["$x_{$", "_hidden", "_child3", "_nolegend_", "[bold]a[/bold]", "a_b^c", "\\frac", "=cmd", "", "\x1b[31m"]
HARD.append(f"{LONG}2")
OPTIONS = {
    "lines": {"x": "workers", "y": "time_s", "by": "strategy"},
    "cdf": {"y": "time_s", "by": "strategy"},
    "heat_map": {"x": "workers", "y": "strategy", "value": "time_s"},
    "pareto": {"x": "time_s", "y": "size_bytes", "by": ["strategy", "workers"]},
}


def table(strategies=("a", "b"), workers=(1, 2, 4), seeds=4, missing=0):
    """One row a run; the first ``missing`` of them have no time."""
    rows = [
        {"strategy": name, "workers": count, "seed": seed}
        for name in strategies for count in workers for seed in range(seeds)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    generator = np.random.default_rng(0)
    frame["time_s"] = generator.lognormal(size=len(frame))
    frame["size_bytes"] = generator.uniform(1e6, 2e6, size=len(frame))
    frame.loc[frame.index < missing, "time_s"] = [(math.nan, math.inf)[run % 2] for run in range(missing)]
    return frame


def entries(drawn):
    return [text.get_text() for text in drawn.axes[0].get_legend().get_texts()]


def subtitle(drawn):
    return drawn.texts[-1].get_text()


def test_lines_are_the_means_over_seeds_and_say_which():
    frame = table()
    drawn = lines(frame, "workers", "time_s", by="strategy")
    axes = drawn.axes[0]
    means = frame.groupby(["strategy", "workers"])["time_s"].mean()

    assert entries(drawn) == ["a", "b"]
    for line, name in zip(axes.lines, "ab", strict=True):
        assert line.get_xdata().tolist() == [1, 2, 4]
        assert line.get_ydata() == pytest.approx(means[name].to_numpy())
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("workers", "time (s)")
    assert subtitle(drawn).startswith("Mean and 95 % interval of seeds 0–3")


def test_lines_stand_side_by_side_for_words_and_for_what_is_infinite():
    for values, words in (
        (["ring", "_$x$"], ["ring", "_$x$"]),
        ([math.inf, 1.0], ["1", "inf"]),
        ([True, False], ["False", "True"]),
    ):
        axes = lines(table(workers=values), "workers", "time_s", by="strategy").axes[0]

        assert [text.get_text() for text in axes.get_xticklabels()] == words
        assert axes.lines[0].get_xdata().tolist() == [0, 1]


def test_runs_without_a_value_are_counted_at_their_points_or_where_lines_are_many_in_the_legend():
    few = lines(table(missing=2, workers=(1, 2, 3)), "workers", "time_s", by="strategy")
    many = lines(table(missing=2, strategies="abcdef"), "workers", "time_s", by="strategy")

    assert [text.get_text() for text in few.axes[0].texts] == ["2/4 runs"]
    assert entries(many)[:2] == ["a (10/12 runs)", "b"]
    assert not many.axes[0].texts
    assert "open markers" in subtitle(many)


def test_means_are_told_apart_beside_intervals_that_are_far_longer():
    frame = table(seeds=2)  # whose intervals are wide: t(1) = 12.7
    drawn = lines(frame, "workers", "time_s", by="strategy")
    low, high = drawn.axes[0].get_ylim()
    means = frame.groupby(["strategy", "workers"])["time_s"].mean()

    assert high - low < 3.01 * np.ptp(means)
    assert low <= means.min() <= means.max() <= high
    assert subtitle(drawn).endswith("; longer intervals leave the panel")


def test_an_axis_may_be_logarithmic_with_plain_numbers():
    axes = lines(table(), "workers", "time_s", "strategy", log_x=True, log_y=True).axes[0]

    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "2", "4"]
    assert cdf(table(), "time_s", "strategy", log_y=True).axes[0].get_xscale() == "log"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.integers(0, 5))
def test_a_cdf_is_the_share_of_all_runs_at_or_below(values, missing):
    frame = pd.DataFrame({"loss": values + [math.nan] * missing, "seed": range(len(values) + missing)})
    line = cdf(frame, "loss").axes[0].lines[0]
    at, share = line.get_xdata(), line.get_ydata()

    for value in values:
        expected = np.sum(np.array(values) <= value) / len(frame)
        assert share[np.searchsorted(at, value, side="right") - 1] == pytest.approx(expected)


def test_a_cdf_says_how_many_runs_have_a_value_and_which_are_equal():
    frame = table(strategies=("a", "_b"), missing=3)
    assert entries(cdf(frame, "time_s", "strategy")) == ["a (9/12 runs)", "_b"]

    frame["time_s"] = frame["workers"]
    assert entries(cdf(frame, "time_s", "strategy")) == ["a", "_b (equal to a)"]


def test_a_heat_map_has_the_mean_of_each_cell_and_says_which_are_open():
    frame = table(workers=(1, 2), missing=5)
    frame = frame[(frame["strategy"] == "b") | (frame["seed"] < 4)].drop(index=frame.index[-4:])
    drawn = heat_map(frame, "workers", "strategy", "time_s")
    said = [text.get_text() for text in drawn.axes[0].texts]
    of_a, of_b = (frame[frame["strategy"] == name]["time_s"] for name in "ab")

    assert said == ["0/4 runs", f"{of_a.iloc[5:].mean():.3g}\n3/4", f"{of_b.mean():.3g}", "not run"]
    assert "2 of 4 cells without a value (hatched)" in subtitle(drawn)
    assert drawn.axes[1].get_ylabel() == "time (s)"


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=20))
def test_a_front_is_what_no_other_point_dominates(points):
    costs = np.array(points, dtype=float).T
    beaten = [
        any(a <= x and b <= y and (a, b) != (x, y) for a, b in points) for x, y in points
    ]

    assert front(costs).tolist() == [not each for each in beaten]


def test_a_front_has_no_point_without_a_value():
    assert front(np.array([[math.nan, 1.0], [0.0, 1.0]])).tolist() == [False, True]


def test_a_pareto_figure_fills_the_front_and_has_the_intervals_of_both_metrics():
    frame = table(strategies=("a", "b", "c"), workers=(1,))
    frame["time_s"] += frame["strategy"].map({"a": 10, "b": 20, "c": 30})
    frame["size_bytes"] = frame["strategy"].map({"a": 3e6, "b": 1e6, "c": 2e6}) + frame["seed"]
    filled = {}
    for maximise in ((), ("time_s",)):
        axes = pareto(frame, "time_s", "size_bytes", "strategy", maximise=maximise).axes[0]
        points = [line for line in axes.lines if str(line.get_label()) in "abc"]
        filled[maximise] = [str(line.get_label()) for line in points if line.get_markerfacecolor() != "white"]

    assert filled == {(): ["a", "b"], ("time_s",): ["b", "c"]}
    interval = interval_for(frame["time_s"])(frame["time_s"][:4])
    assert axes.lines[0].get_xdata() == pytest.approx([interval.low, interval.high])


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("time_s", "time (s)"),
        ("size_bytes", "size (bytes)"),
        ("sojourn_ms_p99", "sojourn p99 (ms)"),
        ("latency_s_mean", "latency mean (s)"),
        ("bandwidth_bytes_per_s", "bandwidth (bytes/s)"),
        ("flops_per_s", "flops (1/s)"),
        ("steps_per_s", "steps (1/s)"),
        ("workers", "workers"),
        ("s", "s"),
        ("_x_s", "_x_s"),
        ("", ""),
        (3, "3"),
    ],
)
def test_the_label_of_an_axis_has_the_unit_of_its_column(name, label):
    assert label_of(name) == label


@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (table().rename(columns={"time_s": "times"}), r"must be one column of the table, got 'time_s' \(did you mean"),
        (table().assign(time_s="fast"), r"must be a column of numbers, got 'time_s' \(could not convert"),
        (table().drop(columns="seed"), "frame must be one column of the table, got 'seed'"),
        (table().iloc[:0], "frame must have at least one run, got none"),
        ([1], "frame must be a pandas DataFrame with one row a run, got list"),
        (table().assign(strategy=[[]] * 24), "a parameter must be text, numbers or truths, got 'strategy'"),
    ],
)
def test_a_table_that_cannot_be_drawn_is_refused_by_name(kind, frame, said):
    with pytest.raises(ValueError, match=said):
        plot(frame, kind, **OPTIONS[kind])


@pytest.mark.parametrize("kind", ["lines", "heat_map", "pareto"])
def test_runs_of_one_seed_in_one_cell_are_refused_with_the_columns_that_differ(kind):
    twice = pd.concat([table().assign(mttf_s=1.0), table().assign(mttf_s=2.0)])

    with pytest.raises(ValueError, match=r"one run for each seed of a cell, got several for .*seed=.*mttf_s"):
        plot(twice, kind, **OPTIONS[kind])


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("line", {}, r"kind must be one of lines, cdf, heat_map, pareto, got 'line' \(did you mean 'lines'\?\)"),
        ("lines", {"x": "workers"}, "lines must be given y, got x"),
        ("cdf", {"y": "time_s", "bye": "a"}, r"cdf must be given y, by, title, log_y, got 'bye' \(did you mean 'by'"),
        ("pareto", {**OPTIONS["pareto"], "maximise": "time"}, r"maximise must be among .* \(did you mean 'time_s'\?\)"),
        ("lines", {**OPTIONS["lines"], "by": 3}, "by must be a column of the table or several, got 3"),
        ("lines", {"x": "strategy", "y": "time_s", "by": "workers", "log_x": True}, "log_x: 'strategy' must be finite"),
        ("lines", {"x": "seed", "y": "time_s", "by": ["strategy", "workers"], "log_x": True}, "'seed' must be above 0"),
        ("lines", {"x": "workers", "y": "seed", "by": "strategy", "log_y": True}, "'seed' must be above 0"),
    ],
)
def test_a_kind_or_an_option_that_is_not_there_is_refused_with_the_near_word(kind, options, said):
    with pytest.raises(ValueError, match=said):
        plot(table(), kind, **options)


HARD_TABLES = {
    "one run": table(strategies=("a",), workers=(1,), seeds=1),
    "one seed": table(seeds=1),
    "nothing finite": table(missing=24),
    "half missing": table(HARD, missing=70),
    "twelve": table([*HARD, f"{LONG}3"]),
    "equal": table().assign(time_s=1.0, size_bytes=0.0),
    "negative": table().assign(time_s=-1.0),
    "huge": table().assign(time_s=[1e150, -1e150] * 12),
    "words": table(workers=HARD),
    "thirty": table([f"strategy {place}" for place in range(30)], workers=range(30), seeds=1),
    "NaN among parameters": table(workers=(1.0, math.nan)),
    "categories": table().assign(strategy=lambda frame: pd.Categorical(frame["strategy"])),
    "objects": table().assign(time_s=lambda frame: frame["time_s"].astype(object).where(frame["seed"] > 0, None)),
    "integers with gaps": table().assign(time_s=pd.array([1, None] * 12, dtype="Int64")),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("frame", HARD_TABLES.values(), ids=HARD_TABLES)
def test_hard_tables_are_drawn_without_a_warning_inside_their_picture(kind, frame, tmp_path):
    drawn = plot(frame, kind, **OPTIONS[kind])

    save(drawn, frame, tmp_path, kind)

    panel = drawn.axes[0]
    width, height = drawn.get_size_inches() * drawn.dpi
    for artist in (panel, panel.get_legend()):
        if artist is not None:
            box = artist.get_window_extent()
            assert box.x0 >= -1
            assert box.y0 >= -1
            assert box.x1 <= width + 1
            assert box.y1 <= height + 1
    assert panel.get_window_extent().width > 0.3 * width
    assert panel.get_window_extent().height > 0.4 * height
    if kind == "lines" and frame is HARD_TABLES["twelve"]:
        assert len(set(entries(drawn))) == 12


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(label=st.text(st.characters(codec=None), min_size=1, max_size=60))
@example(label="$\\frac$")
@example(label="_child1")
@example(label="\x1b[31m\udc80\x00")
def test_any_text_is_a_label_and_is_text(label, tmp_path):
    drawn, (axes,) = figure(label, label, label, subtitle=label, panels=[label])
    band(axes, [1, 2], [[1.0, 2.0]], label, 0)
    legend(axes, label)
    frame = table(strategies=(label, "other"), workers=(label,))

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a font has not every sign
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        for made in (drawn, *(plot(frame, kind, **options) for kind, options in OPTIONS.items())):
            save(made, frame, tmp_path, "p", formats=["png", "svg"])

    assert [text.get_text() for text in axes.get_legend().get_texts()] == [printable(label, lines=True)]
