"""Who is next of several users: shares, guarantees, dominant resources, and that nobody starves."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.engine import stream
from simcluster.scheduling import Capacity, DominantResource, FairShare, progressive_filling
from tests.scheduling.ideal import Ideal, setting, task, view

GB = 1e9
EXAMPLE = {"A": (1, 4 * GB), "B": (3, 1 * GB)}  # Ghodsi et al. 2011, section 4.1


def waiting(demands, each, flops=1.0):
    """So many tasks of each user, of the cores and the memory of ``demands``."""
    return [
        task(f"{user}-{number}", flops, user=user, cores=cores, memory_bytes=memory_bytes)
        for number in range(each)
        for user, (cores, memory_bytes) in demands.items()
    ]


def held(ideal):
    """How many tasks of each user have begun at the very beginning."""
    return Counter(name.partition("-")[0] for name, _, begin_s in ideal.starts if begin_s == 0)


@pytest.mark.theory
def test_of_nine_cores_and_eighteen_gigabytes_the_example_gets_three_tasks_and_two():
    assert progressive_filling((9, 18 * GB), EXAMPLE) == {"A": 3, "B": 2}

    ideal = Ideal(DominantResource(), [view("n", cores=9, memory_bytes=18 * GB)], waiting(EXAMPLE, 9))
    ideal.run()

    assert held(ideal) == {"A": 3, "B": 2}


@pytest.mark.theory
def test_a_weight_of_two_for_memory_and_cores_gives_twice_the_dominant_share():
    """The shares 4x/18 and 3y/9 are as 2 to 1: x = 3y, and memory, 4x + y, is full at y = 18/13 of 18 GB.

    When A no longer fits fewer than 4 GB are left, which B gets.
    """
    given_tasks = progressive_filling((9000, 18000 * GB), EXAMPLE, {"A": 2.0})
    assert given_tasks["B"] == pytest.approx(18000 / 13, abs=4)

    shares = given_tasks["A"] * 4 / 18000, given_tasks["B"] * 3 / 9000
    assert shares[0] / shares[1] == pytest.approx(2.0, rel=0.01)


DEMAND = st.tuples(st.integers(1, 4), st.integers(0, 6).map(lambda gigabytes: gigabytes * GB))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from("ABCDE"), DEMAND, min_size=1), st.integers(1, 20), st.integers(1, 30))
def test_on_one_node_the_policy_fills_as_progressive_filling_does(demands, cores, gigabytes):
    expected = progressive_filling((cores, gigabytes * GB), demands)
    ideal = Ideal(DominantResource(), [view("n", cores=cores, memory_bytes=gigabytes * GB)], waiting(demands, cores))
    ideal.ask_once()

    assert held(ideal) == Counter({user: count for user, count in expected.items() if count})


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from("ABCDE"), DEMAND, min_size=1), st.integers(1, 20), st.integers(1, 30))
def test_filling_leaves_no_room_for_a_task_and_nobody_envies(demands, cores, gigabytes):
    """Pareto efficiency and envy-freeness up to one task (Ghodsi et al. 2011, section 3)."""
    capacity = (cores, gigabytes * GB)
    count = progressive_filling(capacity, demands)
    taken = [sum(count[user] * demand[place] for user, demand in demands.items()) for place in (0, 1)]

    for user, demand in demands.items():
        assert any(taken[place] + demand[place] > capacity[place] for place in (0, 1))
        for other, bundle in demands.items():
            # What the other held before its last task would not have given this user a task more than his own.
            before = [max(0, count[other] - 1) * part for part in bundle]
            could = min(have // need for have, need in zip(before, demand, strict=True) if need)
            assert could <= count[user] + 1


def test_a_user_with_no_demand_is_refused():
    rule = r"a demand must be 2 numbers of at least 0, and not all 0, got \(0, 0\) of 'A'"
    with pytest.raises(ValueError, match=rule):
        progressive_filling((1, 1), {"A": (0, 0)})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=2, max_size=5), st.integers(2, 24))
def test_fair_shares_are_as_the_weights_to_one_task(weights, cores):
    users = "ABCDE"[: len(weights)]
    policy = FairShare(weights=dict(zip(users, weights, strict=True)))
    ideal = Ideal(policy, [view("n", cores=cores)], waiting(dict.fromkeys(users, (1, 0.0)), cores))
    ideal.ask_once()
    shares = {user: Fraction(held(ideal)[user], weight) for user, weight in zip(users, weights, strict=True)}

    assert held(ideal).total() == cores
    for user, weight in zip(users, weights, strict=True):
        # Nobody holds more than another but for the last task that he was given.
        assert shares[user] - Fraction(1, weight) <= min(shares.values())


def streams(seed, users="ABC", count=60, most=3):
    """Tasks of each user that come at random, faster than they can be done."""
    generator = stream(seed)
    return [
        task(
            f"{user}-{number}", float(generator.integers(1, 9)), user=user, cores=int(generator.integers(1, most + 1)),
            release_s=float(generator.integers(0, 30)),
        )
        for number in range(count) for user in users
    ]  # fmt: skip


POLICIES = [
    FairShare(), FairShare(weights={"A": 2.0}), FairShare(passing=False), DominantResource(),
    Capacity(shares={"A": 0.5, "B": 0.25}), Capacity(shares={"A": 1.0}, limits={"B": 0.5}, passing=False),
]  # fmt: skip


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
@pytest.mark.parametrize("seed", range(3))
def test_all_that_comes_is_done(policy, seed):
    tasks = streams(seed)
    ideal = Ideal(policy, [view("a", cores=4), view("b", cores=3)], tasks)
    ideal.run()

    assert Counter(name for name, _, why, _ in ideal.ends if why == "done") == Counter(each.name for each in tasks)


@pytest.mark.parametrize("seed", range(5))
def test_whoever_is_next_has_least_of_those_who_wait(seed):
    """At each start, by what the starts and ends until then say, of tasks of one core."""
    tasks = {each.name: each for each in streams(seed, "ABCDE", most=1)}
    weights = {"B": 2.0, "C": 0.5}
    ideal = Ideal(FairShare(weights=weights), [view("a", cores=5), view("b", cores=2)], list(tasks.values()))
    ideal.run()
    steps = sorted(
        [(end_s, 0, name) for name, _, _, end_s in ideal.ends]
        + [(each.release_s, 1, name) for name, each in tasks.items()]
        + [(begin_s, 2, name) for name, _, begin_s in ideal.starts],
        key=lambda step: step[:2],  # the sort is stable, so starts at one time stay in their order
    )
    holds, waits = Counter(), Counter()
    for _, what, name in steps:
        user = tasks[name].user
        if what == 2:
            least = min(holds[other] / weights.get(other, 1.0) for other in waits if waits[other])
            assert holds[user] / weights.get(user, 1.0) == least
        holds[user] += what - 1
        waits[user] += {0: 0, 1: 1, 2: -1}[what]


@pytest.mark.parametrize("policy", [FairShare(), DominantResource(), Capacity(shares={})], ids=repr)
@pytest.mark.parametrize("cores", [1, 3])
def test_one_who_holds_nothing_waits_for_one_start_of_each_other_at_most(policy, cores):
    users = "ABCDE"
    ideal = Ideal(policy, [view("n", cores=cores)], waiting(dict.fromkeys(users, (1, 0.0)), 20))
    ideal.run()
    order = [name.partition("-")[0] for name, _, _ in ideal.starts]

    assert all(set(order[place : place + len(users)]) == set(users) for place in range(0, 15, 5))


def test_a_guarantee_comes_before_what_is_only_borrowed():
    """B borrows all that A leaves; once A's tasks come they get all that is freed up to A's guarantee."""
    tasks = [
        *(task(f"B-{number}", 1.0 + number % 4, user="B") for number in range(40)),
        *(task(f"A-{number}", 100.0, user="A", release_s=0.5) for number in range(4)),
    ]
    ideal = Ideal(Capacity(shares={"A": 0.5, "B": 0.5}), [view("n", cores=8)], tasks)
    began = ideal.run()

    assert held(ideal) == {"B": 8}
    assert [began[f"A-{number}"] for number in range(4)] == [1.0, 1.0, 2.0, 2.0]  # as B's first tasks end


def test_a_limit_holds_though_cores_idle():
    policy = Capacity(shares={"A": 0.25}, limits={"A": 0.5})
    ideal = Ideal(policy, [view("n", cores=8)], waiting({"A": (1, 0.0)}, 12))
    ideal.run()

    assert held(ideal) == {"A": 4}
    assert ideal.makespan_s == 3.0


def started(watcher, views):
    """How many tasks it starts now, on these nodes."""
    count = 0
    while (decision := watcher.decide(0.0)) is not None:
        name, node = decision
        views[node] = views[node]._replace(idle=views[node].idle - 1)
        watcher.task_started(task(name, user="A"), node, 0.0)
        watcher.node_changed(views[node])
        count += 1
    return count


def test_a_limit_is_of_the_cores_that_are_up():
    """Half of 4, then half of 8, then of 4 again, of which more are held already."""
    watcher = Capacity(shares={"A": 0.25}, limits={"A": 0.5}).begin(setting([view("a", 4), view("b", 4)]))
    views = {"a": view("a", 4)}
    watcher.node_changed(views["a"])
    for number in range(9):
        watcher.task_ready(task(f"A-{number}", user="A"))
    assert started(watcher, views) == 2

    views["b"] = view("b", 4)
    watcher.node_changed(views["b"])
    assert started(watcher, views) == 2
    watcher.node_gone("b")
    watcher.task_ready(task("A-9", user="A"))
    assert started(watcher, views) == 0


def test_a_large_task_is_passed_over_unless_nobody_may_pass():
    """A's task of 4 cores never finds room while B's of one core come and go, unless all wait for it."""
    tasks = [
        task("A-0", 1.0, user="A", cores=4, release_s=0.5),
        *(task(f"B-{number}", 1.0, user="B", release_s=0.3 * number) for number in range(60)),
    ]
    began = {passing: Ideal(FairShare(passing=passing), [view("n", cores=4)], tasks).run() for passing in (True, False)}

    assert began[True]["A-0"] > 15.0
    assert began[False]["A-0"] < 2.0


def test_shares_of_more_than_all_there_is_are_refused():
    with pytest.raises(ValueError, match=r"shares must be 1 together at most, got 1\.5 of"):
        Capacity(shares={"A": 0.75, "B": 0.75})
