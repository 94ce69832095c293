"""The snippets of the pages in docs/ run as they stand, one after the other; that on architecture lacks no room."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from readme import blocks

from simcluster.engine import Trace
from simcluster.measurement.metrics import graph_metrics, service_metrics, trace_metrics, training_metrics
from simcluster.scenario import load_spec
from simcluster.study import StudyFile

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
ARCHITECTURE = (DOCS / "architecture.md").read_text(encoding="utf-8")
NAMED = {*re.findall(r"`[^`]+`", ARCHITECTURE)}
TOOL = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        "data.md", "detectors.md", "exchanges.md", "failure_traces.md", "fault_search.md", "histories.md",
        "pipeline.md", "privacy.md", "replication.md", "resilience.md", "results.md", "scheduling.md", "serving.md",
        "statistics.md", "studies.md", "surviving.md", "task_graphs.md",
        "topologies.md", "verdicts.md",
    ],
)
def test_the_snippets_of_a_page_run(page, tmp_path):
    script = tmp_path / "page.py"
    script.write_text("\n".join(blocks(DOCS / page, "python")), encoding="utf-8")
    for module in DOCS.glob("*.py"):
        (tmp_path / module.name).write_text(module.read_text(encoding="utf-8"), encoding="utf-8")

    shutil.copytree(ROOT / "experiments" / "scenarios", tmp_path / "experiments" / "scenarios")

    # Not as a script: the processes that check_determinism starts would run it once more each.
    command = [sys.executable, "-W", "error", "-c", "from pathlib import Path; exec(Path('page.py').read_text())"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    if page == "fault_search.md":
        assert done.stdout.endswith(blocks(DOCS / page, "python")[6])
    if page in ("pipeline.md", "resilience.md", "verdicts.md"):
        assert [done.stdout] == blocks(DOCS / page, "text")
    if page == "histories.md":
        assert done.stdout == "".join(blocks(DOCS / page, "text")[1:])
    if page == "replication.md":
        assert done.stdout == "".join(blocks(DOCS / page, "text"))


def test_the_file_on_the_page_on_studies_and_the_experiment_of_that_name_are_studies(tmp_path):
    (text,) = blocks(DOCS / "studies.md", "yaml")
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")

    for path in (tmp_path / "study.yaml", ROOT / "experiments" / "staleness.yaml"):
        assert load_spec(path, StudyFile).study().total in (60, 320)


def test_the_page_on_results_names_all_metrics():
    page = (DOCS / "results.md").read_text(encoding="utf-8")
    empty = Trace.of([])
    found = [trace_metrics(empty), training_metrics(empty, 0.0), graph_metrics(empty), service_metrics(empty)]

    assert [name for each in found for name in each if f"`{name}`" not in page] == []


def test_the_page_on_architecture_has_every_room_in_the_order_of_the_layers():
    [layers] = [contract["layers"] for contract in TOOL["importlinter"]["contracts"] if contract["type"] == "layers"]
    rooms = [room.strip(" ()") for layer in reversed(layers) for room in layer.split("|")]
    places = [f"simcluster/{room}{end}" for room in rooms for end in ("/", ".py")]
    said = re.findall(r"^\| `(simcluster/[^`]+)` \|", ARCHITECTURE, re.MULTILINE)

    assert said == [place for place in places if (ROOT / place).exists()]


def test_the_page_on_architecture_names_every_package():
    packages = [name for name in TOOL["setuptools"]["packages"] if name != "simcluster"]

    assert [name for name in packages if not {f"`{name}`", f"`{name.replace('.', '/')}/`"} & NAMED] == []


@pytest.mark.slow
def test_the_picture_of_the_architecture_is_drawn_of_the_sources(tmp_path):
    command = [sys.executable, "-W", "error", str(DOCS / "architecture.py"), str(tmp_path / "rooms.png")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "rooms.png").read_bytes().startswith(b"\x89PNG")


def test_the_commands_for_contributors_are_those_that_must_pass():
    must_pass = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    _, build, quick, linters = blocks(ROOT / "CONTRIBUTING.md", "bash")

    assert [line for line in (build + linters).splitlines() if line not in must_pass] == []
    assert quick.removeprefix("pytest ") in must_pass
