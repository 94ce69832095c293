"""A scenario is what its dump gives back, and two that differ anywhere differ in their digest."""

import math

import pytest
import sklearn.datasets  # noqa: F401 (as it is imported it uses the random module, which no strategy may)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcluster import Scenario, Together, plugins, run
from simcluster.cluster import Cluster, ClusterSpec, nodes
from simcluster.engine import NodeName, Spec
from simcluster.faults import NodeFault
from simcluster.learning import Bundled, Csv, Generated, KMeans, Softmax, by_key, ordered, random
from simcluster.recovery import (
    Checkpoints,
    DistributedStore,
    ExpectedArrival,
    Heartbeats,
    Lifeguard,
    LocalStore,
    PhiAccrual,
    RemoteStore,
    Swim,
    Timeout,
)
from simcluster.scheduling import GridSearch, Heft, TaskGraphJob, fifo, priority, utilisation
from simcluster.serving import At, Closed, NearestNeighbours, Poisson, RoundRobin, ServiceJob, least_loaded
from simcluster.testing import clusters, scenarios
from simcluster.training import BoundedStaleness, ParameterServer, TopK, TrainingJob, Waiting


class Fastest(Waiting):
    """A rule of one's own, of an ordinary class."""

    def __init__(self, k=1):
        self.k = k

    def complete(self, progress):
        return len(progress.arrived) >= self.k

    def __eq__(self, other):
        return isinstance(other, Fastest) and other.k == self.k

    __hash__ = None


class Deep(Softmax):
    """A model of one's own, with a field more than what it is derived from."""

    kind: str = "deep"
    layers: int = 3


class Frozen(NodeFault):
    """A fault of one's own."""

    depth: float = math.inf

    def begin(self, cluster, key):
        cluster[self.node].pause()
        return cluster[self.node].resume


class Idle(Spec):
    """A job of one's own."""

    node: NodeName = "node-0"
    bounds: tuple[float, ...] = (-math.inf, math.inf)

    def start(self, cluster: Cluster, seed: int):
        return cluster.env.timeout(1.0)


def for_a_second(heard_s, now_s):
    """A suspicion of one's own."""
    return now_s - heard_s[-1] > 1.0


def first_of_all(query, replicas, generator):
    """A balancer of one's own."""
    return replicas[0].name


numbers = st.floats(0, 1e6)
positive = st.floats(1e-6, 1e6)
suspicions = (
    st.builds(Timeout, after_s=positive)
    | st.builds(ExpectedArrival, margin_s=positive)
    | st.builds(PhiAccrual, threshold=st.floats(0.1, 300), law=st.sampled_from(["normal", "exponential"]))
    | st.just(for_a_second)
)
patient = suspicions.map(lambda rule: rule.replace(after_s=2e6) if isinstance(rule, Timeout) else rule)
detectors = (
    st.none()
    | st.builds(Heartbeats, period_s=positive, suspicion=patient)
    | st.builds(Swim, period_s=st.floats(1, 1e6), suspicion_s=numbers, lifeguard=st.none() | st.builds(Lifeguard))
)


def recoveries(name):
    """No recovery, or checkpoints in a store that is called so: two jobs beside each other each have their own."""
    stores = (
        st.builds(LocalStore)
        | st.builds(RemoteStore, name=st.just(name), server=st.just("node-0"), timeout_s=positive)
        | st.builds(
            DistributedStore,
            name=st.just(name),
            coordinator=st.just("node-0"),
            servers=st.just(("node-1", "node-2")),
            replication=st.integers(1, 2),
            suspicion=st.none() | patient,
        )
    )
    return st.none() | st.builds(Checkpoints, every=st.integers(1, 9), store=stores)


trainings = st.builds(
    dict,
    model=st.builds(Softmax, l2=numbers) | st.builds(KMeans, clusters=st.integers(1, 9)) | st.builds(Deep, l2=numbers),
    data=st.builds(Bundled, name=st.sampled_from(["iris", "digits"]))
    | st.builds(Generated, rows=st.integers(20, 99), options=st.just({"n_features": 20}))
    | st.builds(Csv, path=st.sampled_from(["a.csv", "b.csv"]), target=st.text(min_size=1)),
    sharding=st.sampled_from([random, ordered, by_key]),
    batch_size=st.none() | st.integers(1, 99),
    waiting=st.builds(BoundedStaleness, staleness=st.integers(0, 99) | st.just(math.inf))
    | st.builds(Fastest, st.integers(1, 3) | st.sampled_from([math.inf, -math.inf])),
    compression=st.none() | st.builds(TopK, share=st.floats(0.01, 1)),
    recovery=recoveries("of-training"),
    detector=detectors,
    steps=st.integers(1, 99),
    target_loss=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    evaluation=st.sampled_from(["oracle", "paid"]),
)
arrivals = (
    st.builds(Poisson, per_s=positive)
    | st.builds(At, times_s=st.lists(numbers, min_size=9, max_size=11).map(tuple))
    | st.builds(Closed, clients=st.integers(1, 3))
)
services = st.builds(
    dict,
    service=st.builds(NearestNeighbours, neighbours=st.integers(1, 9)),
    arrivals=arrivals,
    queries=st.integers(1, 9),
    balancer=st.sampled_from([least_loaded, RoundRobin(), first_of_all]),
    timeout_s=st.none() | positive,
    when_down=st.sampled_from(["wait", "lose"]),
    detector=detectors,
)
tasks = st.builds(
    dict,
    work=st.builds(GridSearch, folds=st.integers(2, 5)),
    policy=st.sampled_from([Heft(), fifo, priority, utilisation]),
    retry_s=positive,
    suspicion=st.none() | suspicions,
    recovery=recoveries("of-tasks"),
)


