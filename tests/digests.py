"""The digests of a small set of scenarios, one a line: ``python -m tests.digests`` says the same everywhere."""

import math

from experiments import load_balancing, scheduling
from simcluster import run
from simcluster.engine import Exponential
from simcluster.faults import CrashNode, DriftClock, LoseMessages, SlowNode
from tests.strategies import training

FAULTS = (
    CrashNode(node="worker-1", begin_s=0.05, end_s=0.1),
    DriftClock(node="worker-0", rate=0.1, begin_s=0.02, end_s=0.07),
    SlowNode(node="worker-2", factor=1.7, begin_s=0.01, end_s=0.09, ramp_s=0.03),
    LoseMessages(probability=0.2, begin_s=0, end_s=0.2),
)


def scenarios():
    """Name and scenario of each: faults, ties that a policy breaks by sums of floats, queues."""
    for staleness in (0, 2, math.inf):
        yield f"training-{staleness}", training(FAULTS, staleness=staleness, jitter=Exponential(mean=1))
    for name, policy in scheduling.POLICIES.items():
        yield f"scheduling-{name}", scheduling.scenario(policy, 1.0)
    (label, *_), made = next(iter(load_balancing.experiment.scenarios(small=True).items()))
    yield f"serving-{label}", made


if __name__ == "__main__":
    for name, scenario in scenarios():
        print(name, run(scenario, 2).digest)
