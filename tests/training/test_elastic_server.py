"""Elastic training: with fewer and with more, every step has all of its rows; with spares no bit is different."""

import math

import numpy as np
import pytest
from training.exchanges import finished, parameters, training

from simcluster import load_scenario, run, save_scenario
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, OutOfMemory, nodes
from simcluster.engine import Constant
from simcluster.faults import CrashNode, FlipLabels, KillProgram, PauseNode
from simcluster.learning import Adam, GradientDescent, KMeans, LinearRegression, Momentum
from simcluster.recovery import Checkpoints, DistributedStore, Heartbeats, RemoteStore, Timeout
from simcluster.scenario import Scenario
from simcluster.training import (
    Bundled,
    Dirichlet,
    ElasticServer,
    LocalSteps,
    ParameterServer,
    Replicated,
    Softmax,
    Stored,
    TopK,
    TrainingJob,
    arrays,
    call,
    coordinate_median,
)

STEPS, ROW_BYTES = 20, 8 * 5
WATCHED = Heartbeats(period_s=0.01, suspicion=Timeout(after_s=0.05))
WORKERS = tuple(f"worker-{place}" for place in range(4))
SPARES = ("server-1", "server-2")


def elastic(**fields):
    return ElasticServer(server="server-0", retry_s=0.05, **fields)


def under(*faults, exchange=None, **fields):
    given = {"detector": WATCHED, "steps": STEPS, "exchange": exchange or elastic(), **fields}
    return finished(faults, check=True, **given)


def dealt(result):
    return [(row["clock"], row["members"], row["shared"]) for row in result.trace.rows("deal")]


def moved(result):
    return {row["worker"]: row["size_bytes"] for row in result.trace.rows("load")}


def gone(worker, begin_s=0.1, end_s=None):
    return CrashNode(node=worker, begin_s=begin_s, end_s=end_s)


IRIS = Bundled(name="iris").load(0)
NUMBERS = arrays(IRIS.features[:, :3], IRIS.features[:, 3])
MODELS = [
    {},
    {"batch_size": None},
    {"optimiser": Momentum()},
    {"optimiser": Adam()},
    {"model": KMeans(clusters=3), "batch_size": None},
    {"sharding": Dirichlet()},
]


@pytest.mark.parametrize("fields", MODELS)
def test_where_nobody_is_gone_it_is_a_parameter_server_to_the_last_bit(fields):
    result = under(**fields)

    assert result.outcome.parameters.tobytes() == parameters(steps=STEPS, **fields).tobytes()
    assert dealt(result) == [(0, 4, 0)]
    assert moved(result) == {}


@pytest.mark.parametrize("fields", MODELS)
def test_with_fewer_each_step_has_all_of_its_rows(fields):
    """Rows that are shared out are added up in another order: some ulps a step, 1e-10 is 10⁴ times as much."""
    result = under(gone("worker-1"), gone("worker-2", 0.14), **fields)
    plain = parameters(steps=STEPS, **fields)

    assert dealt(result)[-1][1:] == (2, 2)
    np.testing.assert_allclose(result.outcome.parameters, plain, rtol=0, atol=1e-10)
    without = finished(
        (gone("worker-1"), gone("worker-2", 0.14)), steps=STEPS, detector=WATCHED,
        exchange=ParameterServer(server="server-0", retry_s=0.05), **fields,
    )  # fmt: skip
    assert abs(without.outcome.parameters - plain).max() > 1e-6  # which goes on without their rows


class LeastSquares:
    """‖Xw − y‖²/2n, as one would write it down."""

    def initial(self, data, generator):
        return np.zeros(data.features.shape[1])

    def contribution(self, w, rows):
        return call(lambda X, y: X.T @ (X @ w - y), rows.features, rows.targets)

    def gradient(self, w, total, rows):
        return total / rows

    def loss(self, w, rows):
        return call(lambda X, y: float(np.mean((X @ w - y) ** 2) / 2), rows.features, rows.targets)


