"""What there is here: ``demo`` shows what it can do, ``info`` what a result depends on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcluster.cli.options import AsJson, print_json
from simcluster.command_line import INTERRUPTED, Formats, OutFolder, PictureWidth, Processes, say, tell

if TYPE_CHECKING:
    from simcluster.experiment import Answer, Experiment

EXPERIMENTS = ("consistency", "fault_tolerance", "scheduling", "load_balancing", "fresh_predictions")
DEMO_SEEDS = 5


def demo(
    seed: Annotated[
        int, typer.Option(metavar="N", help="The first of the seeds that are run.")
    ] = 0,
    out: OutFolder = Path("out"),
    formats: Formats = ["png"],  # noqa: B006 (typer reads the default, nobody writes it)
    width: PictureWidth = "slide",
    processes: Processes = None,
) -> None:
    """Run five small experiments, each with its picture.

    Beside each picture is its table; who won is printed.
    """
    from simcluster.experiment import answers, at_least, one_bar
    from simcluster.report import check_folder, check_formats
    from simcluster.sweep import workers

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
    except KeyboardInterrupt:
        tell("interrupted; the runs that were done are kept")
        raise SystemExit(INTERRUPTED) from None
    finally:
        if found:
            say(answers(found))
    say(
        f"Means of {DEMO_SEEDS} seeds from {seed}, with their 95 % intervals. A winner is named only where\n"
        "the intervals of its paired differences from all others exclude 0. Beside each\n"
        "picture are its numbers, as CSV."
    )


def info(as_json: AsJson = False) -> None:
    """Show the versions that a result depends on."""
    import importlib.metadata
    import platform

    from rich.console import Console
    from rich.table import Table

    from simcluster.scenario import machine, versions

    known = versions()
    # On which no number depends, but tables and pictures do.
    others = {package: importlib.metadata.version(package) for package in ("pandas", "matplotlib")}
    if as_json:
        print_json({**known, **others, "system": platform.platform(), "machine": machine()})
        return
    table = Table(show_header=False)
    loop = {"compiled": "compiled loop under SimPy's API"}.get(known.pop("engine"), "SimPy's own loop")
    table.add_row("simcluster", known.pop("simcluster"))
    table.add_row("Python", known.pop("python"))
    table.add_row("system", platform.platform())
    table.add_row("machine", machine())
    table.add_row("engine", f"{loop}, SimPy {known.pop('simpy')}")
    table.add_row("kernels", f"{known.pop('instructions')} instructions")
    for package, version in {**known, **others}.items():
        table.add_row(package, version)
    Console().print(table)


def experiment(name: str) -> Experiment:
    """The experiment that stands in ``experiments/name.py``: in the package once installed, in a clone beside it."""
    import importlib
    from importlib.util import find_spec

    from simcluster.experiment import Experiment

    home = "simcluster.experiments" if find_spec("simcluster.experiments") else "experiments"
    found = importlib.import_module(f"{home}.{name}").experiment
    if not isinstance(found, Experiment):
        raise TypeError(f"experiments/{name}.py must define an Experiment, got {found!r}")
    return found
