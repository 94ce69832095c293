"""What a crash, a pause and a slow-down do to what a node is doing."""

import numpy as np
import pytest

from simcluster.cluster import NodeDown, NodeSpec, TimedOut, nodes
from simcluster.engine import Exponential, stream
from simcluster.kernels import Call, Cost


def test_a_computation_takes_its_cost_and_gives_its_result(make):
    cluster, got = make(flops_per_s=100.0, memory_bytes_per_s=1000.0), []

    def program(node):
        got.append(((yield node.compute(Call(lambda: 7, Cost(flops=200, bytes=0)))), node.env.now))
        got.append(((yield node.compute(Call(lambda: 8, Cost(flops=200, bytes=5000)))), node.env.now))

    cluster["n-0"].boot(program)
    cluster.env.run()

    assert got == [(7, 2.0), (8, 7.0)]


def test_computations_beyond_the_cores_queue(make):
    cluster, got = make(cores=2), []

    def program(node, i):
        yield node.busy(1.0)
        got.append((i, node.env.now))

    for i in range(5):
        cluster["n-0"].spawn(program(cluster["n-0"], i))
    cluster.env.run()

    assert got == [(0, 1.0), (1, 1.0), (2, 2.0), (3, 2.0), (4, 3.0)]


@pytest.mark.parametrize("discipline", ["fcfs", "ps"])
def test_a_process_that_gives_up_leaves_its_core_to_the_others_of_its_node(make, discipline):
    cluster, got = make(discipline=discipline), []
    node = cluster["n-0"]

    def hasty(node):
        begun = node.busy(5.0)
        yield begun | node.timer(1.0)
        node.give_up()
        yield begun | node.timer(9.0)
        got.append(("hasty", begun.triggered, node.env.now))

    def patient(node):
        yield node.busy(2.0)
        got.append(("patient", node.env.now))

    node.spawn(hasty(node))
    node.spawn(patient(node))
    cluster.env.run()

    # First come, first served it begins at 1; of a core that is shared it has had half a second by then.
    assert got == [("patient", 3.0 if discipline == "fcfs" else 2.5), ("hasty", False, 10.0)]


def test_a_change_of_speed_midway_keeps_the_work_done(make):
    cluster, node = make(), None
    node = cluster["n-0"]
    done = node.busy(4.0)
    done.callbacks.append(lambda _: finished.append(cluster.env.now))
    finished = []
    cluster.env.run(until=1)
    node.slow("a", 2)  # 3 s of work left at half speed
    cluster.env.run(until=3)
    node.slow("b", 2)  # 2 s left at a quarter
    cluster.env.run(until=7)
    node.quicken("a")  # 1 s left at half
    node.quicken("b")  # at full speed
    cluster.env.run()

    assert finished == [8.0]


def test_a_pause_makes_a_computation_exactly_that_much_longer(make):
    cluster, finished = make(), []
    cluster["n-0"].busy(2.0).callbacks.append(lambda _: finished.append(cluster.env.now))
    cluster.env.run(until=0.5)
    cluster["n-0"].pause()
    cluster.env.run(until=4.25)
    cluster["n-0"].resume()
    cluster.env.run()

    assert finished == [5.75]


def test_a_crash_stops_everything_and_nobody_can_catch_it(make):
    cluster, log = make(), []

    def stubborn(node):
        while True:
            try:
                yield node.compute(Call(lambda: 1, Cost(1e9, 0))) | node.timer(5) | node.receive()
                log.append(node.env.now)
            except BaseException as error:
                log.append(error)
                raise
            finally:
                log.append("finally")

    cluster["n-0"].boot(stubborn)
    cluster.env.run(until=0.5)
    cluster["n-0"].crash()
    cluster.env.run(until=10)

    assert log == []


def test_a_restart_boots_the_same_programs_with_empty_memory(make):
    cluster, log = make(), []

    def program(node):
        count = 0
        while True:
            count += 1
            log.append((node.env.now, count))
            yield node.timer(1.0)

    cluster["n-0"].boot(program)
    cluster.env.run(until=1.5)
    cluster["n-0"].crash()
    cluster.env.run(until=5)
    cluster["n-0"].restart()
    cluster.env.run(until=6.5)

    assert log == [(0, 1), (1.0, 2), (5, 1), (6.0, 2)]


