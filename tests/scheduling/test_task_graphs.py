"""The experiment on kinds of task graphs, in its small version, finds what its page says of the whole."""

from pathlib import Path

import pandas as pd

from experiments import task_graphs
from simcluster import run

PAGE = (Path(__file__).parents[2] / "docs" / "experiments.md").read_text(encoding="utf-8")


def test_it_has_a_picture_a_table_a_verdict_and_a_finding_on_its_page(tmp_path):
    found = task_graphs.experiment.compare((0, 1), small=True, out=tmp_path)

    assert found.picture.stat().st_size > 10_000
    assert len(pd.read_csv(found.picture.with_suffix(".csv"), comment="#")) == len(found.table) == 2 * 3 * 2
    assert not found.table.isna().any(axis=None)
    assert (found.table[task_graphs.RATIO] >= 1).all()
    question = found.experiment.question
    assert f"## `experiments/task_graphs.py`: {question[0].lower()}{question[1:]}" in PAGE
    means = task_graphs.score(found.table).mean()
    assert means["HEFT"] < 0.9 * means["FIFO"]


def test_where_transfers_are_long_looking_ahead_is_worth_most():
    graph = task_graphs.GRAPHS["random, CCR 10"]
    ended = {}
    for name in ("HEFT", "look-ahead", "FIFO"):
        result = run(task_graphs.scenario(task_graphs.POLICIES[name], graph, 3), 3)
        ended[name] = task_graphs.measure(result)[task_graphs.RATIO]

    assert ended["look-ahead"] < 0.5 * ended["HEFT"] < 0.5 * ended["FIFO"]
