"""Workflows that ran, under every policy: no makespan is below its bounds, and the page of them is current."""

import importlib.util
from functools import cache
from pathlib import Path

import pytest

from simcluster.measurement.schedules import lower_bounds
from simcluster.scheduling import NodeView, Workflow
from simcluster.scheduling.policies.planners.planning import expected
from tests.scheduling.test_planners import BY_NAME

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "workflows"
FILES = sorted(SHARED.glob("*.json"))

pytestmark = [
    pytest.mark.theory,
    pytest.mark.skipif(not FILES, reason="the workflows lie beside the clone, in shared/workflows"),
]


@cache
def script():
    """docs/workflows.py, which is no package."""
    spec = importlib.util.spec_from_file_location("workflows_page", ROOT / "docs" / "workflows.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@cache
def page():
    return script().page(SHARED)


def test_the_page_of_workflows_is_current():
    assert (ROOT / "docs" / "workflows.md").read_text(encoding="utf-8") == page()


def test_no_makespan_of_any_policy_on_any_workflow_is_below_its_bounds():
    rows = [line.strip("| ").split(" | ") for line in page().splitlines() if line.startswith("| ")]
    first = next(place for place, row in enumerate(rows) if row[0] == "area (s)") + 1
    ratios = {row[0]: row[1:] for row in rows[first:]}

    assert len(ratios) == len(list(script().rows())) >= 17
    assert all(len(found) == len(FILES) for found in ratios.values())
    assert all(each == "refused" or float(each) >= 1 for found in ratios.values() for each in found)


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_plan_of_a_workflow_is_shorter_than_its_bounds(name, path):
    graph, nodes = Workflow(path=path).graph(0), script().NODES
    views = [
        NodeView(each.name, each.cores, each.cores, 0.0, 0.0, each.flops_per_s * each.speed, each.memory_bytes_per_s)
        for each in nodes
    ]
    instance = expected(graph, views, lambda source, target, size_bytes: size_bytes / 1.25e8)
    BY_NAME[name].place(instance)

    last_s = max(slot.end_s for slot in instance.slots().values())
    assert last_s >= lower_bounds(graph, nodes).makespan_s * (1 - 1e-12)