def test_with_fewer_and_more_it_is_the_descent_of_all_rows_that_a_loop_in_numpy_does():
    faults = (gone("worker-0", 0.0, 0.03), gone("worker-1", 0.02), gone("worker-2", 0.04, 0.2), gone("worker-3", 0.25))
    fields = {"model": LeastSquares(), "data": NUMBERS, "batch_size": None, "steps": 300}
    result = under(*faults, optimiser=GradientDescent(learning_rate=0.02), **fields)

    w = np.zeros(3)
    for _ in range(300):
        w -= 0.02 * NUMBERS.features.T @ (NUMBERS.features @ w - NUMBERS.targets) / 150
    assert len({members for _, members, _ in dealt(result)}) > 2
    np.testing.assert_allclose(result.outcome.parameters, w, rtol=0, atol=1e-10)


def test_rows_are_shared_out_evenly_and_their_bytes_are_paid():
    """Each survivor gets a third of 38 rows, 40 bytes each, and a step takes as much longer as there are more rows."""
    network = NetworkSpec(latency=Constant(value=0.001), bandwidth_bytes_per_s=1e5)
    full = {"batch_size": None, "network": network}
    result = under(gone("worker-1"), **full)
    sent = [row for row in result.trace.rows("send") if row["message_kind"] == "training.rows-reply"]

    assert sorted(moved(result).values()) == [12 * ROW_BYTES, 13 * ROW_BYTES, 13 * ROW_BYTES]
    assert math.fsum(row["size_bytes"] for row in sent) >= 38 * ROW_BYTES
    for row in result.trace.rows("load"):  # two latencies, and the bytes
        assert row["time_s"] - row["begin_s"] > 2 * 0.001 + row["size_bytes"] / 1e5
    steps_s = np.diff([row["time_s"] for row in result.trace.rows("loss")])
    computing_s = [row["time_s"] - row["begin_s"] for row in result.trace.rows("compute") if row["node"] == "worker-0"]
    assert computing_s[-1] / computing_s[0] == pytest.approx((38 + 13) / 38, rel=0.1)
    assert steps_s[-1] > steps_s[0]


def test_a_worker_that_comes_back_or_starts_late_has_its_own_rows_from_the_next_step_on():
    back, late = under(gone("worker-1", 0.1, 0.2), steps=40), under(gone("worker-1", 0.0, 0.2), steps=40)

    assert [members for _, members, _ in dealt(back)] == [4, 3, 4]
    assert [members for _, members, _ in dealt(late)] == [4, 3, 4]
    assert dealt(late)[1] == (0, 3, 1)
    for result in (back, late):
        last = [row for row in result.trace.rows("contribution") if row["accepted"]][-4:]
        assert sorted(row["worker"] for row in last) == list(WORKERS)
        np.testing.assert_allclose(result.outcome.parameters, parameters(steps=40), rtol=0, atol=1e-10)


STANDBY = {
    "hot": {"standby": "hot"},
    "warm": {"standby": "warm"},
    "cold": {"standby": "cold", "start_s": 0.05},
}


@pytest.mark.parametrize("standby", STANDBY)
@pytest.mark.parametrize("fields", MODELS)
def test_a_spare_takes_the_place_of_a_worker_and_no_bit_changes(standby, fields):
    exchange = elastic(spares=SPARES, **STANDBY[standby])
    result = under(gone("worker-1"), gone("worker-3", 0.14), exchange=exchange, **fields)

    assert result.outcome.parameters.tobytes() == parameters(steps=STEPS, **fields).tobytes()
    assert all(members == 4 and not shared for _, members, shared in dealt(result))
    took = {row["worker"] for row in result.trace.rows("contribution")}
    assert set(SPARES) <= took


def stands_in_after_s(standby):
    """From the suspicion of a worker to the first contribution of the spare in its place."""
    network = NetworkSpec(latency=Constant(value=0.0005), bandwidth_bytes_per_s=1e6)
    exchange = elastic(spares=("server-1",), **STANDBY[standby])
    trace = under(gone("worker-1"), exchange=exchange, network=network).trace
    (suspected_s,) = [row["time_s"] for row in trace.rows("suspect")]
    return min(row["time_s"] for row in trace.rows("contribution") if row["worker"] == "server-1") - suspected_s


