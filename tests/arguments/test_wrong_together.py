"""A table of parts that are right alone and wrong together: each is refused when they are put together."""

import math
import re

import pytest
from arguments.right import CLUSTER, Idle, make

from simcluster import NetworkSpec, Scenario, Together, run, sweep
from simcluster.cluster import Cluster
from simcluster.engine import Environment, Trace
from simcluster.faults import CrashNode
from simcluster.recovery import Checkpoints, DistributedStore, Heartbeats, RemoteStore, Timeout
from simcluster.testing import check_property, schedules


def together(*stores):
    """Two trainings, each with its checkpoints in a store."""
    return Scenario(
        cluster=CLUSTER,
        job=Together(
            jobs=tuple(
                make("training", name=name, recovery=Checkpoints(store=store))
                for name, store in zip("ab", stores, strict=True)
            )
        ),
    )


def expected(size_bytes):
    cluster = Cluster(Environment(), CLUSTER, 0, Trace(Environment(), ()))
    return cluster.network.expected_s("n-0", "n-1", size_bytes)


IDLE = Scenario(cluster=CLUSTER, job=Idle())
REMOTE = RemoteStore(server="n-0")
SPREAD = DistributedStore(coordinator="n-0", servers=("n-1", "n-2"), replication=1)
HASTY = Timeout(after_s=0.5)
WRONG = {
    "one store of two jobs": (lambda: together(REMOTE, REMOTE), "names and stores of its own", "'store-server'"),
    "two stores of one name": (lambda: together(SPREAD, SPREAD), "stores of its own", "'store-coordinator'"),
    "workers in no order": (lambda: make("training", workers={"n-1", "n-2"}), "workers", "in an order", "set"),
    "faults in no order": (lambda: Scenario(cluster=CLUSTER, job=Idle(), faults=set()), "faults", "in an order"),
    "one fault": (lambda: IDLE.under(CrashNode(node="n-0", begin_s=1)), "faults", "in a list", "CrashNode"),
    "to stop without a detector": (lambda: make("training", when_gone="stop"), "when_gone", "detector", "'stop'"),
    "a suspicion within a period": (lambda: Heartbeats(period_s=1, suspicion=HASTY), "longer than a period", "0.5"),
    "a suspicion within a heartbeat": (lambda: make("store", heartbeat_s=1, suspicion=HASTY), "longer than", "0.5"),
    "a transfer of less than nothing": (lambda: expected(-1), "size_bytes", "at least 0", "-1"),
    "a transfer without end": (lambda: expected(math.inf), "size_bytes", "finite", "inf"),
    "a latency below 0": (lambda: NetworkSpec(latency=-1), "latency", "distribution, got -1"),
    "seeds as a number": (lambda: sweep({"a": IDLE}, 3, dict), "seeds", "several, got 3", "range(3)"),
    "labels as text": (lambda: sweep({"a": IDLE}, [0], dict, labels="rule"), "labels", "tuple", "('rule',)"),
    "a measure of a number": (lambda: sweep({"a": IDLE}, [0], lambda _: 3), "measure", "mapping", "got 3"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_go_together_is_refused_when_it_is_put_together(case):
    wrong, *said = WRONG[case]
    with pytest.raises(ValueError, match="(?s)" + ".*".join(map(re.escape, said))):
        wrong()


def test_stores_of_different_names_and_a_shared_node_go_together():
    assert together(REMOTE, REMOTE.replace(name="other")).job.jobs[1].name == "b"


def test_a_job_is_no_scenario():
    with pytest.raises(TypeError, match="scenario must be a Scenario, which has a cluster and a job, got Idle"):
        run(Idle(), 0)


def test_a_property_may_be_a_lambda():
    check_property(lambda result: [None], schedules(IDLE, last_s=1.0).map(IDLE.under))
