"""Options that several commands have, and what they share beside them."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from simcluster.scenario import Scenario
    from simcluster.study import StudyFile

Plugins = Annotated[
    list[str],
    typer.Option(
        "--plugin", metavar="MODULE", help="Module of your own that files may name; may be given more than once."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON; inf and nan are words in it.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print neither progress nor result, only what went wrong.")]
Database = Annotated[Path, typer.Argument(metavar="DB", help="Database of studies.")]
StudyKey = Annotated[
    str | None, typer.Option("--study", metavar="KEY", help="Key or name of the study; the newest when left out.")
]
Force = Annotated[bool, typer.Option("--force", help="Write over a file that is there.")]


@contextmanager
def allowed(modules: list[str]) -> Iterator[None]:
    """Meanwhile files may name these modules, which may also stand in the current folder.

    Raises ``ValueError`` for a module that cannot be found.
    """
    import importlib

    from simcluster.engine import plugins

    if modules and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    for module in modules:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name not in (module, module.partition(".")[0]):
                raise
            raise ValueError(f"plugin: must be a module that can be imported, got {module!r}") from None
    with plugins(*modules):
        yield


def read_scenario(file: Path) -> Scenario:
    """The scenario in a file. Raises ``ValueError`` as ``load_scenario``, or with what to call for a study."""
    from simcluster.scenario import InvalidFile, load_scenario, load_spec

    try:
        return load_scenario(file)
    except InvalidFile:
        from simcluster.study import StudyFile

        if _is_in(file, load_spec, StudyFile):
            raise ValueError(f"{file}: must be a scenario, got a study, which `simcluster sweep` runs") from None
        raise


def read_study(file: Path) -> StudyFile:
    """The study in a file. Raises ``ValueError`` as ``load_spec``, or with what to call for a scenario."""
    from simcluster.scenario import InvalidFile, load_scenario, load_spec
    from simcluster.study import StudyFile

    try:
        return load_spec(file, StudyFile)
    except InvalidFile:
        if _is_in(file, load_scenario):
            raise ValueError(f"{file}: must be a study, got a scenario, which `simcluster run` runs") from None
        raise


def _is_in(file: Path, load: Callable[..., object], *kind: object) -> bool:
    try:
        load(file, *kind)
    except ValueError:
        return False
    return True


def print_json(value: Any) -> None:
    """Print a value as JSON that every reader takes: numbers that JSON does not have are words."""
    text = json.dumps(_plain(value), indent=2, ensure_ascii=True, allow_nan=False)
    typer.echo(text)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def refuse_to_overwrite(path: Path, force: bool) -> None:
    """Raise ``ValueError`` where a file is that nobody has said to write over."""
    if path.exists() and not force:
        raise ValueError(f"{path}: must not be there yet, or be written over with --force")
