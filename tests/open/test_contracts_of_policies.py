"""What each policy that watches promises, and each order and each place that it may be made of."""

import math
import sys
from collections import Counter

import pytest

from simcluster.engine import stream
from simcluster.scheduling import Greedy, Parallel, Utilisation, arrival, deadline, shortest, urgent
from simcluster.scheduling.policies.places.known import Known
from simcluster.scheduling.watching import Asked
from tests.built_ins import one, words
from tests.scheduling.ideal import Ideal, setting, task, view

WATCHING = [word for word in words("WatchingPolicy") if hasattr(one("WatchingPolicy", word), "begin")]


def tasks(count, seed=0, *, cores=2, release_s=20):
    """Tasks that have all that a policy may look at."""
    generator = stream(seed, "tasks", count)
    return [
        task(
            f"t{place}", float(generator.integers(1, 9)), user="abc"[int(generator.integers(3))],
            job="xyz"[int(generator.integers(3))], priority=float(generator.integers(5)),
            deadline_s=float(generator.integers(5, 99)), cores=int(generator.integers(1, cores + 1)),
            memory_bytes=float(generator.integers(4)), release_s=float(generator.integers(release_s)),
            estimate_s=None if place % 3 else float(generator.integers(1, 12)),
            inputs=((f"n{generator.integers(4)}", 1.0),) if place % 2 else (),
        )
        for place in range(count)
    ]  # fmt: skip


def nodes():
    return [view("n0", 2, memory_bytes=8.0), view("n1", 3, 2.0, 9.0), view("n2", 2, 0.5, 5.0), view("n3", 4, 4.0, 4.0)]


def early(policy):
    return isinstance(policy, Utilisation)


@pytest.mark.parametrize("word", WATCHING)
@pytest.mark.parametrize("seed", range(3))
def test_a_policy_starts_only_what_is_ready_where_there_is_room_and_all_in_the_end(word, seed):
    """The ideal cluster refuses whatever else is decided."""
    policy = one("WatchingPolicy", word)
    ideal = Ideal(policy, nodes(), tasks(60, seed), early=early(policy))
    ideal.run()

    assert Counter(name for name, _, why, _ in ideal.ends if why == "done") == Counter(f"t{i}" for i in range(60))


@pytest.mark.parametrize("word", WATCHING)
def test_the_same_changes_give_the_same_decisions_and_no_two_runs_share_anything(word):
    policy = one("WatchingPolicy", word)
    alone = Ideal(policy, nodes(), tasks(40), early=early(policy))
    alone.run()
    first, second = (Ideal(policy, nodes(), tasks(40), early=early(policy)) for _ in range(2))
    first.run()
    second.run()

    assert alone.starts == first.starts == second.starts


class Watched(Ideal):
    """Loses nodes now and then, with all that runs there, for a while."""

    def __init__(self, *given, **fields):
        super().__init__(*given, **fields)
        generator = stream(7)
        for place in range(12):
            node = f"n{generator.integers(4)}"
            self.at(2.0 + 3 * place, 0, self.lose, node)
            self.at(4.5 + 3 * place, 0, self.back, node)

    def lose(self, node):
        lost = [there[node][0] for there in self.running.values() if node in there]
        for each in lost:
            self.stop(each, node, "lost")
        self.away = self.views.pop(node)
        self.watcher.node_gone(node)
        for each in lost:
            if each.name not in self.running:
                self.release(each)

    def back(self, node):
        self.views[node] = self.away
        self.queues.pop(node, None)
        self.watcher.node_changed(self.away)


@pytest.mark.parametrize("word", WATCHING)
def test_a_policy_starts_again_what_was_lost_with_a_node(word):
    policy = one("WatchingPolicy", word)
    ideal = Watched(policy, nodes(), tasks(60), early=early(policy))
    ideal.run()

    assert any(why == "lost" for _, _, why, _ in ideal.ends)
    assert Counter(name for name, _, why, _ in ideal.ends if why == "done") == Counter(f"t{i}" for i in range(60))


