"""Starter files: ``new`` writes a scenario, a study, a script or a history that runs as it is, to begin with."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from simcluster.cli.options import Force, refuse_to_overwrite
from simcluster.command_line import say

#: What there is, as it is called where nobody says otherwise, and what to do with it.
STARTERS = {
    "scenario": ("scenario.yaml", "simcluster run {}"),
    "study": ("study.yaml", "simcluster sweep {}"),
    "script": ("script.py", "python {}"),
    "history": ("history.edn", "simcluster check {} --model cas-register --initial nil"),
}


def new(
    what: Annotated[str, typer.Argument(metavar="scenario|study|script|history", help="What to begin with.")],
    path: Annotated[Path | None, typer.Argument(metavar="PATH", help="Where it is written.")] = None,
    force: Force = False,
) -> None:
    """Write a file to begin with, which runs as it is."""
    import shlex

    if what not in STARTERS:
        from simcluster.engine import hint

        raise ValueError(f"new: must be one of {', '.join(STARTERS)}, got {what!r}{hint(what, STARTERS)}")
    name, then = STARTERS[what]
    made = Path(name) if path is None else path
    suffix = Path(name).suffix
    if made.suffix not in ((".yaml", ".yml") if suffix == ".yaml" else (suffix,)):
        raise ValueError(f"path: must end with {suffix}, got {str(made)!r}")
    refuse_to_overwrite(made, force)
    made.write_text(starter(what), encoding="utf-8")
    say(f"{made} is written; run it with: {then.format(shlex.quote(str(made)))}")


def starter(what: str) -> str:
    """The text of a starter file."""
    return (files("simcluster.cli") / "starters" / STARTERS[what][0]).read_text(encoding="utf-8")
