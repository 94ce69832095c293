"""What each decision does: preemption, copies, waiting, releases, retries, and what crashes make of them."""

import math

import networkx as nx
import pytest

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NodeSpec
from simcluster.faults import CrashNode, ExhaustMemory, IsolateNode, LoseMessages, SlowNode
from simcluster.kernels import Call, Cost
from simcluster.scheduling import Gang, GaveUp, Preempt, Serial, Speculate, Task, TaskGraphJob, Wait, add_task, fifo
from tests.scheduling.watching import LATENCY_S, SECOND, AnyPolicyAtAll, Checked, Says, bag, done, times

# Preemption


def urgent_first(watcher, now_s):
    """Preemptive priority: the most urgent task that waits takes the place of the least urgent that runs."""
    of = {name: watcher.setting.graph.nodes[name]["task"].priority for name in watcher.setting.graph}
    tasks = sorted(watcher.ready.values(), key=lambda task: -task.priority)
    idle = [node.name for node in watcher.nodes.values() if node.idle]
    if tasks and idle:
        return tasks[0].name, idle[0]
    least = min((name for name, _ in watcher.running), key=lambda name: of[name], default=None)
    return Preempt(least) if tasks and of[least] < tasks[0].priority else None


def test_an_urgent_task_takes_the_node_of_another_which_begins_again_later():
    tasks = {"slow": ((), {}, SECOND), "urgent": ((), {"priority": 1.0, "release_s": 0.5}, SECOND)}
    result = done(tasks, Says(urgent_first), workers=1)

    assert times(result, "task_preempt") == [("slow", 0.5)]
    assert times(result, "task_cancel") == [("slow", 0.5 + LATENCY_S)]
    assert times(result, "task_end") == [
        ("urgent", pytest.approx(1.5 + LATENCY_S)),
        ("slow", pytest.approx(2.5 + 3 * LATENCY_S)),
    ]
    ledger = result.ledger.loc["w-0"]
    assert ledger["lost_s"] == pytest.approx(0.5)
    assert ledger["compute_s"] == pytest.approx(2.0)
    assert ledger.sum() == pytest.approx(result.ended_s)


def test_what_is_preempted_stays_so_though_the_word_is_lost_at_first():
    tasks = {"slow": ((), {}, 2 * SECOND), "urgent": ((), {"priority": 1.0, "release_s": 0.5}, SECOND)}
    lost = LoseMessages(probability=1.0, begin_s=0.49, end_s=0.63)
    result = done(tasks, Says(urgent_first), workers=1, faults=(lost,), retry_s=0.1)

    assert [name for name, _ in times(result, "task_end")] == ["urgent", "slow"]


def test_a_policy_may_not_preempt_for_ever_at_one_instant():
    def dithers(watcher, now_s):
        return Preempt(next(iter(watcher.running))[0]) if watcher.running else None

    with pytest.raises(ValueError, match=r"policy must not preempt a task that it has just started, got Preempt"):
        done(bag(1), Says(dithers))


# Copies


def copies_after(after_s):
    def says(watcher, now_s):
        idle = [node.name for node in watcher.nodes.values() if node.idle]
        if watcher.ready or not idle or len(watcher.running) != 1:
            return None
        (name, _), since_s = next(iter(watcher.running.items()))
        return Speculate(name, idle[0]) if now_s >= since_s + after_s else Wait(since_s + after_s)

    return says


def test_the_first_of_two_copies_counts_and_the_other_is_given_up_and_redundant():
    slow = SlowNode(node="w-0", factor=10.0, begin_s=0.0)
    result = done(bag(1), Says(copies_after(0.5)), faults=(slow,))

    assert times(result, "task_speculate") == [("t-0", 0.5)]
    assert [(row["task"], row["node"]) for row in result.trace.rows("task_end")] == [("t-0", "w-1")]
    assert times(result, "task_cancel") == [("t-0", 1.5 + 3 * LATENCY_S)]
    assert result.ledger["compute_s"]["w-1"] == pytest.approx(1.0)
    assert result.ledger["compute_s"]["w-0"] == 0.0


def test_where_the_copy_is_lost_the_first_goes_on_and_the_other_way_round():
    for node in ("w-0", "w-1"):
        crash = CrashNode(node=node, begin_s=0.7)
        result = done({"t": ((), {}, 2 * SECOND)}, Says(copies_after(0.5)), faults=(crash,), retry_s=0.05)
        # The master learns of it while the other runs, and copies that one's task nowhere.
        assert result.ended_s < 2.6
        assert len(times(result, "task_begin")) == 2


# Cores, memory, releases


