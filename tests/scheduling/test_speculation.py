"""Copies of late tasks: which, when and where, and how many; by hand, and as LATE's paper tells it."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.engine import stream
from simcluster.scheduling import FairShare, Fifo, Hedged, Late, NaiveSpeculation, Speculate, Wait
from simcluster.scheduling.policies.speculation.copies import Running
from simcluster.scheduling.policies.speculation.late import expected_end_s, is_slow
from tests.scheduling.ideal import Ideal, setting, task, view

COPYING = [NaiveSpeculation(), Late(), Hedged(least=1), Hedged(quantile=0.5, least=2, policy=FairShare())]


@pytest.mark.theory
def test_the_time_to_end_is_what_is_left_by_the_rate_so_far():
    """Zaharia et al. 2008, section 4: (1 − ProgressScore) / ProgressRate, the rate ProgressScore / T."""
    run = Running(task("t"), "n", since_s=10.0, progress=0.25, heard_s=30.0)

    assert run.rate == 0.0125
    assert expected_end_s(run) == 30.0 + 60.0
    assert expected_end_s(Running(task("t"), "n", 10.0, 0.0, 30.0)) == float("inf")


def test_a_node_that_is_slow_early_may_be_chosen_before_one_that_is_behind():
    """As in the paper's figure 2: what is further behind ends earlier, by its rate, so that LATE copies the other."""
    behind = Running(task("began late"), "a", since_s=60.0, progress=0.3, heard_s=90.0)  # ends at 160
    ahead = Running(task("slow"), "b", since_s=0.0, progress=0.5, heard_s=90.0)  # ends at 180

    assert expected_end_s(ahead) > expected_end_s(behind)
    assert behind.progress < ahead.progress


@given(st.lists(st.floats(0, 10), min_size=1, max_size=12), st.lists(st.floats(0, 10), max_size=12), st.data())
def test_slow_is_what_most_others_are_faster_than(running, done, data):
    value = data.draw(st.sampled_from(running))
    others = [*running, *done]
    others.remove(value)
    faster = sum(other > value for other in others)

    for quantile in (0.1, 0.25, 0.5):
        expected = bool(others) and faster >= (1 - quantile) * len(others)
        assert is_slow(value, (sorted(running), sorted(done)), quantile) == expected


class Reporting(Ideal):
    """Tells of progress every second; what takes how long is said by task and node, or by node alone."""

    def __init__(self, policy, nodes, tasks, took, **fields):
        def took_s(task, node):
            return took.get((task.name, node), took.get(node, 1.0))

        super().__init__(policy, nodes, tasks, took_s, **fields)
        for second in range(1, 100):
            self.at(float(second), 3, self.report)

    def report(self):
        for name, there in self.running.items():
            for node, (run, _) in there.items():
                begin_s = max(at_s for each, where, at_s in self.starts if (each, where) == (name, node))
                share = min(1.0, (self.now_s - begin_s) / self.took_s(run, node))
                self.watcher.task_progressed(name, node, share, self.now_s)

    @property
    def copies(self):
        first, found = set(), []
        for start in self.starts:
            if start[0] in first:
                found.append(start)
            first.add(start[0])
        return found


def nodes(*names):
    return [view(name) for name in names]


def test_late_copies_what_ends_last_to_a_node_that_is_not_slow():
    """Of four nodes one is slow at everything: the copy of its task goes to one that is fast."""
    took = {"a": 4.0, "b": 4.0, "c": 4.0, "slow": 30.0}
    ideal = Reporting(Late(cap=0.25), nodes("a", "b", "c", "slow"), [task(f"t{i}") for i in range(4)], took)
    ideal.run()

    assert ideal.copies == [("t3", "a", 4.0)]
    assert ideal.makespan_s == 8.0
    assert [end for end in ideal.ends if end[2] == "cancelled"] == [("t3", "slow", "cancelled", 8.0)]


def test_late_copies_nothing_to_a_slow_node():
    """"slow" has done less than all others when t0, once again late, would be copied to it: it waits for another."""
    took = {"a": 3.0, "b": 3.0, "c": 3.0, "slow": 9.0, ("late", "a"): 40.0}
    tasks = [
        *(task(f"t{i}") for i in range(4)), task("late", release_s=3.5),
        *(task(f"u{i}", release_s=3.6) for i in range(2)),
    ]  # fmt: skip
    ideal = Reporting(Late(slow_node=0.4), nodes("a", "b", "c", "slow"), tasks, took)
    ideal.run()

    assert all(node != "slow" for _, node, _ in ideal.copies)
    assert ("late", "slow") not in [each[:2] for each in ideal.starts]


