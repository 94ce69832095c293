"""What each balancer chooses by what it knows, and that it does not look at all replicas where it need not."""

import math
from collections import Counter
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.cluster import Cluster, ClusterSpec, NodeSpec, nodes
from simcluster.engine import Environment, Trace, stream
from simcluster.serving import (
    ConsistentHash,
    JoinIdleQueue,
    LeastResponseTime,
    Locality,
    PeakEwma,
    PowerOfChoices,
    ReplicaView,
    RoundRobin,
    Stale,
    Weighted,
    least_loaded,
    power_of_two_choices,
    random,
)
from tests.built_ins import one, words


def views(*outstanding):
    return tuple(ReplicaView(f"r-{place}", outstanding=count) for place, count in enumerate(outstanding))


def begun(balancer, replicas, cluster=None, front="front"):
    """The balancer after a front end has come up, and its environment."""
    spec = cluster or ClusterSpec(nodes=(NodeSpec(name="front"), *nodes("r", len(replicas))))
    env = Environment()
    running = Cluster(env, spec, 0, Trace(env))
    running[front].spawn(balancer.run(running[front], "job", replicas))
    env.run(until=0.0001)
    return env


class Looked(tuple):
    """Replicas that count how many of them were looked at."""

    looks = 0

    def __iter__(self):
        for each in super().__iter__():
            self.looks += 1
            yield each

    def __getitem__(self, place):
        self.looks += 1
        return super().__getitem__(place)


#: Least of something needs a look at all.
OVERSEES = {"least_loaded": 1, "least_response_time": 1, "stale": None}


@pytest.mark.parametrize("word", words("Balancer"))
def test_the_cost_of_a_choice_does_not_grow_with_the_number_of_replicas_but_where_all_are_compared(word):
    looks = []
    for count in (10, 1000):
        replicas = Looked(views(*[place % 3 for place in range(count)]))
        balancer, generator = deepcopy(one("Balancer", word)), stream(0)
        if hasattr(balancer, "run"):
            begun(balancer, replicas)
        for query in range(20):  # the first makes what is remembered of a set
            balancer(query, replicas, generator)
        replicas.looks = 0
        for query in range(20):
            balancer(query, replicas, generator)
        looks.append(replicas.looks / 20)

    if OVERSEES.get(word):
        assert looks[1] >= 1000
    else:
        assert looks[1] <= max(looks[0], 4)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 200))
def test_weighted_turns_give_no_replica_more_for_its_weight_than_another_would_have_with_one_more(weights, turns):
    replicas, generator = views(*[0] * len(weights)), stream(0)
    balancer = Weighted(weights={f"r-{place}": float(weight) for place, weight in enumerate(weights)})
    had = Counter(balancer(None, replicas, generator) for _ in range(turns))

    for name, weight in balancer.weights.items():
        for other, its in balancer.weights.items():
            assert had[name] / weight <= (had[other] + 1) / its + 1e-9


def test_weighted_turns_are_by_speed_where_no_weights_are_given():
    spec = ClusterSpec(
        nodes=(
            NodeSpec(name="front"),
            NodeSpec(name="r-0", flops_per_s=1e8),
            NodeSpec(name="r-1", flops_per_s=3e8),
            NodeSpec(name="r-2", flops_per_s=1e8, cores=2),
        )
    )
    replicas, balancer = views(0, 0, 0), Weighted()
    balancer(None, replicas, stream(0))  # before it knows
    begun(balancer, replicas, spec)
    had = Counter(balancer(None, replicas, stream(0)) for _ in range(60))

    assert had == {"r-0": 10, "r-1": 30, "r-2": 20}


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 50))
def test_power_of_d_takes_the_least_loaded_of_d_different_replicas(count, choices, seed):
    loads = stream(seed).permutation(count).tolist()
    replicas, balancer, generator = views(*loads), PowerOfChoices(choices=choices), stream(seed, "draws")
    chosen = {replicas[int(balancer(None, replicas, generator)[2:])].outstanding for _ in range(60)}

    assert max(chosen) <= max(0, count - choices)  # the d − 1 most loaded never win
    if choices >= count:
        assert chosen == {0}


def test_power_of_d_draws_each_set_of_d_equally_often():
    replicas, balancer, generator = views(0, 1, 2, 3, 4), PowerOfChoices(choices=3), stream(1)
    had = Counter(balancer(None, replicas, generator) for _ in range(5000))

    # The least of 3 of 5 is the first in C(4, 2) of C(5, 3) draws; four standard deviations of 5000 are 0.028 at most.
    assert [had[f"r-{place}"] / 5000 for place in range(5)] == pytest.approx([0.6, 0.3, 0.1, 0, 0], abs=0.03)


