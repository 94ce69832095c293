"""App: the command ``simcluster``, and where its commands are."""

from __future__ import annotations

from typing import Annotated

import typer

from simcluster.cli import catalogue, check, demo, new, results, run, studies
from simcluster.command_line import call

EXAMPLE = "\b\nExample:\n  "
COMMANDS = (
    ("run", run.run, "simcluster run scenario.yaml --seed 3"),
    ("sweep", studies.sweep, "simcluster sweep study.yaml --processes 4"),
    ("status", studies.status, "simcluster status study.db"),
    ("results", results.results, "simcluster results study.db --metric ended_s"),
    ("compare", results.compare, "simcluster compare study.db staleness --metric ended_s"),
    ("plot", results.plot, "simcluster plot study.db --kind cdf --y ended_s --by staleness --out times.png"),
    ("export", results.export, "simcluster export study.db --to runs.parquet"),
    ("replay", run.replay, "simcluster replay study.db --cell 0 --seed 3"),
    ("check", check.check, "simcluster check history.edn --model cas-register --initial nil"),
    ("schema", catalogue.schema, "simcluster schema scenario > scenario.schema.json"),
    ("list", catalogue.list_kinds, "simcluster list faults"),
    ("new", new.new, "simcluster new scenario scenario.yaml"),
    ("info", demo.info, "simcluster info --json"),
    ("demo", demo.demo, "simcluster demo --seed 5 --out pictures"),
)

# Help is plain text: it is there three times as fast as in boxes, and what is in a pipe can be copied.
app = typer.Typer(
    add_completion=False,
    invoke_without_command=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which strategy is better on this cluster, under these faults? Real results, simulated seconds.",
    epilog=f"{EXAMPLE}simcluster new scenario scenario.yaml && simcluster run scenario.yaml",
)
for _name, _command, _example in COMMANDS:
    app.command(_name, epilog=EXAMPLE + _example)(_command)


def main() -> None:
    """Run the command line."""
    call(app, interrupted="interrupted")


def _version(wanted: bool) -> None:
    if wanted:
        import simcluster

        typer.echo(f"simcluster {simcluster.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """The options of the command itself; without a command, what there is to do."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
