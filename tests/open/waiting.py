"""A waiting rule of one's own: the fastest k, but nobody is left out twice in a row, whatever becomes of the server."""
from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.faults import CrashNode, SlowNode
from simcluster.training import Checkpoints, ParameterServer, Softmax, TrainingJob, Waiting

WORKERS = tuple(f"w-{place}" for place in range(6))


class NeverTwice(Waiting):
    def __init__(self, k):
        self.k = k

    def complete(self, progress):
        return len(progress.arrived) >= self.k and set(progress.left_out) <= set(progress.arrived)


job = TrainingJob(model=Softmax(), exchange=ParameterServer(server="server", retry_s=0.05), workers=WORKERS, steps=60,
                  waiting=NeverTwice(4), recovery=Checkpoints(every=1))
cluster = ClusterSpec(nodes=(NodeSpec(name="server"), *nodes("w", 6, flops_per_s=1e7)))
faults = (SlowNode(node="w-5", factor=4, begin_s=0), CrashNode(node="server", begin_s=0.2, end_s=0.3))
result = run(Scenario(cluster=cluster, job=job, faults=faults), seed=0)
took_part = {}
for row in result.trace.rows("contribution"):
    if row["accepted"]:
        took_part.setdefault(row["worker"], set()).add(row["clock"])
assert result.ended == "finished"
assert len(took_part["w-5"]) < 60, "the slow one is left out now and then"
assert all({step, step + 1} & took_part["w-5"] for step in range(58)), "but never twice in a row"
assert list(result.trace.rows("restore"))
