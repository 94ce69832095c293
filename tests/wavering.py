"""Jobs that are not deterministic, each for another reason; importable, so spawnable."""

from itertools import count
from typing import Literal

from simpy.events import Event

from simcluster.cluster import Cluster, ClusterSpec, nodes
from simcluster.engine import Spec
from simcluster.scenario import Scenario

_runs = count()


class Waver(Spec):
    """Ten ticks of a second; from the sixth on the record depends on what it must not depend on."""

    reason: Literal["none", "counter", "address", "hash", "set", "end"]

    def start(self, cluster: Cluster, seed: int) -> Event:
        done = cluster.env.event()
        record = cluster.trace.recorder("tick", "number", "value")
        run, names = next(_runs), {f"name-{place}" for place in range(50)}
        wavering = {
            "none": 0,
            "counter": run,
            "address": id(done) + run,
            "hash": hash("name"),
            "set": "".join(names),
            "end": 0,
        }

        def program(node):
            for number in range(10):
                yield node.timer(1.0)
                record(number, wavering[self.reason] if number >= 5 else 0)
            if self.reason == "end":
                yield node.timer(float(run))
            done.succeed()

        cluster["node-0"].boot(program)
        return done


def wavering(reason: str) -> Scenario:
    return Scenario(cluster=ClusterSpec(nodes=nodes("node", 1)), job=Waver(reason=reason), trace_kinds=("crash",))
