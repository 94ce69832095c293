"""A job and measures for the tests of studies, in a module that workers can import."""

import os
import time

from simcluster import Scenario
from simcluster.cluster import ClusterSpec, NodeSpec
from simcluster.engine import Spec


class Deed(Spec):
    """A job that takes ``steps`` seconds and the seed's, and does what its word says first."""

    steps: int = 1
    word: str = ""

    def start(self, cluster, seed):
        if self.word == "raise":
            raise ValueError(f"as seed {seed} says")
        if self.word == "leave":
            raise SystemExit(3)
        if self.word == "die":
            os._exit(7)
        if self.word == "endless":
            while True:
                pass
        if self.word == "hungry":
            return cluster.env.timeout(len(bytearray(10**10)))
        if self.word == "sleep":
            time.sleep(0.02)
        return cluster.env.timeout(self.steps + seed)


def scenario(**fields):
    return Scenario(cluster=ClusterSpec(nodes=(NodeSpec(name="a"),)), job=Deed(**fields))


def how_long(result):
    return {"time_s": result.ended_s}
