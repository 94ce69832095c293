"""An all-reduce of arrays among nodes: sums, bytes, times by the closed forms, and what it survives."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, nodes
from simcluster.cluster.collectives import ALGORITHMS, Auto, Hierarchical, Member, Round, everyone
from simcluster.engine import Constant, Spec
from simcluster.faults import CrashNode, DuplicateMessages, LoseMessages, PauseNode

LATENCY_S, BYTES_PER_S = 50e-6, 1.25e9
ADDING = {**ALGORITHMS, "auto": Auto(short_bytes=100.0), "groups of 3": Hierarchical(group=3)}


class Sums(Spec):
    """Members add up arrays of theirs, ``sums`` times; the outcome is what each of them has, in their order."""

    algorithm: str = "ring"
    members: int = 4
    size: int = 10
    sums: int = 1
    retry_s: float = 1e6

    def start(self, cluster, seed):
        ended, done = {}, cluster.env.event()
        for node in tuple(cluster.nodes.values())[: self.members]:
            node.boot(partial(self.program, ended=ended, done=done), "sums")
        return done

    def values(self, place, number):
        return np.random.default_rng([place, number]).standard_normal(self.size)

    def program(self, node, ended, done):
        names = [f"n-{place}" for place in range(self.members)]
        member = Member(node, names, "sums", ADDING[self.algorithm], self.retry_s, np.zeros(self.size))
        node.spawn(member.answer())
        if node.crashes:
            yield from member.rejoin()
        while member.number < self.sums:
            total = yield from member.add_up(self.values(names.index(node.name), member.number))
            if total is not None:
                member.advance(member.state + total)
        ended[node.name] = member.state
        if len(ended) == self.members:
            done.succeed([ended[name] for name in names])
        yield node.timer(0.0)


def ran(faults=(), fidelity="nic", **fields):
    job = Sums(**fields)
    fast = {"flops_per_s": 1e30, "memory_bytes_per_s": 1e30}  # links are what is measured
    network = NetworkSpec(
        fidelity=fidelity, latency=Constant(value=LATENCY_S), bandwidth_bytes_per_s=BYTES_PER_S, order="datagram"
    )
    cluster = ClusterSpec(nodes=nodes("n", max(2, job.members), **fast), network=network)
    return run(Scenario(cluster=cluster, job=job, faults=tuple(faults), horizon_s=60.0), 0, check=bool(faults))


def bits(result):
    assert result.ended == "finished"
    return {state.tobytes() for state in result.outcome}


@pytest.mark.parametrize("algorithm", sorted(ADDING))
@pytest.mark.parametrize("members", [1, 2, 3, 4, 5, 6, 7, 8, 13])
@pytest.mark.parametrize("size", [0, 1, 5, 64])
def test_all_members_have_the_sum_to_the_last_bit(algorithm, members, size):
    result = ran(algorithm=algorithm, members=members, size=size, sums=2)
    job = Sums(size=size)
    expected = np.sum([job.values(place, number) for place in range(members) for number in range(2)], axis=0)

    assert len(bits(result)) == 1
    np.testing.assert_allclose(result.outcome[0], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("members", [2, 3, 5, 8])
def test_a_block_is_added_up_round_the_ring_from_its_own_member_on(members):
    result = ran(members=members, size=members)
    values = [Sums(size=members).values(place, 0) for place in range(members)]

    for block in range(members):
        expected = values[block][block]
        for step in range(1, members):
            expected = expected + values[(block + step) % members][block]
        assert result.outcome[0][block] == expected


@pytest.mark.parametrize("algorithm", [*ADDING.values(), everyone])
@pytest.mark.parametrize("members", range(1, 18))
def test_what_one_member_sends_in_a_round_another_takes_in_it(algorithm, members):
    rounds = [algorithm(place, members, 80.0) for place in range(members)]

    assert len({len(each) for each in rounds}) == 1
    for turn in range(len(rounds[0])):
        doing: list[Round] = [each[turn] for each in rounds]
        sent = {(place, each.target, each.sends, each.blocks) for place, each in enumerate(doing)}
        taken = {(each.source, place, each.takes, each.blocks) for place, each in enumerate(doing)}
        assert {each for each in sent if each[1] is not None} == {each for each in taken if each[0] is not None}


@pytest.mark.parametrize("members", [2, 3, 4, 7, 8])
@pytest.mark.parametrize("size", [3, 64, 1001])
def test_the_bytes_of_a_ring_are_twice_all_blocks_but_one_of_each_member(members, size):
    result = ran(members=members, size=size, sums=3)
    sent = {f"n-{place}": [] for place in range(members)}
    for row in result.trace.rows("send"):
        sent[row["source"]].append(row["size_bytes"])

    assert result.metrics["sent_bytes"] == 3 * 2 * (members - 1) * (8 * size + 80 * members)
    for each in sent.values():
        assert len(each) == 3 * 2 * (members - 1)
        if size % members == 0:
            assert sum(each) - 80 * len(each) == 3 * 2 * (members - 1) / members * 8 * size


@pytest.mark.parametrize("members", [2, 3, 4, 7, 8])
def test_the_bytes_of_recursive_doubling_are_whole_arrays(members):
    result = ran(algorithm="recursive_doubling", members=members, size=50)
    power = 2 ** int(math.log2(members))
    messages = power * int(math.log2(power)) + 2 * (members - power)

    assert result.metrics["messages_sent"] == messages
    assert result.metrics["sent_bytes"] == messages * (8 * 50 + 80)


@pytest.mark.parametrize("fidelity", ["latency", "nic", "flow"])
@pytest.mark.parametrize("members", [2, 4, 5, 8])
@pytest.mark.parametrize("each", [1, 1000])
def test_on_idle_links_a_ring_takes_what_its_closed_form_says(fidelity, members, each):
    took_s = ran(members=members, size=members * each, fidelity=fidelity).ended_s

    assert took_s == pytest.approx(2 * (members - 1) * (LATENCY_S + (8 * each + 80) / BYTES_PER_S), rel=1e-9)


@pytest.mark.parametrize("members", [2, 4, 8])
def test_on_idle_links_recursive_doubling_takes_what_its_closed_form_says(members):
    took_s = ran(algorithm="recursive_doubling", members=members, size=5000).ended_s

    assert took_s == pytest.approx(math.log2(members) * (LATENCY_S + (8 * 5000 + 80) / BYTES_PER_S), rel=1e-9)


@pytest.mark.parametrize("algorithm", sorted(ADDING))
@pytest.mark.parametrize("place", [0, 2, 3])
@pytest.mark.parametrize("begin_s", [5e-5, 4e-4, 7e-4, 1e-3])
def test_a_member_that_crashes_comes_back_and_changes_no_bit(algorithm, place, begin_s):
    fields = {"algorithm": algorithm, "sums": 4, "size": 9}
    crash = CrashNode(node=f"n-{place}", begin_s=begin_s, end_s=begin_s + 3e-4)

    assert bits(ran([crash], retry_s=0.01, **fields)) == bits(ran(**fields))


def test_a_member_that_was_away_for_long_goes_on_from_what_the_others_have():
    # A pause lets nobody go on; of what is lost to one member only, the others may have made use.
    faults = [
        PauseNode(node="n-1", begin_s=1e-4, end_s=0.5),
        CrashNode(node="n-2", begin_s=0.2, end_s=0.6),
        LoseMessages(probability=0.7, begin_s=0.5, end_s=2.0),
    ]

    assert bits(ran(faults, sums=6, retry_s=0.01)) == bits(ran(sums=6))


class Blocks(Sums):
    """Members have a block of the sum each, and gather what they say of it: where it begins, and its own sum."""

    def program(self, node, ended, done):
        names = [f"n-{place}" for place in range(self.members)]
        member = Member(node, names, "blocks", ALGORITHMS[self.algorithm], self.retry_s, np.zeros(self.size))
        node.spawn(member.answer())
        block, first = yield from member.scatter(self.values(names.index(node.name), 0))
        ended[node.name] = yield from member.gather(np.array([first, np.sum(block)]))
        if len(ended) == self.members:
            done.succeed([ended[name] for name in names])


@pytest.mark.parametrize(("members", "size"), [(1, 4), (2, 5), (3, 2), (5, 64)])
def test_members_gather_what_they_say_of_their_blocks_of_a_sum(members, size):
    job = Blocks(members=members, size=size)
    result = run(Scenario(cluster=ClusterSpec(nodes=nodes("n", max(2, members))), job=job), 0)
    total = np.sum([job.values(place, 0) for place in range(members)], axis=0)
    cuts = [size * block // members for block in range(members + 1)]

    assert len(bits(result)) == 1
    for block, (first, said) in enumerate(result.outcome[0]):
        assert first == cuts[block]
        assert said == pytest.approx(np.sum(total[cuts[block] : cuts[block + 1]]), abs=1e-12)


def test_only_a_ring_leaves_blocks():
    with pytest.raises(ValueError, match="algorithm must be ring to scatter and to gather, got recursive_doubling"):
        run(Scenario(cluster=ClusterSpec(nodes=nodes("n", 4)), job=Blocks(algorithm="recursive_doubling")), 0)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(sorted(ADDING)),
    st.integers(2, 6),
    st.lists(st.tuples(st.integers(0, 5), st.floats(0, 0.004), st.floats(1e-5, 0.01)), max_size=5),
    st.floats(0, 0.5),
)
def test_no_crashes_and_losses_change_a_bit(algorithm, members, crashes, lost):
    faults = [
        CrashNode(node=f"n-{place % members}", begin_s=begin_s, end_s=begin_s + down_s)
        for place, begin_s, down_s in crashes
    ]
    faults.append(LoseMessages(probability=lost, begin_s=0.0, end_s=0.02))
    faults.append(DuplicateMessages(probability=lost, begin_s=0.0, end_s=0.02))
    fields = {"algorithm": algorithm, "members": members, "sums": 3}

    assert bits(ran(faults, retry_s=0.002, **fields)) == bits(ran(**fields))
