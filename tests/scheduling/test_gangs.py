"""Tasks of a gang begin together or not at all, whatever is lost meanwhile."""

import networkx as nx
import pytest

from simcluster.faults import CrashNode, IsolateNode, KillProgram, LoseMessages
from simcluster.scheduling import Gang, Preempt, Task, Wait
from simcluster.scheduling.graph import check_graph
from tests.scheduling.watching import LATENCY_S, SECOND, Says, done, times


def gang_of(count, name="g", **fields):
    return {f"{name}-{place}": ((), {"gang": name, **fields}, SECOND) for place in range(count)}


def all_together(watcher, now_s):
    tasks = list(watcher.ready.values())
    for task in tasks:
        gang = [each for each in tasks if each.gang == task.gang]
        free = [node.name for node in watcher.nodes.values() for _ in range(node.idle)]
        if task.gang and len(gang) == task.gang_size <= len(free):
            return Gang(tuple(zip([each.name for each in gang], free, strict=False)))
    return None if any(not task.gang for task in tasks) else Wait(now_s + 0.01) if tasks else None


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_tasks_of_a_gang_begin_at_one_instant(size):
    begun = times(done(gang_of(size), Says(all_together), workers=3), "task_begin")

    assert len(begun) == size
    assert len({time_s for _, time_s in begun}) == 1


def test_a_gang_that_is_placed_piece_by_piece_holds_its_nodes_until_all_are_in_place():
    tasks = {**gang_of(2), "between": ((), {"release_s": 0.1}, SECOND)}
    # "g-1" may go only at 0.5 s; "g-0" is in place from the beginning, and its node idles.
    def late(watcher, now_s):
        if "g-1" in watcher.ready and now_s < 0.5:
            first = next((name for name in watcher.ready if name != "g-1"), None)
            node = next((node.name for node in watcher.nodes.values() if node.idle), None)
            return (first, node) if first and node else Wait(0.5)
        return None

    begun = dict(times(done(tasks, Says(late), workers=3), "task_begin"))
    assert begun["g-0"] == begun["g-1"] > 0.5
    assert begun["between"] < 0.2


def one_of_each(watcher, now_s):
    """Starts one task of each gang, then the other one of each: on two nodes none of them ever begins."""
    idle = [node.name for node in watcher.nodes.values() if node.idle]
    waits = [name for name in ("a-0", "b-0", "a-1", "b-1") if name in watcher.ready]
    return (waits[0], idle[0]) if idle and waits else Wait(now_s + 1.0)


def test_two_gangs_on_two_nodes_stop_each_other_for_ever_unless_each_goes_as_a_whole():
    tasks = {**gang_of(2, "a"), **gang_of(2, "b")}
    stuck = done(tasks, Says(one_of_each), ends=False)
    whole = done(tasks, Says(all_together))

    assert (stuck.ended, times(stuck, "task_begin")) == ("horizon", [])
    assert whole.ended_s < 2.2


def test_a_gang_of_which_one_node_crashes_begins_again_as_a_whole():
    crash = CrashNode(node="w-1", begin_s=0.5, end_s=0.6)
    result = done(gang_of(3), Says(all_together), workers=4, faults=(crash,), retry_s=0.05)
    begun, ended = times(result, "task_begin"), times(result, "task_end")

    assert {name for name, time_s in begun if time_s < 0.5} == {name for name, time_s in begun if time_s > 0.5}
    assert len({time_s for _, time_s in begun if time_s > 0.5}) == 1
    assert len(begun) == 6
    assert len(ended) == 3
    assert len(times(result, "task_cancel")) == 2


@pytest.mark.parametrize("end_s", [0.52, 0.9])
def test_a_gang_waits_in_place_for_one_whose_node_has_started_anew(end_s):
    """The crash comes while "g-0" and "g-1" wait for "g-2", which is released late."""
    tasks = gang_of(3)
    tasks["g-2"] = ((), {"gang": "g", "release_s": 1.5}, SECOND)
    crash = CrashNode(node="w-1", begin_s=0.5, end_s=end_s)
    begun = times(done(tasks, Says(), workers=3, faults=(crash,), retry_s=0.05), "task_begin")

    assert len(begun) == 3
    assert len({time_s for _, time_s in begun}) == 1


@pytest.mark.parametrize("kill", [CrashNode(node="m", begin_s=0.1, end_s=0.2),
                                  KillProgram(node="m", program="task_graph.master", begin_s=0.1, end_s=0.1001)])
def test_a_gang_in_place_of_which_a_new_master_knows_nothing_is_given_up(kill):
    """A first master has "g-0" wait on w-0, a second places it elsewhere; what is in between needs w-0."""
    tasks = {**gang_of(2), "other": ((), {"release_s": 0.3}, SECOND)}
    places = {"g-0": ("w-0", "w-1"), "g-1": (None, "w-2"), "other": ("w-0", "w-0")}

    def says(watcher, now_s):
        for name in watcher.ready:
            node = places[name][now_s > 0.09]
            if node is not None and watcher.nodes[node].idle:
                return name, node
        return Wait(now_s + 0.05) if watcher.ready else None

    result = done(tasks, Says(says), workers=3, faults=(kill,), retry_s=0.05)
    assert result.ended_s < 2.0