def test_power_of_two_is_power_of_d_with_two():
    replicas = views(3, 1, 4, 1, 5)

    def chosen(balancer):
        generator = stream(2)
        return [balancer(None, replicas, generator) for _ in range(200)]

    assert chosen(PowerOfChoices(choices=2)) == chosen(power_of_two_choices)
    assert chosen(PowerOfChoices(choices=1)) == chosen(random)
    assert chosen(PowerOfChoices(choices=5)) == chosen(least_loaded)


def test_the_least_response_time_is_that_of_the_mean_latency_and_the_queue():
    replicas, balancer, generator = views(0, 0, 1), LeastResponseTime(weight=0.5), stream(0)
    assert balancer(None, replicas, generator) == "r-0"  # who has not answered goes first, when it is idle

    for view, latencies_s in zip(replicas, ((1.0, 3.0), (1.5,), (0.9,)), strict=True):
        for latency_s in latencies_s:
            balancer.heard(view, latency_s, 0.0)
        balancer.heard(view, None, 0.0)  # a time-out is no answer
    assert balancer(None, replicas, generator) == "r-1"  # 2·1, 1.5·1, 0.9·2
    replicas[1].outstanding = 1
    assert balancer(None, replicas, generator) == "r-2"
    assert balancer(None, (*replicas, ReplicaView("r-3", outstanding=1)), generator) == "r-2"


def test_the_first_answer_is_the_mean():
    replicas, balancer, generator = views(0, 0), LeastResponseTime(weight=0.1), stream(0)
    balancer.heard(replicas[0], 0.4, 1.0)
    for _ in range(50):
        balancer.heard(replicas[1], 0.3, 1.0)

    assert balancer(None, replicas, generator) == "r-1"


def test_idle_replicas_are_chosen_in_the_order_in_which_they_became_so():
    replicas, balancer, generator = views(1, 1, 1, 1), JoinIdleQueue(), stream(0)
    balancer(None, replicas, generator)
    for place in (2, 0, 3):
        replicas[place].outstanding = 0
        balancer.heard(replicas[place], 0.1, 0.0)
        balancer.heard(replicas[place], None, 0.0)  # it stands there once
    replicas[0].outstanding = 1  # meanwhile it has got one by another way

    assert [balancer(None, replicas, generator) for _ in range(2)] == ["r-2", "r-3"]
    drawn = Counter(balancer(None, replicas, generator) for _ in range(400))
    assert sorted(drawn) == ["r-0", "r-1", "r-2", "r-3"]  # none is idle: any


def test_who_is_passed_over_keeps_its_place_among_the_idle():
    replicas, balancer, generator = views(0, 0, 0), JoinIdleQueue(), stream(0)

    assert balancer(None, replicas, generator) == "r-0"
    assert balancer(None, (replicas[0], replicas[2]), generator) == "r-2"  # r-1 is suspected
    assert balancer(None, replicas, generator) == "r-1"


@given(st.lists(st.tuples(st.floats(0.01, 5), st.floats(0.001, 2)), min_size=1, max_size=30))
def test_a_peak_counts_at_once_and_decays_exponentially(answers):
    replicas, balancer = views(0), PeakEwma(decay_s=2.0)
    cost_s, now_s = 0.0, 0.0
    for gap_s, latency_s in answers:
        now_s += gap_s
        balancer.heard(replicas[0], latency_s, now_s)
        kept = math.exp(-gap_s / 2.0) if cost_s else 1.0
        cost_s = max(latency_s, cost_s * kept + latency_s * (1 - kept))

    assert balancer._load(replicas[0]) == pytest.approx(cost_s)
    replicas[0].outstanding = 3
    assert balancer._load(replicas[0]) == pytest.approx(4 * cost_s)


def test_who_has_never_answered_is_asked_once():
    replicas, balancer, generator = views(0, 0), PeakEwma(), stream(0)
    balancer.heard(replicas[0], 1e3, 0.0)

    assert balancer(None, replicas, generator) == "r-1"
    replicas[1].outstanding = 1
    assert balancer(None, replicas, generator) == "r-0"


def test_a_peak_is_forgotten_while_nobody_answers():
    replicas, balancer, generator = views(0, 0), PeakEwma(decay_s=0.1), stream(0)
    env = begun(balancer, replicas)
    balancer.heard(replicas[0], 1.0, env.now)
    balancer.heard(replicas[1], 0.5, env.now)
    assert balancer(None, replicas, generator) == "r-1"

    env.run(until=0.2)
    balancer.heard(replicas[1], 0.5, env.now)
    assert balancer(None, replicas, generator) == "r-0"


