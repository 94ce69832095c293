import math
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from simcluster.report import band, check_folder, figure, legend, save, seeds_in_words, wide

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
    assert len(axes.collections) == 2
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_one_seed_has_a_line_and_no_band():
    _, (axes,) = figure("t", "x", "y")
    band(axes, [1.0, 2.0], np.array([[3.0, 4.0]]), "one", 0)

    assert len(axes.lines) == 1
    assert not axes.collections


def test_points_that_a_seed_lacks_are_left_out():
    _, (axes,) = figure("t", "x", "y")
    band(axes, [1.0, 2.0, 3.0], np.array([[3.0, math.nan, 5.0], [3.0, 4.0, 7.0]]), "some", 0)

    assert axes.lines[0].get_xdata() == pytest.approx([1.0, 3.0])


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