def test_a_task_of_several_cores_keeps_them_busy():
    result = done({"wide": ((), {"cores": 3}, SECOND), "thin": ((), {}, SECOND)}, "fifo", workers=1, cores=3)

    assert dict(times(result, "task_begin"))["thin"] >= dict(times(result, "task_end"))["wide"]
    computes = [row["time_s"] - row["begin_s"] for row in result.trace.rows("compute")]
    assert computes == [pytest.approx(1.0)] * 4


def test_no_node_gets_what_it_could_never_hold():
    with pytest.raises(ValueError, match=r"must have no more cores and memory than one of the workers, got 3 cores"):
        done({"wide": ((), {"cores": 3}, SECOND)}, "fifo", cores=2)
    with pytest.raises(ValueError, match=r"no more cores and memory .*, got 1 cores and 2e\+09 bytes for 'large'"):
        done({"large": ((), {"memory_bytes": 2e9}, SECOND)}, "fifo", memory_bytes=1e9)

    cluster = ClusterSpec(nodes=(NodeSpec(name="m"), NodeSpec(name="big", cores=2), NodeSpec(name="small")))
    job = TaskGraphJob(
        work=Checked({"wide": ((), {"cores": 2}, SECOND)}), policy=lambda ready, nodes: (ready[0].name, "small"),
        master="m", workers=("big", "small"),
    )  # fmt: skip
    with pytest.raises(ValueError, match="a node that has the cores and the memory of the task, got 'small'"):
        run(Scenario(cluster=cluster, job=job), 0)


class Wider:
    """A task that asks for as many cores as the seed says, and one more."""

    def graph(self, seed):
        """The task."""
        graph = nx.DiGraph()
        add_task(graph, "a", Task(lambda: Call(dict, Cost(SECOND, 0.0)), Cost(SECOND, 0.0), cores=1 + seed))
        return graph

    def outcome(self, outputs):
        """Nothing."""


def test_a_task_that_only_another_seed_makes_too_wide_does_not_wait_for_ever():
    job = TaskGraphJob(work=Wider(), policy=fifo, master="m", workers=("w",))
    scenario = Scenario(cluster=ClusterSpec(nodes=(NodeSpec(name="m"), NodeSpec(name="w"))), job=job)

    assert run(scenario, 0).ended == "finished"
    with pytest.raises(ValueError, match="must have no more cores and memory than one of the workers, got 2 cores"):
        run(scenario, 1)


def test_a_task_waits_for_memory_that_a_fault_withholds():
    fault = ExhaustMemory(node="w-0", size_bytes=8e5, begin_s=0.0, end_s=2.0)
    tasks = {"t": ((), {"memory_bytes": 5e5}, SECOND)}
    result = done(tasks, "fifo", workers=1, memory_bytes=1e6, faults=(fault,), retry_s=0.1)

    assert 2.0 <= times(result, "task_begin")[0][1] <= 2.1 + LATENCY_S


def test_a_task_is_ready_when_it_is_released_and_not_before():
    releases_s = (0.75, 0.0, 0.3)
    tasks = {f"t-{place}": ((), {"release_s": time_s}, SECOND / 10) for place, time_s in enumerate(releases_s)}
    for policy in ("fifo", Says(), fifo):
        begun = dict(times(done(tasks, policy, workers=1, retry_s=100.0), "task_begin"))
        assert begun == {"t-1": LATENCY_S, "t-2": 0.3 + LATENCY_S, "t-0": 0.75 + LATENCY_S}


@pytest.mark.parametrize(("fields", "message"), [
    ({"release_s": -1.0}, "release_s must be finite and at least 0, got -1.0"),
    ({"release_s": math.inf}, "release_s must be finite and at least 0, got inf"),
    ({"deadline_s": math.nan}, "deadline_s must be at least 0, got nan"),
    ({"cores": 0}, "cores must be a whole number of at least 1, got 0"),
    ({"cores": 1.5}, "cores must be a whole number of at least 1, got 1.5"),
    ({"cores": True}, "cores must be a whole number of at least 1, got True"),
    ({"memory_bytes": math.inf}, "memory_bytes must be finite and at least 0, got inf"),
    ({"estimate_s": -2.0}, "estimate_s must be None, or finite and at least 0, got -2.0"),
    ({"user": 3}, "user must be text, got 3"),
    ({"gang": None}, "gang must be text, got None"),
    ({"priority": math.nan}, "priority must be a number, got nan"),
    ({"priority": None}, "priority must be a number, got None"),
    ({"release_s": "soon"}, "release_s must be a number, got 'soon'"),
    ({"deadline_s": None}, "deadline_s must be a number, got None"),
    ({"memory_bytes": "much"}, "memory_bytes must be a number, got 'much'"),
    ({"estimate_s": "long"}, "estimate_s must be a number, got 'long'"),
])  # fmt: skip
def test_a_task_that_cannot_be_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Task(lambda: None, None, **fields)


