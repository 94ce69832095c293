"""Each mistake of a beginner is told by what was done, where and when, and by what was meant, on both loops."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from beginners import ELSEWHERE, IN_PROGRAMS

from simcluster.engine.environment import ENGINES

SCRIPT = Path(__file__).with_name("beginners.py")


@pytest.fixture(scope="module", params=ENGINES)
def told(request):
    """What one engine says of each mistake, the last line that its traceback shows, and whether it shows a cause."""
    environment = {**os.environ, "SIMCLUSTER_ENGINE": request.param, "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, SCRIPT], env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("mistake", IN_PROGRAMS)
def test_a_mistake_in_a_program_names_program_node_and_time_and_ends_on_its_own_line(told, mistake):
    rule, at_s = IN_PROGRAMS[mistake]
    said, line, has_cause = told[mistake]

    assert re.search(rf"^{rule}.*\nin {mistake} on node-a at {at_s}\.0\d* s$", said), said
    assert line in SCRIPT.read_text(encoding="utf-8")
    assert not line.startswith(("raise", "return", "def "))
    assert not has_cause


@pytest.mark.parametrize("mistake", ELSEWHERE)
def test_a_mistake_elsewhere_says_what_was_meant(told, mistake):
    said, _, _ = told[mistake]

    assert re.search(ELSEWHERE[mistake][1], said), said
