"""A run is the same under every supported Python, whatever its built-ins round."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: How Python adds floats before 3.12, and since: with the rest of each addition kept apart (Neumaier).
SUMS = '''
import builtins, runpy
def left_to_right(numbers, start=0):
    for number in numbers:
        start = start + number
    return start
def compensated(numbers, start=0):
    total, rest = start, 0.0
    for number in numbers:
        after = total + number
        if isinstance(after, float):
            rest += (total - after) + number if abs(total) >= abs(number) else (number - after) + total
        total = after
    return total + rest if isinstance(total, float) else total
assert left_to_right([0.1, 0.2, 0.3]) != compensated([0.1, 0.2, 0.3])
builtins.sum = {how}
runpy.run_module("tests.digests", run_name="__main__")
'''


def digests(*command):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    said = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return dict(line.rsplit(" ", 1) for line in said.stdout.splitlines())


def imports_simcluster(python):
    probe = [python, "-c", "import simcluster.scenario"]
    return subprocess.run(probe, cwd=ROOT, capture_output=True).returncode == 0


@pytest.mark.slow
def test_digests_do_not_hang_on_how_sum_rounds():
    before, since = (digests(sys.executable, "-c", SUMS.format(how=how)) for how in ("left_to_right", "compensated"))

    assert before == since
    assert len(set(before.values())) == len(before) > 5


@pytest.mark.slow
def test_digests_are_equal_under_every_supported_python_that_can_import_the_package():
    own = digests(sys.executable, "-m", "tests.digests")
    names = [f"python3.{minor}" for minor in (11, 12, 13)]
    others = [python for python in map(shutil.which, names) if python is not None and imports_simcluster(python)]

    assert [python for python in others if digests(python, "-m", "tests.digests") != own] == []