# Decisions that cannot be


@pytest.mark.parametrize(("decision", "message"), [
    (Preempt("t-1"), "policy must preempt a task that is under way"),
    (Speculate("t-1", "w-0"), "policy must copy a task that is under way, of no gang, to a node where it is not"),
    (Gang((("t-0", "w-0"), ("t-9", "w-1"))), "policy must return a ready task and a node, or None to wait, got Gang"),
    (("t-0", "w-9"), "policy must return one of the nodes that are up, got 'w-9' for 't-0'"),
    (Wait(-1.0), "policy must wait for a time after 0 s, got -1.0"),
    (Wait(math.nan), "policy must wait for a time after 0 s, got nan"),
    (Wait("noon"), "policy must wait for a time after 0 s, got noon"),
    (Gang(()), "policy must start at least one task with a gang"),
    (({}, "w-0"), "policy must return a ready task and a node, or None to wait, got"),
    ("t-0", "policy must return a ready task and a node, or None to wait, got 't-0'"),
])  # fmt: skip
def test_a_decision_that_cannot_be_is_refused(decision, message):
    with pytest.raises(ValueError, match=message):
        done(bag(2), Says(lambda watcher, now_s: decision))


# Crashes


def chain(levels):
    return {f"t-{level}": ((f"t-{level - 1}",) if level else (), {}, SECOND / 2) for level in range(levels)}


@pytest.mark.parametrize("policy", ["fifo", "heft", Says(), AnyPolicyAtAll(tricks=0)])
def test_what_was_lost_with_a_node_is_done_again_through_all_levels(policy):
    """All but the last of a chain has run on the node that is lost, with all that it kept."""
    result = done(chain(5), policy, workers=1, faults=(CrashNode(node="w-0", begin_s=2.2, end_s=2.3),), retry_s=0.05)
    begun = [name for name, _ in times(result, "task_begin")]

    if policy != "heft":
        assert begun == [f"t-{level}" for level in (0, 1, 2, 3, 4, 0, 1, 2, 3, 4)]
    assert result.ledger["lost_s"]["w-0"] >= 0.1


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_job_gives_up_a_task_that_was_lost_more_often_than_it_may(retries):
    crashes = tuple(CrashNode(node="w-0", begin_s=0.4 + place, end_s=0.9 + place) for place in range(20))
    result = done(bag(1), "fifo", workers=1, faults=crashes, retry_s=0.05, retries=retries, ends=False)

    assert result.outcome == GaveUp("t-0", retries + 1, 0)
    assert [verdict.name for verdict in result.verdicts if verdict.name == "gave up"] == ["gave up"]
    assert len(times(result, "task_begin")) == retries + 1
    if retries:  # it is done on the other node
        assert done(bag(1), "fifo", faults=crashes, retry_s=0.05, retries=retries).ended_s < 1.7


def test_a_job_gives_up_a_task_whose_node_returns_too_soon_for_anybody_to_suspect_it():
    begins_s = [0.4 + place / 2 for place in range(400)]
    crashes = tuple(CrashNode(node="w-0", begin_s=begin_s, end_s=begin_s + 1e-3) for begin_s in begins_s)
    result = done(bag(1), "fifo", workers=1, faults=crashes, retry_s=0.05, retries=5, ends=False)

    assert result.outcome == GaveUp("t-0", 6, 0)
    assert not list(result.trace.rows("suspect"))


def test_what_a_node_was_suspected_for_and_did_is_taken_and_done_nowhere_else_any_longer():
    """A partition hides w-0 until shortly before its task is done there; what was begun again on w-1 is given up."""
    cut = IsolateNode(node="w-0", begin_s=0.1, end_s=0.9)
    result = done(bag(1), Says(), faults=(cut,), retry_s=0.05)

    assert [row["node"] for row in result.trace.rows("task_begin")] == ["w-0", "w-1"]
    assert [row["node"] for row in result.trace.rows("task_end")] == ["w-0"]
    assert [row["node"] for row in result.trace.rows("task_cancel")] == ["w-1"]


# What a policy is told