def test_a_hot_spare_is_sooner_than_a_warm_one_and_that_than_a_cold_one():
    hot_s, warm_s, cold_s = (stands_in_after_s(standby) for standby in STANDBY)

    # To ask for 38 rows of 40 bytes, and to get them; heartbeats may be in the way.
    assert 2 * 0.0005 + 38 * ROW_BYTES / 1e6 < warm_s - hot_s < 0.005
    assert cold_s - warm_s == pytest.approx(0.05, abs=0.001)


def test_a_cold_spare_starts_once():
    hot, cold = (
        under(gone("worker-1"), exchange=elastic(spares=("server-1",), **STANDBY[each])) for each in ("hot", "cold")
    )

    assert cold.ended_s < hot.ended_s + 0.05 + 0.02  # seven steps are left


def test_a_hot_spare_pays_for_all_rows_beforehand_and_a_warm_one_for_those_it_needs():
    hot = under(exchange=elastic(spares=("server-1",), standby="hot"))
    warm = under(gone("worker-2"), exchange=elastic(spares=("server-1",)))

    assert [row["size_bytes"] for row in hot.trace.rows("load")] == [38 * ROW_BYTES] * 2 + [37 * ROW_BYTES] * 2
    assert [row["size_bytes"] for row in warm.trace.rows("load")] == [37 * ROW_BYTES]


def test_only_who_is_replaced_does_its_step_anew():
    result = under(gone("worker-1", 0.105), exchange=elastic(spares=("server-1",), standby="hot"))
    begun = [(row["worker"], row["clock"]) for row in result.trace.rows("step")]

    assert len(begun) == STEPS * 4 + 1
    assert len(begun) == len(set(begun))


CRASHES = {
    "the spare as it takes over": (gone("worker-1"), gone("server-1", 0.161)),
    "the spare before": (gone("server-1", 0.05), gone("worker-1")),
    "the spare, which comes back": (gone("worker-1"), gone("server-1", 0.161, 0.25)),
    "the worker comes back": (gone("worker-1", 0.1, 0.19),),
    "the worker's program": (KillProgram(node="worker-1", program="training.worker", begin_s=0.1, end_s=0.3),),
    "the server too": (gone("worker-1"), gone("server-0", 0.165, 0.18)),
    "a pause": (PauseNode(node="worker-1", begin_s=0.1, end_s=0.2),),
    "all workers but one": tuple(gone(worker, 0.1 + place / 100) for place, worker in enumerate(WORKERS[1:])),
    "all workers": tuple(gone(worker, 0.1) for worker in WORKERS),
    "all, for a while": tuple(gone(node, 0.1, 0.3) for node in (*WORKERS, *SPARES)),
}


@pytest.mark.parametrize("name", CRASHES)
@pytest.mark.parametrize("recovery", [None, Checkpoints(every=1)], ids=["", "kept"])
def test_whoever_crashes_meanwhile_every_step_has_all_of_its_rows(name, recovery):
    result = under(*CRASHES[name], exchange=elastic(spares=SPARES), recovery=recovery)

    plain, found = parameters(steps=STEPS), result.outcome.parameters
    np.testing.assert_allclose(found, plain, rtol=0, atol=1e-10)
    if not any(shared for _, _, shared in dealt(result)):
        assert found.tobytes() == plain.tobytes()


def test_where_nobody_is_left_training_waits_and_the_run_says_so():
    faults = [gone(worker) for worker in WORKERS]
    result = run(training(faults, exchange=elastic(), detector=WATCHED, steps=STEPS, horizon_s=2.0), 0)

    assert result.ended == "horizon"
    assert result.verdicts


STORES = {
    "remote": RemoteStore(server="server-2", timeout_s=0.5),
    "distributed": DistributedStore(
        coordinator="server-2", servers=("server-1", "server-2"), replication=2, heartbeat_s=0.004, timeout_s=0.5
    ),
}


