"""Single runs: ``run`` a scenario's file, and ``replay`` a run that was kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simcluster.cli.options import (
    AsJson,
    Force,
    Plugins,
    Quiet,
    StudyKey,
    allowed,
    print_json,
    read_scenario,
    refuse_to_overwrite,
)
from simcluster.cli.progress import waiting
from simcluster.command_line import say, tell

if TYPE_CHECKING:
    from simcluster.scenario import Result, Scenario

Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where the result is kept.")]
FAILED = 1


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Scenario, as YAML or JSON.")],
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the run.")] = 0,
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    force: Force = False,
    plugin: Plugins = [],  # noqa: B006 (typer reads the default, nobody writes it)
) -> None:
    """Run a scenario once, and print its result.

    Ends with code 1 when the run fails.
    """
    if out is not None:
        refuse_to_overwrite(out, force)
    with allowed(plugin):
        scenario = read_scenario(file)
        result = _run(scenario, seed, as_json=as_json, quiet=quiet, traceback=bool(plugin))
        _show(result, out, as_json=as_json, quiet=quiet)


def _run(scenario: Scenario, seed: int, *, as_json: bool, quiet: bool, traceback: bool) -> Result:
    """The result, or the end of the command where the run fails."""
    from simcluster import scenario as scenarios
    from simcluster.engine import check_whole
    from simcluster.learning import MissingFile

    check_whole("seed", seed)
    with waiting(f"seed {seed}", quiet or as_json):
        try:
            return scenarios.run(scenario, seed)
        except MissingFile:  # which the user can mend
            raise
        except Exception as error:  # whatever a program of the job raises
            if as_json:
                print_json({"seed": seed, "failed": type(error).__name__, "error": str(error),
                            "notes": getattr(error, "__notes__", [])})  # fmt: skip
            _tell_failure(error, traceback)
            raise SystemExit(FAILED) from None


def _tell_failure(error: Exception, traceback: bool) -> None:
    """Say it in a line, and before that with its traceback, which who wrote a part of it has use for."""
    import traceback as tracebacks

    if traceback:
        tell("".join(tracebacks.format_exception(error)).rstrip())
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    tell(f"failed: {type(error).__name__}: {' '.join(f'{error}{notes}'.split())}")


def _show(result: Result, out: Path | None, *, as_json: bool, quiet: bool, **more: Any) -> None:
    if out is not None:
        result.save(out)
    if as_json:
        print_json({**more, **_facts(result), "file": None if out is None else str(out)})
    elif not quiet:
        say(repr(result))
        if out is not None:
            say(f"kept in {out}")


def _facts(result: Result) -> dict[str, Any]:
    """What JSON says of a result."""
    return {
        "seed": result.seed,
        "ended": result.ended.word,
        "ended_s": result.ended_s,
        "waits": result.ended.waits,
        "verdicts": [{"name": each.name, "sentence": each.sentence} for each in result.verdicts],
        "metrics": result.metrics,
        "backlog": result.backlog,
        "digest": result.digest,
        "scenario_digest": result.scenario_digest,
        "versions": result.versions,
    }


def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Result that was kept, or a database of studies.")],
    study: StudyKey = None,
    cell: Annotated[int | None, typer.Option(metavar="N", help="Which cell of the study.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Which seed of the study.")] = None,
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    force: Force = False,
    plugin: Plugins = [],  # noqa: B006 (typer reads the default, nobody writes it)
) -> None:
    """Run again what was kept, and say whether it is the same.

    It is run with its full trace, and must have the same records, to the last bit.

    Ends with code 1 when it is not the same, or when it fails.
    """
    if out is not None:
        refuse_to_overwrite(out, force)
    with allowed(plugin):
        if _is_database(file):
            if cell is None or seed is None:
                raise ValueError("cell and seed: must be given of a run in a database, got none")
            _replay_run(file, study, cell, seed, out, as_json=as_json, quiet=quiet)
        else:
            if (study, cell, seed) != (None, None, None):
                raise ValueError(f"study, cell, seed: must be those of a database, got them with the result {file}")
            _replay_file(file, out, as_json=as_json, quiet=quiet)


def _is_database(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(6) == b"SQLite"


def _replay_file(file: Path, out: Path | None, *, as_json: bool, quiet: bool) -> None:
    from simcluster.scenario import NotTheSame
    from simcluster.scenario import replay as run_again

    try:
        with waiting(f"{file.name} again", quiet or as_json):
            result = run_again(file)
    except NotTheSame as error:
        _differs(error, as_json)
    _same(result, out, as_json=as_json, quiet=quiet)


def _replay_run(
    file: Path, study: str | None, cell: int, seed: int, out: Path | None, *, as_json: bool, quiet: bool
) -> None:
    from simcluster.scenario import NotTheSame
    from simcluster.study import open_study

    stored = open_study(file, study)
    kept = stored.run_of(cell, seed)
    if kept.error is not None:
        _replay_failure(stored.scenario(cell), seed, kept, out, as_json=as_json, quiet=quiet)
        return
    try:
        with waiting(f"cell {cell}, seed {seed} again", quiet or as_json):
            result = stored.replay(cell, seed)
    except NotTheSame as error:
        _differs(error, as_json)
    _same(result, out, as_json=as_json, quiet=quiet)


def _replay_failure(
    scenario: Scenario, seed: int, kept: Any, out: Path | None, *, as_json: bool, quiet: bool
) -> None:
    """Say how it failed then, and how it does now."""
    if not (as_json or quiet):
        say(f"It failed with {kept.error}\n{(kept.traceback or '').rstrip()}\nNow:")
    result = _run(scenario.replace(trace_kinds=None), seed, as_json=as_json, quiet=quiet, traceback=not quiet)
    _show(result, out, as_json=as_json, quiet=quiet, same=False, failed_then=kept.error)
    tell("not the same: the run failed then, and does not now")
    raise SystemExit(FAILED)


def _differs(error: Exception, as_json: bool) -> None:
    if as_json:
        print_json({"same": False, "error": str(error)})
    tell(f"not the same: {' '.join(str(error).split())}")
    raise SystemExit(FAILED)


def _same(result: Result, out: Path | None, *, as_json: bool, quiet: bool) -> None:
    _show(result, out, as_json=as_json, quiet=quiet, same=True)
    if not (as_json or quiet):
        say("the same run as before, to the last bit of its records")
