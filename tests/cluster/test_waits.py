"""How a run ended is a word that can say more; and whose lines an error ends on."""

import copy
import json
import pickle
import traceback

import pytest

from simcluster.cluster import Cluster, ClusterSpec, Ending, NotStored, deadlock, horizon, nodes, own_lines
from simcluster.engine import Environment, Trace


def test_an_ending_is_its_word_and_prints_who_waits():
    ending = Ending("deadlock", ("a waits", "b waits"))

    assert ending == "deadlock"
    assert hash(ending) == hash("deadlock")
    assert (ending.word, type(ending.word)) == ("deadlock", str)
    assert f"{ending} at 3 s" == "deadlock (a waits; b waits) at 3 s"
    assert json.dumps(ending) == '"deadlock"'
    assert str(Ending("finished")) == "finished"


def test_an_ending_of_many_prints_some_and_how_many_more():
    ending = Ending("deadlock", tuple(f"{place} waits" for place in range(20)))

    assert str(ending).endswith("; 7 waits; and 12 more)")
    assert len(ending.waits) == 20


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_a_copy_says_the_same(copied):
    ending, missing = Ending("deadlock", ("a waits",)), NotStored("x", "there is no x")

    assert (copied(ending), copied(ending).waits) == ("deadlock", ("a waits",))
    assert (str(copied(missing)), copied(missing).args[0]) == ("there is no x", "x")


def stuck(make, *programs, meanwhile=lambda cluster: None):
    cluster = make()
    for number, program in enumerate(programs):
        cluster[f"n-{number}"].boot(program)
    cluster.env.run(until=1)
    meanwhile(cluster)
    cluster.env.run(until=10)
    return deadlock(cluster).waits


def asks(node):
    yield node.request("n-1", "ask")


def works(node):
    yield node.busy(5)


def test_a_paused_node_is_said_to_be_and_not_to_have_ended_its_programs(make):
    first, second, state, inbox = stuck(make, asks, works, meanwhile=lambda cluster: cluster["n-1"].pause())

    assert first.startswith("asks on n-0 waits since 0 s for the reply of n-1 to 'ask' [test_waits.py, line ")
    assert second.startswith("works on n-1 waits for an event that nothing lets happen [test_waits.py, line ")
    assert second.endswith(": yield node.busy(5)]")
    assert state == "n-1 is paused"
    assert inbox == "a message of kind 'ask' from n-0 in the inbox of n-1, which nobody receives"


def test_a_node_that_is_down_is_said_to_be_and_its_programs_wait_for_nothing(make):
    _, state = stuck(make, asks, works, meanwhile=lambda cluster: cluster["n-1"].crash())

    assert state == "n-1 is down"


def test_a_program_that_was_killed_has_not_ended_by_itself(make):
    assert stuck(make, works, meanwhile=lambda cluster: cluster["n-0"].kill("works")) == ()


def test_attempts_under_one_request_are_each_found(make):
    def both(node):
        yield node.request("n-1", "ask", request_id="r") | node.request("n-2", "ask", request_id="r")

    (waits,) = [told for told in stuck(make, both) if told.startswith("both")]

    assert "for the reply of n-1 to 'ask' or since 0 s for the reply of n-2 to 'ask' [" in waits


def test_an_ordinary_timer_beyond_the_horizon_is_nobodys_mistake(make):
    cluster = make()

    def beats(node):
        while True:
            yield node.timer(3)

    cluster["n-0"].boot(beats)
    cluster.env.run(until=10)

    assert horizon(cluster, 10).waits == ()


def failing(program):
    cluster = Cluster(env := Environment(), ClusterSpec(nodes=nodes("n", 2)), 0, Trace(env))
    cluster["n-0"].boot(program)
    with pytest.raises(Exception) as caught:  # noqa: PT011
        own_lines(env.run)()
    return traceback.extract_tb(caught.value.__traceback__)


def test_an_error_of_ours_keeps_its_lines_and_a_refusal_ends_on_the_users():
    def refused(node):
        yield node.timer(-1)

    def ours(node):
        node.cluster.network.rules[lambda message: 1 / 0] = None
        yield node.timer(1)
        node.send("n-1", "hi")

    def broken(node):
        node._processor = None
        yield node.timer(1)
        yield node.busy(1)

    assert failing(refused)[-1].line == "yield node.timer(-1)"
    assert failing(ours)[-1].line == "node.cluster.network.rules[lambda message: 1 / 0] = None"
    assert failing(broken)[-1].filename.endswith("node.py")
