"""A job that is over at once or at a drawn time, for the tests of what stands above jobs; importable, so spawnable."""

from simpy.events import Event

from simcluster.cluster import Cluster, ClusterSpec, nodes
from simcluster.engine import Exponential, Spec, stream
from simcluster.faults import SlowNode
from simcluster.scenario import Result, Scenario


class Wait(Spec):
    """Ends after a drawn time whose mean is ``mean_s``; a negative outcome never happens."""

    mean_s: float

    def start(self, cluster: Cluster, seed: int) -> Event:
        delay_s = Exponential(mean=self.mean_s).sample(stream(seed, "wait"))
        return cluster.env.timeout(delay_s, delay_s)


def waiting(mean_s: float) -> Scenario:
    return Scenario(cluster=ClusterSpec(nodes=nodes("node", 1)), job=Wait(mean_s=mean_s), horizon_s=1e6)


def slowed(seed: int) -> Scenario:
    scenario = waiting(1.0)
    return scenario.replace(faults=(SlowNode(node="node-0", factor=2.0, begin_s=float(seed) / 1e6),))


def duration(result: Result) -> dict[str, object]:
    return {"duration_s": result.outcome}


def times(result: Result) -> dict[str, object]:
    return {"ended_s": result.ended_s}


def halves(result: Result) -> list[dict[str, object]]:
    return [{"half": 0, "time_s": result.outcome / 2}, {"half": 1, "time_s": result.outcome}]


def refuse(result: Result) -> dict[str, object]:
    raise ValueError("measure must like the result, got one it does not")
