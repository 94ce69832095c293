"""The table of gray failures says what its script finds."""

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "gray_failures.md").read_text(encoding="utf-8")
TABLE = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(DOCS / "gray_failures.py"))


def test_the_table_has_every_failure_and_every_detector(script):
    assert TABLE[0] == ["failure", *script["DETECTORS"]]
    assert [row[0] for row in TABLE[2:]] == list(script["FAILURES"])


@pytest.mark.parametrize(
    ("failure", "detector"),
    [("it hears nobody", "SWIM"), ("who watches does not hear it", "SWIM"), ("it crashes", "φ = 8, normal")],
)
def test_a_cell_says_what_is_found(script, failure, detector):
    row = TABLE[2 + list(script["FAILURES"]).index(failure)]

    assert row[1 + list(script["DETECTORS"]).index(detector)] == script["cell"](
        script["DETECTORS"][detector], script["FAILURES"][failure]
    )
