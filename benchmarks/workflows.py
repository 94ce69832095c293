"""Workflows that ran, by every policy, beside their lower bounds: ``python benchmarks/workflows.py FOLDER``.

Each file in WfFormat in the folder is run by each built-in policy on the same three nodes of two cores, of speed 1/2, 1
and 2. Prints the makespan in seconds, beneath the critical path and the area; no makespan is below either.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NodeSpec
from simcluster.engine import InvalidSpec, Open
from simcluster.scheduling import AnyPolicy, TaskGraphJob, Workflow

SPEEDS = (0.5, 1.0, 2.0)
RETRY_S = 60.0  # longer than the largest file travels


def policies() -> dict[str, Any]:
    """Every built-in policy that needs no field, by its word."""
    (union,) = [part for part in get_args(AnyPolicy) if isinstance(part, Open)]
    found: dict[str, Any] = {}
    for word, kind in union.kinds.items():
        try:
            found[word] = union.functions[word] if word in union.functions else kind()
        except InvalidSpec:  # a field of it must be given
            continue
    return found


def metrics(path: Path, policy: Any) -> dict[str, Any]:
    """The figures of one run, which must end and keep to its bounds."""
    workers = [NodeSpec(name=f"w-{place}", speed=speed, cores=2) for place, speed in enumerate(SPEEDS)]
    names = tuple(worker.name for worker in workers)
    job = TaskGraphJob(work=Workflow(path=path), policy=policy, master="m", workers=names, retry_s=RETRY_S)
    result = run(Scenario(cluster=ClusterSpec(nodes=(NodeSpec(name="m"), *workers)), job=job, horizon_s=1e7), 0)
    found = dict(result.metrics)
    if result.ended != "finished" or found["makespan_s"] < max(found["critical_path_s"], found["area_s"]) * (1 - 1e-9):
        raise SystemExit(f"{path.name} by {policy!r}: a run must end and keep to its bounds, got {result!r}")
    return found


def main(
    folder: Annotated[Path, typer.Argument(help="Where the files are.")],
) -> None:
    """Print the table, and fail where a makespan is below its bounds."""
    files = sorted(folder.glob("*.json"))
    table = {word: [metrics(path, policy) for path in files] for word, policy in policies().items()}
    names = [path.stem[:14] for path in files]
    typer.echo(" ".join([f"{'seconds':<22}", *(f"{name:>14}" for name in names)]))
    for bound in ("critical_path_s", "area_s"):
        bounds = (f"{found[bound]:>14.1f}" for found in next(iter(table.values())))
        typer.echo(" ".join([f"{bound.removesuffix('_s'):<22}", *bounds]))
    for word, row in table.items():
        typer.echo(" ".join([f"{word:<22}", *(f"{found['makespan_s']:>14.1f}" for found in row)]))


if __name__ == "__main__":
    typer.run(main)
