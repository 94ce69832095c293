import io
import re
import time

import pytest
from rich.console import Console

from simcluster.cli import progress as shown
from simcluster.study import Progress


@pytest.fixture
def terminal(monkeypatch):
    """What a terminal of 80 columns is written."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(shown, "Console", lambda **options: console)
    return written


def test_a_bar_says_runs_rate_eta_and_failures(terminal):
    with shown.study_progress(quiet=False) as report:
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
    monkeypatch.setattr(shown, "LINE_S", 0.0)

    with shown.study_progress(quiet=False) as report:
        report(Progress(1, 0, 4))
        report(Progress(4, 1, 4))

    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" runs")[0] for line in lines] == ["1/4", "4/4"]
    assert lines[-1].endswith("1 failed")


def test_quiet_is_quiet(capsys):
    with shown.study_progress(quiet=True) as report:
        assert report is None
    with shown.waiting("a run", quiet=True):
        pass

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("patience_s", "told"), [(0.01, True), (60.0, False)])
def test_a_run_is_shown_only_when_it_takes_long(terminal, monkeypatch, patience_s, told):
    monkeypatch.setattr(shown, "PATIENCE_S", patience_s)

    with shown.waiting("seed 3", quiet=False):
        time.sleep(0.3)

    assert ("seed 3" in terminal.getvalue()) == told
