"""One right specification of each kind, by a short name: what the tests of this folder make wrong in one place."""

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, nodes
from simcluster.cluster import ClockSpec, FatTree, OneSwitch, Racks, Ring, Star, StorageSpec, Torus, WideArea
from simcluster.cluster.topology import Edge, Graph
from simcluster.engine import Constant, Empirical, Exponential, Lognormal, Pareto, Spec, Uniform, Weibull
from simcluster.faults import (
    BreakLink,
    Byzantine,
    CrashNode,
    CutMinority,
    CutOneWay,
    DriftClock,
    ExhaustMemory,
    Finding,
    FlapLink,
    GilbertElliott,
    KillProgram,
    LoseMessages,
    LoseRack,
    PartitionBridge,
    PartitionNetwork,
    RotBits,
    SlowDisk,
    SlowLink,
    SlowNode,
    StepClock,
    Swarm,
    ThrottleBandwidth,
)
from simcluster.learning import (
    Adam,
    Bundled,
    Csv,
    Generated,
    GradientDescent,
    KMeans,
    LabelSpreading,
    Lbfgs,
    LinearRegression,
    LinearSvm,
    LogisticRegression,
    MiniBatchKMeans,
    Momentum,
    Nesterov,
    NormalEquations,
    PowerIteration,
    PrincipalComponents,
    RotatedLabels,
    RotatingHyperplane,
    Sea,
    SelfTraining,
    Softmax,
    SoftmaxRegression,
)
from simcluster.recovery import Checkpoints, DistributedStore, Heartbeats, RemoteStore
from simcluster.recovery.detectors import ExpectedArrival, PhiAccrual, Timeout
from simcluster.scheduling import (
    CascadeSvm,
    ForestEstimator,
    GridSearch,
    Hyperband,
    RandomForest,
    RandomSearch,
    Range,
    SoftmaxEstimator,
    SuccessiveHalving,
    TaskGraphJob,
)
from simcluster.serving import (
    ArrivingBatches,
    At,
    Closed,
    Copies,
    NearestNeighbourBatch,
    NearestNeighbours,
    NearestNeighbourService,
    OnlineLearning,
    Poisson,
    ServiceJob,
    StoredBatches,
)
from simcluster.training import BoundedStaleness, KMeansSeeding, ParameterServer, TopK, TrainingJob


class Idle(Spec):
    """A job that does nothing for a second."""

    def start(self, cluster, seed):
        """Wait."""
        return cluster.env.timeout(1.0)


CLUSTER = ClusterSpec(nodes=nodes("n", 5))
TIMES = {"begin_s": 0.5, "end_s": 1.0}
WHERE = {"node": "n-1", **TIMES}

