"""What the protocols of resilience promise, asked of every part that is built in."""

import math
from collections import Counter
from copy import deepcopy

import pytest

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.engine import Constant, Exponential, stream
from simcluster.faults import CrashNode, LoseMessages, PauseNode
from simcluster.serving import Poisson, ServiceJob
from simcluster.serving.resilience import ServerQueue
from simcluster.serving.services import Synthetic
from tests.built_ins import one, words
from tests.serving.line import Line, Waits

pytestmark = pytest.mark.slow

CLUSTER = ClusterSpec(nodes=(NodeSpec(name="f"), *nodes("r", 4, jitter=Exponential(mean=1.0))))
FAULTS = (
    CrashNode(node="r-1", begin_s=0.1, end_s=0.3),
    PauseNode(node="f", begin_s=0.2, end_s=0.25),
    LoseMessages(probability=0.1, begin_s=0.0),
)


def served(**fields):
    given = {
        "service": Synthetic(demand_s=Constant(value=0.005)), "arrivals": Poisson(per_s=200.0), "queries": 100,
        "front_end": "f", "servers": CLUSTER.names[1:], "shards": 2, "timeout_s": 0.08,
    }  # fmt: skip
    scenario = Scenario(cluster=CLUSTER, job=ServiceJob(**{**given, **fields}), faults=FAULTS, horizon_s=100.0)
    first, again = run(scenario, 0, check=True), run(scenario, 0)
    assert first.ended == "finished"
    assert first.digest == again.digest
    assert Scenario.model_validate(scenario.model_dump(mode="json")) == scenario
    return first


def assert_each_ends_once(result):
    ends = Counter(row["query"] for row in result.trace.rows("query", "query_failed", "query_lost"))
    assert ends == Counter(range(100))


@pytest.mark.parametrize("word", words("CallPolicy"))
def test_under_a_policy_each_query_ends_once_and_a_crash_leaves_nothing_open(word):
    result = served(resilience=(one("CallPolicy", word),), queue=ServerQueue())
    sent, ended = (
        Counter((row["query"], row["node"]) for row in result.trace.rows(kind)) for kind in ("attempt", "attempt_end")
    )

    assert_each_ends_once(result)
    assert ended == sent


@pytest.mark.parametrize("word", words("Guard"))
def test_a_guard_admits_before_it_has_heard_anything_and_says_why_if_it_does_not(word):
    guard = one("Guard", word)
    at_work, other = guard.begin(lambda *_: None), guard.begin(lambda *_: None)
    assert isinstance(guard.cause, str)
    assert at_work.admits("a", 0, 0.0)
    for number in range(20):
        if at_work.admits("a", 0, 0.1 * number):
            at_work.sent("a", 0, 0.1 * number)
            at_work.ended("a", 0, 0.1 * number, 0.1 * number, "timed_out")
    assert other.admits("a", 0, 2.0)  # which knows nothing of it
    assert_each_ends_once(served(guards=(guard,)))


@pytest.mark.parametrize("word", words("QueueDiscipline"))
def test_each_request_leaves_a_queue_once(word):
    assert_each_ends_once(served(queue=one("QueueDiscipline", word)))
    line, left = Line(one("QueueDiscipline", word)), []
    for number in range(30):
        left += [request.ident for request in line.put(Waits(number, 0.1 * number), 0, 0.1 * number)]
        if number % 3 == 2:
            taken, shed = line.take(0.1 * number)
            left += [request.ident for request in (*shed, *([taken] if taken else []))]
        assert len(line) == number + 1 - len(left)
    assert len(set(left)) == len(left)


@pytest.mark.parametrize("word", words("Backoff"))
def test_a_wait_is_not_negative_finite_and_of_the_generator_alone(word):
    part = one("Backoff", word)
    draws = [[part(attempt, 0.1, generator) for attempt in range(1, 30)] for generator in (stream(3), stream(3))]

    assert draws[0] == draws[1]
    assert all(0 <= wait_s < math.inf for wait_s in draws[0])


@pytest.mark.parametrize("word", words("Budget"))
def test_a_budget_that_earns_nothing_is_spent_at_last_and_a_copy_knows_nothing_of_it(word):
    budget = one("Budget", word)
    purse, other = budget.begin(), budget.begin()
    for number in range(1000):
        purse.earn(0.001 * number)

    spent = [purse.spend(1.0) for _ in range(2000)]
    assert 0 < sum(spent) < 2000
    assert spent == sorted(spent, reverse=True)
    assert sum(other.spend(1.0) for _ in range(2000)) < sum(spent)


@pytest.mark.parametrize("word", words("HedgeDelay"))
def test_a_delay_is_not_negative_or_not_yet_known(word):
    latencies = one("HedgeDelay", word).begin()
    for number in range(200):
        assert (delay_s := latencies.delay_s()) is None or delay_s >= 0
        latencies.heard(0.01 * (number % 7))
    assert latencies.delay_s() is not None


@pytest.mark.parametrize("word", words("Trip"))
def test_a_trip_comes_with_failures_alone(word):
    trip = one("Trip", word)
    well, badly = trip.begin(), trip.begin()

    assert not any(well.heard(False, 0.01 * number) for number in range(200))
    assert any(badly.heard(True, 0.01 * number) for number in range(200))


@pytest.mark.parametrize("word", words("Order"))
def test_an_order_names_a_place_and_changes_nothing(word):
    order = one("Order", word)
    for length in (1, 2, 5, 30):
        waiting = [Waits(number, 0.1 * number, 9.0 - number % 4) for number in range(length)]
        before = list(waiting)
        assert 0 <= order(waiting, 3.0) < length
        assert waiting == before


@pytest.mark.parametrize("word", words("Shedding"))
def test_a_rule_of_shedding_spares_who_finds_an_idle_server_and_sheds_in_an_overload(word):
    rule = one("Shedding", word)
    idle, busy = rule.begin(), rule.begin()
    assert isinstance(rule.cause, str)
    assert not any(idle.arrives(0, 1, float(t)) or idle.begins(0.0, 0, float(t)) for t in range(100))
    shed = [busy.arrives(1000, 0, 0.1 * t) or busy.begins(50.0, 1000, 0.1 * t) for t in range(100)]
    assert any(shed)
    assert deepcopy(rule) == rule