@pytest.mark.parametrize("store", STORES)
def test_rows_are_read_again_from_the_store_where_they_lie(store):
    result = under(gone("worker-1", 0.2), placement=Stored(store=STORES[store]), steps=40)
    loads = [(row["worker"], row["size_bytes"]) for row in result.trace.rows("load")]

    np.testing.assert_allclose(result.outcome.parameters, parameters(steps=40), rtol=0, atol=1e-10)
    # Each reads its own block, and the three that are left the whole block of the one that is gone.
    assert sorted(loads[4:]) == [(worker, 38 * ROW_BYTES) for worker in ("worker-0", "worker-2", "worker-3")]
    assert not [row for row in result.trace.rows("send") if row["message_kind"] == "training.rows"]


def test_a_poisoned_disk_poisons_what_its_worker_reads_and_no_spare():
    poison = FlipLabels(node="worker-1", begin_s=0.0)
    poisoned, plain = under(poison).outcome.parameters, parameters(steps=STEPS)
    exchange = elastic(spares=("server-1",))
    replaced = under(poison, gone("worker-1", 0.0), exchange=exchange).outcome.parameters

    assert abs(poisoned - plain).max() > 1e-3
    assert replaced.tobytes() == plain.tobytes()


def test_a_node_that_has_no_room_for_more_rows_says_so():
    machines = nodes("worker", 2, flops_per_s=1e5, memory_bytes=80 * ROW_BYTES)
    job = TrainingJob(
        model=Softmax(), data=Bundled(name="iris"), workers=("worker-0", "worker-1"), steps=STEPS, detector=WATCHED,
        exchange=ElasticServer(server="server", retry_s=0.05),
    )
    scenario = Scenario(
        cluster=ClusterSpec(nodes=(NodeSpec(name="server"), *machines)), job=job, faults=(gone("worker-1", 0.05),)
    )

    with pytest.raises(OutOfMemory, match="worker-0"):
        run(scenario, 0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"exchange": elastic(spares=("worker-0",))}, "server and spares must differ, and be none of the workers, got"),
        ({"exchange": elastic(spares=("server-0",))}, "server and spares must differ, and be none of the workers, got"),
        ({"detector": None}, "detector must say who is there with elastic_server, got None"),
        ({"when_gone": "stop"}, "when_gone must be go_on with elastic_server"),
        ({"staleness": 1}, "waiting must be bulk-synchronous with elastic_server"),
        ({"local": LocalSteps(steps=2)}, "local must be None with elastic_server"),
        ({"compression": TopK()}, "compression must be None with elastic_server"),
        ({"aggregation": coordinate_median}, "aggregation must be total with elastic_server"),
        ({"sharding": Replicated()}, "sharding must be of single copies with elastic_server"),
        ({"placement": Stored()}, "the store of placement must outlive a worker with elastic_server"),
    ],
)
def test_what_makes_no_sense_with_rows_that_change_hands_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        training(**{"exchange": elastic(), "detector": WATCHED, **fields})


@pytest.mark.parametrize("fields", [{"standby": "cold"}, {"start_s": 1.0}, {"standby": "hot", "start_s": 1.0}])
def test_only_a_cold_spare_takes_a_time_to_start(fields):
    with pytest.raises(ValueError, match="start_s must be given where standby is cold, and nowhere else, got"):
        elastic(**fields)


def test_an_elastic_server_is_written_to_a_file_and_read_back(tmp_path):
    scenario = training(exchange=elastic(spares=SPARES, standby="cold", start_s=2.0), detector=WATCHED)
    save_scenario(tmp_path / "s.yaml", scenario)

    assert load_scenario(tmp_path / "s.yaml") == scenario


def test_a_model_of_numbers_shares_its_rows_too():
    fields = {"model": LinearRegression(), "data": NUMBERS}
    result = under(gone("worker-1", 0.02), **fields)

    np.testing.assert_allclose(result.outcome.parameters, parameters(steps=STEPS, **fields), rtol=0, atol=1e-10)
