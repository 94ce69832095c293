"""A result says what a reader of its figures has to know, and nothing when all is well."""

import math
import re
import warnings
from dataclasses import dataclass

import numpy as np
import pytest

from simcluster import ClusterSpec, NodeSpec, Scenario, Spec, Together, run
from simcluster.faults import CrashNode, SlowNode
from simcluster.learning import GradientDescent, call
from simcluster.recovery import Heartbeats, Timeout
from simcluster.scenario import Verdict
from simcluster.training import Softmax
from tests.scenario.ends import TWO, Gives, scenario
from tests.strategies import training


def said(result):
    return {verdict.name: verdict.sentence for verdict in result.verdicts}


def given(outcome):
    return said(run(Scenario(cluster=TWO, job=Gives(outcome)), 0))


class Queues(Spec):
    """A second of work, or several at once, comes to node a at a steady rate, until so much is done or for ever."""

    every_s: float
    works: int | None = None
    at_once: int = 1

    def start(self, cluster, seed):
        done = cluster.env.event()
        left = [self.works]

        def over(_):
            left[0] -= 1
            if left[0] == 0:
                done.succeed()

        def arrivals(node):
            count = 0
            while self.works is None or count < self.works:
                count += self.at_once
                for work in [node.busy(1.0) for _ in range(self.at_once)]:
                    if self.works is not None:
                        work.callbacks.append(over)
                yield node.timer(self.every_s)

        cluster["a"].boot(arrivals)
        return done


def queue(every_s, works=None, at_once=1, horizon_s=1000.0, **node):
    spec = ClusterSpec(nodes=(NodeSpec(name="a", **node), NodeSpec(name="b")))
    job = Queues(every_s=every_s, works=works, at_once=at_once)
    return run(Scenario(cluster=spec, job=job, horizon_s=horizon_s), 0)


# When all is well


SLOW = SlowNode(node="worker-0", factor=2.0, begin_s=0.01)


@pytest.mark.parametrize("made", [scenario("busy_at_once"), training(), training([SLOW])])
def test_nothing_is_said_of_a_run_in_which_all_is_well(made):
    assert run(made, 0).verdicts == ()


# How it ended


def test_a_horizon_is_said_with_the_time():
    assert said(run(training(horizon_s=0.05), 0)) == {"horizon": "the job was not over at the horizon, 0.05 s"}


def test_a_deadlock_is_said_with_its_time_and_what_waits():
    result = run(training([CrashNode(node="server", begin_s=0.05)], horizon_s=1.0, retry_s=5.0), 0)
    assert said(result)["horizon"]

    dead = [CrashNode(node=node, begin_s=0.05) for node in ("server", "worker-0", "worker-1", "worker-2")]
    result = run(training(dead, horizon_s=1.0), 0)
    assert list(said(result)) == ["deadlock"]
    assert f"nothing was left that could happen after {result.ended_s:.6g} s" in said(result)["deadlock"]


# Numbers


@pytest.mark.parametrize("rate", [1e200, 1e308])
@pytest.mark.parametrize("fields", [{}, {"staleness": 3}, {"evaluation": "paid"}, {"evaluate_every": 100}])
def test_training_that_diverges_says_so_and_numpy_warns_of_nothing(rate, fields):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = run(training(optimiser=GradientDescent(learning_rate=rate), **fields), 0)

    assert result.ended == "finished"
    assert not math.isfinite(result.outcome.loss)
    assert list(said(result)) == ["diverged"]
    assert said(result)["diverged"].startswith("training: the loss is ")


def test_training_that_diverges_and_is_not_over_at_the_horizon_says_so_too():
    result = run(training(optimiser=GradientDescent(learning_rate=1e300), horizon_s=0.1), 0)

    assert list(said(result)) == ["diverged", "horizon"]


class Bounded(Softmax):
    """A model whose objective stays a number whatever its parameters are."""

    def loss(self, parameters, rows):
        return call(lambda _: 1.0, parameters)


def test_parameters_that_are_no_numbers_are_said_where_the_loss_is_one():
    result = run(training(model=Bounded(), optimiser=GradientDescent(learning_rate=1e308)), 0)

    assert "the parameters are no longer finite after" in said(result)["diverged"]


@dataclass
class Found:
    loss: float
    weights: object = None


@pytest.mark.parametrize(
    ("outcome", "path"),
    [
        (math.nan, "outcome"),
        (np.float32("inf"), "outcome"),
        (np.array([1.0, math.nan]), "outcome"),
        (Found(math.nan), "outcome.loss"),
        (Found(1.0, np.array([math.inf])), "outcome.weights"),
        ({"loss": math.nan}, "outcome.loss"),
        ((1.0, Found(math.nan)), "outcome.1.loss"),
        ({0: (1, 2), 1: (3, math.nan)}, "outcome.1.1"),
        ({0: (1, 2), 1: math.inf}, "outcome.1"),
        ([(1, 2), (3, (4, math.nan))], "outcome.1.1.1"),
    ],
)
def test_an_outcome_of_one_s_own_that_is_no_number_is_said(outcome, path):
    assert given(outcome) == {"diverged": f"{path} is no longer finite"}


ALL_RIGHT = (None, "nan", 3, 0.5, np.arange(3), Found(1.0, np.ones(2)), {"a": "b"}, [1, 2.0], True)


@pytest.mark.parametrize("outcome", ALL_RIGHT)
def test_nothing_is_said_of_an_outcome_that_is_all_right(outcome):
    assert given(outcome) == {}