def test_of_equal_tasks_on_equal_nodes_late_copies_none():
    ideal = Reporting(Late(), nodes("a", "b", "c"), [task(f"t{i}") for i in range(8)], {each: 5.0 for each in "abc"})
    ideal.run()

    assert ideal.copies == []


def test_no_more_copies_are_under_way_than_the_cap():
    took = {**{f"n{i}": 50.0 for i in range(8)}, **{f"m{i}": 2.0 for i in range(12)}}
    ideal = Reporting(Late(cap=0.1, slow_task=0.5), nodes(*took), [task(f"t{i}") for i in range(20)], took)
    ideal.run()
    under_way, most = 0, 0
    begins = [(at_s, 1) for _, _, at_s in ideal.copies]
    ends = [(at_s, -1) for _, _, why, at_s in ideal.ends if why == "cancelled"]
    for _, step in sorted(begins + ends):
        under_way += step
        most = max(most, under_way)

    assert most == 2  # of 20 cores
    assert len(ideal.copies) >= 8


def test_the_naive_threshold_copies_the_last_wave_which_is_only_new():
    """Three quick tasks are done when the fourth begins, as fast as they: it is behind an average of nearly 1."""
    took = {"a": 5.0, "b": 5.0}
    tasks = [task(f"t{i}") for i in range(3)]
    naive = Reporting(NaiveSpeculation(), nodes("a", "b"), tasks, took)
    late = Reporting(Late(), nodes("a", "b"), tasks, took)
    naive.run()
    late.run()

    assert naive.copies == [("t2", "b", 5.0)]
    assert late.copies == []


def test_a_naive_copy_waits_for_the_threshold_and_the_least_time():
    took = {"a": 2.0, "b": 4.0, ("t1", "b"): 50.0}
    ideal = Reporting(NaiveSpeculation(after_s=10.0), nodes("a", "b"), [task("t0"), task("t1")], took)
    ideal.run()

    assert ideal.copies == [("t1", "a", 10.0)]


def test_a_hedge_is_sent_when_a_task_takes_longer_than_the_quantile_says():
    """Twenty take 1 to 20 times what is expected; 0.9 of them 18 at most, so that the next is copied after 18."""
    tasks = [*(task(f"t{i}") for i in range(20)), task("late", release_s=300.0)]
    times_s = {f"t{i}": [i + 1.0] for i in range(20)} | {"late": [90.0, 1.0]}
    ideal = Ideal(Hedged(quantile=0.9, least=20), nodes("a", "b"), tasks, lambda task, node: times_s[task.name].pop(0))
    ideal.run()

    assert [at_s for name, _, at_s in ideal.starts if name == "late"] == [300.0, 318.0]
    assert ideal.makespan_s == 319.0


def test_a_hedge_counts_what_each_task_is_expected_to_take():
    """One that is ten times as long is not late after what the others take."""
    tasks = [*(task(f"t{i}", 1.0) for i in range(9)), task("long", 10.0)]
    ideal = Ideal(Hedged(least=5), nodes("a", "b"), tasks)
    ideal.run()

    assert Counter(name for name, _, _ in ideal.starts)["long"] == 1


@pytest.mark.parametrize("policy", COPYING, ids=repr)
@pytest.mark.parametrize("seed", range(4))
def test_every_task_is_done_once_though_copied(policy, seed):
    generator = stream(seed)
    took = {(f"t{i}", f"n{j}"): float(generator.choice([1, 2, 3, 30])) for i in range(30) for j in range(5)}
    tasks = [task(f"t{i}", user="ab"[i % 2]) for i in range(30)]
    ideal = Reporting(policy, nodes(*(f"n{j}" for j in range(5))), tasks, took)
    ideal.run()
    done = Counter(name for name, _, why, _ in ideal.ends if why == "done")
    plain = Reporting(Fifo(), nodes(*(f"n{j}" for j in range(5))), tasks, took)
    plain.run()

    assert done == Counter(each.name for each in tasks)
    assert max(Counter(name for name, _, _ in ideal.starts).values()) <= 2
    assert len(ideal.starts) == len(ideal.ends)
    assert isinstance(policy.policy, FairShare) or ideal.makespan_s <= plain.makespan_s