@st.composite
def jobs(draw, cluster):
    """Any job on the cluster, or several."""
    head, *others = cluster.names
    made = {
        "idle": lambda: Idle(node=head),
        "training": lambda: TrainingJob(
            exchange=ParameterServer(server=head, retry_s=draw(positive)), workers=tuple(others), **draw(trainings)
        ),
        "service": lambda: ServiceJob(front_end=head, servers=tuple(others), **draw(services)),
        "tasks": lambda: TaskGraphJob(master=head, workers=tuple(others), **draw(tasks)),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(made)), min_size=1, max_size=3, unique=True))
    each = tuple(made[name]() for name in chosen)
    return each[0] if len(each) == 1 else Together(jobs=each)


@st.composite
def any_scenario(draw):
    cluster = draw(clusters(3, 5))
    scenario = draw(scenarios(lambda cluster: Idle(), 1.0, 10.0, cluster=st.just(cluster), max_faults=3))
    own = st.builds(Frozen, node=st.sampled_from(cluster.names), begin_s=numbers, depth=numbers | st.just(math.inf))
    faults = (*scenario.faults, *draw(st.lists(own, max_size=1)))
    kinds = draw(st.none() | st.just(("loss",)))
    job, horizon_s = draw(jobs(cluster)), draw(positive)
    return Scenario(cluster=cluster, job=job, faults=faults, horizon_s=horizon_s, trace_kinds=kinds)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(any_scenario())
def test_a_thousand_scenarios_equal_what_their_dumps_give_back(scenario):
    with plugins(__name__):
        again = Scenario.model_validate_json(scenario.model_dump_json())

    assert again == scenario
    assert again.digest == scenario.digest


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(any_scenario(), any_scenario())
def test_two_scenarios_have_one_digest_if_and_only_if_they_are_equal(one, other):
    assert (one == other) == (one.digest == other.digest)


def test_a_part_that_cannot_be_written_makes_only_saving_and_the_digest_fail_and_is_named():
    here = 0

    def closure(query, replicas, generator):
        return replicas[here].name

    two = ClusterSpec(nodes=nodes("n", 2))
    job = ServiceJob(arrivals=Poisson(per_s=9.0), queries=2, front_end="n-0", servers=("n-1",), balancer=closure)
    scenario = Scenario(cluster=two, job=job)

    for write in (scenario.model_dump_json, lambda: scenario.digest):
        with pytest.raises(ValueError, match=r"only what has a name in its module .*closure"):
            write()
    assert run(scenario, 0).ended == "finished"


def shadowed(query, replicas, generator):
    return replicas[0].name


first = shadowed


def shadowed(query, replicas, generator):
    return replicas[-1].name


class Doubles(Fastest):
    """What it keeps is not what it was made with."""

    def __init__(self, k):
        self.k = 2 * k


class Hides(Fastest):
    """What it keeps has another name."""

    def __init__(self, k):
        self._k = k


class Balancers:
    """Its methods have no name in the module of their own."""

    def bound(self, query, replicas, generator):
        return replicas[0].name

    @staticmethod
    def static(query, replicas, generator):
        return replicas[0].name


def named_kind():
    rule = Fastest()
    rule.kind = "fifo"
    return rule


@pytest.mark.parametrize("waiting", [Doubles(1), Hides(1), named_kind()])
def test_an_object_that_a_file_would_not_give_back_is_not_written(waiting):
    server = ParameterServer(server="n-0")
    job = TrainingJob(model=Softmax(), exchange=server, workers=("n-1",), steps=1, waiting=waiting)

    with pytest.raises(ValueError, match="must be a Spec to be written to a file, or keep what it is made with"):
        Scenario(cluster=ClusterSpec(nodes=nodes("n", 2)), job=job).model_dump_json()


@pytest.mark.parametrize("balancer", [first, Balancers().bound])
def test_a_function_that_a_file_would_not_give_back_is_not_written(balancer):
    job = ServiceJob(arrivals=Poisson(per_s=9.0), queries=2, front_end="n-0", servers=("n-1",), balancer=balancer)

    with pytest.raises(ValueError, match=r"only what has a name in its module|must be a Spec to be written"):
        Scenario(cluster=ClusterSpec(nodes=nodes("n", 2)), job=job).model_dump_json()
