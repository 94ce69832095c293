"""Plants mutations in the Python layers, one at a time in a copy, and reports those that no test notices.

``python -m tests.mutation --sample 200 --seed 1`` draws 200 mutants among all that Cosmic Ray's operators make of the
chosen packages. The tests of the mutated file's folder run on each, then those of whole clusters, then the folder's on
SimPy's own loop, whose plain Python the compiled modules stand in for. The same seed draws the same mutants. Needs
``pip install -e '.[mutation]'``.
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


@dataclass(frozen=True)
class Mutant:
    """One change to one file: the ``occurrence``-th place, in the order of the text, where ``operator`` applies."""

    path: Path
    operator: str
    occurrence: int
    line: int

    def code(self, source: str) -> str:
        """The file's text after the change."""
        changed = mutate_code(source, get_operator(self.operator)(), self.occurrence)
        assert changed is not None, f"{self} applies nowhere"
        return str(changed)


def mutants(path: Path) -> Iterator[Mutant]:
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
                yield Mutant(path, operator, occurrence, begin[0])


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


def killer(copy: Path, path: Path, limit_s: float) -> str | None:
    """Which tests fail, or take longer than ``limit_s`` seconds, with the copy as it is; None if all pass."""
    folder = f"tests/{path.relative_to(ROOT / 'simcluster').parts[0]}"
    stages = [
        (folder, [folder], {}),
        ("whole clusters", [f"tests/{name}" for name in WHOLE], {}),
        (f"{folder} on SimPy's loop", [folder, "tests/cluster"], {"SIMCLUSTER_ENGINE": "simpy"}),
    ]
    for name, paths, settings in stages:
        command = [sys.executable, "-m", "pytest", "-x", "-n", "2", "-p", "no:cacheprovider", *dict.fromkeys(paths)]
        environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", **settings}
        try:
            run = subprocess.run(
                [*command, "-m", "not slow and not network"],
                cwd=copy,
                env=environment,
                capture_output=True,
                timeout=limit_s,
            )
        except subprocess.TimeoutExpired:
            return f"{name} (took over {limit_s:g} s)"
        if run.returncode != 0:
            return name
    return None


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
    files = [path for name in chosen for path in sorted((ROOT / "simcluster" / name).rglob("*.py"))]
    every = [mutant for path in files for mutant in mutants(path)]
    drawn = random.Random(seed).sample(every, min(sample, len(every)))
    survivors, killed = [], 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", "build", "out", ".venv", "__pycache__"))
        if failing := killer(copy, drawn[0].path, limit_s):
            raise SystemExit(f"without any mutation the tests must pass, but {failing} fails")
        try:
            for mutant in track(drawn, f"{len(drawn)} of {len(every)} mutants, seed {seed}"):
                source, place = mutant.path.read_text(encoding="utf-8"), copy / mutant.path.relative_to(ROOT)
                changed = mutant.code(source)
                place.write_text(changed, encoding="utf-8")
                noticed = killer(copy, mutant.path, limit_s)
                place.write_text(source, encoding="utf-8")
                if noticed:
                    killed += 1
                else:
                    survivors.append((mutant, source, changed))
        except KeyboardInterrupt:
            typer.echo("stopped: what follows counts the mutants tried so far")
    for mutant, source, changed in survivors:
        typer.echo(f"\nsurvived: {mutant.path.relative_to(ROOT)}:{mutant.line} ({mutant.operator})")
        lines = unified_diff(source.splitlines(), changed.splitlines(), lineterm="", n=0)
        typer.echo("\n".join(line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")))
    tried = killed + len(survivors)
    typer.echo(f"\nseed {seed}: {killed} of {tried} mutants killed ({killed / max(tried, 1):.0%})")


if __name__ == "__main__":
    typer.run(main)
