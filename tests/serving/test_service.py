"""A service answers every query exactly, whatever happens to it on the way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, nodes
from simcluster.engine import Exponential, stream
from simcluster.faults import CrashNode, LoseMessages
from simcluster.learning import Bundled
from simcluster.serving import Poisson, ReplicaView, RoundRobin, ServiceJob, power_of_two_choices

SERVERS = tuple(f"server-{i}" for i in range(4))


def service(faults=(), *, network=None, **job):
    given = {"arrivals": Poisson(per_s=200.0), "queries": 40, "timeout_s": 0.1, "balancer": "least_loaded"}
    job = {"shards": 2, **given, **job}
    return Scenario(
        cluster=ClusterSpec(
            nodes=(NodeSpec(name="front"), *nodes("server", 4, flops_per_s=1e8)), network=network or NetworkSpec()
        ),
        job=ServiceJob(front_end="front", servers=SERVERS, **job),
        faults=tuple(faults),
        horizon_s=600,
    )


def brute_force(seed, queries, query_share=0.2, neighbours=5):
    """Scikit-learn's answers, and the rows that are searched."""
    features = Bundled().load().features
    asked = round(len(features) * query_share)
    points = features[-asked:][stream(seed, "serving", "queries").integers(asked, size=queries)]
    model = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(features[:-asked])
    return points, features[:-asked], model.kneighbors(points)[0] ** 2


def assert_exact(result, seed):
    answers = result.outcome.answers
    points, known, expected = brute_force(seed, len(answers))
    for query, answer in answers.items():
        np.testing.assert_allclose(answer.squared_distances, expected[query], rtol=1e-9)
        # Equal distances are common among digits; then the lower row number comes first.
        all_distances = ((known - points[query]) ** 2).sum(axis=1)
        np.testing.assert_allclose(all_distances[answer.rows], answer.squared_distances, rtol=1e-12)
        assert list(zip(answer.squared_distances, answer.rows, strict=True)) == sorted(
            zip(answer.squared_distances, answer.rows, strict=True)
        )


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(["random", "round_robin", "least_loaded", "power_of_two_choices"]),
    st.floats(0, 0.3),
    st.sampled_from([1, 2, 4]),
    st.integers(0, 3),
)
def test_every_answer_is_scikit_learn_s_brute_force(balancer, loss, shards, seed):
    result = run(service(network=NetworkSpec(loss_probability=loss), balancer=balancer, shards=shards), seed)

    assert result.ended == "finished"
    assert_exact(result, seed)


def test_a_replica_that_crashes_is_passed_over():
    result = run(service([CrashNode(node="server-0", begin_s=0.05), LoseMessages(probability=0.1, begin_s=0)]), 1)

    assert result.ended == "finished"
    assert_exact(result, 1)
    assert max(row["attempts"] for row in result.trace.rows("query")) > 2


def test_the_same_seed_gives_the_same_trace_and_arrivals_do_not_depend_on_the_balancer():
    def arrivals(balancer):
        return [row["arrival_s"] for row in run(service(balancer=balancer), 5).trace.rows("query")]

    assert run(service(), 5).digest == run(service(), 5).digest
    assert sorted(arrivals("random")) == sorted(arrivals("least_loaded"))


@pytest.mark.parametrize(("better", "worse"), [("power_of_two_choices", "random"), ("least_loaded", "round_robin")])
def test_knowing_the_load_beats_not_knowing_it_at_high_load(better, worse):
    def mean_s(name):
        scenario = Scenario(
            cluster=ClusterSpec(
                nodes=(
                    NodeSpec(name="front"),
                    *nodes("server", 4, flops_per_s=276e3 * 100, jitter=Exponential(mean=1.0)),
                )
            ),
            job=ServiceJob(
                front_end="front", servers=SERVERS, balancer=name, arrivals=Poisson(per_s=340), queries=3000
            ),
            trace_kinds=("query",),
        )
        return np.mean([row["sojourn_s"] for row in run(scenario, 0).trace.rows("query")])

    assert mean_s(better) < 0.8 * mean_s(worse)


def test_round_robin_takes_turns_and_two_choices_are_two():
    replicas = [ReplicaView("a", outstanding=2), ReplicaView("b"), ReplicaView("c", outstanding=1)]
    generator, turns = stream(0), RoundRobin()
    drawn = [power_of_two_choices(None, replicas, generator) for _ in range(300)]

    assert [turns(None, replicas, generator) for _ in range(4)] == ["a", "b", "c", "a"]
    assert [turns(None, replicas[1:], generator) for _ in range(3)] == ["b", "c", "b"]
    assert "a" not in drawn  # the most loaded of three never wins against another
    assert drawn.count("b") == pytest.approx(200, abs=35)  # in 2 of 3 pairs; four standard deviations of 8


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"shards": 3}, "servers must be a multiple of the 3 shards, got 4"),
        ({"front_end": "server-0"}, "front_end must be none of the servers, got 'server-0'"),
        ({"servers": ("a", "a")}, "servers must differ"),
        ({"arrivals": {"kind": "poisson", "per_s": 0}}, "per_s: "),
        ({"balancer": "psychic"}, "balancer: .*got 'psychic'"),
        ({"service": {"kind": "nearest_neighbours", "query_share": 1.0}}, "query_share: "),
    ],
)
def test_a_service_that_cannot_be_is_refused(fields, message):
    good = {"front_end": "front", "servers": SERVERS, "arrivals": Poisson(per_s=1.0), "queries": 1}
    with pytest.raises(ValueError, match=message):
        ServiceJob(**{**good, **fields})
