"""Whatever number a specification accepts, a scenario of it runs or is refused: no OverflowError, no TypeError."""

import math
from typing import get_args

import pytest
from arguments.right import CLUSTER, RIGHT, make

from simcluster import ClusterSpec, NetworkSpec, Scenario, nodes, run
from simcluster.cluster import ClockSpec, NodeSpec, StorageSpec
from simcluster.faults import Fault, GilbertElliott, LoseMessages
from simcluster.recovery import Heartbeats
from tests.busy import Busy

NASTY = (math.nan, math.inf, -math.inf, -1, 0, 1.5, 2**31, 2**63, 10**30, 1e100, 1e300, 1.7e308, True, "x", "1e999", "")
TINY = (1e-300, 5e-324)
#: Periods so short that the clock stands still: what becomes of such a run is another question than whether it begins.
PERIODS = ("retry_s", "period_s", "think_s", "timeout_s", "after_s", "per_s", "arrivals_per_s", "heartbeat_s")
HORIZON_S = 0.2


def numbers(kind):
    """The fields of a specification whose type has a number."""
    for name, field in kind.model_fields.items():
        if {int, float} & set(types(field.annotation)):
            yield name


def types(annotation):
    yield annotation
    for part in get_args(annotation):
        yield from types(part)


def scenario(spec):
    """A scenario in which something of this kind is used."""
    cluster, job, faults = CLUSTER, Busy(every_s=0.05), ()
    kind = type(spec)
    if isinstance(spec, NodeSpec):
        cluster = ClusterSpec(nodes=(spec, NodeSpec(name="other")))
    elif isinstance(spec, ClockSpec | StorageSpec):
        part = "clock" if isinstance(spec, ClockSpec) else "storage"
        cluster = ClusterSpec(nodes=nodes("n", 2, **{part: spec}))
    elif isinstance(spec, NetworkSpec):
        cluster = ClusterSpec(nodes=nodes("n", 2), network=spec)
    elif hasattr(spec, "sample"):
        cluster = ClusterSpec(nodes=nodes("n", 2, jitter=spec), network=NetworkSpec(latency=spec))
    elif hasattr(spec, "fabric"):
        network = NetworkSpec(topology=spec, fidelity="flow")
        cluster = ClusterSpec(nodes=nodes("n", 1 if kind.__name__ == "WideArea" else 2), network=network)
    elif isinstance(spec, Fault):
        faults = (spec,)
    elif isinstance(spec, GilbertElliott):
        faults = (LoseMessages(probability=0.5, bursts=spec, begin_s=0.0),)
    elif hasattr(spec, "start") and not isinstance(spec, Heartbeats) and "seed" in spec.start.__code__.co_varnames:
        job = spec
    elif (field := PART_OF.get(kind.__name__)) is not None:
        made = make(field[0], **{field[1]: (spec,) if field[1] == "members" else spec})
        job = made if field[0] not in ("random_search", "voting") else make("tasks", work=made)
    else:
        return None
    return Scenario(cluster=cluster, job=job, faults=faults, horizon_s=HORIZON_S)


#: Which job, and which field of it, a part is of.
PART_OF = {
    "Generated": ("training", "data"),
    "RotatedLabels": ("online", "data"),
    "Sea": ("online", "data"),
    "RotatingHyperplane": ("online", "data"),
    "Copies": ("online", "copies"),
    "KMeans": ("training", "model"),
    "MiniBatchKMeans": ("training", "model"),
    "PrincipalComponents": ("training", "model"),
    "PowerIteration": ("training", "model"),
    "LabelSpreading": ("training", "model"),
    "SelfTraining": ("training", "model"),
    "Softmax": ("training", "model"),
    "GradientDescent": ("training", "optimiser"),
    "Momentum": ("training", "optimiser"),
    "Nesterov": ("training", "optimiser"),
    "Adam": ("training", "optimiser"),
    "TopK": ("training", "compression"),
    "RandomK": ("training", "compression"),
    "Qsgd": ("training", "compression"),
    "PowerSgd": ("training", "compression"),
    "TrimmedMean": ("training", "aggregation"),
    "GeometricMedian": ("training", "aggregation"),
    "Krum": ("training", "aggregation"),
    "Bulyan": ("training", "aggregation"),
    "CentredClipping": ("training", "aggregation"),
    "NearestNeighbourMixing": ("training", "aggregation"),
    "BoundedStaleness": ("training", "waiting"),
    "InTurn": ("training", "waiting"),
    "Stored": ("training", "placement"),
    "Checkpoints": ("training", "recovery"),
    "Heartbeats": ("training", "detector"),
    "GridSearch": ("tasks", "work"),
    "RandomForest": ("tasks", "work"),
    "VotingEnsemble": ("tasks", "work"),
    "CascadeSvm": ("tasks", "work"),
    "RandomSearch": ("tasks", "work"),
    "SuccessiveHalving": ("tasks", "work"),
    "Hyperband": ("tasks", "work"),
    "ForestEstimator": ("random_search", "estimator"),
    "TreeEstimator": ("random_search", "estimator"),
    "NeighboursEstimator": ("voting", "members"),
    "BayesEstimator": ("voting", "members"),
    "LogisticEstimator": ("voting", "members"),
    "Mixed": ("tasks", "execution"),
    "Poisson": ("service", "arrivals"),
    "At": ("service", "arrivals"),
    "Closed": ("service", "arrivals"),
    "NearestNeighbours": ("service", "service"),
}
FIELDS = [(name, field) for name, (kind, _) in RIGHT.items() for field in numbers(kind)]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of learning at a rate of 1e300
@pytest.mark.parametrize(("name", "field"), FIELDS, ids=[f"{name}.{field}" for name, field in FIELDS])
def test_a_number_is_refused_when_it_is_given_or_runs(name, field):
    many = RIGHT[name][0].model_fields[field].annotation
    for value in NASTY + (() if field in PERIODS else TINY):
        try:
            made = scenario(make(name, **{field: (value,) if str(many).startswith("tuple") else value}))
        except ValueError:
            continue
        if made is not None:
            assert run(made, 0).ended in ("finished", "horizon", "deadlock")
