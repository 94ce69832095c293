"""What every command line of simcluster shares: options, and how it ends and says what went wrong.

It imports what the command line itself is made of and nothing else, so that ``--help`` need not wait.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

INTERRUPTED = 130  # what a shell says of a program that Ctrl-C ended


def folder(text: str | Path) -> Path:
    """The folder that a user named. The empty word is none: as a path it would be the current one."""
    if not str(text):
        raise typer.BadParameter("must name a folder ('.' is the current one), got ''")
    return Path(text)


OutFolder = Annotated[
    Path, typer.Option("--out", metavar="DIR", parser=folder, help="Folder for the picture and its table.")
]
Formats = Annotated[
    list[str],
    typer.Option("--format", metavar="png|pdf|svg", help="What the picture is saved as; may be given more than once."),
]
PictureWidth = Annotated[
    str,
    typer.Option("--width", metavar="slide|column", help="As wide as a slide, or as a column of a paper, untitled."),
]
Processes = Annotated[
    int | None,
    typer.Option(metavar="N", help="Processes to run in; every core when left out."),
]


def call(app: typer.Typer, interrupted: str = "interrupted; the runs that were done are kept") -> None:
    """Run a command line and exit: 0 well done, 2 after one line about what the user got wrong, 130 after Ctrl-C.

    What it says after Ctrl-C is ``interrupted``. A file that breaks several rules has a line for each. A command that
    failed otherwise ends with a code of its own.
    """
    try:
        code = app(standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        if not _is_the_users(error):
            raise
        tell("\n".join([f"error: {one_line(error)}", *getattr(error, "__notes__", ())]))
        raise SystemExit(2) from None
    if code == INTERRUPTED:
        tell(interrupted)
    raise SystemExit(code if isinstance(code, int) else 0)


def _is_the_users(error: Exception) -> bool:
    """Whether a user can mend it: a wrong value, a file that is not there or is no place to write to."""
    # The command line's own complaints have no public base class, only a public way to read them.
    of_a_file = isinstance(error, OSError) and error.filename is not None
    return of_a_file or isinstance(error, ValueError) or hasattr(error, "format_message")


def one_line(error: Exception) -> str:
    """What the user got wrong, in one line: "field: rule, got value" for each field that breaks its rule.

    Of a file each rule has a line of its own, so that an editor finds the place.
    """
    if hasattr(error, "format_message"):
        return " ".join(str(error.format_message()).split())
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    # Which take a second to import, and have been by whatever raises one of these.
    from pydantic import ValidationError

    from simcluster.engine import InvalidSpec, broken_rules
    from simcluster.scenario import InvalidFile

    if isinstance(error, ValidationError):
        return "; ".join(broken_rules(error))
    if isinstance(error, InvalidFile):
        return str(error)
    if isinstance(error, InvalidSpec):
        return "; ".join(str(error).splitlines())
    return " ".join(str(error).split())


def say(text: Text | str) -> None:
    """Print text as it stands: nothing is folded, nothing is markup, and no control character reaches the terminal."""
    _console().print(shown(text))


def tell(text: Text | str) -> None:
    """Say it on standard error."""
    _console(stderr=True).print(shown(text))


def shown(text: Text | str) -> Text:
    """Text without control characters, which a terminal would obey: escapes that can be read stand in their place."""
    said = Text(text) if isinstance(text, str) else text
    if all(line.isprintable() for line in said.plain.split("\n")):
        return said
    from simcluster.engine import printable

    for letter in sorted(set(said.plain)):
        if (safe := printable(letter, lines=True)) != letter:
            said = Text(safe).join(said.split(letter, allow_blank=True))
    return said


def _console(*, stderr: bool = False) -> Console:
    return Console(stderr=stderr, soft_wrap=True, highlight=False, markup=False, emoji=False)
