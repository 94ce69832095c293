"""The small pipeline that its tests share."""

from simcluster import ClusterSpec, Scenario, nodes, run
from simcluster.learning import Bundled, MultilayerPerceptron
from simcluster.training import PipelineTraining

MODEL = MultilayerPerceptron(hidden=(16, 12, 8))
FIELDS = {"model": MODEL, "data": Bundled(name="iris"), "batch_size": 24, "steps": 6}


def job(stages, **fields):
    return PipelineTraining(stages=tuple(f"n-{place}" for place in range(stages)), **(FIELDS | fields))


def trained(stages, faults=(), *, seed=3, cluster=None, check=False, **fields):
    """A step takes about 7 ms of simulated time."""
    cluster = cluster or ClusterSpec(nodes=nodes("n", stages, flops_per_s=1e7))
    scenario = Scenario(cluster=cluster, job=job(stages, **fields), faults=tuple(faults), horizon_s=60.0)
    return run(scenario, seed, check=check)
