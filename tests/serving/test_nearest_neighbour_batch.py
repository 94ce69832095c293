"""Predictions by nearest neighbours in shards are those of one machine, and of scikit-learn's brute force."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, nodes
from simcluster.engine import Exponential, stream
from simcluster.faults import ADVERSARIES, Byzantine, CrashNode, LoseMessages
from simcluster.learning import Bundled, Generated, arrays, by_key, ordered, random
from simcluster.serving import NearestNeighbourBatch, Predicted

SIX = arrays(np.ones((6, 1)), np.zeros(6))


def scenario(servers=4, faults=(), horizon_s=600.0, **fields):
    made = ClusterSpec(
        nodes=(NodeSpec(name="front"), *nodes("server", servers, flops_per_s=1e8)),
        network=NetworkSpec(latency=Exponential(mean=0.0005)),
    )
    job = {"data": Bundled(name="iris"), "batch_size": 10, "retry_s": 0.05, **fields}
    job = NearestNeighbourBatch(front_end="front", servers=made.names[1:], **job)
    return Scenario(cluster=made, job=job, faults=tuple(faults), horizon_s=horizon_s)


def predicted(*args, seed=0, **fields):
    result = run(scenario(*args, **fields), seed)
    assert result.ended == "finished"
    return result.outcome


def bits(said):
    return said.predictions.tobytes(), said.neighbours.tobytes(), said.queries.tobytes()


def uneven(data, shares, generator):
    """One row on each server but the last, which has the rest: fewer than the neighbours that vote."""
    return np.split(generator.permutation(len(data)), np.arange(1, len(shares)))


@pytest.mark.parametrize("neighbours", [1, 4, 5, 20])
@pytest.mark.parametrize("name", ["digits", "wine"])
def test_labels_are_scikit_learn_s(name, neighbours):
    data, job = Bundled(name=name).load(), scenario(data=Bundled(name=name), neighbours=neighbours).job
    known, asked = job.split(3)
    theirs = KNeighborsClassifier(neighbours, algorithm="brute").fit(data.features[known], data.targets[known])

    said = predicted(data=Bundled(name=name), neighbours=neighbours, batch_size=100, seed=3)

    # Which of several rows at the same distance is the last to vote, scikit-learn leaves open.
    distances = np.sort(theirs.kneighbors(data.features[asked], neighbours + 1)[0], axis=1)
    told = distances[:, -2] < distances[:, -1] * (1 - 1e-9)
    assert told.mean() > 0.95
    assert np.array_equal(said.predictions[told], theirs.predict(data.features[asked])[told])
    assert np.array_equal(said.targets, data.targets[asked])
    found = theirs.kneighbors(data.features[asked], return_distance=False)
    assert np.array_equal(np.sort(said.neighbours)[told], np.sort(known[found])[told])


def test_values_are_scikit_learn_s():
    source = Generated(name="friedman1", rows=200)
    data, job = source.load(1), scenario(data=source).job
    known, asked = job.split(1)
    theirs = KNeighborsRegressor(5, algorithm="brute").fit(data.features[known], data.targets[known])

    result = run(scenario(data=source), 1)

    expected = theirs.predict(data.features[asked])
    np.testing.assert_allclose(result.outcome.predictions, expected, rtol=1e-13)
    assert result.metrics["rmse"] == pytest.approx(np.sqrt(np.mean((expected - data.targets[asked]) ** 2)))


@pytest.mark.parametrize("sharding", [random, ordered, by_key, uneven])
@pytest.mark.parametrize("servers", [1, 3, 8])
@pytest.mark.parametrize("batch_size", [1, 7, None])
def test_the_answer_has_the_bits_of_one_machine(sharding, servers, batch_size):
    """Iris has rows that are alike, and many that are equally far: ties go by row number, whoever has the row."""
    data, (known, asked) = Bundled(name="iris").load(), scenario().job.split(0)
    distances = ((data.features[asked][:, np.newaxis] - data.features[known]) ** 2).sum(axis=2)
    nearest = known[np.argsort(distances, axis=1, kind="stable")[:, :5]]
    counts = (data.targets[nearest][:, :, np.newaxis] == np.arange(3)).sum(axis=1)

    said = predicted(servers, sharding=sharding, batch_size=batch_size)

    assert bits(said) == bits(predicted(1))
    assert np.array_equal(said.neighbours, nearest)
    assert np.array_equal(said.predictions, counts.argmax(axis=1))


@settings(max_examples=15)
@given(
    values=st.lists(st.integers(0, 3), min_size=12, max_size=30), servers=st.integers(1, 6),
    neighbours=st.integers(1, 8), seed=st.integers(0, 9),
)  # fmt: skip
def test_rows_that_are_alike_vote_by_their_numbers(values, servers, neighbours, seed):
    data = arrays(np.array(values, dtype=float)[:, np.newaxis], np.arange(len(values)) % 3)
    fields = {"data": data, "neighbours": neighbours, "seed": seed, "query_share": 0.2}
    said = predicted(servers, **fields)

    assert bits(said) == bits(predicted(1, **fields))
    known, asked = scenario(data=data, query_share=0.2).job.split(seed)
    for row, found in zip(asked.tolist(), said.neighbours.tolist(), strict=True):
        assert found == sorted(known.tolist(), key=lambda other: (abs(values[other] - values[row]), other))[:neighbours]


@pytest.mark.parametrize("servers", [1, 3])
@pytest.mark.parametrize("batch_size", [1, 9, 50])
def test_the_bytes_on_the_network_are_those_of_the_formula(servers, batch_size):
    result = run(scenario(servers, batch_size=batch_size, neighbours=3, retry_s=100.0), 0)
    asked, features = len(result.outcome.queries), 4

    heads = 2 * 64 * servers * math.ceil(asked / batch_size)
    assert result.metrics["sent_bytes"] == heads + servers * asked * (8 * features + 16 * 3)


@pytest.mark.slow
def test_fifty_schedules_of_crashes_change_no_bit():
    plain = run(scenario(), 0)
    for seed in range(50):
        generator = stream(seed, "crashes")
        begins = np.sort(generator.uniform(0, plain.ended_s, int(generator.integers(1, 5))))
        faults = [
            CrashNode(node=f"server-{generator.integers(4)}", begin_s=begin, end_s=begin + down)
            for begin, down in zip(begins.tolist(), generator.uniform(0.001, 0.1, len(begins)).tolist(), strict=True)
        ]
        result = run(scenario(faults=faults), 0)

        assert result.metrics["crashes"] > 0
        assert bits(result.outcome) == bits(plain.outcome)


def test_lost_messages_and_a_crash_of_the_front_end_change_no_bit():
    faults = [
        LoseMessages(probability=0.3, begin_s=0.0),
        CrashNode(node="front", begin_s=0.005, end_s=0.05),
    ]

    assert bits(predicted(faults=faults)) == bits(predicted())


def test_a_server_that_never_comes_back_is_waited_for():
    result = run(scenario(faults=[CrashNode(node="server-2", begin_s=0.001)], horizon_s=5.0), 0)

    assert result.ended == "horizon"
    assert "accuracy" not in result.metrics


def nothing(numbers, strength, generator, receiver):
    return np.full_like(numbers, np.nan)


@pytest.mark.parametrize("adversary", [*ADVERSARIES, nothing])
@pytest.mark.parametrize("node", ["front", "server-1"])
def test_liars_lead_astray_and_to_no_error(node, adversary):
    said = predicted(faults=[Byzantine(node=node, adversary=adversary, begin_s=0.0)])

    assert set(said.predictions.tolist()) <= {0, 1, 2}


def test_digits_are_told_apart():
    result = run(scenario(data=Bundled(), batch_size=None), 0)

    assert isinstance(result.outcome, Predicted)
    assert result.metrics["accuracy"] >= 0.98


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"neighbours": 113}, "neighbours must be at most the 112 rows searched, got 113"),
        ({"neighbours": 0}, "neighbours: .*greater than or equal to 1"),
        ({"query_share": 1.0}, "query_share: .*less than 1"),
        ({"front_end": "server-1"}, "front_end must be none of the servers, got 'server-1'"),
        ({"servers": ("server-1", "server-1")}, r"servers must differ, got \['server-1', 'server-1'\]"),
        ({"data": SIX, "neighbours": 2, "query_share": 0.5}, "every shard must have a row, got 3 rows for 4 shards"),
    ],
)
def test_a_job_that_cannot_be_is_refused(fields, message):
    made = scenario()
    with pytest.raises(ValueError, match=message):
        made.replace(job=made.job.replace(**fields))
