"""Where two features meet: kills and conditions, order and duplicates, pauses and inboxes, holds and backlogs."""

from contextlib import suppress

import pytest

from simcluster import Scenario, run
from simcluster.cluster import (
    Cluster,
    ClusterSpec,
    DiskLost,
    Killed,
    LinkDown,
    NetworkSpec,
    NodeDown,
    NodeSpec,
    Partitioned,
    TimedOut,
    nodes,
)
from simcluster.engine import Constant, Environment, Spec, Trace
from simcluster.faults import (
    CrashNode,
    CutOneWay,
    DuplicateMessages,
    Injector,
    IsolateNode,
    KillProgram,
    LoseDisk,
    PauseNode,
    SlowLink,
)

WAITS = {
    "request | timer": lambda node: node.request("n-1", "q", timeout_s=2.0) | node.timer(5),
    "request & timer": lambda node: node.request("n-1", "q", timeout_s=2.0) & node.timer(5),
    "(request & timer) | timer": lambda node: node.request("n-1", "q", timeout_s=2.0) & node.timer(4) | node.timer(5),
    "child | timer": lambda node: node.spawn(child(node)) | node.timer(5),
    "child & child": lambda node: node.spawn(child(node)) & node.spawn(child(node)),
    "write | timer": lambda node: node.storage.write("k", 1.0, size_bytes=1e9) | node.timer(5),
}
FIDELITIES = pytest.mark.parametrize("fidelity", ["latency", "nic", "flow"])


def child(node):
    yield node.timer(3)


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
@pytest.mark.parametrize("end_s", [None, 1.5])
def test_the_run_goes_on_after_a_kill_whatever_the_program_awaited(make, wait, end_s):
    cluster = make(2)

    def program(node):
        with suppress(TimedOut, DiskLost):  # which the one that is started anew may live to see
            yield wait(node)
        yield node.timer(100)

    cluster["n-0"].boot(program)
    Injector(cluster, [KillProgram(node="n-0", program="program", begin_s=1.0, end_s=end_s)])
    Injector(cluster, [LoseDisk(node="n-0", begin_s=1.8)])
    cluster.env.run(until=10)

    assert cluster.env.now == 10


def test_another_program_still_gets_what_the_killed_one_awaited_with_it(make):
    cluster, got = make(1), []
    shared = []

    def first(node):
        shared.append(node.timer(2) | node.timer(3))
        yield shared[0] | node.timer(4)

    def second(node):
        yield shared[0]
        got.append(node.env.now)

    cluster["n-0"].boot(first)
    cluster["n-0"].boot(second)
    cluster.env.call_later(1.0, lambda _: cluster["n-0"].kill("first"))
    cluster.env.run()

    assert got == [2.0]


class Waiting(Spec):
    """A job whose one program waits for what never comes, or for long."""

    def start(self, cluster, seed):
        def program(node):
            yield node.receive() | node.timer(100) | (node.timer(200) & node.timer(300))

        cluster["n-0"].boot(program)
        return cluster.env.event()


@pytest.mark.parametrize(
    "fault", [CrashNode(node="n-0", begin_s=1), KillProgram(node="n-0", program="program", begin_s=1)]
)
def test_what_a_dead_program_awaited_leaves_the_schedule(fault):
    result = run(Scenario(cluster=ClusterSpec(nodes=nodes("n", 1)), job=Waiting(), faults=(fault,)), 0)

    assert (result.ended, result.ended_s) == ("deadlock", 1.0)


def test_a_paused_node_takes_no_more_messages_than_its_inbox_holds(make):
    cluster = make(2, inbox_messages=2)
    cluster["n-1"].pause()
    for place in range(5):
        cluster["n-0"].send("n-1", "k", place)
    cluster.env.run()
    assert [row["cause"] for row in cluster.trace.rows("drop")] == ["overloaded"] * 3

    cluster["n-1"].resume()
    cluster["n-0"].send("n-1", "k", 9)
    cluster.env.run()
    assert cluster["n-1"].inbox_length == 2
    assert len(list(cluster.trace.rows("drop"))) == 4

    cluster["n-1"].pause()
    cluster["n-1"].crash()  # which forgets what the pause held back
    cluster["n-1"].restart()
    cluster["n-1"].resume()
    for place in range(3):
        cluster["n-0"].send("n-1", "k", place)
    cluster.env.run()
    assert cluster["n-1"].inbox_length == 2