RIGHT = {
    "node": (NodeSpec, {"name": "n"}),
    "clock": (ClockSpec, {}),
    "storage": (StorageSpec, {}),
    "network": (NetworkSpec, {}),
    "cluster": (ClusterSpec, {"nodes": nodes("n", 2)}),
    "one_switch": (OneSwitch, {}),
    "ring": (Ring, {}),
    "star": (Star, {"hub": "n-0"}),
    "torus": (Torus, {"rows": 1, "columns": 5}),
    "racks": (Racks, {"racks": 2}),
    "fat_tree": (FatTree, {"k": 4}),
    "wide_area": (WideArea, {"zones": {"z": ("n-0",)}, "latency_s": {}}),
    "edge": (Edge, {"source": "n-0", "target": "n-1"}),
    "graph": (Graph, {"edges": (Edge(source="n-0", target="n-1"),)}),
    "constant": (Constant, {"value": 1.0}),
    "exponential": (Exponential, {"mean": 1.0}),
    "uniform": (Uniform, {"low": 1.0, "high": 2.0}),
    "lognormal": (Lognormal, {"mean": 1.0, "sigma": 1.0}),
    "pareto": (Pareto, {"mean": 1.0, "shape": 2.0}),
    "weibull": (Weibull, {"mean": 1.0, "shape": 2.0}),
    "empirical": (Empirical, {"values": (1.0,)}),
    "crash": (CrashNode, WHERE),
    "slow_node": (SlowNode, {**WHERE, "factor": 2.0}),
    "slow_disk": (SlowDisk, {**WHERE, "factor": 2.0}),
    "slow_link": (SlowLink, {**TIMES, "factor": 2.0}),
    "throttle": (ThrottleBandwidth, {**WHERE, "factor": 2.0}),
    "flap": (FlapLink, {**TIMES, "down_s": Constant(value=0.1), "up_s": Constant(value=0.1)}),
    "lose": (LoseMessages, {**TIMES, "probability": 0.5}),
    "bursts": (GilbertElliott, {"good_to_bad": 0.1, "bad_to_good": 0.1}),
    "byzantine": (Byzantine, {**WHERE, "adversary": "zero"}),
    "kill": (KillProgram, {**WHERE, "program": "p"}),
    "memory": (ExhaustMemory, WHERE),
    "step_clock": (StepClock, {**WHERE, "step_s": 1.0}),
    "drift": (DriftClock, {**WHERE, "rate": 0.5}),
    "rot": (RotBits, WHERE),
    "lose_rack": (LoseRack, {**TIMES, "rack": "r"}),
    "break_link": (BreakLink, {**TIMES, "link": "n-0->switch"}),
    "partition": (PartitionNetwork, {**TIMES, "groups": (("n-0",),)}),
    "bridge": (PartitionBridge, {**TIMES, "sides": (("n-0",), ("n-1",))}),
    "cut_minority": (CutMinority, {**TIMES, "minority": ("n-0",)}),
    "one_way": (CutOneWay, {**TIMES, "senders": ("n-0",), "receivers": ("n-1",)}),
    "swarm": (Swarm, {"nodes": ("n-0", "n-1", "n-2"), "horizon_s": 1.0}),
    "finding": (Finding, {"rule": "r", "seed": 0, "digest": None, "faults": ()}),
    "bundled": (Bundled, {"name": "iris"}),
    "csv": (Csv, {"path": "data.csv", "target": "y"}),
    "generated": (Generated, {"rows": 20}),
    "rotated": (RotatedLabels, {"data": Bundled(name="iris"), "rows": 200, "every": 100}),
    "sea": (Sea, {"rows": 200, "every": 100}),
    "hyperplane": (RotatingHyperplane, {"rows": 200}),
    "descent": (GradientDescent, {}),
    "momentum": (Momentum, {}),
    "nesterov": (Nesterov, {"momentum": 0.9}),
    "adam": (Adam, {}),
    "lbfgs": (Lbfgs, {}),
    "kmeans": (KMeans, {"clusters": 3}),
    "mini_batch": (MiniBatchKMeans, {"clusters": 3}),
    "components": (PrincipalComponents, {}),
    "power": (PowerIteration, {}),
    "spreading": (LabelSpreading, {}),
    "self_training": (SelfTraining, {}),
    "softmax": (Softmax, {}),
    "linear": (LinearRegression, {}),
    "logistic": (LogisticRegression, {}),
    "svm": (LinearSvm, {}),
    "normal": (NormalEquations, {}),
    "regression": (SoftmaxRegression, {"dataset": "iris"}),
    "top_k": (TopK, {}),
    "staleness": (BoundedStaleness, {}),
    "server": (ParameterServer, {"server": "n-0"}),
    "training": (
        TrainingJob,
        {"model": Softmax(), "data": Bundled(name="iris"), "server": "n-0", "workers": ("n-1", "n-2"), "steps": 2},
    ),
    "seeding": (
        KMeansSeeding,
        {"clusters": 3, "data": Bundled(name="iris"), "server": "n-0", "workers": ("n-1", "n-2")},
    ),
    "grid": (GridSearch, {"dataset": "iris", "folds": 2, "learning_rates": (0.1,), "l2s": (0.0,), "steps": (1,)}),
    "forest": (RandomForest, {"trees": 2, "tasks": 2}),
    "cascade": (CascadeSvm, {"leaves": 2, "passes": 3}),
    "random_search": (
        RandomSearch,
        {"estimator": ForestEstimator(trees=1), "space": {"max_depth": (1, 2)}, "candidates": 2, "folds": 2},
    ),
    "halving": (
        SuccessiveHalving,
        {"space": {"max_depth": (1, 2)}, "candidates": 2, "folds": 2, "most": 2, "factor": 2},
    ),
    "hyperband": (Hyperband, {"space": {"max_depth": (1, 2)}, "folds": 2, "most": 2, "factor": 2}),
    "forests": (ForestEstimator, {"trees": 2}),
    "softmaxes": (SoftmaxEstimator, {}),
    "range": (Range, {"low": 1.0, "high": 2.0}),
    "tasks": (
        TaskGraphJob,
        {
            "work": GridSearch(dataset="iris", folds=2, learning_rates=(0.1,), l2s=(0.0,), steps=(1,)),
            "master": "n-0",
            "workers": ("n-1", "n-2"),
        },
    ),
    "poisson": (Poisson, {"per_s": 10.0}),
    "at": (At, {"times_s": (0.0, 0.5)}),
    "closed": (Closed, {"clients": 2}),
    "neighbours": (NearestNeighbours, {"data": Bundled(name="iris")}),
    "service": (
        ServiceJob,
        {
            "service": NearestNeighbours(data=Bundled(name="iris")),
            "arrivals": Poisson(per_s=10.0),
            "queries": 2,
            "front_end": "n-0",
            "servers": ("n-1", "n-2"),
        },
    ),
    "flat_service": (
        NearestNeighbourService,
        {"dataset": "iris", "arrivals_per_s": 10.0, "queries": 2, "front_end": "n-0", "servers": ("n-1", "n-2")},
    ),
    "batch": (
        NearestNeighbourBatch,
        {"data": Bundled(name="iris"), "front_end": "n-0", "servers": ("n-1", "n-2")},
    ),
    "stored": (StoredBatches, {}),
    "arriving": (ArrivingBatches, {"arrivals": Poisson(per_s=100.0)}),
    "copies": (Copies, {"servers": ("n-1", "n-2"), "arrivals": Poisson(per_s=50.0)}),
    "online": (
        OnlineLearning,
        {
            "model": Softmax(),
            "data": Bundled(name="iris"),
            "batches": ArrivingBatches(arrivals=Poisson(per_s=100.0)),
            "learner": "n-0",
        },
    ),
    "checkpoints": (Checkpoints, {}),
    "heartbeats": (Heartbeats, {}),
    "timeout": (Timeout, {}),
    "expected": (ExpectedArrival, {}),
    "phi": (PhiAccrual, {}),
    "remote": (RemoteStore, {"server": "n-0"}),
    "store": (DistributedStore, {"coordinator": "n-0", "servers": ("n-1", "n-2", "n-3")}),
    "scenario": (Scenario, {"cluster": CLUSTER, "job": Idle()}),
}
"""Class and fields of each."""


def make(which, /, **fields):
    """A specification that is right but for these fields."""
    kind, right = RIGHT[which]
    return kind(**{**right, **fields})
