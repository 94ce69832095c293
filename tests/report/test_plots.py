import math
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.image import imread

from simcluster.measurement import bootstrap_interval
from simcluster.report import band, check_folder, figure, legend, reference_line, save, seeds_in_words, wide
from simcluster.report.plots.bands import DASHES

TABLE = pd.DataFrame(
    [
        {"strategy": name, "load": load, "seed": seed, "latency_ms": load * factor + seed}
        for name, factor in (("a", 1.0), ("b", 2.0))
        for load in (0.2, 0.5, 0.8)
        for seed in range(3)
    ]
)


def drawn():
    made, (axes,) = figure("A title", "load (1)", "latency (ms)", subtitle="A line below it")
    for place, (name, rows) in enumerate(TABLE.groupby("strategy")):
        samples = wide(rows, "load", "latency_ms")
        band(axes, samples.columns, samples, str(name), place, markers=True)
    legend(axes)
    return made, axes


def test_a_saved_figure_is_a_picture_with_its_numbers_beside_it(tmp_path):
    made, _ = drawn()

    picture = save(made, TABLE, tmp_path / "new" / "folder", "latency")

    assert picture.name == "latency.png"
    assert imread(picture).shape[:2] == (843, 1500)
    pd.testing.assert_frame_equal(pd.read_csv(picture.with_suffix(".csv")), TABLE)


def test_a_line_is_the_mean_over_seeds_and_its_band_the_interval():
    _, axes = drawn()

    assert axes.lines[0].get_ydata() == pytest.approx([1.2, 1.5, 1.8])
    assert len([each for each in axes.collections if isinstance(each, PolyCollection)]) == 2
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_one_seed_has_a_line_and_no_band():
    _, (axes,) = figure("t", "x", "y")
    band(axes, [1.0, 2.0], np.array([[3.0, 4.0]]), "one", 0)

    assert len(axes.lines) == 1
    assert not axes.collections


def notes(axes):
    return [text.get_text() for text in axes.texts]


def entries(axes):
    legend(axes)
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_a_point_that_a_run_lacks_is_that_of_the_others_open_and_with_their_number():
    _, (axes,) = figure("t", "x", "y")
    band(axes, [1.0, 2.0, 3.0], [[3.0, math.nan, math.nan], [3.0, 4.0, math.nan]], "some", 0, markers=True)
    line, *opened = axes.lines

    assert line.get_ydata() == pytest.approx([3.0, 4.0, math.nan], nan_ok=True)
    assert line.get_markevery() == [0]
    assert notes(axes) == ["1/2 runs", "0/2 runs"]
    assert {each.get_markerfacecolor() for each in opened} == {"white"}


def test_runs_that_a_horizon_ended_stand_at_it_open_and_are_counted():
    _, (axes,) = figure("t", "x", "y")
    samples = [[3.0, math.nan], [3.0, math.nan], [5.0, 7.0]]
    band(axes, [1.0, 2.0], samples, "mine", 0, markers=True, interval=bootstrap_interval, horizon=9.0)
    line, at_the_point, at_the_horizon = axes.lines

    assert line.get_ydata() == pytest.approx([3.0, 9.0])
    assert line.get_markevery() == [0]
    assert notes(axes) == ["2/3"]
    for opened in (at_the_point, at_the_horizon):
        assert (opened.get_xydata().tolist(), opened.get_markerfacecolor()) == ([[2.0, 9.0]], "white")


def test_a_curve_says_only_where_the_number_of_its_runs_changes():
    _, (axes,) = figure("t", "x", "y")
    samples = np.ones((4, 100))
    samples[0, 50:] = math.nan
    band(axes, np.arange(100), samples, "mine", 0)

    assert notes(axes) == ["3/4 runs"]


def test_lines_differ_by_more_than_colour_and_no_two_of_thirty_look_alike():
    _, (axes,) = figure("t", "x", "y")
    for place in range(30):
        band(axes, [1.0, 2.0], [[place, 1.0], [place, 2.0]], f"{place}", place, markers=True)
    looks = [(line.get_color(), line.get_marker(), str(line._dash_pattern)) for line in axes.lines]

    assert len(set(looks)) == 30
    assert len({look[1:] for look in looks}) == 30
    bounds = [each for each in axes.collections if isinstance(each, LineCollection)]
    assert [each.get_linewidth()[0] > 0 for each in bounds] == [True] * 30  # seen where two overlap


