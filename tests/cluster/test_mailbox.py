"""A message goes to somebody who awaits it, or it waits."""

import pytest
from simpy import Interrupt


def sender(times, kind="x"):
    def program(node):
        for time_s in times:
            yield node.timer(time_s - node.env.now)
            node.send("n-1", kind, body=time_s, size_bytes=0)

    return program


def test_messages_come_in_order_of_arrival(make):
    cluster, got = make(), []

    def receiver(node):
        yield node.timer(2)
        for _ in range(3):
            got.append((yield node.receive()).body)

    cluster["n-0"].boot(sender([0.0, 0.5, 1.0]))
    cluster["n-1"].boot(receiver)
    cluster.env.run()

    assert got == [0.0, 0.5, 1.0]


def test_a_receive_that_lost_its_race_takes_no_message(make):
    cluster, got = make(), []

    def receiver(node):
        for _ in range(12):
            receive, timer = node.receive(), node.timer(0.25)
            happened = yield receive | timer
            if receive in happened:
                got.append(receive.value.body)

    cluster["n-0"].boot(sender([0.0, 1.0, 2.0]))
    cluster["n-1"].boot(receiver)
    cluster.env.run()

    assert got == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("wait", [lambda node: node.receive(), lambda node: node.receive() | node.timer(60)])
def test_an_interrupted_program_leaves_its_message_to_the_next(make, wait):
    cluster, got = make(), []

    def impatient(node):
        try:
            yield wait(node)
        except Interrupt:
            yield node.timer(1.0)
            got.append((yield node.receive()).body)

    def boot(node):
        process = node.spawn(impatient(node))
        yield node.timer(0.05)
        process.interrupt()

    cluster["n-1"].boot(boot)
    cluster["n-0"].boot(sender([0.0]))
    cluster.env.run(until=5)

    assert got == [0.0]


def test_a_receive_made_and_forgotten_takes_no_message(make):
    cluster, got = make(), []

    def receiver(node):
        node.receive()
        yield node.timer(1.0)
        got.append((yield node.receive()).body)

    cluster["n-0"].boot(sender([0.0]))
    cluster["n-1"].boot(receiver)
    cluster.env.run()

    assert got == [0.0]


def test_a_race_made_early_and_awaited_late_still_gets_its_message(make):
    cluster, got = make(), []

    def receiver(node):
        receive = node.receive()
        race = receive | node.timer(60)
        yield node.timer(1.0)
        assert receive in (yield race)
        got.append((receive.value.body, node.env.now))

    cluster["n-0"].boot(sender([0.0]))
    cluster["n-1"].boot(receiver)
    cluster.env.run(until=10)

    assert got == [(0.0, 1.0)]


def test_a_receive_by_kind_leaves_other_messages(make):
    cluster, got = make(), []

    def receiver(node):
        got.append((yield node.receive("b")).kind)
        got.append((yield node.receive()).kind)

    cluster["n-0"].boot(sender([0.0], kind="a"))
    cluster["n-2"].boot(sender([1.0], kind="b"))
    cluster["n-1"].boot(receiver)
    cluster.env.run()

    assert got == ["b", "a"]


def test_a_receive_may_be_awaited_again_after_it_lost(make):
    cluster, got = make(), []

    def receiver(node):
        receive = node.receive()
        while not receive.processed:
            yield receive | node.timer(0.3)
        got.append((receive.value.body, node.env.now))

    cluster["n-0"].boot(sender([1.0]))
    cluster["n-1"].boot(receiver)
    cluster.env.run()

    assert got == [(1.0, pytest.approx(1.1))]
