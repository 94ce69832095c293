"""What each protocol promises, asked of every part that is built in and of those of docs/your_own.md."""

import math
import runpy
from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simcluster import ClusterSpec, NodeSpec, Scenario, Together, nodes, run
from simcluster.engine import Environment, stream
from simcluster.faults import CrashNode, LoseMessages, PauseNode
from simcluster.kernels import Cost
from simcluster.learning import (
    Bundled,
    MultilayerPerceptron,
    Rows,
    Softmax,
    arrays,
    model_of,
)
from simcluster.recovery import Adaptive, Daly, Observed, Young
from simcluster.replication import LockedCounter, Mix, Quorum, ReplicatedStore, ShardedStore, TransactionMix
from simcluster.scheduling import (
    DecentralisedJob,
    Functions,
    GridSearch,
    Heft,
    NodeView,
    ReadyTask,
    TaskGraphJob,
    WorkStealing,
)
from simcluster.serving import (
    ArrivingBatches,
    NearestNeighbourBatch,
    NearestNeighbourService,
    OnlineLearning,
    ReplicaView,
    ServiceJob,
)
from simcluster.training import (
    BoundedStaleness,
    InTurn,
    KMeansSeeding,
    KSync,
    ParameterServer,
    PipelineTraining,
    Ringmaster,
    TrainingJob,
    Waiting,
)
from tests.built_ins import one, words

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
IRIS = Bundled(name="iris").load()


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """What the scripts of the page define, by name."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("own"))
        for script in ("model", "waiting", "balancer", "scheduling", "service", "fault", "job"):
            found[script] = runpy.run_path(str(HERE / f"{script}.py"), run_name=f"own_{script}")
    return found


CANCER = Bundled(name="breast_cancer").load()
NUMBERS = arrays(IRIS.features, IRIS.features @ [1.0, 2.0, 3.0, 4.0])
#: What other models than those of three classes learn from.
DATA = {"linear_regression": NUMBERS, "normal_equations": NUMBERS, "logistic_regression": CANCER, "linear_svm": CANCER}


def model(name, own):
    """A model, and data for it."""
    if name == "ridge":
        return own["model"]["Ridge"](), NUMBERS
    return one("Descends", name), DATA.get(name, IRIS)


MODELS = pytest.mark.parametrize("name", [*words("Descends"), "ridge"])


@MODELS
def test_contributions_add_up_over_disjoint_rows_and_change_nothing(own, name):
    learned, data = model(name, own)
    point = learned.initial(data, stream(0))
    if hasattr(learned, "gradient"):
        point = point + 0.1 * stream(1).standard_normal(point.shape)
    else:  # not all numbers are parameters of such a model
        point = learned.update(point, learned.contribution(point, data.all)(), float(len(data)))
    before = point.copy()
    parts = np.split(stream(2).permutation(len(data)), [10, 11, 90])

    whole = learned.contribution(point, data.all)
    added = sum(learned.contribution(point, Rows(data, part))() for part in parts)

    np.testing.assert_allclose(added, whole(), rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(whole(), whole())
    np.testing.assert_array_equal(point, before)
    assert isinstance(whole.cost, Cost)
    assert whole().dtype == np.float64


@MODELS
def test_steps_of_a_model_lower_its_objective(own, name):
    learned, data = model(name, own)
    point = learned.initial(data, stream(0))
    first = learned.loss(point, data.all)()

    for _ in range(20):
        said = learned.contribution(point, data.all)()
        if hasattr(learned, "update"):
            point = learned.update(point, said, float(len(data)))
        else:
            point = point - 0.05 * learned.gradient(point, said, float(len(data)))

    assert point.shape == learned.initial(data, stream(0)).shape
    assert learned.loss(point, data.all)() < first


@pytest.mark.parametrize("name", [*words("DataSource"), "data set"])
def test_a_source_gives_the_same_data_for_the_same_seed(own, name, tmp_path):
    np.savez(tmp_path / "t.npz", features=IRIS.features, targets=IRIS.targets)
    np.save(tmp_path / "x.npy", IRIS.features)
    np.save(tmp_path / "y.npy", IRIS.targets)
    table = pd.DataFrame({"a": [1.0, 3.0], "b": [2, 4]})
    table.to_csv(tmp_path / "t.csv", index=False)
    fields = {"npz": {"path": tmp_path / "t.npz"}, "npy": {"path": tmp_path / "x.npy", "targets": tmp_path / "y.npy"}}
    fields |= {each: {"path": tmp_path / f"t.{each}", "target": "b"} for each in ("csv", "parquet")}
    if name == "parquet":
        pytest.importorskip("pyarrow")
        table.to_parquet(tmp_path / "t.parquet")
    source = IRIS if name == "data set" else one("DataSource", name, **fields.get(name, {}))
    first, again = source.load(3), deepcopy(source).load(3)

    np.testing.assert_array_equal(first.features, again.features)
    np.testing.assert_array_equal(first.targets, again.targets)


@pytest.mark.parametrize("name", words("Optimiser"))
def test_an_optimiser_changes_nothing_that_it_is_given_and_takes_a_share_of_a_step(name):
    optimiser = one("Optimiser", name)
    point, gradient = np.ones(3), np.arange(3.0)
    memory = optimiser.start(point)
    before = memory.copy()

    whole = optimiser.step(point, gradient, memory, 0, 1.0)

    for again, found in zip(whole(), whole(), strict=True):
        np.testing.assert_array_equal(again, found)
    assert isinstance(whole.cost, Cost)
    assert whole()[0].shape == point.shape
    if not getattr(optimiser, "needs_whole_steps", False) and name != "buffered":  # which waits until it has several
        part = optimiser.step(point, gradient, memory, 0, 0.5)
        np.testing.assert_allclose(point - part()[0], 0.5 * (point - whole()[0]))
    assert point.tolist() == [1, 1, 1]
    assert gradient.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(memory, before)


class AsItStands(Waiting):
    """The protocol's own bodies."""


