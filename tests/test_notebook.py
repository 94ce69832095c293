"""In a notebook results and scenarios are tables, figures are pictures, and progress shows without extra packages."""

import base64
import re
import subprocess
import sys
from dataclasses import replace
from html import unescape

import pytest
from matplotlib.image import imread
from test_experiment import EXPERIMENT

from simcluster.report import figure


@pytest.mark.slow
def test_a_figure_is_a_picture_without_pyplot():
    code = (
        "import sys; from simcluster.report import figure; made, (axes,) = figure('t', 'x (s)', 'y (s)'); "
        "axes.plot([1, 2]); assert made._repr_png_().startswith(b'\\x89PNG\\r\\n'); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )

    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_showing_a_figure_changes_nothing_of_it():
    made, _ = figure("t", "x (s)", "y (s)")

    assert made._repr_png_() == made._repr_png_()
    assert made.get_dpi() == 150


def inline(answer):
    return base64.b64decode(re.search(r'src="data:image/png;base64,([^"]+)"', answer._repr_html_())[1])


def test_an_answer_is_its_verdict_and_its_picture(tmp_path):
    answer = EXPERIMENT.compare(range(4), small=True, out=tmp_path)
    shown = answer._repr_html_()

    assert EXPERIMENT.question in shown
    assert all(word in shown for word in ("winner", answer.verdict.best, answer.verdict.runner_up, "mean duration"))
    assert inline(answer) == answer.picture.read_bytes()


@pytest.mark.slow
def test_a_picture_that_is_no_png_or_is_gone_or_was_never_written_is_drawn_anew(tmp_path):
    pdf = EXPERIMENT.compare(range(4), small=True, out=tmp_path, formats=("pdf",))
    gone = replace(pdf, picture=tmp_path / "gone.png")
    never = EXPERIMENT.compare(range(4), small=True)

    assert pdf.picture.suffix == ".pdf"
    assert inline(pdf) == inline(gone) == inline(never)
    (tmp_path / "seen.png").write_bytes(inline(never))
    assert imread(tmp_path / "seen.png").shape[:2] == (562, 1000)


def test_names_with_markup_are_text_in_an_answer():
    evil = "<script>&lt;\""
    answer = EXPERIMENT.compare(range(4), small=True)
    marked = replace(
        answer,
        experiment=replace(EXPERIMENT, question=evil, quantity=evil, unit=evil),
        verdict=replace(answer.verdict, best=evil, runner_up=evil, clear=False),
    )
    shown = marked._repr_html_()

    assert "<script" not in shown
    assert unescape(shown).count(evil) == 7
    assert "no clear winner" in shown


def test_an_answer_says_what_its_runs_say_of_themselves():
    answer = EXPERIMENT.compare(range(4), small=True)
    said = replace(answer, table=answer.table.assign(verdicts="horizon"))

    assert "horizon in 8 of 8 runs" in said._repr_html_()


CELLS = {
    "from simcluster.report import figure\nfigure('t', 'x (s)', 'y (s)')[0]": "image/png",
    "from tests.strategies import training\ntraining(steps=2)": "text/html",
    "from simcluster import run\nrun(training(steps=2), 0)": "text/html",
    "from tests.test_experiment import EXPERIMENT\nEXPERIMENT.compare(range(2), small=True)": "text/html",
}


RUNS_A_NOTEBOOK = """
import nbclient, nbformat, sys
book = nbformat.reads(sys.stdin.read(), 4)
nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
print(nbformat.writes(book))
"""


@pytest.mark.slow
def test_a_kernel_shows_all_of_them_and_progress_without_a_warning():
    pytest.importorskip("ipykernel")
    pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    bar = "from simcluster.experiment import one_bar\nwith one_bar('runs') as report:\n    report(1, 2), report(2, 2)"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in [bar, *CELLS]])
    # In a process of its own, for nbclient leaves an event loop behind, which would be warned of here.
    done = subprocess.run(
        [sys.executable, "-c", RUNS_A_NOTEBOOK],
        input=nbformat.writes(notebook), capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, *others = nbformat.reads(done.stdout, 4).cells

    assert "".join(output["text"] for output in first.outputs) == "\rruns 1/2 (50 %)\rruns 2/2 (100 %)\n"
    for cell, wanted in zip(others, CELLS.values(), strict=True):
        *before, last = cell.outputs
        assert last.output_type == "execute_result"
        assert wanted in last.data
        said = "".join(output["text"] for output in before)
        assert said.endswith("\rwait 4/4 (100 %)\n") if "compare" in cell.source else said == ""
