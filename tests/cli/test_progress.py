import io
import time

import pytest
from rich.console import Console

from simcluster.cli import progress as shown


@pytest.fixture
def terminal(monkeypatch):
    """What a terminal of 80 columns is written."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(shown, "Console", lambda **options: console)
    return written


def test_quiet_is_quiet(capsys):
    with shown.waiting("a run", quiet=True):
        pass

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("patience_s", "told"), [(0.01, True), (60.0, False)])
def test_a_run_is_shown_only_when_it_takes_long(terminal, monkeypatch, patience_s, told):
    monkeypatch.setattr(shown, "PATIENCE_S", patience_s)

    with shown.waiting("seed 3", quiet=False):
        time.sleep(0.3)

    assert ("seed 3" in terminal.getvalue()) == told
