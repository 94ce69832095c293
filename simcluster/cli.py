"""The command ``simcluster``."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import simcluster
from simcluster.experiment import (
    Answer,
    Experiment,
    Formats,
    OutFolder,
    PictureWidth,
    Processes,
    answers,
    at_least,
    call,
    one_bar,
    say,
)
from simcluster.report import check_folder, check_formats
from simcluster.scenario import machine, versions
from simcluster.sweep import workers

EXPERIMENTS = ("consistency", "fault_tolerance", "scheduling", "load_balancing", "fresh_predictions")
DEMO_SEEDS = 5

app = typer.Typer(
    add_completion=False,
    invoke_without_command=True,
    help="Which strategy is better on this cluster, under these faults? Real results, simulated seconds.",
)


def main() -> None:
    """Run the command line."""
    call(app)


def _version(wanted: bool) -> None:
    if wanted:
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


@app.command()
def demo(
    seed: Annotated[
        int, typer.Option(metavar="N", help="The first of the seeds that are run.")
    ] = 0,
    out: OutFolder = Path("out"),
    formats: Formats = ["png"],  # noqa: B006 (typer reads the default, nobody writes it)
    width: PictureWidth = "slide",
    processes: Processes = None,
) -> None:
    """Run small versions of the five experiments: a picture and its table each, and who won."""
    at_least("seed", 0, seed)
    check_formats(formats, width)
    check_folder(out)
    seeds = range(seed, seed + DEMO_SEEDS)
    found: list[Answer] = []
    try:
        with workers(processes) as within:
            for name in EXPERIMENTS:
                with one_bar(f"{name:<18}") as report:
                    answer = experiment(name).compare(
                        seeds, small=True, out=out, within=within, progress=report, formats=formats, width=width
                    )
                found.append(answer)
    finally:
        if found:
            say(answers(found))
    say(
        f"Means of {DEMO_SEEDS} seeds from {seed}, with their 95 % intervals. A winner is named only where\n"
        "the intervals of its paired differences from all others exclude 0. Beside each\n"
        "picture are its numbers, as CSV."
    )


@app.command()
def info() -> None:
    """Show the versions that a result depends on."""
    table = Table(show_header=False)
    known = versions()
    loop = {"compiled": "compiled loop under SimPy's API"}.get(known.pop("engine"), "SimPy's own loop")
    table.add_row("simcluster", known.pop("simcluster"))
    table.add_row("Python", known.pop("python"))
    table.add_row("system", platform.platform())
    table.add_row("machine", machine())
    table.add_row("engine", f"{loop}, SimPy {known.pop('simpy')}")
    table.add_row("kernels", f"{known.pop('instructions')} instructions")
    for package in ("pandas", "matplotlib"):  # on which no number depends, but tables and pictures do
        known[package] = importlib.metadata.version(package)
    for package, version in known.items():
        table.add_row(package, version)
    Console().print(table)


def experiment(name: str) -> Experiment:
    """The experiment that stands in ``experiments/name.py``: in the package once installed, in a clone beside it."""
    home = "simcluster.experiments" if find_spec("simcluster.experiments") else "experiments"
    found = importlib.import_module(f"{home}.{name}").experiment
    if not isinstance(found, Experiment):
        raise TypeError(f"experiments/{name}.py must define an Experiment, got {found!r}")
    return found


if __name__ == "__main__":
    main()
