"""Under a synchronous strategy no fault changes one bit of the mathematics; only the clock."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simcluster import run
from simcluster.cluster import NetworkSpec
from simcluster.engine import Exponential
from simcluster.faults import CrashNode, LoseMessages, PauseNode, SlowNode
from simcluster.learning import KMeans, Softmax
from simcluster.training import (
    Float16,
    GeometricMedian,
    Krum,
    NearestNeighbourMixing,
    PowerSgd,
    Qsgd,
    RandomK,
    SignSgd,
    TopK,
    TrimmedMean,
    coordinate_median,
    majority_vote,
)
from tests.strategies import networks, schedules, training

MODELS = {"softmax": Softmax(), "kmeans": KMeans(clusters=3)}
NETWORKS = [
    NetworkSpec(latency=Exponential(mean=0.0005)),
    NetworkSpec(latency=Exponential(mean=0.02), seed=99),
    NetworkSpec(latency=Exponential(mean=0.001), loss_probability=0.2),
    NetworkSpec(bandwidth_bytes_per_s=1e5),
]


def bits(parameters):
    return np.ascontiguousarray(parameters).tobytes()


def finished(scenario, seed):
    result = run(scenario, seed)
    assert result.ended == "finished"
    return bits(result.outcome.parameters)


@settings(max_examples=60, deadline=None)
@given(
    schedules,
    st.sampled_from(sorted(MODELS)),
    st.sampled_from(NETWORKS) | networks,
    st.sampled_from([None, 1, 5]),
    st.sampled_from([None, Exponential(mean=1)]),
    st.integers(0, 3),
)
@example([CrashNode(node="server", begin_s=0.06, end_s=0.1)], "softmax", NETWORKS[0], 5, None, 0)
@example([CrashNode(node="worker-1", begin_s=0.06, end_s=0.1)], "softmax", NETWORKS[1], None, None, 0)
@example([LoseMessages(probability=0.5, begin_s=0, end_s=0.2)], "kmeans", NETWORKS[0], None, None, 0)
@example([PauseNode(node="server", begin_s=0.05, end_s=0.2)], "kmeans", NETWORKS[0], None, None, 0)
@example([SlowNode(node="worker-2", factor=10, begin_s=0, end_s=0.2)], "softmax", NETWORKS[3], None, None, 0)
def test_bulk_synchronous_parameters_are_the_same_bits_under_any_faults(
    faults, model, network, checkpoint_every, jitter, seed
):
    plain = finished(training(model=MODELS[model]), seed)
    troubled = training(faults, model=MODELS[model], network=network, checkpoint_every=checkpoint_every, jitter=jitter)

    assert finished(troubled, seed) == plain


VOTES = {"compression": SignSgd(), "aggregation": majority_vote}
WAYS = {
    "float16": {"compression": Float16()}, "QSGD": {"compression": Qsgd()}, "signs": VOTES,
    "top-k": {"compression": TopK(share=0.3)}, "random-k": {"compression": RandomK(share=0.3)},
    "PowerSGD": {"compression": PowerSgd()},
    "median": {"aggregation": coordinate_median}, "geometric median": {"aggregation": GeometricMedian()},
    "Krum": {"aggregation": Krum(liars=0)}, "mixing": {"aggregation": NearestNeighbourMixing(then=TrimmedMean())},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", WAYS)
@settings(max_examples=20, deadline=None)
@given(schedules, st.sampled_from([None, 1, 5]), st.integers(0, 1))
@example([CrashNode(node="worker-1", begin_s=0.1, end_s=0.12)], None, 0)
def test_so_they_are_under_any_compression_and_rule_or_the_run_says_that_what_was_left_out_is_lost(
    name, faults, checkpoint_every, seed
):
    plain = finished(training(**WAYS[name]), seed)
    troubled = run(training(faults, checkpoint_every=checkpoint_every, **WAYS[name]), seed)
    lost = [verdict for verdict in troubled.verdicts if verdict.name == "forgotten"]

    assert troubled.ended == "finished"
    assert not lost or name in ("top-k", "random-k", "PowerSGD")
    assert lost or bits(troubled.outcome.parameters) == plain


def test_an_asynchronous_strategy_does_depend_on_the_faults():
    """Otherwise the property above could not fail."""
    slow = SlowNode(node="worker-2", factor=10, begin_s=0, end_s=0.2)

    assert finished(training(staleness=math.inf), 0) != finished(training([slow], staleness=math.inf), 0)


@settings(max_examples=25, deadline=None)
@given(schedules, networks, st.integers(0, 3), st.integers(0, 4))
def test_no_worker_starts_more_than_s_steps_ahead_of_the_slowest(faults, network, seed, staleness):
    faults = [fault for fault in faults if "server" not in fault.targets or not isinstance(fault, CrashNode)]
    noise = Exponential(mean=1)
    result = run(training(faults, network=network, staleness=staleness, jitter=noise, steps=20), seed)

    assert result.ended == "finished"
    completed = dict.fromkeys(("worker-0", "worker-1", "worker-2"), 0)
    lead = 0
    for row in result.trace.rows("step", "contribution"):
        if row["kind"] == "contribution" and row["accepted"]:
            completed[row["worker"]] = row["clock"] + 1
        elif row["kind"] == "step":
            lead = max(lead, row["clock"] - min(completed.values()))
    assert lead <= staleness


def test_the_bound_is_reached_so_it_is_the_bound_that_holds_them_back():
    slow = SlowNode(node="worker-2", factor=10, begin_s=0, end_s=1)
    result = run(training([slow], staleness=3, steps=20), 0)
    completed, leads = dict.fromkeys(("worker-0", "worker-1", "worker-2"), 0), []
    for row in result.trace.rows("step", "contribution"):
        if row["kind"] == "contribution":
            completed[row["worker"]] = row["clock"] + 1
        else:
            leads.append(row["clock"] - min(completed.values()))

    assert max(leads) == 3


@pytest.mark.parametrize("model", sorted(MODELS))
def test_one_worker_is_the_same_at_any_staleness(model):
    def alone(staleness):
        scenario = training(model=MODELS[model], staleness=staleness)
        job = scenario.job.replace(workers=("worker-0",))
        return finished(scenario.replace(job=job), 0)

    assert alone(0) == alone(2) == alone(math.inf)