@FIDELITIES
@pytest.mark.parametrize("ends", [(None, 1e6), (1e6, None)], ids=["sender", "receiver"])
def test_an_interface_without_bandwidth_never_queues(fidelity, ends):
    sending, receiving = ends
    machines = tuple(
        NodeSpec(name=f"n-{place}", nic_bytes_per_s=receiving if place < 2 else sending) for place in range(4)
    )
    network = NetworkSpec(fidelity=fidelity, latency=Constant(value=0.1), bandwidth_bytes_per_s=None)
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=machines, network=network), 0, Trace(env))
    pairs = [("n-2", "n-0"), ("n-3", "n-0")] if receiving is None else [("n-2", "n-0"), ("n-2", "n-1")]
    for source, target in pairs:
        cluster[source].send(target, "k", size_bytes=1e6)
    times = []
    for target in dict.fromkeys(target for _, target in pairs):
        cluster[target].boot(lambda node: note(node, times))
    cluster.env.run()

    assert times == [pytest.approx(1.1)] * 2


def note(node, times):
    while True:
        yield node.receive()
        times.append(node.env.now)


def order_of(make, fidelity, fault):
    network = NetworkSpec(fidelity=fidelity, order="fifo", latency=Constant(value=0.1), bandwidth_bytes_per_s=1e6)
    cluster = make(2, network=network)
    copies = DuplicateMessages(probability=1.0, delay_s=Constant(value=1.0), begin_s=0)
    Injector(cluster, [copies] if fault is None else [fault, copies])
    heard = []

    def hear(node):
        while True:
            heard.append((yield node.receive()).body)

    def say(node):
        yield node.timer(0.01)
        for word in ("first", "second"):
            node.send("n-1", "k", word, size_bytes=100)
            yield node.timer(0.5)

    cluster["n-1"].boot(hear)
    cluster["n-0"].boot(say)
    cluster.env.run()
    return heard


@FIDELITIES
def test_a_copy_comes_right_behind_its_message_though_it_was_made_at_a_release(make, fidelity):
    held = CutOneWay(senders=("n-0",), receivers=("n-1",), crossing="hold", begin_s=0, end_s=4)

    assert order_of(make, fidelity, None) == order_of(make, fidelity, held) == ["first"] * 2 + ["second"] * 2


def test_a_message_is_duplicated_once_however_often_it_is_released(make):
    cluster = make(2)
    holds = [IsolateNode(node="n-1", in_flight="hold", begin_s=0.05 + place, end_s=0.95 + place) for place in range(8)]
    Injector(cluster, [*holds, DuplicateMessages(probability=1.0, delay_s=Constant(value=0.01), begin_s=0)])
    cluster.env.call_later(0.01, lambda _: cluster["n-0"].send("n-1", "k"))
    cluster.env.run()

    assert len(list(cluster.trace.rows("deliver"))) == 2
    assert len(list(cluster.trace.rows("hold"))) > 2


def test_what_waits_behind_a_held_message_counts_as_waiting_and_breaks_no_invariant(make):
    network = NetworkSpec(order="fifo", latency=Constant(value=0.1))
    cluster = make(2, network=network)
    Injector(cluster, [SlowLink(factor=2.0, in_flight="hold", begin_s=0.05)])
    cluster["n-0"].send("n-1", "k")

    def later(_):
        for _ in range(5):
            cluster["n-0"].send("n-1", "k")

    cluster.env.call_later(1.0, later)
    cluster.env.run()

    assert (cluster.network.held, cluster.network.waiting) == (1, 6)
    cluster.check()

    class Job(Spec):
        def start(self, cluster, seed):
            def say(node):
                node.send("n-1", "k")
                yield node.timer(1.0)
                node.send("n-1", "k")

            cluster["n-0"].boot(say)
            return cluster.env.event()

    fault = SlowLink(factor=2.0, in_flight="hold", begin_s=0.05)
    scenario = Scenario(cluster=ClusterSpec(nodes=nodes("n", 2), network=network), job=Job(), faults=(fault,))
    result = run(scenario, 0, check=True)
    assert (result.ended, result.backlog) == ("deadlock", {"network": 2})


def told_of(cluster, failure):
    """When a program hears of that failure of its request."""
    told = []

    def ask(node):
        try:
            yield node.request("n-1", "q", timeout_s=50)
        except failure:
            told.append(node.env.now)

    cluster["n-0"].boot(ask)
    cluster.env.run()
    return told


REPORTS = [
    (IsolateNode(node="n-1", in_flight="drop", begin_s=0.05), Partitioned),
    (CrashNode(node="n-1", in_flight="drop", begin_s=0.05), NodeDown),
    (CrashNode(node="n-1", begin_s=0.05), NodeDown),
    (PauseNode(node="n-1", in_flight="drop", begin_s=0.05), NodeDown),
    (SlowLink(factor=2.0, in_flight="drop", begin_s=0.05), LinkDown),
    (DuplicateMessages(probability=1.0, in_flight="drop", begin_s=0.05), LinkDown),
]


