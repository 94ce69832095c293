"""A small training scenario for tests of exchanges, and what they find."""

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, nodes
from simcluster.learning import Bundled, Softmax
from simcluster.training import ParameterServer, TrainingJob

SERVERS = ("server-0", "server-1", "server-2")
#: Parameters of softmax regression of the irises.
NUMBERS = 5 * 3


def training(faults=(), *, workers=4, network=None, jitter=None, horizon_s=60.0, flops_per_s=1e5, **job):
    """Four workers and three servers, of which an exchange need not make use; a step takes about 10 ms."""
    spec = nodes("worker", workers, flops_per_s=flops_per_s, jitter=jitter)
    cluster = ClusterSpec(nodes=(*nodes("server", 3), *spec), network=network or NetworkSpec())
    fields = {"model": Softmax(), "data": Bundled(name="iris"), "batch_size": 8, "steps": 8} | job
    fields.setdefault("exchange", ParameterServer(server="server-0", retry_s=0.05))
    names = tuple(node.name for node in spec)
    return Scenario(cluster=cluster, job=TrainingJob(workers=names, **fields), faults=faults, horizon_s=horizon_s)


def finished(faults=(), seed=0, check=False, **fields):
    """The result of a run that ends."""
    result = run(training(faults, **fields), seed, check=check)
    assert result.ended == "finished"
    return result


def parameters(faults=(), **fields):
    """What it learns."""
    return finished(faults, **fields).outcome.parameters
