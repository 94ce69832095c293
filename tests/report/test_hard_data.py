"""The figure of every experiment on data that is hard to draw: runs without a value, one seed, equal strategies, labels
that look like markup, and eight of them."""

import importlib
import math
from itertools import product

import pandas as pd
import pytest

from experiments.data_distribution import FOREST
from simcluster.engine import stream
from simcluster.report import save

LABELS = ("$x_{$", "_hidden", "[bold]loud[/bold]", "a_b^c", "equal", "equal too", "100 %", "\\frac")
#: By experiment: the column of its strategies' labels, and what the rest of a row is drawn from.
EXPERIMENTS = {
    "consistency": ("strategy", "time_s", (0.05, 0.5, 1.0, 2.0), {"loss": 1.0}),
    "fault_tolerance": ("strategy", "mttf_s", (100.0, 400.0, 1600.0), {"time_to_target_s": 500.0}),
    "scheduling": ("policy", "ratio", (1.0, 4.0, 16.0), {"makespan_s": 5.0}),
    "load_balancing": ("balancer", "load", (0.5, 0.9), {"sojourn_s_p50": 0.02, "sojourn_s_p99": 0.09}),
    "fresh_predictions": ("fetch", "time_s", (1.0, 2.0, 3.0), {"wrong": 0.2}),
}


def table(name, seeds, missing):
    """What a sweep of the experiment would give: strategies 4 and 5 are equal, the first seed lacks its last value."""
    label, x, at, measures = EXPERIMENTS[name]
    rows = []
    for place, strategy in enumerate(LABELS):
        generator = stream(min(place, 4) if place < 6 else place, "hard")
        for seed in range(seeds):
            for step, value in enumerate(at):
                drawn = {measure: scale * generator.uniform(0.5, 1.5) for measure, scale in measures.items()}
                lost = missing and seed == 0 and step == len(at) - 1
                if lost:
                    drawn = dict.fromkeys(drawn, math.inf if name == "fault_tolerance" else math.nan)
                extra = {"step": step + 1, "queries": 20, "machines": "alike"}
                rows.append({label: strategy, "seed": seed, x: value, **drawn, **extra})
    return pd.DataFrame(rows)


@pytest.mark.slow
@pytest.mark.parametrize("missing", [False, True], ids=["whole", "missing"])
@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_figure_shows_every_strategy_whatever_its_label_and_every_run_that_is_missing(
    name, seeds, missing, tmp_path
):
    module = importlib.import_module(f"experiments.{name}")
    rows = table(name, seeds, missing)

    drawn = module.draw(rows)

    save(drawn, rows, tmp_path, name)  # which fails for a text that is taken as mathematics
    panel, *_ = drawn.axes
    named = [text.get_text() for text in panel.get_legend().get_texts()]
    assert [any(label in entry for entry in named) for label in LABELS] == [True] * len(LABELS)
    assert sum("(equal to " in entry for entry in named) == 1
    assert len(named) == sum(not str(line.get_label()).startswith(("_child", "_nolegend_")) for line in panel.lines)
    said = [text.get_text() for text in panel.texts if "/" in text.get_text()]
    if name != "consistency":  # whose curves lack what they have not begun, and end together
        assert len(said) == (len(LABELS) if missing else 0)


#: Figures of several panels, by experiment: where its strategies stand with what is drawn of each, the column of their
#: labels, the columns beside it with all that they hold, and the measures.
PANELLED = {
    "algorithms": ("ALGORITHMS", None, "algorithm", {"work": ("same", "grows", "grows, alone"), "nodes": (1, 16)},
                   {"quality": 0.5, "time_s": 2.0, "divided_s": 1.0, "sent_bytes": 1e6}),
    "data_distribution": ("TRAININGS", (None, 0, 60), "algorithm", {"rows": ("random", "sorted by label")},
                          {"error": 0.1, "sent_bytes": 1e6}),
    "communication": ("WAYS", (None, None), "way",
                      {"bandwidth": ("1 MB/s", "10 MB/s", "100 MB/s"), "workers": (1, 32)}, {"step_ms": 20.0}),
}  # fmt: skip


def panelled(name, seeds, missing):
    """A row for each combination: strategies 4 and 5 are equal, the first seed has nothing of the last combination."""
    _, _, label, beside, measures = PANELLED[name]
    rows = []
    for place, strategy in enumerate([*LABELS, *([FOREST] if name == "data_distribution" else [])]):
        generator = stream(min(place, 4) if place < 6 else place, "hard")
        for seed in range(seeds):
            combinations = list(product(*beside.values()))
            for combination in combinations:
                drawn = {measure: scale * generator.uniform(0.5, 1.5) for measure, scale in measures.items()}
                if missing and seed == 0 and combination == combinations[-1]:
                    drawn = dict.fromkeys(drawn, math.nan)
                rows.append({label: strategy, "seed": seed, **dict(zip(beside, combination, strict=True)), **drawn})
    return pd.DataFrame(rows)


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "missing"), [(1, True), (3, True)])
@pytest.mark.parametrize("name", PANELLED)
def test_a_figure_of_several_panels_shows_every_strategy_in_each(name, seeds, missing, monkeypatch, tmp_path):
    module = importlib.import_module(f"experiments.{name}")
    where, given, *_ = PANELLED[name]
    monkeypatch.setattr(module, where, dict.fromkeys(LABELS, given))
    rows = panelled(name, seeds, missing)

    drawn = module.draw(rows)

    save(drawn, rows, tmp_path, name)
    shown = [axes for axes in drawn.axes if axes.lines]
    (named,) = ([text.get_text() for text in axes.get_legend().get_texts()] for axes in shown if axes.get_legend())
    assert [any(label in entry for entry in named) for label in LABELS] == [True] * len(LABELS)
    assert sum("(equal to " in entry for entry in named) == 1
    for axes in shown:
        curves = [line for line in axes.lines if not str(line.get_label()).startswith(("_child", "_nolegend_"))]
        assert len(curves) == len(named)
