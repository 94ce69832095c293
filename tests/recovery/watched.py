"""A cluster on which one node watches the others by a detector: for the tests of detectors."""

from simcluster.cluster import Cluster, ClusterSpec, nodes
from simcluster.engine import Environment, Trace

PROGRAM = "job.worker"


def stays(node):
    """A program that runs on."""
    while True:
        yield node.timer(1000.0)


class Watched:
    """``n-0`` watches all others; ``told`` has what it is told, and when."""

    def __init__(self, detector, count, *, network=None, seed=0, kinds=(), programs=stays):
        self.env, self.told = Environment(), []
        self.trace = Trace(self.env, kinds)
        spec = ClusterSpec(nodes=nodes("n", count), **({} if network is None else {"network": network}))
        self.cluster = Cluster(self.env, spec, seed, self.trace)
        self.peers = tuple(f"n-{place}" for place in range(1, count))
        self.over = self.env.event()
        for peer in self.peers:
            self.cluster[peer].boot(programs, PROGRAM)
        detector.start(self.cluster, PROGRAM, "n-0", self.peers, self.over)

        def watches(node):
            self.told.append((self.env.now, "begins", True))
            yield from detector.run(node, PROGRAM, self.peers, self._tell, self.over)

        self.cluster["n-0"].boot(watches)

    def _tell(self, peer, suspected):
        self.told.append((self.env.now, peer, suspected))

    def until(self, time_s):
        """Run so long; gives itself."""
        self.env.run(until=time_s)
        return self

    @property
    def said(self):
        """What has been told of peers, without when."""
        return [(peer, suspected) for _, peer, suspected in self.told if peer != "begins"]

    @property
    def suspected(self):
        """Who is suspected at last, by who watches since it began last."""
        found = {}
        for _, peer, suspected in self.told:
            if peer == "begins":
                found = {}
            else:
                found[peer] = suspected
        return {peer for peer in sorted(found) if found[peer]}
