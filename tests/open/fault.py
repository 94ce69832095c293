"""A fault of one's own: drawn, searched for, shrunk, saved and replayed like the others."""
from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, plugins, run
from simcluster.faults import Broken, Finding, LoseMessages, NodeFault, Swarm, search_seeds, shrink, trial_of
from simcluster.training import ParameterServer, Softmax, TrainingJob


class Throttle(NodeFault):
    """A node computes at a hundredth of its speed."""

    def begin(self, cluster, key):
        cluster[self.node].slow(key, 100.0)
        return lambda: cluster[self.node].quicken(key)


cluster = ClusterSpec(nodes=(NodeSpec(name="s"), *nodes("w", 3, flops_per_s=1e6)))
server = ParameterServer(server="s", retry_s=0.1)
job = TrainingJob(model=Softmax(), exchange=server, workers=cluster.names[1:], steps=20)
scenario = Scenario(cluster=cluster, job=job, horizon_s=60.0)
trial = trial_of(lambda faults, seed: run(scenario.under(faults), seed),
                 lambda result: [Broken("training takes two seconds at most") if result.ended_s > 2.0 else None])
swarm = Swarm(nodes=cluster.names, horizon_s=2.0, kinds=(Throttle, LoseMessages))
smallest = shrink(search_seeds(trial, swarm.draw, range(50)), trial)
assert any(isinstance(fault, Throttle) for fault in smallest.faults), smallest.faults
smallest.save("throttled.json")
with plugins(__name__):
    Finding.load("throttled.json").replay(trial)
print(smallest)
