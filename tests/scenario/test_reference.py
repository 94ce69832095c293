"""The page on scenario files: its snippets run as they stand, and its reference is that of the models."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from readme import blocks

from simcluster import Scenario
from simcluster.faults.vocabulary import KINDS

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = DOCS / "scenario.md"
TEXT = PAGE.read_text(encoding="utf-8")


def script():
    spec = importlib.util.spec_from_file_location("scenario_page", DOCS / "scenario.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_script_makes_of_the_models():
    assert script().page() == TEXT


def test_the_reference_has_every_field_of_a_scenario_and_every_fault():
    assert [name for name in Scenario.model_fields if f"\n| `{name}` | " not in TEXT] == []
    assert [kind for kind in KINDS if f"\n`kind: {kind}`\n" not in TEXT] == []


def test_every_link_within_the_page_leads_somewhere():
    anchors = re.findall(r'<a id="([^"]+)">', TEXT)

    assert len(anchors) == len({*anchors}) > 80
    assert {*re.findall(r"\]\(#([^)]+)\)", TEXT)} <= {*anchors}


@pytest.mark.parametrize(
    ("field", "unit"),
    [
        ("horizon_s", "s"),
        ("nic_bytes_per_s", "bytes/s"),
        ("flops_per_s", "flops/s"),
        ("per_s", "1/s"),
        ("arrivals_per_s", "1/s"),
        ("memory_bytes", "bytes"),
        ("steps", ""),
    ],
)
def test_a_unit_is_what_the_name_ends_in(field, unit):
    assert script().unit(field) == unit


@pytest.mark.slow
def test_the_snippets_of_the_page_run(tmp_path):
    [example] = blocks(PAGE, "yaml")
    (tmp_path / "scenario.yaml").write_text(example, encoding="utf-8")
    snippets = blocks(PAGE, "python")
    [parts] = [text for text in snippets if text.startswith("# my_parts.py\n")]
    (tmp_path / "my_parts.py").write_text(parts, encoding="utf-8")
    rest = "\n".join(text for text in snippets if text != parts)
    (tmp_path / "page.py").write_text(rest, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-W", "error", "page.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == blocks(PAGE, "text")[0] + "finished\n"
