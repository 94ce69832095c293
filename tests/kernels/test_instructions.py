"""Every instruction set that this machine has computes the same, and none is used that it has not."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import simcluster
from simcluster.kernels import instruction_set, instructions
from simcluster.kernels._instructions import processor

SCRIPT = """
import numpy as np
from simcluster.kernels import *
generator = np.random.default_rng(0)
X, w, W = generator.normal(size=(77, 21)), generator.normal(size=21), generator.normal(size=(21, 11))
y = generator.integers(0, 2, 77)
results = [logistic(w, X, y), softmax(W, X, y), nearest_centre(X, X[:13])[1:], top_k_neighbours(X, X[:30], 4),
           (manhattan_distances(X, X), coordinate_median(X), trimmed_mean(X, 9), dense_forward(X, W, W[0], "tanh")),
           top_k_sparse(X.ravel(), 99), quantise(X.ravel(), generator.random(X.size), 9),
           least_squares(w, X, X[:, 0].copy())]
print(instruction_set(), *(float(np.sum(part)).hex() for result in results for part in result))
"""


def _run(name):
    environment = {**os.environ, "SIMCLUSTER_INSTRUCTIONS": name}
    return subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False)


def test_all_instruction_sets_agree():
    results = {}
    for name in processor():
        done = _run(name)
        if done.returncode and "must be one of" in done.stderr:
            continue
        assert done.returncode == 0, done.stderr
        used, *sums = done.stdout.split()
        assert used == name
        results[name] = np.array([float.fromhex(part) for part in sums])
    assert "baseline" in results
    for sums in results.values():
        np.testing.assert_allclose(sums, results["baseline"], rtol=1e-10, atol=1e-13)


def test_an_instruction_set_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setenv("SIMCLUSTER_INSTRUCTIONS", "avx1024")
    with pytest.raises(
        ValueError, match=r"SIMCLUSTER_INSTRUCTIONS must be one of .*baseline on this machine, got avx1024"
    ):
        instruction_set()


def test_a_kernel_that_does_not_gain_by_an_instruction_set_takes_the_next_that_it_gains_by(monkeypatch):
    built = {("_gradient", "avx512"), ("_gradient", "avx2"), ("_histogram", "avx2")}
    monkeypatch.setattr(instructions, "processor", lambda: ("avx512", "avx2", "baseline"))
    monkeypatch.setattr(instructions, "_is_built", lambda stem, name: name == "baseline" or (stem, name) in built)
    monkeypatch.setattr(instructions, "import_module", lambda name: name.removeprefix("simcluster.kernels."))
    stems = ("_gradient", "_histogram", "_flow")

    monkeypatch.delenv("SIMCLUSTER_INSTRUCTIONS", raising=False)
    assert [*map(instructions.compiled, stems)] == ["_gradient_avx512", "_histogram_avx2", "_flow"]
    monkeypatch.setenv("SIMCLUSTER_INSTRUCTIONS", "baseline")
    assert [*map(instructions.compiled, stems)] == [*stems]


def test_a_script_beside_sources_that_are_not_compiled_is_told_in_one_sentence_what_to_do(tmp_path):
    sources = Path(simcluster.__file__).parent
    for file in sources.rglob("*.py"):
        copy = tmp_path / "simcluster" / file.relative_to(sources)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())

    done = subprocess.run(
        [sys.executable, "-c", "from simcluster import Scenario"], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=False,
    )  # fmt: skip

    assert done.stderr.splitlines()[-1].startswith(f"ImportError: simcluster in {tmp_path} is not compiled")
    assert "pip install -e ." in done.stderr
