"""The snippets of the pages in docs/ run as they stand, one after the other."""

import subprocess
import sys
from pathlib import Path

import pytest
from readme import blocks

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.slow
@pytest.mark.parametrize("page", ["failure_traces.md", "fault_search.md", "topologies.md"])
def test_the_snippets_of_a_page_run(page, tmp_path):
    script = tmp_path / "page.py"
    script.write_text("\n".join(blocks(DOCS / page, "python")), encoding="utf-8")
    for module in DOCS.glob("*.py"):
        (tmp_path / module.name).write_text(module.read_text(encoding="utf-8"), encoding="utf-8")

    # Not as a script: the processes that check_determinism starts would run it once more each.
    command = [sys.executable, "-W", "error", "-c", "from pathlib import Path; exec(Path('page.py').read_text())"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    if page == "fault_search.md":
        assert done.stdout.endswith(blocks(DOCS / page, "python")[5])
