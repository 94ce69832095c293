"""How long an all-reduce takes: the closed forms of the literature, on idle links."""

from functools import partial
from math import log2

import numpy as np
import pytest

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, nodes
from simcluster.cluster.collectives import ALGORITHMS, Auto, Hierarchical, Member, everyone
from simcluster.engine import Constant

pytestmark = pytest.mark.theory

MEMBERS, LATENCY_S = 8, 50e-6
#: 1 MB over 12.5 MB/s takes as long as 100 MB over 1.25 GB/s, and fits into a test.
SIZE_BYTES, BYTES_PER_S = 1_000_000, 1.25e7
SENDING_S = SIZE_BYTES / BYTES_PER_S
NAMES = tuple(f"n-{place}" for place in range(MEMBERS))
VALUES = np.ones(SIZE_BYTES // 8)


class Job:
    """A program on each node; it is over when all of them are."""

    def __init__(self, program, count):
        self.program, self.count = program, count

    def start(self, cluster, seed):
        ended, done = [], cluster.env.event()
        for name in cluster.nodes:
            cluster[name].boot(partial(self.run, ended=ended, done=done), "once")
        return done

    def run(self, node, ended, done):
        yield from self.program(node)
        ended.append(node.name)
        if len(ended) == self.count:
            done.succeed()


def took_s(program, count=MEMBERS):
    fast = {"flops_per_s": 1e30, "memory_bytes_per_s": 1e30}  # links are what is measured
    network = NetworkSpec(latency=Constant(value=LATENCY_S), bandwidth_bytes_per_s=BYTES_PER_S, order="datagram")
    cluster = ClusterSpec(nodes=nodes("n", count, **fast), network=network)
    result = run(Scenario(cluster=cluster, job=Job(program, count), trace_kinds=()), 0)
    assert result.ended == "finished"
    return result.ended_s


def member_of(algorithm, collects=False):
    def program(node):
        member = Member(node, NAMES, "once", algorithm, 1e6, None)
        node.spawn(member.answer())
        total = yield from (member.collect if collects else member.add_up)(VALUES)
        assert (total == (1 if collects else MEMBERS)).all()

    return program


def one_server(node):
    """The last node is the server, which adds up and answers all."""
    if node.name in NAMES:
        reply = yield node.request(f"n-{MEMBERS}", "values", VALUES, None, 1e6)
        assert (reply.body == MEMBERS).all()
        return
    messages = []
    for _ in NAMES:
        messages.append((yield node.receive()))
    total = np.add.reduce([message.body for message in messages], axis=0)
    for message in messages:
        node.reply(message, total)


#: By way: the seconds of the issue, which has them to the microsecond; how many messages follow one another, and how
#: many interfaces' time arrays take on the way.
FACTS = {
    "ring": (0.140700, 14, 14 / 8),
    "rabenseifner": (0.140300, 6, 14 / 8),
    "recursive_doubling": (0.240150, 3, 3),
    "binomial_tree": (0.480300, 6, 6),
}


@pytest.mark.parametrize("name", FACTS)
def test_an_all_reduce_takes_as_long_as_its_closed_form_says(name):
    published_s, messages, arrays = FACTS[name]
    law_s = messages * LATENCY_S + arrays * SENDING_S

    assert law_s == pytest.approx(published_s, abs=1e-9)
    # Exact but for the rounding of sums, when each message's head of 80 bytes is counted.
    assert took_s(member_of(ALGORITHMS[name])) == pytest.approx(law_s + messages * 80 / BYTES_PER_S, rel=1e-12)


def test_one_server_takes_as_long_as_all_arrays_take_in_and_out_of_it():
    law_s = 2 * LATENCY_S + 2 * MEMBERS * SENDING_S

    assert law_s == pytest.approx(1.280100, abs=1e-9)
    # Heads of 64 bytes: these messages have no numbers.
    assert took_s(one_server, MEMBERS + 1) == pytest.approx(law_s + 2 * MEMBERS * 64 / BYTES_PER_S, rel=1e-12)


def test_everyone_to_everyone_takes_as_long_as_each_interface_sends_to_all_others():
    law_s = LATENCY_S + (MEMBERS - 1) * (SENDING_S + 80 / BYTES_PER_S)

    assert took_s(member_of(everyone, collects=True)) == pytest.approx(law_s, rel=1e-12)


@pytest.mark.parametrize("group", [2, 4])
def test_two_levels_take_a_tree_within_groups_and_a_ring_between_them(group):
    groups, head_s = MEMBERS // group, 80 / BYTES_PER_S
    tree_s = 2 * log2(group) * (LATENCY_S + SENDING_S + head_s)
    ring_s = 2 * (groups - 1) * (LATENCY_S + SENDING_S / groups + head_s)

    assert took_s(member_of(Hierarchical(group=group))) == pytest.approx(tree_s + ring_s, rel=1e-12)


def test_auto_takes_the_shorter_of_both_ways_on_either_side_of_where_they_are_equally_long():
    power = log2(MEMBERS)
    equal_bytes = power * LATENCY_S * BYTES_PER_S / (power - 2 * (MEMBERS - 1) / MEMBERS)
    rule = Auto(short_bytes=equal_bytes)

    def times_s(size_bytes):
        laws = (power * (LATENCY_S + size_bytes / BYTES_PER_S),
                2 * power * LATENCY_S + 2 * (MEMBERS - 1) / MEMBERS * size_bytes / BYTES_PER_S)  # fmt: skip
        chosen = rule(0, MEMBERS, size_bytes)
        return laws, ALGORITHMS["recursive_doubling"](0, MEMBERS, size_bytes) == chosen

    for size_bytes, doubles in ((0.99 * equal_bytes, True), (1.01 * equal_bytes, False)):
        (doubling_s, halving_s), chosen = times_s(size_bytes)
        assert (doubling_s < halving_s) == doubles == chosen
