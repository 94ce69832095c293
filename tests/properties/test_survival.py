"""Every job comes to its end under any faults and on any network, whether or not failures are reported."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, StorageSpec, nodes
from simcluster.engine import Constant
from simcluster.faults import CrashNode, FillDisk, LoseDisk, PartitionNetwork, RotBits
from simcluster.learning import Bundled, Softmax
from simcluster.recovery import Checkpoints, RemoteStore
from simcluster.scheduling import TaskGraphJob
from simcluster.serving import NearestNeighbours, Poisson, ServiceJob
from simcluster.testing import clusters, scenarios
from simcluster.training import AllReduce, GradientBoosting, ReduceScatter, TrainingJob

NAMES = tuple(f"node-{place}" for place in range(4))
LAST_S, HORIZON_S = 0.5, 2000.0
DISK = StorageSpec(seek_s=0.001, bandwidth_bytes_per_s=1e6, flush_s=0.001, capacity_bytes=4000)
TORN = DISK.replace(torn_writes=True)
MACHINES = {"flops_per_s": st.just(1e7), "storage": st.sampled_from([DISK, TORN])}
REPORTED = NetworkSpec(failures="reported", latency=Constant(value=0.001))


def training(names, **fields):
    learned = {"model": Softmax(), "data": Bundled(name="iris"), "batch_size": 8}
    return TrainingJob(server=names[0], workers=names[1:], retry_s=0.05, **learned, **{"steps": 8, **fields})


def alone(names, exchange, **fields):
    learned = {"model": Softmax(), "data": Bundled(name="iris"), "batch_size": 8, "steps": 6, **fields}
    return TrainingJob(workers=names, exchange=exchange, **learned)


JOBS = {
    "training": lambda names: training(names, checkpoint_every=2),
    "asynchronous training": lambda names: training(names, checkpoint_every=1, staleness=math.inf, backup_workers=1),
    "training without a server": lambda names: alone(names, AllReduce(retry_s=0.05)),
    "boosting by parts": lambda names: alone(
        names, ReduceScatter(retry_s=0.05), model=GradientBoosting(rounds=2, max_bins=8), batch_size=None,
        recovery=Checkpoints(every=2),
    ),
    # Outputs of 117 kB take a tenth of a second each: asked for again too soon they congest a slow network for good.
    "a task graph": lambda names: TaskGraphJob(master=names[0], workers=names[1:], retry_s=20.0),
    "a task graph that keeps": lambda names: TaskGraphJob(
        master=names[0], workers=names[1:], retry_s=20.0, recovery=Checkpoints(every=1)
    ),
    "training that keeps elsewhere": lambda names: training(
        names, recovery=Checkpoints(every=2, store=RemoteStore(server=names[-1], timeout_s=0.1))
    ),
    "a service": lambda names: ServiceJob(
        service=NearestNeighbours(data=Bundled(name="iris")), arrivals=Poisson(per_s=50), queries=10,
        front_end=names[0], servers=names[1:], timeout_s=0.05,
    ),
}


def of_four(job):
    return scenarios(
        lambda cluster: job(cluster.names), LAST_S, HORIZON_S, cluster=clusters(4, 4, fields=MACHINES), max_faults=4
    )


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_job_comes_to_its_end(job, data):
    scenario = data.draw(of_four(job))

    assert run(scenario, 0, check=True).ended == "finished"


def kept_from(faults, **job):
    """The training that a disk disturbs: its result, and what it says of its checkpoints."""
    machines = (NodeSpec(name="s", storage=DISK), *nodes("w", 2, flops_per_s=1e7))
    job = training(("s", "w-0", "w-1"), steps=40, checkpoint_every=2, **job)
    cluster = ClusterSpec(nodes=machines, network=REPORTED)
    result = run(Scenario(cluster=cluster, job=job, horizon_s=HORIZON_S).under(faults), 0, check=True)
    kinds = ("checkpoint", "restore", "checkpoint_failed")
    rows = [(row["kind"], row.get("operation"), row.get("cause")) for row in result.trace.rows(*kinds)]
    return result, rows


FULL = FillDisk(node="s", begin_s=0.0, end_s=0.06)
LOST = [LoseDisk(node="s", begin_s=time_s, end_s=time_s + 0.001) for time_s in (0.1, 0.1004, 0.1008, 0.1012, 0.1016)]
CRASH = CrashNode(node="s", begin_s=0.1, end_s=0.12)
ROT = RotBits(node="s", count=200, begin_s=0.1, end_s=0.11)


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ([FULL], ("checkpoint_failed", "save", "disk_full")),
        (LOST, ("checkpoint_failed", "save", "disk_lost")),
        ([ROT, CRASH], ("checkpoint_failed", "restore", "corrupted")),
    ],
    ids=["a full disk", "a lost disk", "a rotten disk"],
)
def test_training_goes_on_without_a_checkpoint_that_its_disk_does_not_keep(faults, said):
    plain, _ = kept_from([])
    result, rows = kept_from(faults)

    assert said in rows
    assert result.ended == "finished"
    assert result.outcome.parameters.tobytes() == plain.outcome.parameters.tobytes()
    assert rows[-1] == ("checkpoint", None, None)


APART = PartitionNetwork(groups=((NAMES[0],), NAMES[1:]), begin_s=0.01, end_s=10.0)


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_whoever_is_refused_does_not_ask_without_end_at_one_moment(job):
    cluster = ClusterSpec(nodes=nodes("node", 4, flops_per_s=1e7), network=REPORTED)
    result = run(Scenario(cluster=cluster, job=job(NAMES), horizon_s=HORIZON_S).under([APART]), 0)
    sent = [row for row in result.trace.rows("send") if 0.5 < row["time_s"] < 9.5]

    assert result.ended == "finished"
    # Three workers ask every 0.05 s, the service's ten queries each of the three replicas in turn.
    assert len(sent) <= 9 / 0.05 * 30 * 1.1