@pytest.mark.parametrize(("fault", "failure"), REPORTS)
def test_what_a_fault_recalls_is_reported_as_what_it_is(make, fault, failure):
    cluster = make(2, network=NetworkSpec(failures="reported", latency=Constant(value=0.1)))
    Injector(cluster, [fault])
    told = told_of(cluster, failure)

    assert len(told) == 1
    assert told[0] < 1


@pytest.mark.parametrize("first_lost", [True, False])
def test_a_request_of_which_a_copy_arrives_has_not_failed(make, first_lost):
    cluster = make(2, network=NetworkSpec(failures="reported", latency=Constant(value=0.1)))
    copies = DuplicateMessages(probability=1.0, delay_s=Constant(value=1.0), begin_s=0)
    down = {"begin_s": 0.05, "end_s": 0.5} if first_lost else {"begin_s": 1.0, "end_s": 1.5}
    Injector(cluster, [copies, CrashNode(node="n-1", **down)])
    cluster["n-1"].boot(answer)
    got = []

    def ask(node):
        got.append((yield node.request("n-1", "q", timeout_s=5)).body)

    cluster["n-0"].boot(ask)
    cluster.env.run(until=10)

    assert got == ["yes"]


def test_a_request_of_which_every_copy_is_refused_has_failed(make):
    cluster = make(2, network=NetworkSpec(failures="reported", latency=Constant(value=0.1)))
    copies = DuplicateMessages(probability=1.0, delay_s=Constant(value=1.0), begin_s=0)
    Injector(cluster, [copies, CrashNode(node="n-1", begin_s=0.05)])
    assert told_of(cluster, NodeDown) == [pytest.approx(1.1, abs=1e-3)]


def answer(node):
    while True:
        node.reply((yield node.receive("q")), "yes")


@pytest.mark.parametrize("end", ["crash", "kill", "both"])
def test_a_program_that_ends_itself_leaves_nothing_behind(make, end):
    cluster, refused, reached = make(2, memory_bytes=100.0), [], []

    def program(node):
        if node.env.now > 0:
            reached.append("anew")
            return
        yield node.timer(1.0)
        if end == "kill":
            node.kill("program")
        else:
            node.crash()
            if end == "both":
                node.restart()
        asks = {
            "spawn": lambda: node.spawn(outlives(node)),
            "allocate": lambda: node.memory.allocate(60.0),
            "write": lambda: node.storage.write("k", 1.0) and node.storage.flush(),
            "send": lambda: node.send("n-1", "k"),
        }
        for name, ask in asks.items():
            try:
                ask()
            except (NodeDown, Killed):
                refused.append(name)
        yield node.timer(0.0) if end == "kill" else node.env.timeout(0.0)
        reached.append("after its end")

    def outlives(node):
        yield node.timer(1.0)
        reached.append("a child")

    cluster["n-0"].boot(program)
    cluster.env.run(until=5)

    assert refused == (["spawn", "allocate"] if end == "kill" else ["spawn", "allocate", "write", "send"])
    assert cluster["n-0"].memory.used_bytes == 0
    assert reached == (["anew"] if end == "both" else [])
    assert cluster["n-0"].state == ("down" if end == "crash" else "up")
    cluster.check()


def test_a_key_that_is_no_text_is_refused_and_the_disk_goes_on(make):
    cluster, read = make(1), []

    def program(node):
        for ask in (
            lambda: node.storage.write([1], 1.0),
            lambda: node.storage.read([1]),
            lambda: node.storage.delete(3),
        ):
            with pytest.raises(TypeError, match="key must be text, got"):
                ask()
        yield node.storage.write("k", 1.0)
        read.append((yield node.storage.read("k")))

    cluster["n-0"].boot(program)
    cluster.env.run()

    assert read == [1.0]


def test_what_a_pause_holds_back_takes_room_beside_what_the_inbox_has(make):
    cluster = make(2, inbox_messages=4)
    for count, pause in ((2, True), (5, False)):
        for place in range(count):
            cluster["n-0"].send("n-1", "k", place)
        cluster.env.run()
        if pause:
            cluster["n-1"].pause()

    assert [row["cause"] for row in cluster.trace.rows("drop")] == ["overloaded"] * 3


def test_flows_wait_for_nobody(make):
    cluster = make(2, network=NetworkSpec(fidelity="flow", bandwidth_bytes_per_s=1.0))
    for _ in range(3):
        cluster["n-0"].send("n-1", "k", size_bytes=100)

    assert cluster.network.waiting == 0


def test_a_request_times_out_by_the_oscillator_of_its_node(make):
    cluster, told = make(2), []
    cluster["n-0"].clock.drift("fault", 1.0)  # twice as fast

    def ask(node):
        with suppress(TimedOut):
            yield node.request("n-1", "q", timeout_s=3.0)
        told.append(node.env.now)

    cluster["n-0"].boot(ask)
    cluster.env.run()

    assert told == [pytest.approx(1.5)]