def test_the_nearest_replicas_come_first_until_they_have_enough():
    spec = ClusterSpec(
        nodes=(
            NodeSpec(name="front", rack="a", zone="x"),
            NodeSpec(name="r-0", rack="c", zone="y"),
            NodeSpec(name="r-1", rack="b", zone="x"),
            NodeSpec(name="r-2", rack="a", zone="x"),
            NodeSpec(name="r-3", rack="a", zone="x"),
        )
    )
    replicas, balancer, generator = views(0, 0, 0, 0), Locality(balancer=least_loaded, spill_over=2), stream(0)
    begun(balancer, replicas, spec)
    order = []
    for _ in range(9):
        order.append(balancer(None, replicas, generator))
        replicas[int(order[-1][2:])].outstanding += 1

    assert order == ["r-2", "r-3", "r-2", "r-3", "r-1", "r-1", "r-0", "r-0", "r-2"]


@pytest.mark.parametrize("inner", [RoundRobin(), JoinIdleQueue(), ConsistentHash(epsilon=0.5), PeakEwma()])
def test_a_balancer_within_another_hears_what_it_would_by_itself(inner):
    replicas, whole = views(0, 0, 0, 0), Locality(balancer=inner, spill_over=9)
    alone = type(inner)(**{name: getattr(inner, name) for name in type(inner).model_fields})
    begun(whole, replicas)
    if hasattr(alone, "run"):
        begun(alone, replicas)
    draws = stream(0), stream(0)
    for query in range(40):
        chosen = [each(query, replicas, generator) for each, generator in zip((whole, alone), draws, strict=True)]
        assert chosen[0] == chosen[1]
        view = replicas[int(chosen[0][2:])]
        view.outstanding += query % 3 != 0
        for each in (whole, alone):
            if hasattr(each, "heard"):
                each.heard(view, 0.1 * query, 0.0)


def test_stale_information_is_that_of_the_last_update():
    replicas, balancer, generator = views(0, 1), Stale(balancer=least_loaded, update_s=1.0), stream(0)
    env = begun(balancer, replicas)
    replicas[0].outstanding = 5
    chosen = []
    for now_s in (0.5, 0.99, 1.01, 1.9, 2.5, 7.3):
        env.run(until=now_s)
        chosen.append(balancer(None, replicas, generator))
        if now_s == 1.9:
            replicas[1].outstanding = 9

    assert chosen == ["r-0", "r-0", "r-1", "r-1", "r-0", "r-0"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 250), st.sampled_from([None, None, 0, 1, 2])), max_size=40))
def test_what_has_changed_since_an_update_is_not_known_before_the_next_however_rarely_somebody_asks(steps):
    replicas, balancer, generator = views(0, 0, 0), Stale(balancer=least_loaded, update_s=1.0), stream(0)
    env = begun(balancer, replicas)
    queues, hundredths = [(0.0, (0, 0, 0))], 0  # since when each of them held; changes are never at an update
    for gap, ends in steps:
        hundredths += gap
        now_s = hundredths / 100 + 0.005
        env.run(until=now_s)
        if ends is None:
            known = [counts for since_s, counts in queues if since_s < math.floor(now_s)] or [(0, 0, 0)]
            chosen = balancer(None, replicas, generator)
            assert chosen == f"r-{known[-1].index(min(known[-1]))}"
            replicas[int(chosen[2:])].outstanding += 1
        elif replicas[ends].outstanding:
            replicas[ends].outstanding -= 1
            balancer.heard(replicas[ends], 0.1, now_s)
        queues.append((now_s, tuple(replica.outstanding for replica in replicas)))


def test_who_became_idle_is_known_with_the_next_update():
    replicas, balancer, generator = views(1, 1, 1), Stale(balancer=JoinIdleQueue(), update_s=1.0), stream(0)
    env = begun(balancer, replicas)
    balancer(None, replicas, generator)
    replicas[1].outstanding = 0
    balancer.heard(replicas[1], 0.1, env.now)
    assert len({balancer(None, replicas, generator) for _ in range(50)}) == 3
    env.run(until=1.5)

    assert balancer(None, replicas, generator) == "r-1"
    assert len({balancer(None, replicas, generator) for _ in range(50)}) == 3


def test_turns_go_on_where_a_set_was_left_and_many_sets_are_not_all_remembered():
    replicas, turns, generator = views(*[0] * 300), RoundRobin(), stream(0)

    assert turns(None, replicas, generator) == "r-0"
    assert turns(None, replicas[1:], generator) == "r-1"
    assert turns(None, list(replicas), generator) == "r-1"  # whatever it is that holds them
    for place in range(299):
        turns(None, replicas[place:], generator)
    assert len(turns._turns._kept) <= 256
