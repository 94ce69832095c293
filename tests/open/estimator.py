"""An estimator of one's own, tuned by a grid and by Hyperband: a crash of a worker changes nothing that is found."""
from sklearn.neighbors import KNeighborsClassifier

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.engine import Spec
from simcluster.faults import CrashNode
from simcluster.scheduling import GridSearch, Hyperband, TaskGraphJob
from simcluster.training import Bundled, call


class Neighbours(Spec):
    neighbours: int = 1
    rows: int = 1000

    def score(self, training, held_back, random_state):
        def share_right(X, y, others, labels):
            near = KNeighborsClassifier(min(self.neighbours, len(y))).fit(X, y)
            return near.score(others, labels)
        few = training.features[: self.rows], training.targets[: self.rows]
        return call(share_right, *few, held_back.features, held_back.targets,
                    flops=3 * few[0].size * len(held_back))


CLUSTER = ClusterSpec(nodes=(NodeSpec(name="master"), *nodes("w", 3, flops_per_s=1e7)))
data, tried = Bundled(name="wine"), (1, 3, 5, 15, 45)
for search in (GridSearch(data=data, estimator=Neighbours(), grid={"neighbours": tried}, random_state=0),
               Hyperband(data=data, estimator=Neighbours(), space={"neighbours": tried}, resource="rows", most=81)):
    job = TaskGraphJob(work=search, master="master", workers=CLUSTER.names[1:])
    calm, crashed = (run(Scenario(cluster=CLUSTER, job=job, faults=faults), seed=0).outcome
                     for faults in ((), (CrashNode(node="w-1", begin_s=0.01),)))
    assert calm == crashed
    print(f"{search.kind}: {calm.parameters} is right about {calm.held_out_score:.0%}")
