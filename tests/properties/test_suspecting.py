"""Whoever is suspected, rightly or not: services and task graphs answer as they would have."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, nodes
from simcluster.engine import Exponential
from simcluster.learning import Bundled
from simcluster.recovery import Heartbeats, Timeout
from simcluster.scheduling import GridSearch, TaskGraphJob
from simcluster.serving import NearestNeighbours, Poisson, ServiceJob
from tests.built_ins import one, words
from tests.properties.test_surviving import DETECTORS
from tests.strategies import faults

NAMES = tuple(f"n-{place}" for place in range(5))
CLUSTER = ClusterSpec(
    nodes=nodes("n", 5, flops_per_s=1e7),
    network=NetworkSpec(latency=Exponential(mean=0.002), loss_probability=0.05),
)
schedules = st.lists(faults(nodes=NAMES, last_s=0.5), max_size=6)
HASTY = Timeout(after_s=0.004)  # so short that messages on their way are taken for lost


def finished(job, schedule):
    result = run(Scenario(cluster=CLUSTER, job=job, faults=tuple(schedule), horizon_s=600.0), 0, check=True)
    assert result.ended == "finished"
    return result


def service(detector):
    return ServiceJob(
        service=NearestNeighbours(data=Bundled(name="iris")), arrivals=Poisson(per_s=50), queries=20, shards=2,
        front_end="n-0", servers=NAMES[1:], timeout_s=0.05, detector=detector,
    )  # fmt: skip


def search(suspicion):
    work = GridSearch(dataset="iris", folds=2, learning_rates=(0.1, 0.5), l2s=(0.0,), steps=(5,))
    return TaskGraphJob(work=work, master="n-0", workers=NAMES[1:], suspicion=suspicion)


JOBS = {"service": service, "search": search}


@functools.cache
def undisturbed(job):
    return finished(JOBS[job](None), ()).outcome


@pytest.mark.parametrize("detector", [*DETECTORS, Heartbeats(period_s=0.002, suspicion=HASTY)], ids=str)
@settings(max_examples=6, deadline=None)
@given(schedule=schedules)
def test_a_service_answers_each_query_the_same_whoever_is_suspected(detector, schedule):
    answers = finished(service(detector), schedule).outcome.answers

    assert answers.keys() == undisturbed("service").answers.keys()
    for query, answer in undisturbed("service").answers.items():
        np.testing.assert_array_equal(answers[query].rows, answer.rows)
        np.testing.assert_array_equal(answers[query].squared_distances, answer.squared_distances)


@pytest.mark.parametrize("word", [*words("Suspicion"), "hasty"])
@settings(max_examples=6, deadline=None)
@given(schedule=schedules)
def test_a_task_graph_gives_the_same_whoever_is_suspected(word, schedule):
    rule = HASTY if word == "hasty" else one("Suspicion", word)

    assert finished(search(rule), schedule).outcome == undisturbed("search")
