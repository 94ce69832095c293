"""Plants mutations in the Python layers, one at a time in a copy, and reports those that no test notices.

``python -m tests.mutation --sample 200 --seed 1`` draws 200 mutants among all that Cosmic Ray's operators make of the
chosen packages. First the tests run without any, and coverage notes which of them run which line; each mutant then has
only those that run its statement against it, its own folder's first, on the compiled loop and on SimPy's. The same seed
draws the same mutants of the same sources. Needs ``pip install -e '.[mutation]'``.
"""

import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from queue import SimpleQueue
from typing import Annotated, Any

import typer
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from coverage import CoverageData
from rich.progress import track

ROOT = Path(__file__).parent.parent
PACKAGES = ("cluster", "faults", "learning", "training", "scheduling", "serving", "measurement")
#: What says most about whole clusters, and about models, whose own folder has few tests.
WHOLE = ("properties", "recovery", "test_testing.py", "test_scenario.py")


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
    """All the mutants of a file of this checkout, but those of its annotations, which nothing evaluates."""
    source = (ROOT / path).read_text(encoding="utf-8")
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


def _lines_of_statement(source: str, line: int) -> range:
    """The lines of the smallest statement on ``line``; of a compound one those before its body."""
    spans = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            decorators = getattr(node, "decorator_list", [])
            first = min([node.lineno, *(each.lineno for each in decorators)])
            last = max(node.lineno, body[0].lineno - 1) if body else node.end_lineno or node.lineno
            if first <= line <= last:
                spans.append(range(first, last + 1))
    return min(spans, key=len, default=range(line, line + 1))


@dataclass(frozen=True)
class Loop:
    """One of the two event loops: what chooses it, and the tests that say most about the Python that runs on it."""

    name: str
    settings: tuple[tuple[str, str], ...]
    folders: tuple[str, ...]


#: A compiled module stands in for much of the cluster's Python, which runs on SimPy's own loop alone.
LOOPS = (
    Loop("the compiled loop", (), tuple(f"tests/{name}" for name in (*PACKAGES, *WHOLE))),
    Loop(
        "SimPy's own loop",
        (("SIMCLUSTER_ENGINE", "simpy"),),
        ("tests/cluster", "tests/faults", "tests/properties/test_message_life.py"),
    ),
)


class Copy:
    """A copy of this checkout, in which tests run."""

    def __init__(self, folder: Path, limit_s: float) -> None:
        self.folder, self.limit_s = folder, limit_s
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", "build", "out", ".venv", "__pycache__"))

    def failure(self, loop: Loop, tests: Iterable[str], *options: str) -> str | None:
        """Pytest's last words where the tests fail, or take longer than the limit, with the copy as it is."""
        (self.folder / "chosen").write_text("\n".join(tests), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-p",
            "no:cacheprovider",
            "--hypothesis-profile=once",
            *options,
        ]
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"} | dict(
            loop.settings
        )
        try:
            run = subprocess.run(
                [*command, "-m", "not slow and not network", "@chosen"],
                cwd=self.folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=self.limit_s,
            )
        except subprocess.TimeoutExpired:
            return f"it takes longer than {self.limit_s:g} s"
        return None if run.returncode == 0 else run.stdout[-2000:] + run.stderr[-2000:]

    def covering(self, loop: Loop) -> dict[Path, dict[int, list[str]]]:
        """Which tests run which line of which file on ``loop``; "" stands for the line's import."""
        if said := self.failure(loop, loop.folders, "-n", "2", "--cov=simcluster", "--cov-context=test"):
            raise SystemExit(f"{said}\nwithout any mutation the tests must pass, but on {loop.name} they do not")
        data = CoverageData(str(self.folder / ".coverage"))
        data.read()
        return {Path(file).relative_to(self.folder): data.contexts_by_lineno(file) for file in data.measured_files()}

    def noticed(self, mutant: Mutant, tests: dict[Loop, list[str]]) -> bool:
        """Whether one of the tests fails with the mutant in its place."""
        path = self.folder / mutant.path
        source = path.read_text(encoding="utf-8")
        path.write_text(mutant.code(source), encoding="utf-8")
        try:
            return any(self.failure(loop, chosen) for loop, chosen in tests.items() if chosen)
        finally:
            path.write_text(source, encoding="utf-8")