#: Every built-in rule, some of them once more with other fields, and one's own.
RULES = {word: (lambda own, word=word: one("Waiting", word)) for word in words("Waiting")} | {
    "SSP": lambda own: BoundedStaleness(staleness=2),
    "ASP": lambda own: BoundedStaleness(staleness=float("inf")),
    "backup workers": lambda own: BoundedStaleness(backup_workers=1),
    "k-sync that finishes": lambda own: KSync(k=2, left_behind="finish"),
    "Ringmaster that stops": lambda own: Ringmaster(delay=2, left_behind="cancel"),
    "two at a time": lambda own: InTurn(at_once=2),
    "as it stands": lambda own: AsItStands(),
    "never twice": lambda own: own["waiting"]["NeverTwice"](2),
}


FAULTS = (
    CrashNode(node="server", begin_s=0.05, end_s=0.1),
    PauseNode(node="w-1", begin_s=0.02, end_s=0.2),
    LoseMessages(probability=0.3, begin_s=0.0, end_s=0.3),
)
CLUSTER = ClusterSpec(nodes=(NodeSpec(name="server"), *nodes("w", 3, flops_per_s=1e6)))


@pytest.mark.parametrize("name", RULES)
def test_under_a_waiting_rule_every_step_is_done_once_whatever_happens(own, name):
    rule = RULES[name](own)
    job = TrainingJob(
        model=Softmax(), data=Bundled(name="iris"), batch_size=8, waiting=rule, workers=CLUSTER.names[1:], steps=15,
        exchange=ParameterServer(server="server", retry_s=0.05),
    )
    result = run(Scenario(cluster=CLUSTER, job=job, faults=FAULTS, horizon_s=60.0), 0, check=True)

    # Without a checkpoint the server has begun anew after its crash.
    rows = [row for row in result.trace.rows("contribution") if row["accepted"] and row["time_s"] > 0.1]
    accepted = [(row["worker"], row["clock"]) for row in rows]
    assert result.ended == "finished"
    assert result.outcome.steps == 15
    if not getattr(rule, "any_worker", False):  # whose numbers are those of a worker's own contributions
        assert {clock for _, clock in accepted} == set(range(15))
    assert len(accepted) == len(set(accepted))


INTERVALS = [
    *(one("Interval", word) for word in words("Interval")),
    Young(mttf_s=100.0, cost_s=1.0),
    Daly(mttf_s=100.0, cost_s=1e6),
    Adaptive(mttf_s=100.0, worth=0.1, formula="young"),
    lambda observed: 3.0 * (observed.cost_s or 0.0),
]