@pytest.mark.parametrize("policy", COPYING, ids=repr)
def test_while_tasks_wait_nothing_is_copied_nor_what_is_of_a_gang(policy):
    watcher = policy.begin(setting(nodes("a", "b")))
    for each in nodes("a", "b"):
        watcher.node_changed(each)
    late = task("late", gang="g", gang_size=2)
    watcher.task_started(late, "a", 0.0)
    for name in ("t0", "t1", "t2", "t3", "t4"):
        watcher.task_started(task(name), "b", 0.0)
        watcher.task_stopped(name, "b", "done", 1.0)
    watcher.task_progressed("late", "a", 0.01, 1.0)

    assert not isinstance(watcher.decide(50.0), Speculate)


@pytest.mark.parametrize("policy", COPYING, ids=repr)
def test_what_was_lost_on_one_node_is_not_copied_again_while_it_is_under_way_on_another(policy):
    """Its inputs may be gone, and are made again only when nobody waits for them any more."""
    watcher = policy.begin(setting(nodes("a", "b", "c")))
    for each in nodes("a", "b", "c"):
        watcher.node_changed(each)
    for name in ("t0", "t1", "t2", "t3", "t4"):
        watcher.task_started(task(name), "b", 0.0)
        watcher.task_stopped(name, "b", "done", 1.0)
    watcher.task_started(task("late"), "a", 0.0)
    watcher.task_progressed("late", "a", 0.01, 1.0)
    assert isinstance(watcher.decide(50.0), Speculate)

    watcher.task_started(task("late"), "c", 50.0)
    watcher.task_stopped("late", "c", "lost", 51.0)
    assert not isinstance(watcher.decide(60.0), Speculate)
    watcher.task_stopped("late", "a", "lost", 61.0)
    watcher.task_started(task("late"), "a", 61.0)
    watcher.task_progressed("late", "a", 0.01, 62.0)
    assert isinstance(watcher.decide(200.0), Speculate)


def test_a_hedge_says_when_it_wants_to_be_asked_again():
    watcher = Hedged(least=1).begin(setting(nodes("a", "b")))
    for each in nodes("a", "b"):
        watcher.node_changed(each)
    watcher.task_started(task("quick"), "b", 0.0)
    watcher.task_stopped("quick", "b", "done", 3.0)
    watcher.task_started(task("late"), "a", 1.0)

    assert watcher.decide(3.0) == Wait(4.0)
    assert watcher.decide(4.0) == Speculate("late", "b")


def told(policy, late, done=5, flops=1.0):
    """What watches three nodes of which "c" is idle, where ``late`` tasks, by their progress after 10 s, run alone."""
    watcher = policy.begin(setting(nodes("a", "b", "c")))
    for each in nodes("a", "b", "c"):
        watcher.node_changed(each)
    for number in range(done):
        watcher.task_started(task(f"t{number}", flops), "c", 0.0)
        watcher.task_stopped(f"t{number}", "c", "done", 1.0)
    for (name, progress), node in zip(late.items(), "ab", strict=False):
        watcher.task_started(task(name), node, 0.0)
        watcher.task_progressed(name, node, progress, 10.0)
    return watcher


def test_of_two_late_tasks_that_which_ends_last_is_copied_first():
    assert told(Late(), {"sooner": 0.5, "later": 0.1}).decide(10.0).task == "later"
    assert told(Late(), {"later": 0.1, "sooner": 0.5}).decide(10.0).task == "later"


@pytest.mark.parametrize("policy", COPYING, ids=repr)
def test_nothing_is_copied_while_a_task_waits_for_more_room(policy):
    watcher = told(policy, {"late": 0.1})
    assert isinstance(watcher.decide(50.0), Speculate)

    watcher.task_ready(task("wide", cores=2))
    assert not isinstance(watcher.decide(50.0), Speculate)


def test_what_messages_take_of_short_tasks_says_nothing_of_long_ones():
    """Five took as long as was expected, twenty a thousand times as long as their nothing."""
    watcher = told(Hedged(least=5), {"late": 0.1})
    for number in range(20):
        watcher.task_started(task(f"short-{number}", 1e-3), "c", 1.0)
        watcher.task_stopped(f"short-{number}", "c", "done", 2.0)

    assert watcher.decide(2.0) == Speculate("late", "b")
