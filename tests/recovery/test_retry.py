"""Asking again: a refusal is an ordinary event, and takes as long as no answer."""

import pytest

from simcluster.cluster import (
    Cluster,
    ClusterSpec,
    Drop,
    LinkDown,
    NetworkSpec,
    NodeDown,
    Overloaded,
    Partitioned,
    TimedOut,
    nodes,
)
from simcluster.engine import Constant, Environment, Trace
from simcluster.recovery import ask
from tests.recovery.stores import finish

REFUSALS = {"target_down": NodeDown, "link_down": LinkDown, "partition": Partitioned, "overloaded": Overloaded}


def asked(causes, *, attempts=None, latency_s=0.0, transfer_s=0.0):
    """A node that asks another, while the network drops the first attempts for these causes."""
    env = Environment()
    network = NetworkSpec(failures="reported", latency=Constant(value=latency_s), bandwidth_bytes_per_s=None)
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 2), network=network), 0, Trace(env))
    left = list(causes)
    cluster.network.add(lambda message: Drop(left.pop(0)) if left and message.reply_to is None else None)

    def answer(node):
        while True:
            node.reply((yield node.receive("question")), "answer")

    cluster["n-1"].boot(answer)
    asking = ask(cluster["n-0"], "n-1", "question", timeout_s=0.5, attempts=attempts, transfer_s=transfer_s)
    return cluster, finish(cluster, asking)


@pytest.mark.parametrize("cause", [*REFUSALS, "loss"])
def test_whoever_is_refused_asks_again_when_the_retry_time_has_passed(cause):
    cluster, reply = asked([cause] * 3)

    assert reply.body == "answer"
    assert [row["time_s"] for row in cluster.trace.rows("send") if row["target"] == "n-1"] == [0, 0.5, 1.0, 1.5]


def test_bytes_that_may_be_under_way_are_waited_for_and_twice_as_long_each_time():
    cluster, reply = asked(["loss"] * 3, transfer_s=0.25)

    assert reply.body == "answer"
    assert [row["time_s"] for row in cluster.trace.rows("send") if row["target"] == "n-1"] == [0, 0.75, 1.75, 3.25]


@pytest.mark.parametrize("cause", REFUSALS)
def test_attempts_that_were_all_refused_end_in_the_last_refusal(cause):
    _, error = asked(["partition", "link_down", cause], attempts=3)

    assert type(error) is REFUSALS[cause]


@pytest.mark.parametrize("causes", [["loss", "partition"], ["partition", "loss"]], ids=" then ".join)
def test_attempts_of_which_one_may_have_been_carried_out_end_in_a_time_out(causes):
    assert type(asked(causes, attempts=2)[1]) is TimedOut


def test_a_request_that_is_sent_again_says_what_it_said_first():
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 2)), 0, Trace(env))
    body, heard = [1], []

    def listen(node):
        while len(heard) < 2:
            heard.append((yield node.receive()))
            body.append(2)
        node.reply(heard[-1])

    cluster["n-1"].boot(listen)
    finish(cluster, ask(cluster["n-0"], "n-1", "k", body, timeout_s=1.0))

    assert [message.body for message in heard] == [(1,), (1,)]
    assert len({message.request_id for message in heard}) == 1
    assert len({message.size_bytes for message in heard}) == 1
