"""Write docs/workflows.md anew: every workflow of a folder under every policy, planner and decentralised scheduler.

Usage: ``python docs/workflows.py [FOLDER]``, a folder of files in WfFormat; without one, ``shared/workflows`` beside
the clone.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from simcluster import ClusterSpec, NodeSpec, Scenario, run
from simcluster.engine import Open
from simcluster.measurement.schedules import lower_bounds, makespan_s
from simcluster.scheduling import AnyPolicy, AnyScheduler, DecentralisedJob, TaskGraphJob, Workflow

PAGE = Path(__file__).resolve().with_suffix(".md")
FOLDER = PAGE.parents[2] / "shared" / "workflows"
SPEEDS = (1.0, 1.0, 2.0, 4.0)
RETRY_S = 1e4  # longer than any transfer takes: a request that is sent again would only ask for the same again
WORKERS = tuple(f"worker-{place}" for place in range(len(SPEEDS)))
NODES = tuple(
    NodeSpec(name=name, cores=4, flops_per_s=1e9, speed=speed) for name, speed in zip(WORKERS, SPEEDS, strict=True)
)
#: What a built-in must be told, by its kind, beside the kind.
TOLD: dict[str, dict[str, Any]] = {}
#: In place of one row of a kind several.
SEVERAL: dict[str, dict[str, dict[str, Any]]] = {
    "work_stealing": {
        "work stealing, one": {"pause_most_s": 1.0},
        "work stealing, half": {"pause_most_s": 1.0, "share": "half"},
    },
    "sparrow": {
        "Sparrow, late binding": {},
        "Sparrow, batch sampling": {"late_binding": False},
        "Sparrow, per-task sampling": {"late_binding": False, "sampling": "per_task"},
    },
}


def files(folder: Path = FOLDER) -> list[Path]:
    """The workflows of a folder, by name."""
    return sorted(folder.glob("*.json"))


def rows() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The name of each row, the field that it is of, and what it is in a file."""
    for field, kinds in (("policy", _kinds(AnyPolicy)), ("scheduler", _kinds(AnyScheduler))):
        for kind in kinds:
            for name, more in SEVERAL.get(kind, {f"`{kind}`": {}}).items():
                yield name, field, {"kind": kind, **TOLD.get(kind, {}), **more}


def _kinds(union: Any) -> list[str]:
    return list(next(each for each in get_args(union) if isinstance(each, Open)).kinds)


def scheduled_s(path: Path, field: str, part: dict[str, Any]) -> float | None:
    """The makespan of a workflow under a policy or a scheduler; ``None`` where it refuses the workflow."""
    cluster = ClusterSpec(nodes=(NodeSpec(name="master"), *NODES))
    kind: Any = TaskGraphJob if field == "policy" else DecentralisedJob
    try:
        job = kind(work=Workflow(path=path), master="master", workers=WORKERS, retry_s=RETRY_S, **{field: part})
        scenario = Scenario(cluster=cluster, job=job, trace_kinds=("task_begin", "task_end"))
    except ValueError:
        return None
    result = run(scenario, 0)
    assert result.ended == "finished"
    return makespan_s(result.trace.rows())


def page(folder: Path = FOLDER) -> str:
    """The whole page."""
    paths = files(folder)
    works = [Workflow(path=path) for path in paths]
    graphs = [work.graph(0) for work in works]
    bounds = [lower_bounds(graph, NODES) for graph in graphs]
    lines = [
        _row("", [f"`{path.stem}`" for path in paths]),
        "|---" * (len(paths) + 1) + "|",
        _row("tasks", [f"{len(graph)}" for graph in graphs]),
        _row("makespan that was measured (s)", [f"{work.measured_s():.4g}" for work in works]),
        _row("critical path (s)", [f"{bound.critical_path_s:.4g}" for bound in bounds]),
        _row("area (s)", [f"{bound.area_s:.4g}" for bound in bounds]),
    ]
    for name, field, part in rows():
        found = [scheduled_s(path, field, part) for path in paths]
        cells = [
            "refused" if each is None else f"{each / bound.makespan_s:.3f}"
            for each, bound in zip(found, bounds, strict=True)
        ]
        lines.append(_row(name, cells))
    return "# Workflows that ran, under every policy\n\n" + _wrapped(
        "`python docs/workflows.py` writes this page: each workflow of WfInstances (WfFormat 1.5) in a folder "
        "beside the clone, on four nodes of four cores, of speeds 1, 1, 2 and 4. A task takes on a core of speed 1 "
        "what it took when it ran, and what an edge carries is what the one task wrote and the other read. First the "
        "bounds that no schedule is shorter than, the longest way with each task on the fastest core and all work "
        "over all cores (`docs/scheduling.md` has the policies); then each makespan over the greater of both, "
        "under every policy and planner by its kind, and the decentralised schedulers. Refused is what a scheduler "
        "does not take: tasks of several cores. Seed 0; nothing is drawn but victims and probes."
    ) + "\n".join(lines) + "\n"


def _row(name: str, cells: list[str]) -> str:
    return "| " + " | ".join([name, *cells]) + " |"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 118, break_on_hyphens=False, break_long_words=False) + "\n\n"


if __name__ == "__main__":
    PAGE.write_text(page(Path(sys.argv[1]) if sys.argv[1:] else FOLDER), encoding="utf-8")
    print(PAGE)
