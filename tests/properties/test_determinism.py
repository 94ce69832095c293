"""The same scenario and seed give the same trace, in any process."""

import json
import os
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import run
from tests.strategies import networks, schedules, staleness, training

DIGESTS = """
import json, math
from simcluster import run
from simcluster.engine import Exponential
from simcluster.faults import CrashNode, LoseMessages
from tests.strategies import training
faults = (CrashNode(node="worker-1", begin_s=0.05, end_s=0.1), LoseMessages(probability=0.2, begin_s=0, end_s=0.2))
print(json.dumps([run(training(faults, staleness=s, jitter=Exponential(mean=1)), seed).digest
                  for s in (0, 2, math.inf) for seed in (0, 1)]))
"""


def digests(hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    output = subprocess.run(
        [sys.executable, "-c", DIGESTS], env=environment, check=True, capture_output=True, text=True
    )
    return json.loads(output.stdout)


def test_two_processes_with_different_hash_seeds_give_the_same_digests():
    first, second = digests("1"), digests("2")

    assert first == second
    assert len(set(first)) == len(first)


@settings(max_examples=20, deadline=None)
@given(schedules, networks, staleness, st.integers(0, 1000))
def test_a_run_repeated_in_one_process_has_the_same_digest(faults, network, staleness, seed):
    scenario = training(faults, network=network, staleness=staleness)

    assert run(scenario, seed).digest == run(scenario, seed).digest


def test_another_fault_does_not_shift_the_draws_of_the_first():
    from simcluster.faults import LoseMessages, SlowNode

    lose = LoseMessages(probability=0.3, begin_s=0, end_s=0.2)
    harmless = SlowNode(node="worker-0", factor=1.0, begin_s=0, end_s=0.1)

    def lost(faults):
        return [row["message"] for row in run(training(faults), 3).trace.rows("drop")]

    assert lost([lose]) == lost([harmless, lose]) != []
