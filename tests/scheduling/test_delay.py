"""Delay scheduling: how many offers a job lets pass, and what that is worth."""

import math
from collections import Counter

import pytest

from simcluster.engine import stream
from simcluster.scheduling import DelayScheduling, Wait
from tests.scheduling.ideal import Ideal, setting, task, view


def on(*nodes):
    return tuple((node, 1.0) for node in nodes)


@pytest.mark.theory
@pytest.mark.parametrize(("local", "offers"), [(1, 5), (3, 2), (2, 0), (2, 8), (1, 20)])
def test_all_offers_pass_in_vain_with_probability_one_minus_p_to_their_number(local, offers):
    """Zaharia et al. 2010, section 4.1: (1 − p)^D, p the share of nodes that keep the input, offers at random.

    The next offer is taken whatever it is, so that the task starts elsewhere with (1 − p)^(D + 1).
    """
    names, trials = [f"n{place}" for place in range(10)], 2000
    generator, in_vain, elsewhere = stream(1, local, offers), 0, 0
    for _ in range(trials):
        watcher = DelayScheduling(offers=offers, every_s=1e9).begin(setting([]))
        watcher.task_ready(task("t", inputs=on(*names[:local])))
        passed = -1
        decision = None
        while not isinstance(decision, tuple):
            name = names[int(generator.integers(len(names)))]
            watcher.node_changed(view(name))
            decision = watcher.decide(0.0)
            passed += 1
            if not isinstance(decision, tuple):  # somebody else takes it
                watcher.node_gone(name)
        in_vain += passed == offers
        elsewhere += decision[1] not in names[:local]

    # Binomial; four deviations.
    for count, expected in ((in_vain, (1 - local / 10) ** offers), (elsewhere, (1 - local / 10) ** (offers + 1))):
        assert abs(count / trials - expected) <= 4 * math.sqrt(expected * (1 - expected) / trials)


def run_of(policy, nodes, tasks, **fields):
    ideal = Ideal(policy, nodes, tasks, **fields)
    ideal.run()
    return ideal


def test_a_task_goes_where_most_of_what_it_takes_lies():
    inputs = (("a", 1.0), ("b", 3.0), ("a", 1.0))
    ideal = run_of(DelayScheduling(), [view("a"), view("b")], [task("t", inputs=inputs)])

    assert ideal.starts == [("t", "b", 0.0)]


def test_a_job_that_waits_lets_others_start_and_is_asked_again_when_idle_nodes_say_so():
    """"a" keeps what "first" takes and is busy for 1.0; "b" is idle, and offers itself every 0.2: five times before."""
    tasks = [
        task("busy", 1.0, inputs=on("a")), task("first", 1.0, job="x", inputs=on("a")), task("second", 0.1, job="y")
    ]  # fmt: skip
    patient = run_of(DelayScheduling(offers=10, every_s=0.2), [view("a"), view("b")], tasks)
    hasty = run_of(DelayScheduling(offers=2, every_s=0.2), [view("a"), view("b")], tasks)

    assert ("second", "b", 0.0) in patient.starts
    assert ("first", "a", 1.0) in patient.starts
    # It has let pass those at 0.0 and 0.1, when "second" takes the core and is done, and takes the next.
    assert [start for start in hasty.starts if start[0] == "first"] == [("first", "b", pytest.approx(0.3))]


def test_without_patience_it_is_first_come_first_served():
    tasks = [task(f"t{place}", 1.0, inputs=on("c")) for place in range(4)]
    ideal = run_of(DelayScheduling(offers=0), [view(name) for name in "abc"], tasks)

    assert {node for _, node, at_s in ideal.starts if at_s == 0.0} == set("abc")


def test_a_local_task_is_started_before_one_that_came_earlier_of_the_same_job():
    tasks = [task("elsewhere", 1.0, inputs=on("z")), task("here", 1.0, inputs=on("a"))]
    ideal = run_of(DelayScheduling(offers=3, every_s=0.5), [view("a")], tasks)

    assert [name for name, _, _ in ideal.starts] == ["here", "elsewhere"]


@pytest.mark.parametrize("offers", [0, 1, 7, 100])
@pytest.mark.parametrize("seed", range(3))
def test_all_that_comes_is_done_however_patient(offers, seed):
    generator = stream(seed, "delay")
    nodes = [view(f"n{place}", int(generator.integers(1, 3))) for place in range(5)]
    tasks = [
        task(
            f"t{place}", float(generator.integers(1, 9)), release_s=float(generator.integers(20)),
            job="xyz"[int(generator.integers(3))], cores=1 if place else 2,
            inputs=on(*{f"n{each}" for each in generator.integers(7, size=int(generator.integers(3))).tolist()}),
        )
        for place in range(60)
    ]  # fmt: skip
    nodes[0] = view("n0", 2)
    ideal = run_of(DelayScheduling(offers=offers, every_s=0.5), nodes, tasks)

    assert Counter(name for name, _, why, _ in ideal.ends if why == "done") == Counter(each.name for each in tasks)


def test_more_patience_is_more_local():
    generator = stream(3)
    nodes = [view(f"n{place}") for place in range(10)]
    tasks = [
        task(f"t{place}", 1.0, job=f"j{place}", release_s=place / 8, inputs=on(f"n{generator.integers(10)}"))
        for place in range(400)
    ]
    keeps = {each.name: each.inputs[0][0] for each in tasks}
    local = []
    for offers in (0, 2, 10, 200):
        ideal = run_of(DelayScheduling(offers=offers, every_s=0.1), nodes, tasks)
        local.append(sum(keeps[name] == node for name, node, _ in ideal.starts))

    assert local == sorted(local)
    assert local[0] < 100 < 390 < local[-1]


def test_it_waits_only_while_a_core_is_idle():
    watcher = DelayScheduling(offers=5, every_s=0.5).begin(setting([]))
    watcher.task_ready(task("t", inputs=on("z")))
    assert watcher.decide(0.0) is None
    watcher.node_changed(view("a"))
    assert watcher.decide(1.0) == Wait(1.5)


def test_a_job_that_has_started_a_local_task_lets_as_many_offers_pass_again():
    watcher = DelayScheduling(offers=1, every_s=1e9).begin(setting([]))
    for name in ("t0", "t1"):
        watcher.task_ready(task(name, inputs=on("a")))
    watcher.node_changed(view("b"))
    assert isinstance(watcher.decide(0.0), Wait)
    watcher.node_changed(view("a"))
    assert watcher.decide(0.0) == ("t0", "a")
    watcher.task_started(task("t0"), "a", 0.0)
    watcher.node_changed(view("a")._replace(idle=0))
    watcher.node_changed(view("c"))

    assert isinstance(watcher.decide(0.0), Wait)
    watcher.node_changed(view("d"))
    assert watcher.decide(0.0) == ("t1", "d")
