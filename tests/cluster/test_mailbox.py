"""A message goes to somebody who awaits it, or it waits."""

import pytest
from simpy import Interrupt

from simcluster.engine import stream
from simcluster.kernels import Call, Cost


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


def receives(node, take):
    while True:
        take((yield node.receive("x", "y")))


def listens(node, take):
    yield node.listen({"x": take, "y": take})


def computes(node):
    return lambda message: node.compute(Call(lambda: message.body, Cost(3e8, 0.0)))


def seen(make, program, seed):
    """What a program heard and what is in the trace, while its node is paused, crashed and its program ended."""
    cluster, draw, got = make(cores=2), stream(seed, "trouble"), []

    def trouble():
        node = cluster["n-1"]
        while cluster.env.now < 5:
            yield cluster.env.timeout(float(draw.exponential(0.3)))
            what = (("crash", "restart"), ("pause", "resume"), ("kill", "revive"))[draw.integers(3)]
            named = ("program",) if what[0] == "kill" else ()
            getattr(node, what[0])(*named)
            yield cluster.env.timeout(float(draw.exponential(0.2)))
            getattr(node, what[1])(*named)

    def take(node):
        compute = computes(node)

        def one(message):
            got.append((node.env.now, message.id, node.env.active_process.name))
            compute(message)  # for the program that runs, with which it ends
            if message.id % 7 == 0:
                node.send("n-1", "y", size_bytes=0)  # which comes to the same program at once
            if message.id % 11 == 0:
                node.crash()
                node.env.call_later(0.01, lambda _: cluster.check())
                node.env.call_later(0.02, lambda _: node.restart())

        return one

    cluster["n-0"].boot(sender(sorted(draw.uniform(0, 5, 30).round(1).tolist())))
    cluster["n-1"].boot(lambda node: program(node, take(node)), "program")
    cluster.env.process(trouble())
    cluster.env.run(until=10)
    names = {"receives": "program", "listens": "program"}
    return [(time_s, ident, names.get(name, name)) for time_s, ident, name in got], cluster.trace.digest()


def test_whoever_listens_hears_what_whoever_receives_hears_whatever_becomes_of_the_node(make):
    for seed in range(40):
        assert seen(make, listens, seed) == seen(make, receives, seed), seed


def test_what_a_listener_raises_is_raised_into_its_program_and_what_comes_later_waits(make):
    cluster, raised, got = make(), [], []

    def take(message):
        raise LookupError(message.body)

    def receiver(node):
        try:
            yield node.listen({"x": take})
        except LookupError as error:
            raised.append((node.env.now, error.args))
        yield node.timer(5)
        got.append((yield node.receive()).body)

    cluster["n-0"].boot(sender([0.0, 1.0]))
    cluster["n-1"].boot(receiver)
    cluster.env.run()

    assert (raised, got) == ([(0.1, (0.0,))], [1.0])


def test_a_race_that_a_listener_loses_leaves_the_next_message(make):
    cluster, got = make(), []

    def receiver(node):
        yield node.listen({"x": lambda message: got.append(("heard", message.body))}) | node.timer(0.5)
        got.append(("received", (yield node.receive()).body))

    cluster["n-0"].boot(sender([0.0, 0.2, 1.0]))
    cluster["n-1"].boot(receiver)
    cluster.env.run()

    assert got == [("heard", 0.0), ("heard", 0.2), ("received", 1.0)]


def test_whoever_listens_says_for_what(make):
    with pytest.raises(ValueError, match=r"functions must be those of at least one kind, got \{\}"):
        make()["n-0"].listen({})
