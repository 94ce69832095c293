import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from readme import blocks

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
SNIPPETS = blocks(README, "python")


def test_the_first_command_runs_the_demo_and_the_second_the_tests():
    demo, tests, *_ = blocks(README, "bash")

    for commands in (demo, tests):
        assert "python3 -m venv" in commands
        assert "pip install" in commands
    assert "simcluster demo" in demo
    assert tests.splitlines()[-1].startswith("pytest")


def test_there_is_a_snippet_of_nineteen_lines_three_of_them_imports():
    lines = SNIPPETS[0].splitlines()

    assert len(lines) <= 19
    assert sum(line.startswith(("from ", "import ")) for line in lines) == 3


@pytest.mark.slow
@pytest.mark.parametrize("snippet", [pytest.param(text, id=str(place)) for place, text in enumerate(SNIPPETS)])
def test_a_snippet_runs_as_it_stands(snippet, tmp_path):
    script = tmp_path / "snippet.py"
    script.write_text(snippet, encoding="utf-8")

    done = subprocess.run([sys.executable, "-W", "error", script], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    if "slow_worker" in snippet:  # it promises an interval, so luck must be in it
        table = pd.read_csv(tmp_path / "out" / "slow_worker.csv")
        assert (table.groupby(["backup", "factor"])["time_s"].std() > 0).all()
        assert (tmp_path / "out" / "slow_worker.png").exists()
