"""Two jobs on one cluster: how much slower is training where queries are answered too?"""
from simcluster import ClusterSpec, NodeSpec, Scenario, Together, nodes, run
from simcluster.serving import Poisson, ServiceJob
from simcluster.training import ParameterServer, Softmax, TrainingJob

cluster = ClusterSpec(nodes=(NodeSpec(name="front"), *nodes("w", 4, flops_per_s=1e7)))
training = TrainingJob(model=Softmax(), exchange=ParameterServer(server="front"), workers=cluster.names[1:], steps=50)
service = ServiceJob(arrivals=Poisson(per_s=50), queries=20, front_end="front", servers=cluster.names[1:])
alone = run(Scenario(cluster=cluster, job=training), seed=0)
both = run(Scenario(cluster=cluster, job=Together(jobs=(training, service))), seed=0)
trained, served = both.outcome
assert trained.loss == alone.outcome.loss, "what is learned is the same"
assert len(served.answers) == 20
beside_s = list(both.trace.rows("loss"))[-1]["time_s"]
print(f"50 steps take {alone.ended_s:.3f} s alone, {beside_s:.3f} s beside the service")
