"""What a user brings is one script of thirty lines at most, outside the package; docs/your_own.md shows them all."""

import subprocess
import sys
from pathlib import Path

import pytest
from readme import blocks

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "your_own.md"
SCRIPTS = sorted(path for path in HERE.glob("*.py") if not path.name.startswith(("test_", "__")))


def test_the_page_shows_every_script_as_it_stands():
    assert len(SCRIPTS) == 12
    assert sorted(blocks(PAGE, "python")) == sorted(path.read_text(encoding="utf-8") for path in SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_has_thirty_lines_of_code_at_most(script):
    _, *code = [line for line in script.read_text(encoding="utf-8").splitlines() if line.strip()]

    assert len(code) <= 30


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_runs(script, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "ridge.png").exists() == (script.stem == "model")
