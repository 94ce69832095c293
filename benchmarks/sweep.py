"""What studies cost beside a plain loop and joblib: ``python benchmarks/sweep.py [--rounds N] [--json FILE] [--dask]``.

Prints, as medians of rounds in which all take turns: the overhead of a run of hardly any work, in a study in memory,
in one that is kept in a file and in a sweep, over a plain loop, beside joblib's; how much faster two processes are
than one; when the first result of a command is there; how long 100,000 stored runs take to open and summarise; how
long ``--help`` and ``import simcluster`` take; and how the parent's memory grows over 20,000 runs. With ``--dask`` also
two workers of Dask.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import joblib
import typer

from simcluster import Scenario, run
from simcluster.cluster import Cluster, ClusterSpec, NodeSpec
from simcluster.engine import Event, Spec
from simcluster.scenario import Result
from simcluster.study import Outcome, Processes, Store, Study, open_study
from simcluster.study.plan import Plan
from simcluster.sweep import sweep


class Spin(Spec):
    """A job that keeps the processor for so long, and then lets a second pass."""

    busy_s: float = 0.0

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Begin."""
        end_s = time.perf_counter() + self.busy_s
        while time.perf_counter() < end_s:
            pass
        return cluster.env.timeout(1.0)


def scenario(busy_s: float = 0.0) -> Scenario:
    """One node, and the job."""
    return Scenario(cluster=ClusterSpec(nodes=(NodeSpec(name="a"),)), job=Spin(busy_s=busy_s))


def measure(result: Result) -> dict[str, object]:
    """What is measured."""
    return {"time_s": result.ended_s}


def plain(of: Scenario, seeds: range) -> None:
    """A loop, without anything around it."""
    for seed in seeds:
        result = run(of, seed)
        measure(result)
        result.digest  # noqa: B018 (which every row has)


def one(of: Scenario, seed: int) -> dict[str, object]:
    """What joblib calls."""
    result = run(of, seed)
    return {**measure(result), "digest": result.digest}


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    began_s = time.perf_counter()
    call()
    return time.perf_counter() - began_s