def test_only_flushed_storage_survives_a_crash(make):
    cluster, log = make(), []

    def program(node):
        if "durable" in node.storage:
            log.append((yield node.storage.read("durable")))
            with pytest.raises(KeyError):
                yield node.storage.read("volatile")
            return
        yield node.storage.write("durable", np.arange(3.0))
        yield node.storage.flush()
        yield node.storage.write("volatile", 2)
        log.append((yield node.storage.read("volatile")))

    cluster["n-0"].boot(program)
    cluster.env.run(until=1)
    cluster["n-0"].crash()
    cluster["n-0"].restart()
    cluster.env.run(until=2)

    assert log[0] == 2
    assert log[1].tolist() == [0, 1, 2]


def test_a_flush_that_a_crash_interrupts_makes_nothing_durable(make):
    cluster = make()
    node = cluster["n-0"]
    node.storage.write("key", 1, size_bytes=0)
    node.storage.flush()
    cluster.env.run(until=0.0005)
    node.crash()
    cluster.env.run(until=1)
    node.restart()

    assert node.storage.keys() == ()


def test_a_pause_loses_no_message_and_fires_expired_timers_in_order(make):
    cluster, log = make(), []

    def waits(node, event, name):
        yield event
        log.append((name, node.env.now))

    node = cluster["n-1"]
    node.spawn(waits(node, node.timer(2.0), "timer 2.0"))
    node.spawn(waits(node, node.receive(), "message 1.1"))
    node.spawn(waits(node, node.timer(0.5), "timer 0.5"))
    node.spawn(waits(node, node.timer(9.0), "timer 9.0"))
    cluster["n-0"].send("n-1", "x", size_bytes=1e6)
    cluster.env.run(until=0.25)
    node.pause()
    cluster.env.run(until=4)
    node.resume()
    cluster.env.run()

    assert log == [("timer 0.5", 4), ("message 1.1", 4), ("timer 2.0", 4), ("timer 9.0", 9.0)]


def test_a_node_that_is_down_does_nothing(make):
    node = make()["n-0"]
    node.crash()

    for attempt in (
        lambda: node.busy(1),
        lambda: node.timer(1),
        lambda: node.receive(),
        lambda: node.send("n-1", "x"),
        lambda: node.spawn(iter(())),
    ):
        with pytest.raises(NodeDown, match="n-0 is down at 0 s"):
            attempt()


def test_a_program_that_crashes_its_own_node_goes_no_further(make):
    cluster, log = make(), []

    def program(node):
        node.crash()
        yield node.timer(1.0)
        log.append("alive")

    cluster["n-0"].boot(program)
    cluster.env.run()

    assert log == []


def test_two_programs_resumed_by_one_event_die_together(make):
    cluster, log = make(), []
    bell = cluster.env.event()

    def first(node):
        yield bell
        cluster["n-1"].crash()

    def second(node):
        yield bell
        log.append("alive")

    cluster["n-0"].boot(first)
    cluster["n-1"].boot(second)
    cluster.env.run(until=1)
    bell.succeed()
    cluster.env.run()

    assert log == []


def test_a_request_without_a_reply_times_out_and_a_late_reply_is_recorded(make):
    cluster, log = make(), []

    def asks(node):
        try:
            yield node.request("n-1", "ask", timeout_s=1.0)
        except TimedOut as error:
            log.append((node.env.now, str(error)))

    def answers(node):
        message = yield node.receive("ask")
        yield node.timer(2.0)
        node.reply(message, "late")

    cluster["n-0"].boot(asks)
    cluster["n-1"].boot(answers)
    cluster.env.run()

    assert log == [(1.0, "no reply to 'ask' from n-1 within 1.0 s")]
    assert len(list(cluster.trace.rows("late_reply"))) == 1


def test_the_event_of_a_request_holds_the_message_that_asks(make):
    cluster = make()
    body = [1]
    reply = cluster["n-0"].request("n-1", "ask", body, timeout_s=1.0)
    body.append(2)

    said = reply.message
    assert (said.source, said.target, said.kind, said.body) == ("n-0", "n-1", "ask", (1,))
    assert said.request_id is not None


