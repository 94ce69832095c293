"""What must hold between two events is checked when asked for, and each way of breaking it is caught."""

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import run
from simcluster.cluster import Cluster, ClusterSpec, InvariantBroken, check, nodes, run_checked
from simcluster.cluster.machine.processor import FirstComeFirstServed, Work
from simcluster.cluster.machine.storage import Storage
from simcluster.cluster.messages.mailbox import Mailbox
from simcluster.cluster.network.carrier import NicCarrier
from simcluster.cluster.network.network import Network
from simcluster.cluster.node import Node
from simcluster.engine import ENGINE, Environment, Exponential, Trace, idle
from tests.strategies import schedules, staleness, training


@settings(max_examples=25)
@given(schedules, staleness, st.integers(0, 3))
def test_every_invariant_holds_after_every_event_whatever_goes_wrong(faults, staleness, seed):
    scenario = training(faults, staleness=staleness, jitter=Exponential(mean=1), steps=6)

    assert run(scenario, seed, check=True).digest == run(scenario, seed).digest


def test_a_run_that_is_not_checked_checks_nothing(monkeypatch):
    monkeypatch.setattr(check, "Checker", None)
    monkeypatch.setattr(check, "check_node", None)

    assert run(training(steps=2), 0).ended == "finished"


def busy(make, **options):
    """Three nodes that compute, send, wait, write and hear of a crash and a pause; the cluster, not yet run."""
    cluster = make(**options)
    one, two = cluster["n-0"], cluster["n-1"]

    def talk(node):
        yield node.storage.write("key", 1)
        for _ in range(20):
            node.send("n-1", "word", size_bytes=4e4)
            node.send("n-1", "unheard", size_bytes=4e4)
            yield node.busy(0.05)

    def listen(node):
        while True:
            yield node.receive("word")
            yield node.busy(0.04)

    def compute(node):
        while node.env.now < 1.5:
            yield node.busy(0.03)

    two.boot(compute)
    one.boot(talk)
    two.boot(listen)
    for time_s, act in [(0.31, two.crash), (0.52, two.restart), (0.6, two.pause), (0.9, two.resume), (1.0, one.crash)]:
        cluster.env.call_later(time_s, lambda _, act=act: act())
    return cluster


def twice(function):
    def doubled(*arguments):
        function(*arguments)
        function(*arguments)

    return doubled


def nothing(*arguments):
    pass


def at_once(self, message, latency_s):
    self._arrive(message)


def greedy(self, done, result, seconds, owner=None):
    self._start(Work(done, result, seconds, owner))


def test_a_cluster_that_works_passes(make):
    cluster = busy(make)
    run_checked(cluster)

    assert idle(cluster.env)
    assert {row["cause"] for row in cluster.trace.rows("drop")} == {"target_down", "source_down"}
    cluster.check()


def test_each_way_of_breaking_it_is_caught_where_it_can_be_broken():
    """Compiled classes cannot be broken from here: the plain ones are, by the next test in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", __file__, "-k", "way_of_breaking_it_is_caught"]
    environment = {**os.environ, "SIMCLUSTER_ENGINE": "simpy"}
    if ENGINE != "simpy":
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert "10 passed" in done.stdout, done.stdout


@pytest.mark.skipif(ENGINE != "simpy", reason="only what is written in Python can be broken by a test")
@pytest.mark.parametrize(
    ("owner", "name", "wrong", "rule"),
    [
        (Mailbox, "clear", nothing, "a crash must empty the inbox"),
        (FirstComeFirstServed, "clear", nothing, "nothing must be computed on a node that is down"),
        (FirstComeFirstServed, "set_speed", nothing, "speed must be what all modifiers give"),
        (FirstComeFirstServed, "submit", greedy, "computations must be at most one to a core"),
        (Storage, "crash", nothing, "unflushed writes must not survive a crash"),
        (Network, "_deliver", twice(Network._deliver), "a copy of a message must have one fate"),
        (NicCarrier, "_reach", nothing, "a message must be delivered, dropped or held in the end"),
        (Mailbox, "_offer", nothing, "no message must wait for a program that awaits it"),
        (NicCarrier, "carry", at_once, "bytes received must be at most bandwidth × time"),
    ],
)
def test_each_way_of_breaking_it_is_caught(make, monkeypatch, owner, name, wrong, rule):
    monkeypatch.setattr(owner, name, wrong)
    cluster = busy(make)

    with pytest.raises(InvariantBroken) as caught:
        run_checked(cluster)
    assert caught.value.rule == rule


def test_a_resumed_node_that_does_not_catch_up_is_caught(make, monkeypatch):
    def forgets(self):
        self._pauses -= 1
        self._adjust()

    monkeypatch.setattr(Node, "resume", forgets)
    cluster = busy(make)
    with pytest.raises(InvariantBroken, match=r"only a paused node must hold back .*, got \d+ on n-1, which is up at"):
        run_checked(cluster)


def test_a_program_that_survives_the_crash_of_its_node_is_caught(make, monkeypatch):
    monkeypatch.setattr("simcluster.cluster.node.kill", lambda process: None)
    cluster = busy(make)
    cluster["n-0"]._forget = lambda process: None
    cluster.env.run(until=0.2)
    cluster["n-0"]._down += 1
    cluster["n-0"]._adjust()
    with pytest.raises(InvariantBroken, match="no program must live on a node that is down, got 1 on n-0"):
        cluster.check()


def test_a_record_of_a_computation_on_a_node_that_is_down_is_caught(make):
    cluster = make()
    record = cluster.trace.recorder("compute", "node", "begin_s")
    cluster["n-0"].crash()
    record("n-0", 0.0)

    with pytest.raises(InvariantBroken, match="only a node that is up must compute"):
        cluster.check()


def test_any_environment_that_steps_as_simpy_does_is_checked():
    steps = []

    class Counted(Environment):
        def step(self):
            steps.append(self.now)
            super().step()

    env = Counted()
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 2)), 0, Trace(env))
    for _ in range(50):
        cluster["n-0"].send("n-1", "x")
    run_checked(cluster)

    assert len(steps) >= 100
