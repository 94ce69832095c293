"""Plants mutations in the Python layers, one at a time in a copy, and reports those that no test notices.

``python -m tests.mutation --sample 200 --seed 1`` draws 200 mutants among all that Cosmic Ray's operators make of the
chosen packages. The tests of the mutated file's folder run on each, then those of whole clusters, then, where compiled
modules stand in for plain Python, those of the cluster on SimPy's own loop. The same seed draws the same mutants of the
same sources. Needs ``pip install -e '.[mutation]'``.
"""

import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Annotated, Any

import typer
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from rich.progress import track

ROOT = Path(__file__).parent.parent
PACKAGES = ("cluster", "faults", "learning", "training", "scheduling", "serving", "measurement")
#: What says most about whole clusters, and about models, whose own folder has few tests.
WHOLE = ("properties", "training", "scheduling", "serving", "recovery", "test_testing.py", "test_scenario.py")
#: Whose plain Python runs only on SimPy's own loop, for a compiled module stands in for it.
PLAIN = ("cluster", "faults")


@dataclass(frozen=True)
class Mutant:
    """One change to one file: the ``occurrence``-th place, in the order of the text, where ``operator`` applies."""

    path: Path
    package: str
    operator: str
    occurrence: int
    line: int

    def code(self, source: str) -> str:
        """The file's text after the change."""
        changed = mutate_code(source, get_operator(self.operator)(), self.occurrence)
        assert changed is not None, f"{self} applies nowhere"
        return str(changed)


def mutants(path: Path, package: str) -> Iterator[Mutant]:
    """All the mutants of a file, but those of its annotations, which nothing evaluates."""
    source = path.read_text(encoding="utf-8")
    tree, silent = get_ast(source), _annotations(source)
    for operator in sorted(operator_names()):
        kind = get_operator(operator)
        if kind.arguments():
            continue  # it inserts a variable that one has to name
        positions = (position for node in ast_nodes(tree) for position in kind().mutation_positions(node))
        for occurrence, (begin, _) in enumerate(positions):
            if not any(first <= tuple(begin) < last for first, last in silent):
                yield Mutant(path, package, operator, occurrence, begin[0])


def _annotations(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where the annotations of arguments, results and variables begin and end, as (line, column)."""
    found: list[Any] = []
    for node in ast.walk(ast.parse(source)):
        found += [getattr(node, name, None) for name in ("annotation", "returns")]
    return [
        ((each.lineno, each.col_offset), (each.end_lineno, each.end_col_offset))
        for each in found
        if isinstance(each, ast.AST)
    ]


def stages(package: str) -> dict[str, tuple[tuple[str, ...], dict[str, str]]]:
    """The tests that have to notice a change in ``package``, the quickest first: paths and settings by name."""
    folder = f"tests/{package}"
    found = {
        folder: ((folder,), {}),
        "whole clusters": (tuple(f"tests/{name}" for name in WHOLE), {}),
    }
    if package in PLAIN:
        found["SimPy's loop"] = (tuple(f"tests/{name}" for name in PLAIN), {"SIMCLUSTER_ENGINE": "simpy"})
    return found


def failure(copy: Path, paths: tuple[str, ...], settings: dict[str, str], limit_s: float) -> str | None:
    """Pytest's last words where the tests fail, or take longer than ``limit_s`` seconds, with the copy as it is."""
    command = [sys.executable, "-m", "pytest", "-x", "-n", "2", "-p", "no:cacheprovider", *paths]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", **settings}
    try:
        run = subprocess.run(
            [*command, "-m", "not slow and not network"],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            timeout=limit_s,
        )
    except subprocess.TimeoutExpired:
        return f"it takes longer than {limit_s:g} s"
    return None if run.returncode == 0 else run.stdout[-2000:] + run.stderr[-2000:]


def main(
    sample: Annotated[int, typer.Option(min=1, help="How many mutants are drawn.")] = 200,
    seed: Annotated[int, typer.Option(help="Which ones: the same seed draws the same.")] = 1,
    package: Annotated[list[str] | None, typer.Option(help=f"One or more of {', '.join(PACKAGES)}.")] = None,
    limit_s: Annotated[float, typer.Option(help="Tests that take longer than this, in seconds, have noticed.")] = 600.0,
) -> None:
    """Plant mutations one at a time in a copy of this checkout, and report those that no test notices."""
    chosen = package or list(PACKAGES)
    if unknown := sorted(set(chosen) - set(PACKAGES)):
        raise typer.BadParameter(f"package must be one of {', '.join(PACKAGES)}, got {', '.join(unknown)}")
    survivors, killed = [], 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", "build", "out", ".venv", "__pycache__"))
        every = [
            mutant
            for name in chosen
            for path in sorted((copy / "simcluster" / name).rglob("*.py"))
            for mutant in mutants(path, name)
        ]
        drawn = random.Random(seed).sample(every, min(sample, len(every)))
        before = {name: stage for mutant in drawn for name, stage in stages(mutant.package).items()}
        for name, stage in track(before.items(), "without any mutation"):
            if said := failure(copy, *stage, limit_s):
                raise SystemExit(f"{said}\nwithout any mutation the tests must pass, but {name} does not")
        try:
            for mutant in track(drawn, f"{len(drawn)} of {len(every)} mutants, seed {seed}"):
                source = mutant.path.read_text(encoding="utf-8")
                changed = mutant.code(source)
                mutant.path.write_text(changed, encoding="utf-8")
                noticed = any(failure(copy, *stage, limit_s) for stage in stages(mutant.package).values())
                mutant.path.write_text(source, encoding="utf-8")
                if noticed:
                    killed += 1
                else:
                    survivors.append((mutant.path.relative_to(copy), mutant, source, changed))
        except KeyboardInterrupt:
            typer.echo("stopped: what follows counts the mutants tried so far")
    for path, mutant, source, changed in survivors:
        typer.echo(f"\nsurvived: {path}:{mutant.line} ({mutant.operator})")
        lines = unified_diff(source.splitlines(), changed.splitlines(), lineterm="", n=0)
        typer.echo("\n".join(line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")))
    tried = killed + len(survivors)
    typer.echo(f"\nseed {seed}: {killed} of {tried} mutants killed ({killed / max(tried, 1):.0%})")


if __name__ == "__main__":
    typer.run(main)