@pytest.mark.parametrize("interval", INTERVALS)
def test_an_interval_is_the_same_for_the_same_and_never_longer_for_more_failures(interval):
    generator = stream(7)
    for _ in range(200):
        cost_s = None if generator.random() < 0.1 else float(generator.exponential(1.0)) + 1e-9
        elapsed_s, failures = float(generator.exponential(1000.0)), int(generator.integers(20))
        observed, worse = (Observed(cost_s, count, elapsed_s) for count in (failures, failures + 1))
        assert interval(observed) == interval(Observed(cost_s, failures, elapsed_s))
        assert 0 <= interval(worse) <= interval(observed) < math.inf


def is_planner(word):
    return hasattr(one("Policy", word), "plan")


@pytest.mark.parametrize("name", [*(each for each in words("Policy") if callable(one("Policy", each))), "own"])
def test_a_policy_names_what_is_ready_and_who_is_there_and_says_the_same_of_the_same(own, name):
    policy = own["scheduling"]["shortest_on_the_fastest"] if name == "own" else one("Policy", name)
    generator = stream(3)
    for _ in range(200):
        costs = [Cost(float(flops), 0.0) for flops in generator.integers(1, 9, generator.integers(4))]
        ready = [ReadyTask(f"t-{place}", cost, 0.0) for place, cost in enumerate(costs)]
        there = [
            NodeView(f"n-{i}", 2, int(generator.integers(3)), 0.0, float(generator.random()), 1e6, 1e9)
            for i in range(generator.integers(4))
        ]
        choice = policy(ready, there)
        assert choice == policy(ready, there)
        if choice is not None:
            assert choice[0] in [task.name for task in ready]
            assert choice[1] in [node.name for node in there]


@pytest.mark.parametrize("name", [each for each in words("Policy") if is_planner(each)])
def test_a_planner_places_every_task_after_those_before_it(name):
    graph = GridSearch(dataset="iris", folds=2).graph(0)
    there = [NodeView(f"n-{i}", 1, 1, 0.0, 0.0, 1e6 * (i + 1), 1e9) for i in range(3)]

    plan = one("Policy", name).plan(graph, there, lambda source, target, size_bytes: 0.001)

    assert set(plan) == set(graph)
    assert all(plan[before][1] < plan[after][1] for before, after in graph.edges)


@pytest.mark.parametrize("name", [*words("Balancer"), "heard last", "stay"])
def test_a_balancer_names_one_of_the_replicas(own, name):
    balancer = one("Balancer", name) if name in words("Balancer") else own["balancer"]["balancers"][name]
    generator = stream(4)
    for _ in range(200):
        outstanding = generator.integers(0, 5, 1 + generator.integers(4)).tolist()
        replicas = [ReplicaView(f"r-{place}", outstanding=count) for place, count in enumerate(outstanding)]
        assert balancer(None, replicas, generator) in [replica.name for replica in replicas]


@pytest.mark.parametrize("name", [*words("Service"), "own"])
def test_a_service_answers_the_same_from_any_number_of_shards(own, name, monkeypatch):
    monkeypatch.chdir(HERE.parents[1])
    service = own["service"]["Words"]() if name == "own" else one("Service", name)
    if name == "saved_model":  # of which every server has the whole
        held = service.shards(1, 0)[0]
        model = model_of(held.content.tobytes(), held.path)
        row = service.ask(stream(5))
        assert service.merge([service.answer(model, row)()]) == service.answer(model, row)()
        return
    generator = stream(5)
    for _ in range(20):
        body = service.ask(generator)
        answers = [service.merge([service.answer(shard, body)() for shard in service.shards(n, 0)]) for n in (1, 3)]
        for first, other in zip(*answers, strict=True):
            np.testing.assert_array_equal(first, other)


@pytest.mark.parametrize("name", [*words("Arrivals"), "own"])
def test_arrivals_are_the_same_for_the_same_generator_and_never_go_back(own, name, monkeypatch):
    monkeypatch.chdir(HERE.parents[1])
    arrivals = own["service"]["RushHour"]() if name == "own" else one("Arrivals", name)

    def times_s():
        env, seen = Environment(), []

        def ask():
            seen.append(env.now)
            return env.timeout(0.05)

        env.process(arrivals.run(env, ask, stream(6)))
        env.run(until=3.0)
        return seen

    assert times_s() == times_s() == sorted(times_s())
    assert times_s()


@pytest.mark.parametrize("name", words("Keys"))
def test_keys_are_whole_numbers_from_0_on_and_the_same_for_the_same_generator(name):
    keys = one("Keys", name)
    drawn = [[keys(generator) for _ in range(200)] for generator in (stream(7), stream(7))]

    assert drawn[0] == drawn[1]
    assert all(type(key) is int and 0 <= key < keys.keys for key in drawn[0])


