"""What schemes are made of: clocks that stamp, Merkle trees, shelves, answers of several, workloads."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster import ClusterSpec, NetworkSpec, nodes
from simcluster.cluster import ClockSpec, Cluster, NodeSpec, StorageSpec
from simcluster.engine import Constant, Environment, Exponential, Trace, stream
from simcluster.replication import Answers, Mix, Shelf, ask_in_turn, ask_quorum
from simcluster.replication.clocks import CLOCKS
from simcluster.replication.merkle import ROOT, MerkleTree, children, is_leaf, leaf_of


def cluster(*machines, **network):
    env = Environment()
    spec = ClusterSpec(nodes=machines or nodes("n", 4), network=NetworkSpec(**network))
    return Cluster(env, spec, 0, Trace(env))


def outcome(there, steps, until=100.0):
    """What steps on a node give."""
    given = []

    def program(node):
        given.append((yield from steps))

    there.boot(program)
    there.env.run(until=until)
    return given[0] if given else None


# Clocks


@pytest.mark.parametrize("kind", CLOCKS)
@given(waits=st.lists(st.tuples(st.sampled_from([0.0, 0.0, 0.5]), st.booleans()), max_size=12))
def test_a_clock_is_later_each_time_and_a_logical_one_is_later_than_what_it_has_seen(kind, waits):
    there = cluster(NodeSpec(name="a"), NodeSpec(name="b", clock=ClockSpec(offset_s=-3.0)))
    ahead, behind = (CLOCKS[kind](there[name]) for name in "ab")
    last = (-np.inf, 0)
    for wait_s, hears in waits:
        there.env.run(until=there.env.now + 1e-9 + wait_s)
        theirs = ahead.tick()
        if hears:
            behind.see(theirs)
        mine = behind.tick()
        assert mine > last
        assert not hears or (mine > theirs) == (kind != "physical")
        last = mine


def test_a_hybrid_clock_follows_the_machines_and_counts_only_while_that_is_behind():
    there = cluster(NodeSpec(name="a", clock=ClockSpec(offset_s=2.0)))
    clock = CLOCKS["hybrid"](there["a"])

    assert [clock.tick(), clock.tick()] == [(2.0, 0), (2.0, 1)]
    clock.see((5.0, 7))
    assert clock.tick() == (5.0, 8)
    there.env.run(until=4.0)
    assert clock.tick() == (6.0, 0)


# Merkle trees

states = st.dictionaries(st.text("abc", max_size=3), st.integers(0, 2), max_size=30)


@given(one=states, other=states)
def test_going_down_where_trees_differ_finds_exactly_the_buckets_with_other_keys_or_states(one, other):
    mine, theirs, level, found = MerkleTree(one), MerkleTree(other), [ROOT], []
    while level:
        differing = theirs.differing({node: mine.hash(node) for node in level})
        found += [node for node in differing if is_leaf(node)]
        level = [child for node in differing if not is_leaf(node) for child in children(node)]
    different = {key for key in {*one, *other} if one.get(key) != other.get(key)}

    assert set(found) == {leaf_of(key) for key in different}
    assert set(mine.keys(found)) == {key for key in one if leaf_of(key) in found}


def test_trees_of_the_same_keys_are_the_same_whatever_came_first():
    held = {f"k{place}": place for place in range(100)}

    assert MerkleTree(held).hash(ROOT) == MerkleTree(dict(reversed(held.items()))).hash(ROOT)
    assert len({leaf_of(key) for key in held}) > 40  # of 64: keys are spread


# Shelves


def shelf(there, durable=True, changes=None):
    return Shelf(there, "s", 0, durable, lambda *change: changes.append(change) if changes is not None else None)


def disk(torn=False):
    return StorageSpec(seek_s=0.01, flush_s=0.01, bandwidth_bytes_per_s=100.0, torn_writes=torn)


@pytest.mark.parametrize("torn", [False, True])
@pytest.mark.parametrize("crash_s", np.linspace(0.05, 2.4, 25))
def test_a_crash_at_any_moment_leaves_all_that_counted_and_nothing_that_was_never_asked(torn, crash_s):
    there = cluster(NodeSpec(name="a", storage=disk(torn)))
    node, counted, restored = there["a"], [], []

    def program(node):
        mine = shelf(node)
        yield from mine.restore()
        restored.append(dict(mine.held))
        for value in range(1, 5):
            mine.take("x", lambda _, value=value: value, lambda value=value: counted.append(value))
            mine.take(f"y{value}", lambda _: 7)
            yield node.timer(0.2)

    node.boot(program)
    there.env.run(until=crash_s)
    node.crash()
    sure = counted[-1] if counted else 0
    node.restart()
    there.env.run(until=crash_s + 1.5)

    assert restored[0] == {}
    assert sure <= restored[1].get("x", 0) <= 4
    assert set(restored[1]) <= {"x", "y1", "y2", "y3", "y4"}
    assert {restored[1][key] for key in restored[1] if key != "x"} <= {7}


def test_changes_of_a_key_build_on_each_other_while_the_disk_works_and_are_told_as_they_count():
    there, changes = cluster(NodeSpec(name="a", storage=disk())), []
    node = there["a"]

    def program(node):
        mine = shelf(node, changes=changes)
        for _ in range(3):
            mine.take("x", lambda state: state + 1)
        assert mine.get("x") == 0
        yield node.timer(5.0)
        assert mine.get("x") == 3

    node.boot(program)
    there.env.run(until=6.0)

    assert changes == [("x", 0, 1), ("x", 1, 2), ("x", 2, 3)]
    assert len(node.storage.keys()) == 1  # what counted before is gone


def test_what_the_disk_refuses_counts_when_it_is_asked_again_and_has_room():
    there, counted = cluster(NodeSpec(name="a")), []
    node = there["a"]

    def program(node):
        mine = shelf(node)
        node.storage.fill("full")
        mine.take("x", lambda _: 1, lambda: counted.append("first"))
        yield node.timer(1.0)
        mine.take("x", lambda _: 1, lambda: counted.append("second"))
        yield node.timer(1.0)
        node.storage.drain("full")
        mine.take("x", lambda _: 1, lambda: counted.append("third"))
        yield node.timer(1.0)

    node.boot(program)
    there.env.run(until=5.0)

    assert counted == ["third"]


# Answers


def answering(there, names, after_s):
    def program(node):
        while True:
            message = yield node.receive("ask")
            yield node.timer(after_s[node.name])
            node.reply(message, node.name)

    for name in names:
        there[name].boot(program)


def test_so_many_answers_are_enough_and_the_others_come_in_later():
    there = cluster(latency=Constant(value=0.0))
    answering(there, ("n-1", "n-2", "n-3"), {"n-1": 3.0, "n-2": 1.0, "n-3": 2.0})

    def steps(node):
        answers = Answers(node, ["n-1", "n-2", "n-3"], "ask", timeout_s=2.5)
        enough = yield answers.at_least(2)
        at_two = (node.env.now, enough, list(answers.bodies))
        all_there = yield answers.all()
        return at_two, node.env.now, all_there, list(answers.bodies), list(answers.failed), answers.refused

    two, at_s, all_there, bodies, failed, refused = outcome(there["n-0"], steps(there["n-0"]))

    assert two == (pytest.approx(2.0, abs=1e-3), True, ["n-2", "n-3"])
    assert at_s == pytest.approx(2.5)
    assert (all_there, bodies, failed, refused) == (False, ["n-2", "n-3"], ["n-1"], False)


def test_when_too_many_fail_whoever_waits_learns_that_at_once_and_of_nobody_all_have_answered():
    there = cluster(failures="reported", latency=Constant(value=0.0))
    there["n-1"].crash()

    def steps(node):
        answers = Answers(node, ["n-1"], "ask", timeout_s=9.0)
        enough = yield answers.at_least(1)
        none = yield Answers(node, [], "ask").all()
        return node.env.now, enough, none, answers.refused

    assert outcome(there["n-0"], steps(there["n-0"])) == (pytest.approx(0.0, abs=1e-3), False, True, True)


@pytest.mark.parametrize("failures", ["silent", "reported"])
def test_a_quorum_is_asked_until_it_is_there_and_only_those_that_are_missing_are_asked_again(failures):
    there = cluster(failures=failures, latency=Constant(value=0.0))
    answering(there, ("n-1", "n-2", "n-3"), {"n-1": 0.1, "n-2": 0.1, "n-3": 0.1})
    for name in ("n-2", "n-3"):
        there[name].crash()
        there.env.call_later(5.0, lambda _, name=name: there[name].restart(), None)
    steps = ask_quorum(there["n-0"], ["n-1", "n-2", "n-3"], "ask", None, count=2, retry_s=1.0)

    bodies = outcome(there["n-0"], steps, until=9.0)
    asked = Counter(row["target"] for row in there.trace.rows("send") if row["message_kind"] == "ask")

    assert next(iter(bodies)) == "n-1"
    assert len(bodies) >= 2
    assert asked["n-1"] == 1
    assert asked["n-2"] == 6 if failures == "silent" else 3 <= asked["n-2"] <= 6


@pytest.mark.parametrize("failures", ["silent", "reported"])
def test_one_after_another_is_asked_and_the_one_that_answered_is_told(failures):
    there = cluster(failures=failures, latency=Constant(value=0.0))
    answering(there, ("n-1", "n-2", "n-3"), dict.fromkeys(("n-1", "n-2", "n-3"), 0.1))
    for name in ("n-2", "n-3"):
        there[name].crash()
    steps = ask_in_turn(there["n-0"], ["n-1", "n-2", "n-3"], "ask", None, retry_s=1.0, first=1)

    assert outcome(there["n-0"], steps) == (0, "n-1")


def test_when_all_refuse_at_once_the_next_round_comes_later():
    there = cluster(failures="reported", latency=Constant(value=0.0))
    for name in ("n-1", "n-2"):
        there[name].crash()
    outcome(there["n-0"], ask_in_turn(there["n-0"], ["n-1", "n-2"], "ask", None, retry_s=1.0), until=3.5)

    assert 2 <= len(list(there.trace.rows("send"))) <= 10


# Workloads


def asked(mix, number=0, clients=3, seed=0):
    return list(mix.client(number, clients, stream(seed, "asked")))


def test_a_mix_has_its_shares_and_its_keys_by_zipfs_law():
    found = asked(Mix(operations=20_000, mix={"read": 9, "write": 1}, keys=4, zipf=1.0))
    keys = Counter(each.key for each in found)
    weights = 1 / np.arange(1, 5) / np.sum(1 / np.arange(1, 5))

    # Four deviations of a share p of 20,000.
    assert abs(sum(each.f == "read" for each in found) / 20_000 - 0.9) < 4 * np.sqrt(0.09 / 20_000)
    for place, weight in enumerate(weights):
        assert abs(keys[f"k{place}"] / 20_000 - weight) < 4 * np.sqrt(weight * (1 - weight) / 20_000)


def test_what_is_written_is_unique_in_the_run():
    mix = Mix(operations=50, mix={"write": 1, "append": 1, "add": 1, "cas": 1})
    values = [
        each.value[1] if each.f == "cas" else each.value
        for number in range(3) for each in asked(mix, number, seed=number)
    ]  # fmt: skip

    assert len(set(values)) == len(values) == 150


def test_a_cas_expects_what_its_client_saw_last_and_a_removal_takes_what_it_has_added():
    mix = Mix(operations=60, mix={"read": 1, "write": 1, "cas": 1})
    client, seen, given = mix.client(0, 1, stream(1, "cas")), None, None
    for number in itertools.count():
        try:
            each = client.send(given)
        except StopIteration:
            break
        given = None
        if each.f == "read":
            seen = given = 1000 + number
        elif each.f == "write":
            seen = each.value
        else:
            assert each.value[0] == seen
            if number % 2:
                given, seen = True, each.value[1]
    added = [each.value for each in asked(Mix(operations=80, mix={"add": 1, "remove": 1})) if each.f == "add"]
    removed = [each.value for each in asked(Mix(operations=80, mix={"add": 1, "remove": 1})) if each.f == "remove"]
    assert removed
    assert set(removed) <= set(added)
    assert len(set(removed)) == len(removed)


def test_gaps_are_those_of_the_think_time_or_of_the_rate():
    thinking = asked(Mix(operations=5, think_s=Exponential(mean=2.0)))
    steady = asked(Mix(operations=5, per_s=4.0))

    assert {each.after for each in thinking} == {"end"}
    assert len({each.gap_s for each in thinking}) == 5
    assert {(each.gap_s, each.after) for each in steady} == {(0.25, "beginning")}


def test_every_scheme_is_asked_the_same():
    one = [each[:2] for each in map(tuple_of, asked(Mix(operations=40, keys=5, mix={"read": 1, "cas": 1})))]

    assert one == [each[:2] for each in map(tuple_of, asked(Mix(operations=40, keys=5, mix={"read": 1, "cas": 1})))]


def tuple_of(each):
    return each.f, each.key, each.value