def test_workers_say_how_far_they_are_to_a_policy_that_asks():
    heard = []

    class Hears(Says):
        def begin(self, setting):
            made = super().begin(setting)
            made.task_progressed = lambda *told: heard.append(told)
            return made

    slow = SlowNode(node="w-0", factor=2.0, begin_s=0.5)
    done(bag(1), Hears(progress_s=0.2), workers=1, faults=(slow,))
    # Ordered at the beginning, begun a latency later; each report is on its way as long.
    at_s = [LATENCY_S + 0.2 * place for place in range(1, 8)]
    expected = [(time_s - LATENCY_S, 0.5 + (time_s - 0.5) / 2 - LATENCY_S)[time_s > 0.5] for time_s in at_s]
    assert [told[:2] for told in heard] == [("t-0", "w-0")] * 7
    assert [told[2] for told in heard] == pytest.approx(expected)
    assert [told[3] for told in heard] == pytest.approx([time_s + LATENCY_S for time_s in at_s])

    heard.clear()
    done(bag(1), Hears(), workers=1)
    assert heard == []


def test_a_ready_task_says_where_what_it_takes_lies():
    seen = {}

    def says(watcher, now_s):
        seen.update(watcher.ready)
        return None

    tasks = {"a": ((), {}, SECOND), "b": ((), {}, SECOND), "c": (("a", "b"), {"user": "me"}, SECOND)}
    result = done(tasks, Says(says))
    place = {row["task"]: row["node"] for row in result.trace.rows("task_end")}

    assert seen["c"].inputs == ((place["a"], 100.0), (place["b"], 100.0))
    assert [seen["c"].local_bytes(place[name]) for name in "ab"] == [100.0, 100.0]
    assert seen["c"].local_bytes("m") == 0.0
    assert seen["c"].user == "me"


def test_a_watcher_sees_what_the_execution_leaves():
    """One after the other on the fastest node, though the policy would spread them."""
    tasks = {f"t-{place}": ((), {}, SECOND / 10) for place in range(4)}
    result = done(tasks, Says(), workers=3, cores=2, execution=Serial())
    assert {row["node"] for row in result.trace.rows("task_begin")} == {"w-0"}
    ends = [0.0, *(time_s for _, time_s in times(result, "task_end"))]
    begins = [time_s for _, time_s in times(result, "task_begin")]
    assert all(begin_s >= end_s for begin_s, end_s in zip(begins, ends, strict=False))


def test_the_outputs_of_many_tasks_are_asked_for_together():
    result = done(bag(500), "fifo", workers=2, cores=4)
    asked = [row for row in result.trace.rows("send") if row["message_kind"] == "task_graph.outputs"]

    assert 2 <= len(asked) <= 8


def test_a_policy_that_watches_starts_anew_with_its_master_and_knows_what_is_done():
    begun = []

    class Noted(Says):
        def begin(self, setting):
            begun.append(setting.done)
            return super().begin(setting)

    done(bag(3), Noted(), workers=1, faults=(CrashNode(node="m", begin_s=1.5, end_s=1.6),), retry_s=0.1)
    assert begun == [(), ()]


# Where the time has gone


def test_of_tasks_that_began_together_on_one_node_each_is_what_became_of_it():
    """Two on two cores at once: one ends after a second and counts, the other is preempted after half of one."""
    tasks = {"ends": ((), {"priority": 2.0}, SECOND), "stops": ((), {}, SECOND)}
    tasks["urgent"] = ((), {"priority": 1.0, "release_s": 0.5}, SECOND)
    for order in (tasks, {name: tasks[name] for name in ("stops", "ends", "urgent")}):
        result = done(order, Says(urgent_first), workers=1, cores=2)
        ledger = result.ledger.loc["w-0"]

        assert times(result, "task_preempt") == [("stops", 0.5)]
        assert ledger.sum() == pytest.approx(result.ended_s)
        assert ledger["lost_s"] == 0.0  # both cores together count once, and the other's work counts
        assert ledger["compute_s"] == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("first", ["long", "short"])
def test_what_a_crash_takes_from_one_core_is_lost_though_the_other_has_done_its_task(first):
    """Both begin at once; "short" is done at 0.4 s, and "long" never."""
    tasks = {"short": ((), {}, 0.4 * SECOND), "long": ((), {"priority": 1.0}, 2 * SECOND)}
    tasks = {name: tasks[name] for name in (first, *tasks)}
    crash = CrashNode(node="w-0", begin_s=1.0)
    ledger = done(tasks, "fifo", workers=1, cores=2, faults=(crash,), retry_s=0.05, ends=False).ledger.loc["w-0"]

    # Until 0.4 s one of them counts; from then on "long" alone runs, for nothing, until nobody runs.
    assert ledger["compute_s"] == pytest.approx(0.4)
    assert ledger["lost_s"] >= 0.6