def test_a_fault_of_one_s_own_leaves_nothing_behind(own):
    throttle = own["fault"]["Throttle"](node="w-0", begin_s=0.01, end_s=0.02)
    job = TrainingJob(model=Softmax(), exchange=ParameterServer(server="server"), workers=CLUSTER.names[1:], steps=30)
    plain, under = (run(Scenario(cluster=CLUSTER, job=job, faults=faults), 0) for faults in ((), (throttle,)))

    assert under.outcome.loss == plain.outcome.loss
    assert plain.ended_s < under.ended_s < plain.ended_s + 2.0


def jobs(own):
    training = TrainingJob(
        model=Softmax(), data=Bundled(name="iris"), batch_size=8, workers=("w-0", "w-1"), steps=9,
        waiting=own["waiting"]["NeverTwice"](1), exchange=ParameterServer(server="server", retry_s=0.05),
    )
    service = ServiceJob(
        service=own["service"]["Words"](), arrivals=own["service"]["RushHour"](), queries=9, front_end="server",
        servers=("w-0", "w-1"), balancer=own["balancer"]["Stay"](), timeout_s=20.0,
    )
    tasks = TaskGraphJob(
        work=Functions(own["scheduling"]["graph"]), policy=own["scheduling"]["shortest_on_the_fastest"],
        master="server", workers=("w-0", "w-1", "w-2"),
    )
    search = TaskGraphJob(
        work=GridSearch(dataset="iris", folds=2), policy=Heft(), master="server", workers=("w-0", "w-2"), name="search"
    )
    stealing = DecentralisedJob(
        work=Functions(own["scheduling"]["graph"]), scheduler=WorkStealing(), master="server", workers=("w-0", "w-2"),
    )
    online = OnlineLearning(
        model=Softmax(), data=IRIS, batch_size=8, learner="w-1",
        batches=ArrivingBatches(arrivals=own["service"]["RushHour"]()),
    )
    flat = NearestNeighbourService(
        dataset="iris", arrivals_per_s=30.0, queries=9, front_end="server", servers=("w-0", "w-2"), timeout_s=20.0
    )
    batch = NearestNeighbourBatch(data=IRIS, front_end="server", servers=("w-0", "w-1"), retry_s=0.1)
    seeding = KMeansSeeding(clusters=3, data=IRIS, server="server", workers=("w-0", "w-1"), retry_s=0.1)
    pipeline = PipelineTraining(
        model=MultilayerPerceptron(hidden=(5,)), data=IRIS, stages=("w-0", "w-2"), steps=3, retry_s=0.1
    )
    store = ReplicatedStore(
        scheme=Quorum(), replicas=("server", "w-0", "w-1"), clients=("w-2",), workload=Mix(operations=9), retry_s=0.05,
    )
    counter = LockedCounter(lock="server", resource="w-0", clients=("w-1", "w-2"), rounds=2)
    sharded = ShardedStore(
        shards=("w-0", "w-1"), clients=("w-2",), workload=TransactionMix(operations=5), retry_s=0.05, name="sharded",
    )
    each = {
        "training": training, "service": service, "task_graph": tasks, "search": search, "decentralised": stealing,
        "online_learning": online,
        "nearest_neighbour_service": flat, "nearest_neighbour_batch": batch, "kmeans_seeding": seeding,
        "pipeline_training": pipeline, "replicated_store": store, "locked_counter": counter,
        "sharded_store": sharded,
    }  # fmt: skip
    apart = [job for job in each.values() if job is not flat]  # whose name is that of the other service
    return each | {"together": Together(jobs=tuple(apart))}


@pytest.mark.parametrize("name", [*words("Job"), "search"])
def test_a_job_gives_the_same_twice_in_one_process_and_comes_to_its_end(own, name):
    job = jobs(own)[name]
    scenario = Scenario(cluster=CLUSTER, job=job, faults=FAULTS, horizon_s=600.0)

    first, again = run(scenario, 1), run(scenario, 1)

    assert first.ended == "finished"
    assert first.digest == again.digest


def test_jobs_that_share_a_cluster_have_names_of_their_own(own):
    training, service, *_ = jobs(own).values()

    with pytest.raises(ValueError, match=r"the names of jobs must differ, got \['training', 'training'\]"):
        Together(jobs=(training, training))
    assert [job.name for job in Together(jobs=(training, service)).jobs] == ["training", "service"]
