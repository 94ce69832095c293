"""Runs SimPy's test suite against the compiled loop: ``simpy_suite.py [--plain] [pytest options]``.

The suite comes from SimPy's source distribution, which is fetched from the package index into a
temporary directory and never kept. ``--plain`` runs it on SimPy, to tell our failures from theirs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import simpy

#: Tests of SimPy that do not apply here, each with the reason.
EXCEPTIONS = {
    "tests/test_rt.py": "RealtimeEnvironment subclasses SimPy's own environment, and stays so",
    "tests/test_exceptions.py::test_exception_chaining": (
        "compares the names of the files of SimPy's loop in a traceback; the user's frames, which "
        "it is about, are compared by test_events.py"
    ),
    "tests/test_benchmark.py::test_resource_sim": "fails on plain SimPy too: its count is stale",
    "tests/test_benchmark.py::test_container_sim": "fails on plain SimPy too: its count is stale",
}

PLUGIN = """
import pytest
import simpy


class Benchmark:
    def __call__(self, function, *args, **kwargs):
        return function(*args, **kwargs)


@pytest.fixture
def benchmark():
    # pytest-benchmark's fixture, without the repetitions
    return Benchmark()
"""

COMPILED = """
from simcluster.kernels import events

for name in ("Environment", "Event", "Timeout", "Process", "AllOf", "AnyOf"):
    setattr(simpy, name, getattr(events, name))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    # the leak check: no compiled object may outlive the tests
    import gc

    gc.collect()
    compiled = [each for each in gc.get_objects() if type(each).__module__ == events.__name__]
    # test_container_init_capacity puts its environment into its parameters, which pytest keeps
    def is_parameter(each):
        holders = [each for each in gc.get_referrers(each) if type(each) is list]
        return type(each) is events.Environment and any(len(held) <= 3 for held in holders)

    alive = [type(each).__name__ for each in compiled if not is_parameter(each)]
    print(f"\\ncompiled objects still alive: {len(alive)} {sorted(set(alive))}")
    if alive:
        session.exitstatus = 1
"""


def fetch(directory: Path) -> Path:
    """Downloads and unpacks the source distribution of the installed SimPy; returns its root."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-binary",
        ":all:",
        "--no-deps",
    ]
    version = simpy.__version__
    subprocess.run([*command, "--dest", str(directory), f"simpy=={version}"], check=True)
    with tarfile.open(next(directory.glob("simpy-*.tar.gz"))) as archive:
        archive.extractall(directory, filter="data")
    return directory / f"simpy-{version}"


def run(options: list[str], plain: bool = False) -> int:
    """Runs the suite in a fresh interpreter with *options*; returns pytest's exit status."""
    with tempfile.TemporaryDirectory() as name:
        root = fetch(Path(name))
        (root / "compiled_loop.py").write_text(PLUGIN if plain else PLUGIN + COMPILED)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "compiled_loop",
            "-o",
            "addopts=",
            "-W",
            "ignore",
            "-p",
            "no:cacheprovider",
            "tests",
        ]
        for test in EXCEPTIONS:
            command += ["--ignore" if "::" not in test else "--deselect", test]
        path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        return subprocess.run(
            [*command, *options], cwd=root, env={**os.environ, "PYTHONPATH": path}, check=False
        ).returncode


if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(
        run([option for option in arguments if option != "--plain"], plain="--plain" in arguments)
    )
