"""Every scenario gives the same trace on the compiled loop and on SimPy's own."""

import json
import os
import subprocess
import sys

from simcluster.engine import ENGINE

DIGESTS = """
import itertools, json, math
from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, OneSwitch, Ring, nodes
from simcluster.engine import ENGINE, Exponential
from simcluster.faults import CrashNode, LoseMessages, PartitionNetwork, PauseNode, SlowNode, Swarm
from simcluster.learning import KMeans
from simcluster.scheduling import GridSearch, TaskGraphJob
from simcluster.serving import Poisson, ServiceJob
from tests.strategies import NODES, WORKERS, training

noise = Exponential(mean=1)
faults = (
    CrashNode(node="worker-1", begin_s=0.05, end_s=0.1),
    CrashNode(node="server", begin_s=0.12, end_s=0.2),
    PauseNode(node="worker-2", begin_s=0.07, end_s=0.15, ),
    SlowNode(node="worker-0", factor=4, begin_s=0.03, end_s=0.3),
    PartitionNetwork(groups=(("worker-0",),), begin_s=0.1, end_s=0.18, in_flight="drop"),
    LoseMessages(probability=0.2, begin_s=0, end_s=0.2),
)
scenarios = [training(faults, staleness=s, jitter=noise, checkpoint_every=c)
             for s in (0, 2, math.inf) for c in (None, 3)]
settings = itertools.product(("latency", "nic", "flow"), ("datagram", "fifo"), ("silent", "reported"),
                             (None, OneSwitch(), Ring()))
for seed, (fidelity, order, failures, topology) in enumerate(settings):
    network = NetworkSpec(fidelity=fidelity, order=order, failures=failures, topology=topology,
                          latency=Exponential(mean=0.001))
    scenarios.append(training(faults, network=network))
    scenarios.append(training(Swarm(nodes=NODES, horizon_s=0.5).draw(seed), network=network, jitter=noise))
scenarios.append(training(faults, model=KMeans(clusters=3), backup_workers=1, jitter=noise))
machines = (NodeSpec(name="m"), *nodes("w", 3, flops_per_s=1e8, jitter=noise))
search = GridSearch(folds=2, learning_rates=(0.1,), steps=(3, 6))
for policy in ("fifo", "utilisation", "priority", "heft"):
    job = TaskGraphJob(master="m", workers=("w-0", "w-1", "w-2"), policy=policy, work=search)
    scenarios.append(Scenario(cluster=ClusterSpec(nodes=machines), job=job,
                              faults=(CrashNode(node="w-1", begin_s=0.01, end_s=0.5),)))
for balancer in ("random", "round_robin", "least_loaded", "power_of_two_choices"):
    job = ServiceJob(front_end="m", servers=("w-0", "w-1", "w-2"), balancer=balancer,
                     arrivals=Poisson(per_s=200), queries=60, timeout_s=0.1)
    scenarios.append(Scenario(cluster=ClusterSpec(nodes=machines), job=job,
                              faults=(CrashNode(node="w-1", begin_s=0.1, end_s=0.2),)))
print(json.dumps([ENGINE, *[run(scenario, 1).digest for scenario in scenarios]]))
"""


def digests(engine):
    environment = {**os.environ, "SIMCLUSTER_ENGINE": engine}
    command = [sys.executable, "-c", DIGESTS]
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(output.stdout)


def test_every_scenario_has_the_same_digest_on_both_engines():
    compiled, simpy = digests("compiled"), digests("simpy")

    assert (compiled[0], simpy[0]) == ("compiled", "simpy")
    assert compiled[1:] == simpy[1:]
    assert len(compiled) == 88


def test_the_compiled_engine_is_the_default():
    if "SIMCLUSTER_ENGINE" not in os.environ:
        assert ENGINE == "compiled"