def running(mutant: Mutant, covering: dict[Loop, dict[Path, dict[int, list[str]]]]) -> dict[Loop, list[str]]:
    """The tests that run the mutated statement, its own folder's first; all of a loop's where its import runs it."""
    lines = _lines_of_statement((ROOT / mutant.path).read_text(encoding="utf-8"), mutant.line)
    own, found = f"tests/{mutant.package}", {}
    for loop, files in covering.items():
        contexts = {each.rpartition("|")[0] for line in lines for each in files.get(mutant.path, {}).get(line, [])}
        found[loop] = sorted(
            loop.folders if "" in contexts else contexts, key=lambda test: (not test.startswith(own), test)
        )
    return found


def main(
    sample: Annotated[int, typer.Option(min=1, help="How many mutants are drawn.")] = 200,
    seed: Annotated[int, typer.Option(help="Which ones: the same seed draws the same.")] = 1,
    package: Annotated[list[str] | None, typer.Option(help=f"One or more of {', '.join(PACKAGES)}.")] = None,
    limit_s: Annotated[float, typer.Option(help="Tests that take longer than this, in seconds, have noticed.")] = 900.0,
    workers: Annotated[int, typer.Option(min=1, help="How many mutants are tried at a time.")] = os.cpu_count() or 1,
) -> None:
    """Plant mutations one at a time in copies of this checkout, and report those that no test notices."""
    chosen = package or list(PACKAGES)
    if unknown := sorted(set(chosen) - set(PACKAGES)):
        raise typer.BadParameter(f"package must be one of {', '.join(PACKAGES)}, got {', '.join(unknown)}")
    every = [
        mutant
        for name in chosen
        for path in sorted((ROOT / "simcluster" / name).rglob("*.py"))
        for mutant in mutants(path.relative_to(ROOT), name)
    ]
    drawn = random.Random(seed).sample(every, min(sample, len(every)))
    tried = killed = 0
    with tempfile.TemporaryDirectory() as folder:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(workers):
            copies.put(Copy(Path(folder) / f"copy-{number}", limit_s))
        first = copies.get()
        covering = {loop: first.covering(loop) for loop in track(LOOPS, "without any mutation")}
        copies.put(first)

        def noticed(mutant: Mutant) -> bool:
            copy = copies.get()
            try:
                return copy.noticed(mutant, running(mutant, covering))
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(workers) as pool:
            results = zip(drawn, pool.map(noticed, drawn), strict=True)
            try:
                for mutant, was_noticed in track(results, f"{len(drawn)} of {len(every)} mutants", total=len(drawn)):
                    tried, killed = tried + 1, killed + was_noticed
                    if not was_noticed:
                        _report(mutant, running(mutant, covering))
            except KeyboardInterrupt:
                pool.shutdown(cancel_futures=True)
                typer.echo("stopped: what follows counts the mutants tried so far")
    typer.echo(f"\nseed {seed}: {killed} of {tried} mutants killed ({killed / max(tried, 1):.0%})")


def _report(mutant: Mutant, tests: dict[Loop, list[str]]) -> None:
    source = (ROOT / mutant.path).read_text(encoding="utf-8")
    nobody = "" if any(tests.values()) else ", no test runs it"
    typer.echo(f"\nsurvived: {mutant.path}:{mutant.line} ({mutant.operator}{nobody})")
    lines = unified_diff(source.splitlines(), mutant.code(source).splitlines(), lineterm="", n=0)
    typer.echo("\n".join(line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")))


if __name__ == "__main__":
    typer.run(main)
