"""Online learning is a loop over its rows, and no crash makes a batch count twice, or go without a word."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.cluster import NetworkSpec, StorageSpec
from simcluster.cluster.messages.message import HEADER_BYTES, freeze
from simcluster.engine import Constant, stream
from simcluster.faults import CrashNode, KillProgram, LoseMessages, PauseNode, RotBits
from simcluster.kernels import call
from simcluster.learning import (
    Adam,
    Bundled,
    Dataset,
    GradientDescent,
    KMeans,
    Lbfgs,
    LinearRegression,
    LogisticRegression,
    MultilayerPerceptron,
    NormalEquations,
    RotatedLabels,
    Rows,
    Sea,
    Softmax,
    arrays,
    ordered,
)
from simcluster.recovery import Checkpoints, DistributedStore, RemoteStore
from simcluster.serving import (
    ArrivingBatches,
    At,
    Closed,
    Copies,
    Learned,
    OnlineLearning,
    Poisson,
    StoredBatches,
)
from simcluster.training import ParameterServer, TrainingJob

IRIS = Bundled(name="iris").load()
CANCER = Bundled(name="breast_cancer").load()
NUMBERS = arrays(IRIS.features, IRIS.features @ [1.0, 2.0, 3.0, 4.0])
SIZE = 8
POISSON = ArrivingBatches(arrivals=Poisson(per_s=100.0))
LOSING = POISSON.replace(when_down="lose")
DRIFTING = RotatedLabels(data=Bundled(name="iris"), rows=320, every=160)


class Ridge:
    """A model of one's own."""

    def initial(self, data, generator):
        return generator.standard_normal(data.features.shape[1])

    def contribution(self, w, rows):
        return call(lambda X, y: X.T @ (X @ w - y), rows.features, rows.targets)

    def gradient(self, w, total, rows):
        return total / rows + 0.01 * w

    def loss(self, w, rows):
        return call(lambda X, y: float(np.mean((X @ w - y) ** 2)), rows.features, rows.targets)

    def predict(self, w, features):
        return features @ w


MODELS = {
    "softmax": (Softmax(), DRIFTING),
    "logistic": (LogisticRegression(), CANCER),
    "perceptron": (MultilayerPerceptron(hidden=(5,)), DRIFTING),
    "linear": (LinearRegression(), NUMBERS),
    "own": (Ridge(), NUMBERS),
}


def online(faults=(), seed=0, machine=None, network=None, horizon_s=60.0, **fields):
    """A run of a job on a learner and three other nodes."""
    given = {"model": Softmax(), "data": DRIFTING, "batch_size": SIZE, "batches": POISSON, "learner": "l", **fields}
    cluster = ClusterSpec(
        nodes=(NodeSpec(name="l", flops_per_s=1e6, **(machine or {})), *nodes("n", 3)), network=network or NetworkSpec()
    )
    scenario = Scenario(cluster=cluster, job=OnlineLearning(**given), faults=tuple(faults), horizon_s=horizon_s)
    return run(scenario, seed, check=True)


