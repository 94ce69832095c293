"""A node sees its own time, and has only so much memory."""

import pytest

from simcluster.cluster import ClockSpec, Killed, OutOfMemory


def test_a_clock_has_an_offset_and_drifts(make):
    cluster = make(clock=ClockSpec(offset_s=5.0, drift=0.01))
    cluster.env.run(until=100)

    assert cluster["n-0"].clock.now() == pytest.approx(106.0)


def test_a_clock_made_late_has_drifted_from_the_start(make):
    one, other = make(clock=ClockSpec(drift=0.01)), make(clock=ClockSpec(drift=0.01))
    one["n-0"].clock.now()
    one.env.run(until=50)
    other.env.run(until=50)

    assert one["n-0"].clock.now() == other["n-0"].clock.now()


def test_a_drift_for_a_while_leaves_its_error(make):
    cluster = make()
    clock = cluster["n-0"].clock
    cluster.env.run(until=10)
    clock.drift("fault", 0.1)
    cluster.env.run(until=20)
    clock.undrift("fault")
    cluster.env.run(until=100)

    assert clock.now() == pytest.approx(101.0)
    assert clock.at_baseline


def test_a_step_moves_one_clock_only(make):
    cluster = make()
    cluster["n-0"].clock.step(-3.0)
    cluster.env.run(until=10)

    assert (cluster["n-0"].clock.now(), cluster["n-1"].clock.now()) == (7.0, 10.0)


def test_wander_is_a_sine(make):
    cluster = make(clock=ClockSpec(wander_s=2.0, wander_period_s=40.0))
    cluster.env.run(until=10)

    assert cluster["n-0"].clock.now() == pytest.approx(12.0)


def test_more_memory_than_there_is_is_a_failure_of_the_program(make):
    cluster, log = make(memory_bytes=100.0), []

    def program(node):
        with node.memory.allocate(60):
            try:
                node.memory.allocate(60)
            except OutOfMemory as failure:
                log.append((failure.cause, str(failure)))
        node.memory.allocate(100)
        yield node.timer(1)

    cluster["n-0"].boot(program)
    cluster.env.run()

    assert log == [("out_of_memory", "n-0 has 40 bytes available, 60 were asked")]


def test_a_crash_and_a_kill_free_memory(make):
    cluster = make(memory_bytes=100.0)

    def program(node):
        node.memory.allocate(70)
        yield node.timer(100)

    node = cluster["n-0"]
    node.boot(program)
    cluster.env.run(until=1)
    assert node.memory.available_bytes == 30
    node.kill("program")
    assert node.memory.available_bytes == 100
    node.revive("program")
    cluster.env.run(until=2)
    assert node.memory.available_bytes == 30
    node.crash()
    assert node.memory.available_bytes == 100


def test_a_killed_program_ends_with_what_it_spawned_and_frees_its_core(make):
    cluster, log = make(), []

    def child(node):
        yield node.busy(10)
        log.append("child")

    def doomed(node):
        node.spawn(child(node))
        yield node.busy(10)

    def other(node):
        yield node.timer(0.5)
        yield node.busy(1)
        log.append(node.env.now)

    node = cluster["n-0"]
    node.boot(doomed)
    node.boot(other)
    cluster.env.run(until=1)
    node.kill("doomed")
    cluster.env.run(until=50)

    assert log == [2.0]


def test_whoever_awaits_a_killed_process_is_told(make):
    cluster, log = make(), []

    def child(node):
        yield node.timer(10)

    processes = []

    def doomed(node):
        processes.append(node.spawn(child(node)))
        yield node.timer(10)

    def watcher(node):
        yield node.timer(0.5)
        try:
            yield processes[0]
        except Killed as failure:
            log.append((failure.cause, node.env.now))

    node = cluster["n-0"]
    node.boot(doomed)
    node.boot(watcher)
    cluster.env.run(until=1)
    node.kill("doomed")
    cluster.env.run(until=20)

    assert log == [("killed", 1)]


def test_two_programs_of_one_name_are_refused(make):
    def program(node):
        yield node.timer(1)

    node = make()["n-0"]
    node.boot(program)
    with pytest.raises(ValueError, match="different names, got 'program' twice on n-0"):
        node.boot(program)
    node.boot(program, name="second")


def test_what_is_withheld_twice_is_missing_twice(make):
    memory = make(memory_bytes=100.0)["n-0"].memory
    memory.withhold("one", 30.0)
    memory.withhold("other", 50.0)

    assert memory.available_bytes == 20
    memory.give_back("other")
    assert memory.available_bytes == 70


@pytest.mark.parametrize("killed", ["a", "b", "c"])
def test_a_kill_frees_what_the_program_held_and_nothing_else(make, killed):
    node = make(memory_bytes=1000.0)["n-0"]

    def holds(size_bytes):
        def program(node):
            node.memory.allocate(size_bytes)
            yield node.timer(100)

        return program

    for name, size_bytes in (("b", 1), ("a", 20), ("c", 300)):
        node.boot(holds(size_bytes), name)
    node.env.run(until=1)
    node.kill(killed)

    assert node.memory.available_bytes == 1000 - 321 + {"a": 20, "b": 1, "c": 300}[killed]
