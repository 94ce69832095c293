"""The compiled message path does what the plain one does, and keeps nothing alive."""

import gc
import os
import re
import subprocess
import sys
import weakref
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from simcluster.cluster import Cluster, ClusterSpec, Message, nodes
from simcluster.engine import ENGINE, Environment, Trace

PROGRAMS = Path(__file__).parent / "message_programs.py"


def seen(engine, first, last):
    environment = {**os.environ, "SIMCLUSTER_ENGINE": engine}
    command = [sys.executable, str(PROGRAMS), str(first), str(last)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (0, 500),
        pytest.param(500, 2_500, marks=pytest.mark.slow),
        pytest.param(2_500, 10_000, marks=pytest.mark.long),
    ],
)
def test_random_programs_see_the_same_on_both_engines(first, last):
    compiled = seen("compiled", first, last)

    assert compiled == seen("simpy", first, last)
    assert len(set(compiled)) == last - first


def test_a_cluster_with_messages_under_way_and_programs_that_wait_is_collected(make):
    cluster = make()
    one, two = cluster["n-0"], cluster["n-1"]

    def waits(node):
        yield (node.receive("never") & node.timer(100)) | node.request("n-1", "ask", timeout_s=50)

    def computes(node):
        yield node.busy(100)

    one.boot(waits)
    two.boot(computes)
    for _ in range(50):
        one.send("n-1", "word", size_bytes=1e6)
    cluster.env.run(until=0.01)
    left = [weakref.ref(each) for each in (cluster, cluster.env, one, two, cluster.network)]
    assert cluster.network._carrier.waiting

    del cluster, one, two
    gc.collect()
    assert [each() for each in left] == [None] * len(left)


def test_a_long_talk_leaves_nothing_behind():
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 2)), 0, Trace(env, ()))

    def asks(node):
        while True:
            yield node.request("n-1", "ask", timeout_s=10)

    def answers(node):
        while True:
            node.reply((yield node.receive("ask")))

    cluster["n-0"].boot(asks)
    cluster["n-1"].boot(answers)
    env.run(until=1)
    gc.collect()
    before = len(gc.get_objects())
    env.run(until=11)
    gc.collect()

    assert env.now == 11
    assert len(gc.get_objects()) - before < 100
    assert len(env._queue) < 100


def test_messages_are_what_they_are_on_either_engine(make):
    cluster = make()
    sent = cluster["n-0"].send("n-1", "word", [1, 2], size_bytes=10)

    assert type(sent) is Message
    assert sent == Message(0, "n-0", "n-1", "word", (1, 2), 10, None, None)
    with pytest.raises(ValueError, match="size_bytes must be finite and at least 0, got -1"):
        cluster["n-0"].send("n-1", "word", size_bytes=-1)
    with pytest.raises(ValueError, match="target must be a node of the cluster, got 'elsewhere'"):
        cluster["n-0"].send("elsewhere", "word")
    with pytest.raises(ValueError, match=r"delay_s must be at least 0, got -0\.5"):
        cluster["n-0"].timer(-0.5)
    with pytest.raises(ValueError, match="only a request can be replied to, got a 'word' message"):
        cluster["n-1"].reply(sent)
    with pytest.raises(AttributeError, match="request_id"):
        cluster["n-1"].reply("no message")
    asked = SimpleNamespace(request_id=7, source="n-0", kind="ask")  # whatever has these is replied to
    assert cluster["n-1"].reply(asked)[1:4] == ("n-1", "n-0", "ask-reply")


def test_the_compiled_path_is_the_default():
    if "SIMCLUSTER_ENGINE" not in os.environ:
        assert ENGINE == "compiled"
        assert Cluster.__module__ == "simcluster.cluster.cluster"
        assert "simcluster.kernels.messages" in {base.__module__ for base in type.mro(type(make_node()))}


def make_node():
    env = Environment()
    return Cluster(env, ClusterSpec(nodes=nodes("n", 1)), 0, Trace(env))["n-0"]


WORD = Message(1, "n-1", "n-0", "word", None, 1.0)


@pytest.mark.parametrize("door", ["deliver", "send", "carry"])
@pytest.mark.parametrize("given", ["word", None, (1, 2), SimpleNamespace(**WORD._asdict()), WORD[:7]])
def test_what_is_no_whole_message_is_refused_with_what_it_is(make, door, given):
    cluster = make()
    doors = {
        "deliver": cluster["n-0"].deliver,
        "send": cluster.network.send,
        "carry": partial(cluster.network._carrier.carry, latency_s=0.0),
    }
    doors[door](WORD)

    with pytest.raises(TypeError, match=re.escape(f"message must be a whole Message, got {given!r}")):
        doors[door](given)