def test_a_timeout_that_waited_for_a_pause_to_end_spares_a_newer_request_with_the_same_id(make):
    """Reply and timeout both wait at the paused node; the reply wakes the program, which asks again at once."""
    cluster, log = make(), []

    def asks(node):
        for _ in range(2):
            reply = yield node.request("n-1", "ask", timeout_s=1.0, request_id="one")
            log.append((round(node.env.now, 3), reply.body))

    def answers(node):
        while True:
            message = yield node.receive("ask")
            node.reply(message, node.env.now < 2.0)

    cluster["n-0"].boot(asks)
    cluster["n-1"].boot(answers)
    cluster.env.call_later(0.05, lambda _: cluster["n-0"].pause())
    cluster.env.call_later(2.0, lambda _: cluster["n-0"].resume())
    cluster.env.run(until=20)

    assert log == [(2.0, True), (2.2, False)]


def test_a_message_to_a_node_that_is_down_is_dropped_with_that_cause(make):
    cluster = make()
    cluster["n-1"].crash()
    cluster["n-0"].send("n-1", "x")
    cluster.env.run()

    assert [row["cause"] for row in cluster.trace.rows("drop")] == ["target_down"]


def test_jitter_is_drawn_from_the_node_s_own_stream(make):
    def times(count):
        cluster = make(count, jitter=Exponential(mean=1.0))
        finished = []
        cluster["n-0"].busy(1.0).callbacks.append(lambda _: finished.append(cluster.env.now))
        cluster.env.run()
        return finished

    assert times(1) == times(3) == [Exponential(mean=1.0).sample(stream(0, "node", "n-0", "jitter"))]


@pytest.mark.parametrize(
    ("make_spec", "error"),
    [
        (lambda: NodeSpec(name="a", cores=0), "cores"),
        (lambda: NodeSpec(name="", cores=1), "name"),
        (lambda: NodeSpec(name="a", flops_per_s=-1.0), "flops_per_s"),
        (lambda: nodes("a", -1), "count must be at least 0, got -1"),
    ],
)
def test_a_machine_that_cannot_be_is_refused_by_field(make_spec, error):
    with pytest.raises(ValueError, match=error):
        make_spec()


def test_only_what_is_down_can_restart_and_only_what_is_paused_can_resume(make):
    node = make()["n-0"]
    with pytest.raises(ValueError, match="only a node that is down can restart, n-0 is up"):
        node.restart()
    with pytest.raises(ValueError, match="only a paused node can resume"):
        node.resume()


@pytest.mark.parametrize("seconds", [-0.5, -1e-9, float("nan"), float("inf")])
def test_a_core_is_not_busy_for_less_than_no_time(make, seconds):
    with pytest.raises(ValueError, match=f"seconds must be finite and at least 0, got {seconds}"):
        make()["n-0"].busy(seconds)


@pytest.mark.parametrize("discipline", ["fcfs", "ps"])
def test_a_reply_that_is_computed_comes_when_the_computation_is_over_unless_its_program_has_ended(make, discipline):
    def heard(ask, end_s):
        cluster, got = make(jitter=Exponential(mean=1.0), discipline=discipline), []

        def asks(node):
            reply = yield node.request("n-1", "ask", 3)
            got.append((node.env.now, reply.body))

        def answers(node):
            message = yield node.receive("ask")
            ask(node, message, Call(lambda: message.body + 1, Cost(5e8, 0.0)))
            yield node.timer(100)

        cluster["n-0"].boot(asks)
        cluster["n-1"].boot(answers)
        if end_s is not None:
            cluster.env.call_later(end_s, lambda _: cluster["n-1"].kill("answers"))
        cluster.env.run(until=50)
        return got, cluster.trace.digest()

    def by_an_event(node, message, call):
        node.compute(call).callbacks.append(lambda done: node.reply(message, done.value))

    for end_s in (None, 0.11):
        at_once = heard(lambda node, message, call: node.compute_reply(message, call), end_s)
        assert at_once == heard(by_an_event, end_s)
        assert [body for _, body in at_once[0]] == ([4] if end_s is None else [])