def plain(model, data, optimiser, order=None, seed=0, size=SIZE):
    """Test-then-train in a loop: the parameters, and what the rows of each batch are judged by, added up."""
    data = data.load(seed)
    parameters = model.initial(data, stream(seed, "initial"))
    memory, totals = optimiser.start(parameters), []
    for clock, batch in enumerate(range(len(data) // size) if order is None else order):
        rows = Rows(data, np.arange(batch * size, (batch + 1) * size))
        predicted = model.predict(parameters, rows.features)
        right, errors = predicted == rows.targets, np.square(predicted - rows.targets)
        totals.append(float(np.sum(right if predicted.dtype.kind == "i" else errors)))
        gradient = model.gradient(parameters, model.contribution(parameters, rows)(), float(size))
        parameters, memory = optimiser.step(parameters, gradient, memory, clock, 1.0)()
    return parameters, totals


def totals(result):
    return {row["batch"]: row["total"] for row in result.trace.rows("tested")}


@pytest.mark.parametrize("batches", [StoredBatches(), POISSON, LOSING], ids=["stored", "waiting", "sent once"])
@pytest.mark.parametrize("name", MODELS)
def test_without_faults_it_is_a_loop_over_the_rows_to_the_last_bit(name, batches):
    model, data = MODELS[name]
    for optimiser in (GradientDescent(learning_rate=0.1), Adam(learning_rate=0.01)):
        result = online(model=model, data=data, optimiser=optimiser, batches=batches, horizon_s=1000.0)
        parameters, judged = plain(model, data, optimiser)

        assert isinstance(result.outcome, Learned)
        np.testing.assert_array_equal(result.outcome.parameters, parameters)
        assert [row["total"] for row in result.trace.rows("tested")] == judged
        assert result.outcome.batches == tuple(range(len(judged)))
        assert result.outcome.lost == {}
        figures, drawn = result.metrics, result.series["prequential"]
        measure = "squared_error" if name in ("linear", "own") else "accuracy"
        assert figures[f"prequential_{measure}"] == math.fsum(judged) / (SIZE * len(judged))
        np.testing.assert_array_equal(drawn[measure], np.cumsum(judged) / (SIZE * np.arange(1, len(judged) + 1)))
        assert (figures["batches_learned"], figures["batches_lost"]) == (len(judged), 0)
        assert figures["rows_tested"] == SIZE * len(judged) == drawn["rows"].iloc[-1]


@pytest.mark.slow
def test_of_single_rows_it_learns_what_scikit_learn_s_stochastic_descent_does():
    from sklearn.linear_model import SGDClassifier

    model, rate = LogisticRegression(l2=1e-3), 0.05
    result = online(model=model, data=CANCER, optimiser=GradientDescent(learning_rate=rate), batch_size=1)
    # Theirs shrinks the weights before it adds the row, ours takes both from the old ones: the same but for rounding.
    theirs = SGDClassifier(loss="log_loss", alpha=1e-3, learning_rate="constant", eta0=rate)
    right = []
    for row, label in zip(CANCER.features, CANCER.targets, strict=True):
        right.append(float(theirs.predict([row])[0] == label) if right else float(label == 0))
        theirs.partial_fit([row], [label], classes=[0, 1])

    assert list(totals(result).values()) == right
    np.testing.assert_allclose(result.outcome.parameters[:-1], theirs.coef_[0], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(result.outcome.parameters[-1], theirs.intercept_[0], rtol=1e-10, atol=1e-12)


def test_one_pass_without_drift_ends_where_a_training_job_does_that_takes_the_same_rows():
    cluster = ClusterSpec(nodes=nodes("n", 2))
    job = TrainingJob(
        model=Softmax(), data=CANCER, batch_size=SIZE, sharding=ordered, workers=("n-1",), steps=len(CANCER) // SIZE,
        exchange=ParameterServer(server="n-0"), evaluate_every=100,
    )  # fmt: skip
    trained = run(Scenario(cluster=cluster, job=job), 3).outcome
    order = stream(3, "batch", 0, 0).permutation(np.arange(len(CANCER)))  # the first epoch's
    shuffled = Dataset(CANCER.features[order], CANCER.targets[order], 2)
    learned = online(seed=3, data=shuffled).outcome

    assert trained.steps == len(learned.batches)
    np.testing.assert_array_equal(learned.parameters, trained.parameters)


COUNT = 40  # batches of the drifting data
RECOVERIES = [None, Checkpoints(every=1), Checkpoints(every=7)]
LEARNER = {
    "c": lambda **when: CrashNode(node="l", **when),
    "p": lambda **when: PauseNode(node="l", **when),
    "k": lambda **when: KillProgram(node="l", program="online.learner", **when),
}
SCHEDULES = st.lists(
    st.tuples(st.sampled_from("cpk"), st.floats(0, 0.5), st.floats(0.001, 0.1)), min_size=1, max_size=4
)


def faults_of(drawn):
    return [LEARNER[what](begin_s=begin_s, end_s=begin_s + for_s) for what, begin_s, for_s in drawn]


@settings(max_examples=30)
@given(SCHEDULES, st.sampled_from(RECOVERIES), st.booleans())
def test_where_batches_come_again_no_crash_changes_a_bit_of_what_is_learned_or_of_what_was_tested(
    drawn, recovery, stored
):
    batches = StoredBatches() if stored else POISSON
    result = online(faults_of(drawn), batches=batches, recovery=recovery)
    parameters, judged = plain(Softmax(), DRIFTING, GradientDescent())

    assert result.ended == "finished"
    assert (result.outcome.batches, result.outcome.lost) == (tuple(range(COUNT)), {})
    np.testing.assert_array_equal(result.outcome.parameters, parameters)
    tested = list(result.trace.rows("tested"))
    assert [row["batch"] for row in tested] == list(range(COUNT))
    assert [row["total"] for row in tested] == judged


@settings(max_examples=40)
@given(SCHEDULES, st.sampled_from(RECOVERIES), st.booleans())
def test_where_each_batch_is_sent_once_it_is_learned_from_once_or_lost_and_counted(drawn, recovery, closed):
    arrivals = Closed(clients=2, think_s=Constant(value=0.01)) if closed else Poisson(per_s=100.0)
    batches = ArrivingBatches(arrivals=arrivals, when_down="lose")
    result = online(faults_of(drawn), batches=batches, recovery=recovery)
    learned, lost = result.outcome.batches, result.outcome.lost

    assert result.ended == "finished"
    assert sorted([*learned, *lost]) == list(range(COUNT))
    assert list(learned) == sorted(learned)
    assert {row["batch"]: row["cause"] for row in result.trace.rows("batch_lost")} == lost
    assert len(list(result.trace.rows("batch_lost"))) == len(lost) == result.metrics["batches_lost"]
    tested = [row["batch"] for row in result.trace.rows("tested")]
    assert len(set(tested)) == len(tested)
    assert set(learned) <= set(tested)
    # What is in the parameters is exactly what is said to be: a loop over these batches gives them.
    parameters, _ = plain(Softmax(), DRIFTING, GradientDescent(), order=learned)
    np.testing.assert_array_equal(result.outcome.parameters, parameters)
    if all(what == "p" for what, *_ in drawn):
        assert lost == {}
    said = [str(verdict) for verdict in result.verdicts if verdict.name == "batches lost"]
    assert len(said) == bool(lost)


def test_a_crash_loses_what_came_meanwhile_and_what_was_learned_since_the_last_checkpoint():
    times_s = tuple(np.arange(1, COUNT + 1) * 0.1)
    batches = ArrivingBatches(arrivals=At(times_s=times_s), when_down="lose")
    crash = CrashNode(node="l", begin_s=1.95, end_s=2.35)  # after batch 18, and until batch 22 has come
    kept, not_kept = (online([crash], batches=batches, recovery=recovery) for recovery in (Checkpoints(every=5), None))

    down = {19: "down", 20: "down", 21: "down", 22: "down"}
    assert kept.outcome.lost == dict.fromkeys((15, 16, 17, 18), "forgotten") | down
    assert not_kept.outcome.lost == dict.fromkeys(range(19), "forgotten") | down
    assert not_kept.outcome.batches == tuple(range(23, COUNT))
    assert "batches lost: online: 8 of 40 batches were lost (4 down, 4 forgotten)" in map(str, kept.verdicts)


def test_batches_come_whatever_becomes_of_the_learner():
    def came_s(result):
        return [row["time_s"] - row["lag_s"] for row in result.trace.rows("learned")]

    calm = online()
    for fault in (PauseNode, CrashNode):
        result = online([fault(node="l", begin_s=0.1, end_s=0.2)], recovery=Checkpoints(every=1))
        late = [row for row in result.trace.rows("learned") if 0.1 < row["time_s"] - row["lag_s"] < 0.2]
        assert came_s(result) == pytest.approx(came_s(calm), rel=1e-12)
        assert late
        assert all(row["time_s"] >= 0.2 for row in late)


def test_a_full_inbox_loses_what_comes_and_a_log_loses_nothing():
    pause, machine = PauseNode(node="l", begin_s=0.1, end_s=0.3), {"inbox_messages": 4}

    lost = online([pause], batches=LOSING, machine=machine).outcome.lost
    assert set(lost.values()) == {"inbox_full"}
    assert online([pause], batches=POISSON, machine=machine).outcome.lost == {}


def test_a_world_that_falls_silent_ends_the_job():
    class Few:
        def run(self, env, ask, generator):
            for _ in range(3):
                yield env.timeout(0.1)
                ask()

    for when_down in ("wait", "lose"):
        result = online(batches=ArrivingBatches(arrivals=Few(), when_down=when_down))
        assert (result.ended, result.outcome.batches) == ("finished", (0, 1, 2))


def costs_s(rows=COUNT, flops_per_s=1e6, bytes_per_s=1e10):
    """What a learner computes for a batch: the test, the contribution, the step."""
    data, model = DRIFTING.load(0), Softmax()
    parameters, some = model.initial(data, stream(0)), Rows(data, np.arange(SIZE))
    total = np.zeros_like(parameters)
    step = call(model.gradient, parameters, total).cost
    step += GradientDescent().step(parameters, total, np.empty(0), 0, 1.0).cost
    each = (model.loss(parameters, some).cost, model.contribution(parameters, some).cost, step)
    return math.fsum(cost.flops / flops_per_s for cost in each)


def test_reading_from_a_local_disk_takes_its_seeks_and_its_bytes():
    disk = StorageSpec(seek_s=0.004, bandwidth_bytes_per_s=1e5, flush_s=0.01)
    result = online(batches=StoredBatches(), machine={"storage": disk})
    data = DRIFTING.load(0)
    _, size_bytes = freeze((1, (data.features[:SIZE], data.targets[:SIZE])))  # with the number of its copy
    operations = [row for row in result.trace.rows("disk") if row["operation"] in ("read", "write")]

    assert 8 * SIZE * 5 < size_bytes < 8 * SIZE * 5 + 100
    assert [row["size_bytes"] for row in operations] == [size_bytes] * (2 * COUNT)
    transfer_s = disk.seek_s + size_bytes / disk.bandwidth_bytes_per_s
    expected_s = COUNT * (transfer_s + disk.flush_s) + COUNT * (transfer_s + costs_s())
    assert result.ended_s == pytest.approx(expected_s, rel=1e-9)
    # The lag of a batch is one reading and one computation, whatever was before.
    lags_s = [row["lag_s"] for row in result.trace.rows("learned")]
    assert lags_s == pytest.approx([transfer_s + costs_s()] * COUNT, rel=1e-9)


def test_reading_from_another_node_takes_the_way_there_and_back_and_its_disk():
    disk, rate, latency_s = StorageSpec(seek_s=0.002, bandwidth_bytes_per_s=1e6), 1e5, 0.003
    network = NetworkSpec(bandwidth_bytes_per_s=rate, latency=Constant(value=latency_s))
    cluster = ClusterSpec(
        nodes=(NodeSpec(name="l", flops_per_s=1e6), NodeSpec(name="n-0", storage=disk)), network=network
    )
    job = OnlineLearning(
        model=Softmax(), data=DRIFTING, batch_size=SIZE, learner="l",
        batches=StoredBatches(store=RemoteStore(server="n-0", timeout_s=60.0)),
    )  # fmt: skip
    result = run(Scenario(cluster=cluster, job=job), 0)
    data = DRIFTING.load(0)
    _, size_bytes = freeze((data.features[:SIZE], data.targets[:SIZE]))
    asked = next(r for r in result.trace.rows("send") if r["message_kind"] == "store-read")["size_bytes"]
    wire_s = asked / rate + (HEADER_BYTES + size_bytes) / rate + 2 * latency_s
    expected_s = wire_s + disk.seek_s + size_bytes / disk.bandwidth_bytes_per_s + costs_s()

    lags_s = [row["lag_s"] for row in result.trace.rows("learned")]
    # The first keys have one digit less, so their requests are a byte shorter.
    assert lags_s[10:] == pytest.approx([expected_s] * (COUNT - 10), abs=2 / rate)


def test_from_a_distributed_store_it_learns_the_same_though_a_server_is_lost():
    store = DistributedStore(coordinator="n-0", servers=("n-0", "n-1", "n-2"), replication=2, heartbeat_s=0.05)
    batches = StoredBatches(store=store, loader="n-0")
    calm = online(batches=batches)
    half_s = calm.ended_s - 0.5 * (calm.ended_s - next(calm.trace.rows("learned"))["time_s"])
    faults = [CrashNode(node="n-1", begin_s=half_s), LoseMessages(probability=0.1, begin_s=0.0, end_s=1.0)]
    shaken = online(faults, batches=batches)

    for result in (calm, shaken):
        assert (result.ended, result.outcome.lost) == ("finished", {})
        np.testing.assert_array_equal(result.outcome.parameters, plain(Softmax(), DRIFTING, GradientDescent())[0])


def test_a_stored_batch_that_cannot_be_read_or_written_is_lost_by_name_and_the_others_are_learned_from():
    away, small = StoredBatches(store=RemoteStore(server="n-0")), {"storage": StorageSpec(capacity_bytes=10_000)}
    begin_s = next(online(batches=away).trace.rows("learned"))["time_s"]
    rot = RotBits(node="n-0", count=5, begin_s=begin_s)

    for faults, machine, batches, cause in (
        ([rot], None, away, "corrupted"), ([], small, StoredBatches(), "disk_full")
    ):  # fmt: skip
        result = online(faults, batches=batches, machine=machine)
        lost = result.outcome.lost
        assert set(lost.values()) == {cause}
        parameters, _ = plain(Softmax(), DRIFTING, GradientDescent(), order=result.outcome.batches)
        np.testing.assert_array_equal(result.outcome.parameters, parameters)
        assert sorted([*result.outcome.batches, *lost]) == list(range(COUNT))


def test_parameters_that_are_no_longer_finite_are_a_verdict():
    result = online(model=LinearRegression(), data=NUMBERS, optimiser=GradientDescent(learning_rate=1e30))

    assert "diverged" in [verdict.name for verdict in result.verdicts]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": KMeans()}, "model must have gradient with online_learning, got KMeans"),
        ({"model": NormalEquations(), "data": NUMBERS}, "model must have gradient with online_learning"),
        ({"optimiser": Lbfgs()}, "optimiser must do with some of the rows at a time with online_learning, got Lbfgs"),
        ({"batch_size": 321}, "batch_size must be at most the 320 rows, got 321"),
        ({"model": LinearRegression(), "data": IRIS}, "regression|labels"),
        ({"batches": {"kind": "arriving", "arrivals": {"kind": "at", "times_s": [1, 2]}}}, "each of 40 batches"),
        ({"learner": "m"}, "learner must name a node of the cluster"),
        ({"copies": Copies(servers=("n-7",), arrivals=Poisson(per_s=1))}, "servers must name a node of the cluster"),
        ({"window": 0}, "window"),
        ({"fading": 1.5}, "fading"),
        (
            {"batches": StoredBatches(store=RemoteStore(server="n-0")),
             "recovery": Checkpoints(store=RemoteStore(server="n-1"))},
            "stores of batches and of recovery must have different names, got 'store' twice",
        ),
    ],
)  # fmt: skip
def test_a_job_that_cannot_be_is_refused_when_it_is_made(fields, message):
    with pytest.raises(ValueError, match=message):
        online(**fields)


def test_data_of_a_drift_that_overlaps_the_next_is_refused():
    with pytest.raises(ValueError, match="width must be at most the 100 rows of a concept, got 101"):
        Sea(every=100, width=101)