def test_a_gang_goes_elsewhere_as_a_whole_and_what_it_has_begun_counts_for_nothing():
    """Two begin on w-0 and w-1; w-1 crashes, and both go to w-2 and w-3. What w-0 has half done is given up."""
    def says(watcher, now_s):
        nodes = ("w-0", "w-1") if now_s < 0.1 else ("w-2", "w-3")
        starts = tuple(zip(sorted(watcher.ready), nodes, strict=False))
        return Gang(starts) if len(starts) == 2 else Wait(now_s + 1)

    crash = CrashNode(node="w-1", begin_s=0.5)
    result = done(gang_of(2), Says(says), workers=4, faults=(crash,), retry_s=0.05)

    assert [row["node"] for row in result.trace.rows("task_cancel")] == ["w-0"]
    assert [row["node"] for row in result.trace.rows("task_end")] == ["w-2", "w-3"]


def test_a_gang_that_begins_again_goes_on_nowhere_from_where_it_was():
    """The word that w-0 shall give up is lost, and the new order comes first."""
    def says(watcher, now_s):
        if 1.3 < now_s < 1.5:
            return Wait(1.5)
        return all_together(watcher, now_s)

    faults = CrashNode(node="w-1", begin_s=0.5), LoseMessages(probability=1.0, begin_s=1.35, end_s=1.45)
    tasks = {name: (before, fields, 3 * SECOND) for name, (before, fields, _) in gang_of(2).items()}
    result = done(tasks, Says(says), workers=3, faults=faults, retry_s=0.2)
    begun = times(result, "task_begin")

    assert len(begun) == 4
    assert begun[2][1] == begun[3][1] > 1.5


def test_who_was_cut_off_in_place_waits_there_no_more_when_it_is_back():
    """g-0 waits on w-0, which nobody can reach until 1 s, and begins on w-1; "other" needs w-0."""
    tasks = {**gang_of(2), "other": ((), {"release_s": 1.2}, SECOND)}
    tasks["g-1"] = ((), {"gang": "g", "release_s": 2.0}, SECOND)
    cut = IsolateNode(node="w-0", begin_s=0.3, end_s=1.0)

    def says(watcher, now_s):
        places = {"g-0": "w-1" if now_s > 0.2 else "w-0", "g-1": "w-2", "other": "w-0"}
        starts = [(name, places[name]) for name in watcher.ready if places[name] in watcher.nodes]
        return starts[0] if starts else Wait(now_s + 1.0)

    result = done(tasks, Says(says), workers=3, faults=(cut,), retry_s=0.05)
    assert dict(times(result, "task_end"))["other"] < 2.3


def test_a_gang_of_which_one_task_needs_another_is_refused():
    graph = nx.DiGraph()
    for name in "abc":
        graph.add_node(name, task=Task(lambda: None, None, gang="" if name == "b" else "g"))
    graph.add_edges_from([("a", "b"), ("b", "c")])

    with pytest.raises(ValueError, match="tasks of one gang must not depend on each other, got 'c' after 'a'"):
        check_graph(graph)
    graph.add_edge("c", "a")
    with pytest.raises(ValueError, match="a task graph must not have a cycle, got"):
        check_graph(graph)


def test_of_a_gang_all_are_preempted():
    once = []

    def says(watcher, now_s):
        if now_s >= 0.5 and not once:
            once.append(now_s)
            return Preempt("g-0")
        return all_together(watcher, now_s) or (Wait(0.5) if now_s < 0.5 else None)

    result = done(gang_of(2), Says(says))
    assert [name for name, _ in times(result, "task_preempt")] == ["g-0", "g-1"]
    assert len({time_s for _, time_s in times(result, "task_begin")}) == 2


def test_a_gang_does_not_wait_behind_a_task_that_waits_for_the_gang():
    """On one node of two cores: g-0 is in place, then comes what needs both cores, then g-1."""
    tasks = {**gang_of(2), "both": ((), {"cores": 2}, SECOND)}

    def says(watcher, now_s):
        return next(((name, "w-0") for name in ("g-0", "both", "g-1") if name in watcher.ready), None)

    begun = dict(times(done(tasks, Says(says), workers=1, cores=2), "task_begin"))
    assert begun["g-0"] == begun["g-1"] < begun["both"]


def test_a_policy_hears_that_a_gang_has_become_smaller():
    """g-0 is preempted when it is done already, on its node; the other one is a gang by itself from then on."""
    tasks = gang_of(2)
    tasks["g-1"] = ((), {"gang": "g"}, 2 * SECOND)
    once = []

    def says(watcher, now_s):
        if watcher.running and not once and now_s >= 1.0 + 3 * LATENCY_S:
            once.append(now_s)
            return Preempt("g-1")
        if watcher.running and not once:
            return Wait(1.0 + 3 * LATENCY_S)
        if once and now_s < once[0] + 0.05:
            return Wait(once[0] + 0.05)
        return all_together(watcher, now_s)

    result = done(tasks, Says(says))
    assert [name for name, _ in times(result, "task_preempt")] == ["g-0", "g-1"]
    assert [name for name, _ in times(result, "task_end")] == ["g-0", "g-1"]
    assert result.ended_s < 3.2
