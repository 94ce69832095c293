"""A job that keeps every part of a cluster busy."""

from simcluster.engine import Spec


class Busy(Spec):
    """Each node computes, writes and sends to the next, again and again, for so long."""

    every_s: float = 0.1
    """The pause between two rounds."""
    length_s: float = 1.0
    """When the job is over."""

    def start(self, cluster, seed):
        """Boot a program on each node."""
        names = list(cluster.nodes)

        def work(node):
            target = names[(names.index(node.name) + 1) % len(names)]
            while True:
                node.send(target, "k", size_bytes=1000.0)
                node.storage.write("k", 1.0, size_bytes=1000.0)
                node.busy(0.01)
                yield node.timer(self.every_s)

        for node in cluster.nodes.values():
            node.boot(work)
        return cluster.env.timeout(self.length_s)
