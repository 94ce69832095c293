"""A loop that goes in slices does what one in one piece does, on both engines."""

from __future__ import annotations

from contextlib import suppress

import pytest
from simpy.core import EmptySchedule, StopSimulation


def ticking(env, log, every):
    for _ in range(20):
        yield env.timeout(every)
        log.append((env.now, every))


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_slices_process_the_same_events_in_the_same_order(engine, size):
    logs = []
    for steps in (None, size):
        env, log = engine.Environment(), []
        for every in (1.0, 0.5, 0.7):
            env.process(ticking(env, log, every))
        if steps is None:
            env.run()
        else:
            with suppress(EmptySchedule):
                while True:
                    env.steps(steps)
        logs.append((env.now, log))

    assert logs[0] == logs[1]


def test_fewer_events_than_wanted_leave_an_empty_schedule(env):
    env.timeout(1)

    with pytest.raises(EmptySchedule):
        env.steps(2)
    assert env.now == 1


def test_so_many_events_are_processed_and_no_more(env):
    log = []
    for delay in range(10):
        env.call_later(float(delay), log.append, delay)

    env.steps(4)

    assert log == [0, 1, 2, 3]


def test_an_event_that_stops_the_run_stops_a_slice_and_the_next_goes_on(env):
    log = []
    stop = env.timeout(1.5)
    stop.callbacks.append(StopSimulation.callback)
    env.process(ticking(env, log, 1.0))

    with pytest.raises(StopSimulation):
        env.steps(1000)
    assert (env.now, log) == (1.5, [(1.0, 1.0)])
    env.steps(2)  # the rest of what stopped the run comes first, as SimPy has it

    assert log[-1] == (2.0, 1.0)


def test_a_process_that_yields_what_has_happened_for_ever_fails_after_so_many_times(env):
    env.events_per_instant = 50
    count = []

    def passes():
        done = env.timeout(1)
        yield done
        while True:
            count.append(env.now)
            yield done

    process = env.process(passes())
    with pytest.raises(RuntimeError, match="must not yield for ever what has happened, got 50 times in a row"):
        env.run()

    assert (len(count), process.ok) == (50, False)


def test_what_has_happened_may_be_yielded_as_often_as_is_said_and_again_after_time_has_passed(env):
    env.events_per_instant = 50

    def passes():
        for _ in range(5):
            done = env.timeout(1)
            yield done
            for _ in range(49):
                yield done

    process = env.process(passes())
    env.run()

    assert process.ok


def test_without_a_limit_there_is_none(env):
    def passes():
        done = env.timeout(1)
        for _ in range(3000):
            yield done

    env.process(passes())
    env.run()

    assert env.events_per_instant == 0