@pytest.mark.parametrize("place", range(len(DASHES)))
def test_an_interval_that_is_endless_beside_its_panel_is_drawn_soon(place, tmp_path):
    made, (axes,) = figure("t", "x", "y")
    band(axes, [1.0, 2.0], [[1e150, 1.0], [-1e150, 1.0]], "a", place)
    axes.set_ylim(0, 1)

    # Dashes of all that is drawn outside would take for ever.
    assert save(made, TABLE, tmp_path, "p").is_file()


def test_a_line_that_is_equal_to_another_says_so_and_both_are_seen():
    _, (axes,) = figure("t", "x", "y")
    for place, label in enumerate(("_FIFO", "$utilisation$", "other")):
        band(axes, [1.0, 2.0], [[3.0, 4.0 + place // 2]], label, place)

    assert entries(axes) == ["_FIFO", "$utilisation$ (equal to _FIFO)", "other"]
    assert axes.lines[0].get_linewidth() > axes.lines[1].get_linewidth() == axes.lines[2].get_linewidth()


def test_every_line_with_a_name_is_in_the_legend_and_no_name_is_mathematics(tmp_path):
    made, (axes,) = figure("$t$", "$x_{", "$y", subtitle="$s{$", panels=["$p_{$"])
    for place in range(7):
        band(axes, [1.0, 2.0], [[place, 1.0 + place]], f"_cost_{{{place} $ and $", place)
    reference_line(axes, 2.0, "$target_{$")

    assert entries(axes) == [*(f"_cost_{{{place} $ and $" for place in range(7)), "$target_{$"]
    for width in ("slide", "column"):
        assert save(made, TABLE, tmp_path, width, formats=["svg", "pdf", "png"], width=width).suffix == ".svg"
    assert "$" not in made.get_suptitle()  # a column has no title


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_a_picture_repeats_to_the_last_byte(ending, tmp_path):
    first, second = (save(drawn()[0], TABLE, tmp_path / name, "p", formats=[ending]).read_bytes() for name in "ab")

    assert first == second


def test_a_column_is_as_wide_as_that_of_a_paper_with_its_panels_below_each_other(tmp_path):
    made, axes = figure("t", "x", "y", panels=["left", "right"])
    save(made, TABLE, tmp_path, "column", width="column")

    assert made.get_size_inches()[0] == pytest.approx(3.4)
    assert [axis.get_ylabel() for axis in axes] == ["y", "y"]
    assert axes[0].get_position().y0 > axes[1].get_position().y1
    assert 6 <= axes[0].xaxis.label.get_fontsize() <= 8


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"formats": ["gif"]}, "format: must be one of png, pdf, svg, got 'gif'"),
        ({"formats": []}, "format: must be at least one of png, pdf, svg, got none"),
        ({"width": "poster"}, "width: must be one of slide, column, got 'poster'"),
        ({"out": ""}, r"out: must name a folder \('\.' is the current one\), got ''"),
    ],
)
def test_a_picture_that_cannot_be_saved_so_is_refused_and_nothing_is_written(asked, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ValueError, match=f"^{said}"):
        save(drawn()[0], TABLE, **{"out": tmp_path, "name": "p", **asked})
    assert list(tmp_path.iterdir()) == []


def test_drawing_touches_no_global_state_and_no_window():
    drawn()

    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_panels_may_have_labels_of_their_own():
    _, axes = figure("t", "x", ["one (s)", "two (%)"], panels=["left", "right"])

    assert [axis.get_ylabel() for axis in axes] == ["one (s)", "two (%)"]
    with pytest.raises(ValueError, match="one for each of 2 panels"):
        figure("t", "x", ["one"], panels=["left", "right"])


@pytest.mark.parametrize(
    ("seeds", "words"), [([4], "seed 4"), ([0, 1, 2], "seeds 0–2"), ([1, 5], "seeds 1, 5")]
)
def test_seeds_are_told_in_few_words(seeds, words):
    assert seeds_in_words(seeds) == words


def test_a_folder_that_cannot_be_written_is_told_by_name_and_rule(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ValueError, match=r"^out: must be a folder that can be written, got '.*file/below'"):
        check_folder(tmp_path / "file" / "below")


def test_a_folder_may_exist_already(tmp_path):
    assert check_folder(tmp_path) == tmp_path


def test_a_figure_without_seeds_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="must have a column 'seed'"):
        save(None, TABLE.drop(columns="seed"), tmp_path, "latency")
