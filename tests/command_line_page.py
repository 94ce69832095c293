"""The page on the command line, made of what ``--help`` says: ``python tests/command_line_page.py`` writes it."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from simcluster.cli.app import COMMANDS, app

PAGE = Path(__file__).parents[1] / "docs" / "command_line.md"

HEAD = """# The command line

`simcluster` runs scenarios and studies from files, and shows what they gave. All of this page is what `--help` says.

- A command ends with code 0 when all is well, 1 when a run failed or is not the same again, 2 after a line about what
  is wrong in what it was given, and 130 after Ctrl-C.
- Results go to standard output, progress and errors to standard error. Where that is no terminal, progress is a line
  every half minute.
- `--json` prints JSON that every reader takes: numbers that JSON does not have are the words "Infinity", "-Infinity"
  and "NaN".
- Whatever a file or a database holds, no control character of it reaches the terminal.
- Code is imported only from modules that `--plugin` names, which may stand in the current folder, or that are installed
  as plug-ins. Reading a database or a result runs no code.
"""


def page() -> str:
    """The page as it must be."""
    parts = [HEAD, f"```text\n{_help()}\n```\n"]
    for name, *_ in COMMANDS:
        parts.append(f"## {name}\n\n```text\n{_help(name)}\n```\n")
    return "\n".join(parts)


def _help(*command: str) -> str:
    # Typer takes the width of the terminal, if none is said.
    said = CliRunner().invoke(app, [*command, "--help"], prog_name="simcluster", terminal_width=80)
    return "\n".join(line.rstrip() for line in said.output.rstrip().splitlines())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