class Overflows(Spec):
    def start(self, cluster, seed):
        def program(node):
            yield node.timer(1.5)
            for _ in range(3):
                yield node.compute(call(lambda: np.array([1e200]) * 1e200))
                yield node.timer(1.0)
            done.succeed()

        done = cluster.env.event()
        cluster["a"].boot(program)
        return done


def test_what_numpy_would_warn_of_is_said_with_its_count_and_first_time():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = run(Scenario(cluster=TWO, job=Overflows()), 0)

    assert said(result) == {"not finite": "arithmetic met overflow 3 times, first at 1.5 s"}


def test_whoever_has_told_numpy_to_raise_gets_the_error():
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        run(Scenario(cluster=TWO, job=Overflows()), 0)


# Faults


def test_a_fault_that_never_began_is_said_with_both_times():
    late = SlowNode(node="worker-1", factor=2.0, begin_s=50.0)
    result = run(training([SLOW, late]), 0)

    assert result.faults_never_begun == (late,)
    assert said(result) == {
        "fault never began": "1 of 2 faults never began: SlowNode of worker-1 was to begin at 50 s, "
        f"and the job was over at {result.ended_s:.6g} s"
    }
    beyond = run(training([late], horizon_s=0.05), 0)
    assert said(beyond)["fault never began"].endswith("and the horizon was at 0.05 s")


def test_a_fault_that_began_when_the_run_was_over_is_said():
    at_the_end = SlowNode(node="a", factor=2.0, begin_s=1.0)
    result = run(Scenario(cluster=TWO, job=Gives(), faults=(at_the_end,)), 0)

    assert result.faults_never_begun == ()
    assert said(result) == {"fault at the end": "SlowNode of a began at 1 s, when the run was over"}


# Queues


@pytest.mark.parametrize("discipline", ["fcfs", "ps"])
def test_a_queue_that_only_grows_is_said_with_its_figures_and_so_is_a_node_that_is_always_busy(discipline):
    result = queue(0.8, discipline=discipline)

    assert list(said(result)) == ["horizon", "backlog grows", "utilisation 1"]
    grown = re.fullmatch(
        r"what waits grew at each of 8 looks between \d+\.?\d* s and 1000 s: a from (\d+) to (\d+)",
        said(result)["backlog grows"],
    )
    assert int(grown[1]) < int(grown[2]) == result.backlog["a"]
    assert said(result)["utilisation 1"] == (
        f"all cores were busy for at least 99% of the time while work queued, at the most: a {result.backlog['a'] - 1}"
    )


@pytest.mark.parametrize("discipline", ["fcfs", "ps"])
@pytest.mark.parametrize("cores", [1, 2])
def test_a_queue_that_keeps_up_is_not_said(discipline, cores):
    assert list(said(queue(1.25 / cores, discipline=discipline, cores=cores))) == ["horizon"]


def test_a_queue_that_was_long_and_is_worked_off_is_no_backlog_but_a_busy_node():
    result = queue(0.5, works=2000, horizon_s=1e6)

    assert result.ended == "finished"
    assert list(said(result)) == ["utilisation 1"]


def test_a_core_that_is_always_busy_without_a_queue_is_not_said():
    assert list(said(queue(1.0))) == ["horizon"]


@pytest.mark.parametrize(("at_once", "every_s", "why"), [(2, 2.01, "seldom a queue"), (8, 8.5, "not always busy")])
def test_a_node_is_at_its_limit_only_where_it_is_always_busy_and_work_queues_for_long(at_once, every_s, why):
    result = queue(every_s, at_once=at_once, horizon_s=3000.0)

    assert list(said(result)) == ["horizon"], why


def test_few_events_are_no_trend():
    assert list(said(queue(0.5, horizon_s=20.0))) == ["horizon", "utilisation 1"]


# What a job says itself


class Says(Spec):
    def start(self, cluster, seed):
        for _ in range(3):
            cluster.trace.verdict("unbalanced", "worker-3 got 80 % of the rows")
        return cluster.env.timeout(1.0)


@pytest.mark.parametrize("kinds", [None, ()])
def test_a_job_of_one_s_own_says_what_it_has_to_say_once_whatever_is_recorded(kinds):
    result = run(Scenario(cluster=TWO, job=Says(), trace_kinds=kinds), 0)

    assert result.verdicts == (Verdict("unbalanced", "worker-3 got 80 % of the rows"),)
    assert str(result.verdicts[0]) == "unbalanced: worker-3 got 80 % of the rows"


WATCHED = Heartbeats(period_s=0.01, suspicion=Timeout(after_s=0.05))


def test_training_that_stops_because_a_worker_is_gone_says_so():
    gone = CrashNode(node="worker-0", begin_s=0.03)
    result = run(training([gone], detector=WATCHED, when_gone="stop", steps=100), 0)

    assert result.outcome.stopped == "worker-0 is gone"
    assert said(result) == {
        "stopped": f"training stopped after {result.outcome.steps} of 100 steps: worker-0 is gone"
    }


@pytest.mark.parametrize(
    "outcome",
    [[[math.nan]], {"a": [1.0, -math.inf]}, {"a": {"b": (1, math.nan)}}, complex("nan"), [np.array([math.nan])]],
)
def test_a_number_anywhere_in_an_outcome_that_is_no_longer_finite_is_said(outcome):
    cluster = ClusterSpec(nodes=(NodeSpec(name="a"),))
    alone = run(Scenario(cluster=cluster, job=Gives(outcome)), 0)
    beside = run(Scenario(cluster=cluster, job=Together(jobs=(Gives(outcome), Gives(1.0)))), 0)

    assert list(said(alone)) == list(said(beside)) == ["diverged"]
