"""Boosted trees on a cluster: one machine's trees, to the last bit, by any exchange and under any faults."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, nodes
from simcluster.engine import Exponential
from simcluster.faults import CrashNode, LoseMessages
from simcluster.learning import Bundled, KMeans, by_key, call, ordered
from simcluster.recovery import Checkpoints, Heartbeats
from simcluster.training import (
    AllReduce,
    BoundedStaleness,
    GradientBoosting,
    ParameterServer,
    ReduceScatter,
    TopK,
    TrainingJob,
    Waiting,
)
from tests.strategies import faults

MODEL = GradientBoosting(rounds=3, depth=3, min_samples_leaf=5)
WORKERS = ("worker-0", "worker-1", "worker-2")
EXCHANGES = {
    "ring": AllReduce(retry_s=0.05),
    "recursive doubling": AllReduce(algorithm="recursive_doubling", retry_s=0.05),
    "server": ParameterServer(server="server-0", retry_s=0.05),
    "reduce-scatter": ReduceScatter(retry_s=0.05),
}


def boosting(faults=(), *, workers=3, network=None, **job):
    spec = nodes("worker", workers, flops_per_s=1e6)
    fields = {"model": MODEL, "data": Bundled(name="iris"), "batch_size": None, "exchange": EXCHANGES["ring"]}
    steps = getattr(job.get("model", MODEL), "steps", 3)
    fields |= {"steps": steps, "workers": tuple(node.name for node in spec), **job}
    cluster = ClusterSpec(nodes=(*nodes("server", 1), *spec), network=network or NetworkSpec())
    return Scenario(cluster=cluster, job=TrainingJob(**fields), faults=tuple(faults), horizon_s=60.0)


def bits(scenario, **how):
    result = run(scenario, 0, **how)
    assert result.ended == "finished"
    return result.outcome.parameters.tobytes()


@cache
def one_machine(model):
    rows = Bundled(name="iris").load()
    parameters = model.initial(rows, np.random.default_rng(0))
    for _ in range(model.steps):
        parameters = model.update(parameters, model.contribution(parameters, rows.all)(), float(len(rows)))
    return parameters.tobytes()


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("sharding", [ordered, by_key])
def test_any_number_of_workers_and_any_exchange_give_one_machine_s_bits(exchange, sharding):
    fields = {"exchange": EXCHANGES[exchange], "sharding": sharding}

    for workers in (1, 2, 5, 16):  # of which more than there are features
        assert bits(boosting(workers=workers, **fields)) == one_machine(MODEL)


def test_one_row_a_worker_is_enough_and_none_is_refused():
    model, exchange = MODEL.replace(rounds=1), EXCHANGES["recursive doubling"]  # of fewer messages than a ring

    assert bits(boosting(workers=150, model=model, exchange=exchange)) == one_machine(model)
    with pytest.raises(ValueError, match="every shard must have a row, got 150 rows for 151 shards"):
        run(boosting(workers=151), 0)


@pytest.mark.parametrize(("subtraction", "sent"), [(False, 4), (True, 2)])
def test_the_bytes_of_a_round_are_those_of_the_docstrings(subtraction, sent):
    model, workers = MODEL.replace(sibling_subtraction=subtraction), 4
    bins = max(len(np.unique(column)) for column in Bundled(name="iris").load().features.T)
    numbers = 3 * sent * 4 * bins * 3  # outputs, nodes, features, bins, sums
    a_round = 3 * 2 * (workers - 1) * (8 * numbers + 80 * workers)

    result = run(boosting(workers=workers, model=model), 0)
    assert result.metrics["sent_bytes"] == model.rounds * a_round
    assert result.metrics["steps"] == model.steps


@pytest.mark.parametrize("workers", [2, 3, 6])
@pytest.mark.parametrize(("subtraction", "sent"), [(False, 4), (True, 2)])
def test_the_bytes_of_a_reduce_scatter_are_about_half(workers, subtraction, sent):
    model = MODEL.replace(sibling_subtraction=subtraction)
    bins = max(len(np.unique(column)) for column in Bundled(name="iris").load().features.T)
    numbers = 4 * 3 * sent * bins * 3  # features, outputs, nodes, bins, sums
    said = 3 * 4 * 9  # outputs, nodes, what is said of each
    fields = {"workers": workers, "model": model}
    scattered = run(boosting(exchange=EXCHANGES["reduce-scatter"], **fields), 0).metrics
    reduced = run(boosting(**fields), 0).metrics["sent_bytes"]

    a_step = (workers - 1) * (8 * numbers + 80 * workers) + workers * (workers - 1) * (8 * said + 80)
    assert scattered["sent_bytes"] == MODEL.steps * a_step
    assert scattered["messages_sent"] == MODEL.steps * 2 * workers * (workers - 1)
    assert scattered["sent_bytes"] < 0.75 * reduced


def middle(values, rows):
    return call(np.median, values, 0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"batch_size": 32}, "batch_size must be None with GradientBoosting, each of whose steps needs all rows"),
        ({"waiting": BoundedStaleness(staleness=1)}, "waiting must be bulk-synchronous with GradientBoosting"),
        ({"waiting": BoundedStaleness(backup_workers=1)}, "waiting must be bulk-synchronous with GradientBoosting"),
        ({"waiting": type("Mine", (Waiting,), {})()}, "waiting must be bulk-synchronous with GradientBoosting"),
        ({"detector": Heartbeats()}, "when_gone must be stop with GradientBoosting"),
        ({"compression": TopK()}, "compression must be None with GradientBoosting"),
        ({"aggregation": middle}, "aggregation must be total with GradientBoosting"),
    ],
)
def test_what_would_mix_up_the_levels_of_trees_is_refused_with_the_reason(fields, message):
    with pytest.raises(ValueError, match=message):
        boosting(exchange=EXCHANGES["server"], **fields)


def test_a_reduce_scatter_takes_models_that_condense():
    with pytest.raises(ValueError, match="model must have condense with reduce_scatter, got KMeans"):
        boosting(model=KMeans(clusters=3), exchange=EXCHANGES["reduce-scatter"])


def test_a_reduce_scatter_refuses_what_an_all_reduce_does():
    fields = {"detector": Heartbeats(), "when_gone": "stop"}

    with pytest.raises(ValueError, match="detector must be None with reduce_scatter"):
        boosting(exchange=EXCHANGES["reduce-scatter"], **fields)


@pytest.mark.parametrize(("down_s", "again"), [(None, False), (0.01, True), (0.3, True)])
def test_what_a_worker_remembered_of_its_part_is_found_again_by_all(monkeypatch, down_s, again):
    asked, whole = [], GradientBoosting.whole

    def counted(model, parameters, rows):
        asked.append(model._ensemble(parameters).level)
        return whole(model, parameters, rows)

    monkeypatch.setattr(GradientBoosting, "whole", counted)
    crash = () if down_s is None else (CrashNode(node="worker-1", begin_s=0.02, end_s=0.02 + down_s),)

    assert bits(boosting(crash, exchange=EXCHANGES["reduce-scatter"])) == one_machine(MODEL)
    assert bool(asked) == again
    assert 0 not in asked  # a root has no parent


def test_a_run_that_would_rather_stop_than_go_on_without_somebody_may_have_a_detector():
    fields = {"exchange": EXCHANGES["server"], "detector": Heartbeats(), "when_gone": "stop"}

    assert bits(boosting(**fields)) == one_machine(MODEL)


@pytest.mark.slow
@pytest.mark.parametrize("exchange", EXCHANGES)
@settings(max_examples=50, deadline=None)
@given(
    st.lists(faults(nodes=WORKERS), min_size=1, max_size=5),
    st.sampled_from([NetworkSpec(latency=Exponential(mean=0.002)), NetworkSpec(loss_probability=0.1)]),
    st.sampled_from([None, Checkpoints(every=2)]),
)
def test_fifty_schedules_of_faults_change_no_bit(exchange, schedule, network, recovery):
    scenario = boosting(schedule, exchange=EXCHANGES[exchange], network=network, recovery=recovery)

    assert bits(scenario, check=True) == one_machine(MODEL)


@pytest.mark.parametrize("begin_s", [0.002, 0.02, 0.05, 0.08])
@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_worker_that_crashes_changes_no_bit(exchange, begin_s):
    troubles = [
        CrashNode(node="worker-1", begin_s=begin_s, end_s=begin_s + 0.02),
        LoseMessages(probability=0.2, begin_s=0.0, end_s=0.1),
    ]

    assert bits(boosting(troubles, exchange=EXCHANGES[exchange])) == one_machine(MODEL)