def lines(policy, waiting):
    """How many lines of Python it takes to hear of the end of a task and to decide what begins, while so many wait."""
    ideal = Ideal(policy, [view(f"n{place}", 4) for place in range(4)], [], early=early(policy))
    for each in tasks(waiting, cores=3, release_s=1):
        ideal.release(each._replace(memory_bytes=0.0))
    if not early(policy):
        ideal.ask()
    count, before = 0, sys.gettrace()

    def trace(frame, event, argument):
        nonlocal count
        count += event == "line"
        return trace

    for _ in range(20):
        sys.settrace(trace)
        for name in [*ideal.running][:1]:
            ((node, (each, attempt)),) = ideal.running[name].items()
            ideal.finish(each, node, attempt)
        decision = ideal.watcher.decide(ideal.now_s)
        sys.settrace(before)
        if isinstance(decision, tuple):
            ideal.obey(decision)
    return count


@pytest.mark.parametrize("word", WATCHING)
def test_a_decision_takes_no_longer_the_more_tasks_wait(word):
    """A logarithm may: of 32 times as many, 5 steps more of a tree."""
    few, many = (lines(one("WatchingPolicy", word), waiting) for waiting in (100, 3200))

    assert many <= 1.5 * few


@pytest.mark.parametrize("word", words("Order"))
def test_an_order_gives_each_task_one_number_of_its_own(word):
    order = one("Order", word)
    given = [order(each) for each in tasks(30)]

    assert given == [order(each) for each in tasks(30)]
    assert all(isinstance(number, float) and not math.isnan(number) for number in given)


def test_the_orders_are_by_arrival_length_priority_and_deadline():
    quick, late = task("quick", 1e9), task("late", 5e9, priority=2.0, deadline_s=7.0)
    claims = task("claims", 9e9, estimate_s=0.5)

    assert arrival(quick) == arrival(late)
    assert (shortest(quick), shortest(late), shortest(claims)) == (1.0, 5.0, 0.5)
    assert urgent(late) < urgent(quick)
    assert deadline(late) < deadline(quick) == math.inf


@pytest.mark.parametrize("word", words("Place"))
def test_a_place_names_a_node_that_is_up_and_has_room_unless_it_binds_early(word):
    place, generator = one("Place", word), stream(5)
    choice = place.begin(setting(nodes(), 5))
    up = {}
    for each in tasks(300):
        name = f"n{generator.integers(4)}"
        if generator.random() < 0.2 and name in up:
            del up[name]
            choice.node_gone(name)
        else:
            cores = int(generator.integers(1, 4))
            up[name] = view(name, cores)._replace(
                idle=int(generator.integers(cores + 1)), idle_since_s=float(generator.integers(9)),
                backlog_s=float(generator.integers(9)), free_memory_bytes=float(generator.integers(5)),
            )  # fmt: skip
            choice.node_changed(up[name])
        fits = [name for name in up if up[name].has_room(each)]
        could = choice.has_room(each)
        node = choice.choose(each)

        assert could == (node is not None)
        if word == "least_backlog":
            assert node in up if up else node is None
        else:
            assert node in fits if fits else node is None


class Last(Known):
    """The last node in the job's order that has room."""

    def choose(self, task):
        return next((view.name for view in reversed(self._views.values()) if view.has_room(task)), None)


class LastPlace:
    def begin(self, setting):
        return Last(setting.nodes)


def test_an_order_and_a_place_may_be_one_s_own():
    longest = Greedy(order=lambda task: -task.cost.flops, place=LastPlace())
    ideal = Ideal(longest, [view("n"), view("m")], [task("a", 1.0), task("b", 3.0), task("c", 2.0)])
    ideal.run()

    assert ideal.starts == [("b", "m", 0.0), ("c", "n", 0.0), ("a", "n", 2.0)]


def test_what_is_no_order_is_refused():
    with pytest.raises(ValueError, match="Order must have"):
        Greedy(order=3)
    with pytest.raises(ValueError, match="Place must have begin"):
        Greedy(place=object())


def test_a_function_of_everything_still_serves():
    def last(ready, nodes):
        idle = [node.name for node in nodes if node.idle]
        return (ready[-1].name, idle[0]) if ready and idle else None

    class Policy:
        def begin(self, setting):
            return Asked(last, Parallel(), setting)

    ideal = Ideal(Policy(), [view("n")], [task("a"), task("b")])
    ideal.run()

    assert [name for name, _, _ in ideal.starts] == ["b", "a"]
