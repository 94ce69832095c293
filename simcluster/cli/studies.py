"""Studies: ``sweep`` runs what a study's file says, or goes on with it, and ``status`` says how far it is."""

from __future__ import annotations

import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simcluster.cli.options import AsJson, Database, Plugins, Quiet, allowed, print_json, read_study
from simcluster.command_line import INTERRUPTED, Processes, say, tell

if TYPE_CHECKING:
    from simcluster.study import Study, StudyFile

FAILED = 1
SHOWN = 3  # failures, of however many


def sweep(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Study, as YAML or JSON.")],
    db: Annotated[
        Path | None, typer.Option(metavar="DB", help="Database that keeps the runs; FILE with .db when left out.")
    ] = None,
    processes: Processes = None,
    dask: Annotated[
        str | None, typer.Option(metavar="ADDRESS|local", help="Dask scheduler whose workers run it instead.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Seeds 0 to N − 1 instead of those in FILE.")] = None,
    stop_on_error: Annotated[bool, typer.Option("--stop-on-error", help="End when a run fails.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run again what has failed.")] = False,
    time_limit: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds of this machine that a run may take.")
    ] = None,
    memory_limit: Annotated[
        int | None, typer.Option(metavar="MB", help="Memory that a run may take, in millions of bytes.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    plugin: Plugins = [],  # noqa: B006 (typer reads the default, nobody writes it)
) -> None:
    """Run a study: every cell under every seed. What is done already is not run again.

    Each run is kept as it ends, so the same command goes on after Ctrl-C, a crash or a new seed. Ends with code 1 when
    some runs failed.
    """
    from simcluster.study.running.started import cores, several

    path = file.with_suffix(".db") if db is None else db
    path.parent.mkdir(parents=True, exist_ok=True)
    memory_bytes = None if memory_limit is None else memory_limit * 10**6
    limits: dict[str, Any] = {"time_limit_s": time_limit, "memory_limit_bytes": memory_bytes}
    alone = processes == 1 and limits == {"time_limit_s": None, "memory_limit_bytes": None}
    # They import simcluster while this process imports what reads and checks a study; one core is left for that.
    ahead = 0 if alone or dask else min(processes or cores(), cores() - 1)
    with several(ahead, memory_bytes) as started:
        from simcluster.study import Interrupted, RunFailed
        from simcluster.study.progress import shown
        from simcluster.study.running.execution import execution

        try:
            with (
                execution(processes, dask, **limits, started=started) as executor,
                nullcontext() if quiet or as_json else shown() as progress,
            ):
                with allowed(plugin):
                    definition = read_study(file)
                    study = _study(definition, seeds, path)
                study.run(
                    within=executor,
                    progress=progress,
                    until=definition.until,
                    metric=None if definition.until is None else definition.until.metric,
                    stop_on_error=stop_on_error,
                    retry_failed=retry_failed,
                )
        except Interrupted as interrupt:
            again = shlex.join(["simcluster", *(word for word in sys.argv[1:] if word != "--retry-failed")])
            tell(f"{interrupt}, which are kept in {path}; go on with: {again}")
            raise SystemExit(INTERRUPTED) from None
        except RunFailed as error:
            tell(f"stopped: {' '.join(str(error).split())}")
            raise SystemExit(FAILED) from None
    _tell_end(study, path, at_most=definition.until is not None, as_json=as_json, quiet=quiet)


def _study(definition: StudyFile, seeds: int | None, path: Path) -> Study:
    return (definition if seeds is None else definition.replace(seeds=seeds)).study(path)


def _tell_end(study: Study, path: Path, *, at_most: bool, as_json: bool, quiet: bool) -> None:
    """Say what there is now, and first what failed."""
    done, failed = study.store.counts(study.key)
    failures = [(run, study.command(run.cell, run.seed)) for run in study.failed()]
    if as_json:
        print_json({**_state(study.store, study.key, study.name, study.definition), "database": str(path),
                    "failures": [{"cell": run.cell, "seed": run.seed, "error": run.error, "command": command}
                                 for run, command in failures]})  # fmt: skip
    elif not quiet:
        total = f"at most {study.total}" if at_most else str(study.total)
        say(f"{done} of {total} runs are done" + (f", {failed} of them failed" if failed else ""))
    if not as_json:
        for run, command in failures[:SHOWN]:
            tell(f"failed: {' '.join(str(run.error).split())}\n  again: {command}")
        if failed > SHOWN:
            tell(f"and {failed - SHOWN} more failed")
    if not (as_json or quiet):
        say(f"look at them with: {shlex.join(['simcluster', 'results', str(path)])}")
    if failed:
        raise SystemExit(FAILED)


def status(db: Database, as_json: AsJson = False) -> None:
    """Show the studies of a database, and how far each is."""
    from rich.console import Console

    from simcluster.cli.tables import plain_table
    from simcluster.study import Store

    store = Store(db, read=True)
    states = [_state(store, key, name, definition) for key, name, definition in store.studies()]
    store.close()
    if as_json:
        print_json(states)
        return
    rows = [[each["study"][:8], each["name"], *(str(each[name]) for name in _COUNTS)] for each in states]
    Console(highlight=False).print(plain_table(["study", "name", *_COUNTS], rows, numbers=len(_COUNTS)))


_COUNTS = ("done", "failed", "total", "version")


def _state(store: Any, key: str, name: str, definition: dict[str, Any]) -> dict[str, Any]:
    done, failed = store.counts(key)
    total = int(definition["cells"]) * len(definition["seeds"])
    version = definition.get("version")
    return {"study": key, "name": name, "done": done, "failed": failed, "total": total, "version": version}
