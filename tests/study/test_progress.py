import io
import re
import sys
import time

import pytest
from rich.console import Console

from simcluster.study import Progress, Study, progress
from tests.strategies import training


@pytest.fixture
def terminal(monkeypatch):
    """What a terminal of 80 columns is written."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(progress, "Console", lambda **options: console)
    return written


@pytest.fixture
def notebook(monkeypatch):
    """A console that is a notebook's."""
    monkeypatch.setitem(sys.modules, "IPython", sys)
    monkeypatch.setattr(Console, "__init__", lambda self, **options: setattr(self, "is_jupyter", True))


def test_a_bar_says_runs_rate_eta_and_failures(terminal):
    with progress.shown() as report:
        report(Progress(100, 0, 400))
        for done in range(101, 121):
            time.sleep(0.005)
            report(Progress(done, 2, 400))

    *_, (rate, eta, failed) = re.findall(r"120/400 runs, (\S+)/s, ETA (\S+), (\d) failed", terminal.getvalue())
    assert 0 < float(rate) < 201  # what was done before is not in it
    assert eta.startswith("0:0")
    assert failed == "2"
    assert max(map(len, re.split(r"[\r\n]", re.sub(r"\x1b\[[0-9?]*[A-Za-z]", "", terminal.getvalue())))) < 80


def test_where_there_is_no_terminal_a_line_is_written_now_and_then(monkeypatch, capsys):
    monkeypatch.setattr(progress, "LINE_S", 0.0)

    with progress.shown("a study") as report:
        report(Progress(1, 0, 4))
        report(Progress(4, 1, 4))

    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" runs")[0] for line in lines] == ["a study 1/4", "a study 4/4"]
    assert lines[-1].endswith("1 failed")


def test_progress_in_a_notebook_is_a_line_of_text_that_is_written_over(notebook, capsys):
    with progress.shown("runs [a]") as report:
        for done in range(1, 1001):
            report(Progress(done, 0, 1000))
    out, err = capsys.readouterr()

    assert out.count("\r") == 101
    assert out.endswith("\rruns [a] 1000/1000 (100 %)\n")
    assert err == ""


def test_progress_of_nothing_is_nothing(notebook, capsys):
    with progress.shown("runs"):
        pass

    assert capsys.readouterr() == ("", "")


def test_a_study_in_a_notebook_says_how_far_it_is_unless_the_caller_does(notebook, capsys):
    told = []
    Study(training(steps=1), [0], name="mine").run(1, progress=told.append)
    assert capsys.readouterr() == ("", "")
    assert told[-1] == Progress(1, 0, 1)

    Study(training(steps=1), [0], name="mine").run(1)
    assert capsys.readouterr() == ("\rmine 1/1 (100 %)\n", "")
