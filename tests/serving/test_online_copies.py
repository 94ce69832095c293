"""Copies predict with what they have fetched: each answer says how old its model is, and no query is lost unsaid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import ClusterSpec, NodeSpec, Scenario, Together, nodes, run
from simcluster.engine import Constant, stream
from simcluster.faults import CrashNode, KillProgram, PauseNode
from simcluster.learning import Bundled, GradientDescent, RotatedLabels, Rows, Softmax
from simcluster.recovery import Checkpoints
from simcluster.serving import ArrivingBatches, Closed, Copies, OnlineLearning, Poisson
from simcluster.training import ParameterServer, TrainingJob

SIZE, COUNT = 8, 40
DATA = RotatedLabels(data=Bundled(name="iris"), rows=SIZE * COUNT, every=160)
CLUSTER = ClusterSpec(nodes=(NodeSpec(name="l"), *nodes("c", 2)))
COPIES = Copies(servers=("c-0", "c-1"), arrivals=Poisson(per_s=300.0), refresh_s=0.03)


def job(**fields):
    batches = ArrivingBatches(arrivals=Poisson(per_s=100.0))
    given = {"model": Softmax(), "data": DATA, "batch_size": SIZE, "batches": batches, "learner": "l", **fields}
    return OnlineLearning(**{"copies": COPIES, **given})


def served(faults=(), seed=0, cluster=CLUSTER, **fields):
    return run(Scenario(cluster=cluster, job=job(**fields), faults=tuple(faults), horizon_s=60.0), seed, check=True)


def history(seed=0):
    """The parameters after each number of batches."""
    model, data, optimiser = Softmax(), DATA.load(seed), GradientDescent()
    known = [model.initial(data, stream(seed, "initial"))]
    for batch in range(COUNT):
        rows = Rows(data, np.arange(batch * SIZE, (batch + 1) * SIZE))
        gradient = model.gradient(known[-1], model.contribution(known[-1], rows)(), float(SIZE))
        known.append(optimiser.step(known[-1], gradient, np.empty(0), batch, 1.0)()[0])
    return known


def test_an_answer_is_what_the_model_of_its_age_says_of_a_row_that_has_not_come_yet():
    result = served()
    data, known = DATA.load(0), history()
    rows = list(result.trace.rows("served"))
    learned_s = [0.0, *(row["time_s"] for row in result.trace.rows("learned"))]
    came_s = np.array([row["time_s"] - row["lag_s"] for row in result.trace.rows("learned")])

    assert len(rows) > 60
    for row in rows:
        asked = Rows(data, np.array([row["row"]]))
        assert row["total"] == float(Softmax().predict(known[row["clock"]], asked.features)[0] == asked.targets[0])
        assert row["age_s"] == pytest.approx(row["time_s"] - learned_s[row["clock"]], abs=1e-12)
        assert row["row"] // SIZE == np.sum(came_s < row["arrival_s"])
    # The copies are asked in turn.
    assert [row["server"] for row in rows[:4]] == ["c-0", "c-1", "c-0", "c-1"]
    figures = result.metrics
    assert figures["queries_answered"] == len(rows)
    assert figures["queries_lost"] == 0
    assert figures["served_accuracy"] == np.mean([row["total"] for row in rows])
    assert figures["model_age_s_mean"] == pytest.approx(np.mean([row["age_s"] for row in rows]), rel=1e-12)
    assert list(result.series["served"]["total"]) == [row["total"] for row in rows]


def test_copies_change_nothing_of_what_is_learned_and_a_rarer_fetch_makes_them_older():
    without = served(copies=None).outcome.parameters
    ages_s = []
    for refresh_s in (0.001, 0.05, 10.0):
        result = served(copies=COPIES.replace(refresh_s=refresh_s))
        np.testing.assert_array_equal(result.outcome.parameters, without)
        ages_s.append(result.metrics["model_age_s_mean"])

    assert ages_s == sorted(ages_s)
    rows = list(result.trace.rows("served"))
    assert {row["clock"] for row in rows} == {0}  # fetched once, at the beginning
    assert all(row["age_s"] == pytest.approx(row["time_s"], rel=1e-12) for row in rows)


FAULTS = {
    "c": lambda node, **when: CrashNode(node=node, **when),
    "p": lambda node, **when: PauseNode(node=node, **when),
    "k": lambda node, **when: KillProgram(node=node, program="online.copy", **when),
}


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.sampled_from("cpk"), st.sampled_from(["c-0", "c-1"]), st.floats(0, 0.3), st.floats(0.001, 0.1)),
        max_size=4,
    ),
    st.booleans(),
)
def test_every_query_is_answered_once_or_lost_once_whatever_becomes_of_copies(drawn, closed):
    faults = [FAULTS[what](node, begin_s=begin_s, end_s=begin_s + for_s) for what, node, begin_s, for_s in drawn]
    arrivals = Closed(clients=3, think_s=Constant(value=0.005)) if closed else Poisson(per_s=300.0)
    result = served(faults, copies=COPIES.replace(arrivals=arrivals))
    answered, lost = ([row["query"] for row in result.trace.rows(kind)] for kind in ("served", "query_lost"))

    assert result.ended == "finished"
    assert len({*answered, *lost}) == len(answered) + len(lost)
    # Those that are open when learning is over are the newest; of a loop that is closed they are at most its clients.
    assert not closed or max([*answered, *lost]) + 1 - len(answered) - len(lost) <= 3
    assert not lost or any(what in "ck" for what, *_ in drawn)


def test_with_no_copy_up_queries_are_lost_and_counted():
    both = [CrashNode(node=name, begin_s=0.1, end_s=0.2) for name in COPIES.servers]
    result = served(both)
    lost = list(result.trace.rows("query_lost"))

    assert 15 < len(lost) < 50
    assert result.metrics["queries_lost"] == len(lost)
    assert all(0.1 <= row["arrival_s"] < 0.2 for row in lost if row["time_s"] > 0.1)


def test_while_the_learner_is_down_copies_answer_with_what_they_have():
    down = CrashNode(node="l", begin_s=0.1, end_s=0.25)
    result = served([down], recovery=Checkpoints(every=1))
    during = [row for row in result.trace.rows("served") if 0.11 < row["time_s"] < 0.25]

    assert during
    assert len({row["clock"] for row in during}) <= 2
    assert result.metrics["queries_lost"] == 0
    assert max(row["age_s"] for row in during) > 0.1


def test_two_learners_share_a_cluster_with_a_training_job():
    training = TrainingJob(
        model=Softmax(), exchange=ParameterServer(server="l"), workers=("c-0", "c-1"), steps=3, batch_size=8
    )
    other = job(name="other", learner="c-0", copies=None)
    result = run(Scenario(cluster=CLUSTER, job=Together(jobs=(training, job(), other)), horizon_s=60.0), 0)
    _, first, second = result.outcome

    assert result.ended == "finished"
    np.testing.assert_array_equal(first.parameters, second.parameters)
    assert result.metrics["online.batches_learned"] == result.metrics["other.batches_learned"] == COUNT


def test_a_query_that_comes_to_a_full_inbox_is_lost_and_counted():
    machines = (NodeSpec(name="l"), *nodes("c", 2, inbox_messages=3))
    pauses = [PauseNode(node=name, begin_s=0.05, end_s=0.2) for name in ("c-0", "c-1")]
    result = served(pauses, cluster=ClusterSpec(nodes=machines))

    lost, answered = ({row["query"]: row for row in result.trace.rows(kind)} for kind in ("query_lost", "served"))
    early = [number for rows in (lost, answered) for number, row in rows.items() if row["arrival_s"] < 0.25]
    assert len(lost) > 20
    assert lost.keys().isdisjoint(answered)
    assert sorted(early) == list(range(len(early)))