def overheads(rounds: int, runs: int, folder: Path) -> dict[str, float]:
    """Milliseconds that a run costs more than in a plain loop, in one process."""
    of, seeds = scenario(), range(runs)
    pool = Processes(1)
    list(pool.outcomes(Plan([of], measure), [(0, 0)]))
    ways: dict[str, Callable[[int], object]] = {
        "plain loop": lambda _: plain(of, seeds),
        "sweep": lambda _: sweep({"a": of}, seeds, measure),
        "study in memory": lambda _: Study(of, seeds, measure).run(1),
        "study in a file": lambda place: Study(of, seeds, measure, path=folder / f"{place}.db").run(1),
        "study in a file, one worker": lambda place: (
            Study(of, seeds, measure, path=folder / f"w{place}.db").run(within=pool)
        ),
        "joblib, one worker": lambda _: joblib.Parallel(1)(joblib.delayed(one)(of, seed) for seed in seeds),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for place in range(rounds):
        for name, way in ways.items():
            took[name].append(seconds(lambda way=way, place=place: way(place)))  # type: ignore[misc]
    pool.close()
    base = statistics.median(took["plain loop"])
    found = {"plain loop, all of a run": 1e3 * base / runs}
    for name in list(ways)[1:]:
        found[name] = 1e3 * (statistics.median(took[name]) - base) / runs
    return found


def speed_up(rounds: int, runs: int, dask: bool) -> dict[str, float]:
    """How many times faster two processes are than one, on runs of 5 ms, once they are there."""
    of, seeds = scenario(0.005), range(runs)
    pools = {count: Processes(count) for count in (1, 2)}
    for pool in pools.values():
        list(pool.outcomes(Plan([scenario(0.02)], measure), [(0, seed) for seed in range(8)]))
    jobs = {count: joblib.Parallel(count) for count in (1, 2)}
    took: dict[str, list[float]] = {}

    def add(name: str, call: Callable[[], object]) -> None:
        took.setdefault(name, []).append(seconds(call))

    for _ in range(rounds):
        for count in (1, 2):
            add(f"study {count}", lambda count=count: Study(of, seeds, measure).run(within=pools[count]))  # type: ignore[misc]
            add(f"joblib {count}", lambda count=count: jobs[count](joblib.delayed(one)(of, seed) for seed in seeds))  # type: ignore[misc]
        if dask:
            add("dask 2", lambda: Study(of, seeds, measure).run(2, dask="local"))
    for pool in pools.values():
        pool.close()
    median = {name: statistics.median(each) for name, each in took.items()}
    found = {name: median[f"{name} 1"] / median[f"{name} 2"] for name in ("study", "joblib")}
    if dask:
        found["dask, with its start, over a study in one process"] = median["study 1"] / median["dask 2"]
    return found


def command(text: str) -> list[str]:
    """A command that runs a program."""
    return [sys.executable, "-c", text]


def starts(rounds: int, folder: Path) -> dict[str, float]:
    """Seconds until a command says something."""
    here = Path(__file__).parents[1] / "experiments" / "scenarios" / "training.yaml"
    study = folder / "study.yaml"
    study.write_text("seeds: 4\nscenario:\n" + "".join(f"  {line}\n" for line in here.read_text().splitlines()))
    sweeping = [sys.executable, "-m", "simcluster", "sweep", str(study), "--processes", "2", "--db"]

    def first(place: int) -> None:
        path = folder / f"first{place}.db"
        with subprocess.Popen([*sweeping, str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as made:
            while made.poll() is None:
                time.sleep(0.05)  # looks cost time that the command has not then
                try:
                    stored = open_study(path)
                except ValueError:  # there is no study in it yet
                    continue
                if stored.store.counts(stored.key)[0]:
                    break
            made.kill()  # the rest is not waited for

    def quiet(call: list[str]) -> None:
        subprocess.run(call, check=True, stdout=subprocess.DEVNULL)

    ways: dict[str, Callable[[int], object]] = {
        "import simcluster": lambda _: quiet(command("import simcluster")),
        "from simcluster import Scenario": lambda _: quiet(command("from simcluster import Scenario")),
        "simcluster --help": lambda _: quiet([sys.executable, "-m", "simcluster", "--help"]),
        "python alone": lambda _: quiet(command("")),
        "first result of simcluster sweep": first,
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for place in range(rounds):
        for name, way in ways.items():
            took[name].append(seconds(lambda way=way, place=place: way(place)))  # type: ignore[misc]
    return {name: statistics.median(each) for name, each in took.items()}


def many_rows(folder: Path, count: int = 100_000) -> dict[str, float]:
    """Seconds to open and summarise so many stored runs."""
    path = folder / "many.db"
    store = Store(path)
    definition = {"columns": ["a"], "cells": 100, "seeds": list(range(count // 100)), "versions": {}, "machine": ""}
    store.enter("k", "many", definition, [([cell], None) for cell in range(100)])
    known = {"ended": "finished", "verdicts": "", "digest": "0" * 32}
    store.write(
        "k",
        (
            Outcome(cell, seed, ({**known, "x": cell + seed / 7, "y": seed / 3},))
            for cell in range(100)
            for seed in range(count // 100)
        ),
    )
    store.close()
    open_study(folder / "many.db").store.close()
    return {f"{count} runs opened and summarised": seconds(lambda: open_study(path).summary())}


def memory(folder: Path, runs: int = 20_000) -> dict[str, float]:
    """Megabytes by which the parent grows between a tenth of the runs and all."""
    seen: list[int] = []

    def look(_: object) -> None:
        with open("/proc/self/statm") as told:
            seen.append(int(told.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))

    Study(scenario(), range(runs), measure, path=folder / "memory.db").run(2, progress=look)
    return {f"parent over {runs} runs": (seen[-1] - seen[max(1, len(seen) // 10)]) / 1e6}


def main(
    rounds: Annotated[int, typer.Option(help="How often each is measured.")] = 5,
    runs: Annotated[int, typer.Option(help="Runs of hardly any work.")] = 2000,
    dask: Annotated[bool, typer.Option("--dask", help="Also two workers of Dask.")] = False,
    to: Annotated[Path | None, typer.Option("--json", help="Where to write the figures.")] = None,
) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {
            "overhead of a run (ms)": overheads(rounds, runs, folder),
            "two processes over one (times)": speed_up(max(1, rounds // 2), runs, dask),
            "starting (s)": starts(rounds, folder),
            "reading (s)": many_rows(folder),
            "memory (MB)": memory(folder),
        }
    for title, figures in found.items():
        print(title)
        for name, figure in figures.items():
            print(f"  {name:<52}{figure:8.3f}")
    if to is not None:
        to.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
