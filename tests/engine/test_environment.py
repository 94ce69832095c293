"""What the cluster asks of its environment, on both engines."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from typing import Any

import pytest
import simpy


class Watched(list):  # type: ignore[type-arg]
    """Callbacks that say who comes and goes."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[tuple[str, object]] = []

    def append(self, callback: Any) -> None:
        self.log.append(("append", callback.__self__))
        super().append(callback)

    def remove(self, callback: Any) -> None:
        self.log.append(("remove", callback.__self__))
        super().remove(callback)


def watched_event(engine: Any, env: Any) -> Any:
    """Returns an event of a Python subclass of the engine's Event, with watched callbacks."""

    class Receive(engine.Event):  # type: ignore[misc]
        def __init__(self, env: Any) -> None:
            super().__init__(env)
            self.callbacks = Watched()

    return Receive(env)


def test_events_are_simpys(engine: Any, env: Any) -> None:
    def program() -> Any:
        yield env.timeout(1)

    process = env.process(program())
    condition = env.timeout(1) | env.event()
    pairs = [
        (env, simpy.Environment),
        (env.event(), simpy.Event),
        (env.timeout(1), simpy.Timeout),
        (process, simpy.Process),
        (process.target, simpy.events.Initialize),
        (condition, simpy.events.Condition),
        (env.all_of([]), simpy.AllOf),
        (env.any_of([]), simpy.AnyOf),
        (env.run(until=condition), simpy.events.ConditionValue),
        (watched_event(engine, env), simpy.Event),
    ]
    assert all(isinstance(each, cls) for each, cls in pairs)


# a. replaced callbacks


def test_a_process_comes_and_goes_through_replaced_callbacks(engine: Any, env: Any) -> None:
    event = watched_event(engine, env)

    def program() -> Any:
        try:
            yield event
        except simpy.Interrupt:
            yield env.timeout(1)

    process = env.process(program())
    env.run(until=1)
    assert event.callbacks.log == [("append", process)]
    process.interrupt()
    env.run()
    assert event.callbacks.log == [("append", process), ("remove", process)]


def test_a_condition_comes_and_goes_through_replaced_callbacks(engine: Any, env: Any) -> None:
    event = watched_event(engine, env)
    condition = event | env.timeout(1)
    env.run()
    assert event.callbacks.log == [("append", condition), ("remove", condition)]
    assert event.callbacks == []


def test_callbacks_may_clear_the_list_that_is_being_called(engine: Any, env: Any) -> None:
    log = []
    event = env.event()
    callbacks = event.callbacks
    callbacks.append(lambda _: (log.append("first"), callbacks.clear()))
    callbacks.append(lambda _: log.append("second"))
    event.succeed()
    env.run()
    assert log == ["first"]


# b. firing in place


def test_a_fired_event_has_resumed_its_processes_at_once(engine: Any, env: Any) -> None:
    log = []
    event = env.event()

    def waiter() -> Any:
        log.append((yield event))
        log.append(env.active_process)
        yield env.timeout(1)

    def firer() -> Any:
        yield env.timeout(1)
        engine.fire(event, "now")
        log.append("fired")
        assert env.active_process is second

    first, second = env.process(waiter()), env.process(firer())
    env.run()
    assert log == ["now", first, "fired"]
    assert event.processed
    assert event.value == "now"


def test_an_event_can_be_fired_by_hand(env: Any) -> None:
    event, log = env.event(), []
    event.callbacks.append(lambda event: log.append(event.value))
    event._ok = True
    event._value = 5
    callbacks, event.callbacks = event.callbacks, None
    for callback in callbacks:
        callback(event)
    assert log == [5]
    assert event.processed


def test_an_event_of_plain_simpy_can_be_fired(engine: Any, env: Any) -> None:
    event = simpy.Event(env)

    def program() -> Any:
        with pytest.raises(KeyError):
            yield simpy.Event(env) | event
        return (yield other)

    other = simpy.Event(env)
    process = env.process(program())
    env.run(until=1)
    engine.fail_now(event, KeyError("lost"))
    env.run(until=2)
    engine.fire(other, 7)
    assert env.run(until=process) == 7


def test_a_fired_event_is_in_the_value_of_its_condition(engine: Any, env: Any) -> None:
    event, other = env.event(), env.event()
    condition = event | other
    engine.fire(event, 1)
    assert condition.triggered
    assert env.run(until=condition).todict() == {event: 1}
    assert not other.callbacks


@pytest.mark.parametrize("firing", ["fire", "fail_now"])
def test_an_event_happens_once(engine: Any, env: Any, firing: str) -> None:
    event = env.event().succeed()
    with pytest.raises(RuntimeError, match="has already been triggered"):
        getattr(engine, firing)(event, ValueError())


def test_a_failure_that_nobody_handles_is_raised_where_it_happens(engine: Any, env: Any) -> None:
    error = KeyError("lost")
    with pytest.raises(KeyError) as caught:
        engine.fail_now(env.event(), error)
    assert caught.value.__cause__ is error
    with pytest.raises(TypeError, match="5 is not an exception"):
        engine.fail_now(env.event(), 5)


def test_a_run_until_a_fired_event_stops_after_the_event_that_fired_it(
    engine: Any, env: Any
) -> None:
    event, log = env.event(), []

    def firer() -> Any:
        yield env.timeout(1)
        engine.fire(event, "value")
        log.append("still running")
        yield env.timeout(0)
        log.append("later")

    env.process(firer())
    assert env.run(until=event) == "value"
    assert log == ["still running"]
    env.run()
    assert log == ["still running", "later"]


def test_events_that_fire_events_end_in_a_recursion_error_not_in_a_crash(
    engine: Any, env: Any
) -> None:
    chain = [env.event() for _ in range(100_000)]
    for event, following in itertools.pairwise(chain):
        event.callbacks.append(lambda _, following=following: engine.fire(following))
    with pytest.raises(RecursionError):
        engine.fire(chain[0])


# c. killing


def sleeper(env: Any, log: list[Any], event: Any) -> Any:
    """Is a program that notices everything that can happen to it."""
    try:
        log.append("started")
        log.append((yield event))
    except BaseException as error:
        log.append(error)
        raise
    finally:
        log.append("finally")


def test_a_killed_process_is_suspended_where_it_is(engine: Any, env: Any) -> None:
    log: list[Any] = []
    event = env.timeout(5, "woken")
    process = env.process(sleeper(env, log, event))
    env.run(until=1)
    process.interrupt("pending")
    generator = engine.kill(process)
    assert engine.kill(process) is None
    process.interrupt("later")
    env.run()
    assert log == ["started"]
    assert process.is_alive
    assert process.name == "sleeper"
    assert event.callbacks is None
    generator.close()
    assert isinstance(log[1], GeneratorExit)


def test_a_process_can_be_killed_before_it_starts(engine: Any, env: Any) -> None:
    log: list[Any] = []
    generator = engine.kill(env.process(sleeper(env, log, env.event())))
    env.run()
    assert log == []
    assert generator.gi_frame is not None


@pytest.mark.parametrize("event_kind", ["timeout", "simpy"])
def test_a_process_can_be_killed_by_the_event_that_would_resume_it(
    engine: Any, env: Any, event_kind: str
) -> None:
    log: list[Any] = []
    event = env.timeout(5) if event_kind == "timeout" else simpy.Timeout(env, 5)
    kept = []
    event.callbacks.append(lambda _: kept.append(engine.kill(process)))
    process = env.process(sleeper(env, log, event))
    env.run()
    assert log == ["started"]
    assert kept[0].gi_frame is not None


def test_a_process_that_kills_itself_runs_up_to_its_next_yield(engine: Any, env: Any) -> None:
    log, kept = [], []

    def program() -> Any:
        kept.append(engine.kill(env.active_process))
        log.append("killed")
        yield env.timeout(0)
        log.append("resumed")

    env.process(program())
    env.run()
    assert log == ["killed"]


def test_a_terminated_process_cannot_be_killed(engine: Any, env: Any) -> None:
    def program() -> Any:
        yield env.timeout(1)

    process = env.process(program())
    env.run()
    assert engine.kill(process) is None


# d. awaited


def test_who_awaits_an_event(engine: Any, env: Any) -> None:
    event = env.event()
    assert not engine.awaited(event)
    process = env.process(sleeper(env, [], event))
    assert not engine.awaited(event)
    env.run(until=1)
    assert engine.awaited(event)
    kept = engine.kill(process)
    assert not engine.awaited(event)
    event.callbacks.append(print)
    assert engine.awaited(event)
    assert kept is not None


def test_a_condition_awaits_its_events_if_it_is_awaited_itself(engine: Any, env: Any) -> None:
    event, other = env.event(), env.event()
    outer = (event & other) | env.event()
    assert not engine.awaited(event)
    assert not engine.awaited(outer)
    env.process(sleeper(env, [], outer))
    env.run(until=1)
    assert engine.awaited(event)
    assert engine.awaited(other)


def test_a_race_that_was_lost_awaits_nothing(engine: Any, env: Any) -> None:
    event, winner = env.event(), env.event()
    process = env.process(sleeper(env, [], event | winner))
    env.step()
    winner.succeed()
    assert engine.awaited(event)
    env.step()
    assert process.is_alive
    assert process.target.triggered
    assert not engine.awaited(event)


def test_a_request_is_awaited_by_processes_not_by_its_resource(engine: Any, env: Any) -> None:
    store = simpy.Store(env)
    for _ in range(3):
        store.put(1)
        store.get()
        request = store.get()
        assert not engine.awaited(request)
        process = env.process(sleeper(env, [], request))
        env.run(until=env.now + 1)
        assert engine.awaited(request)
        engine.kill(process).close()
        assert not engine.awaited(request)
        request.cancel()


def test_a_processed_event_is_not_awaited(engine: Any, env: Any) -> None:
    event = env.event().succeed()
    event.callbacks.append(lambda _: log.append(engine.awaited(event)))
    log: list[bool] = []
    env.run()
    assert log == [False]


# e. calls and cancelling


def test_calls_come_in_the_order_of_timeouts(env: Any) -> None:
    log: list[Any] = []

    def note(what: str) -> None:
        log.append((env.now, what))

    env.timeout(1).callbacks.append(lambda _: note("timeout 1"))
    env.call_later(1, note, "call 1")
    env.timeout(1).callbacks.append(lambda _: note("timeout 2"))
    env.call_later(0, note, "call 0")
    env.event().succeed().callbacks.append(lambda _: note("event 0"))
    env.run()
    assert log == [(0, "call 0"), (0, "event 0"), (1, "timeout 1"), (1, "call 1"), (1, "timeout 2")]


def test_a_cancelled_call_neither_happens_nor_moves_the_clock(env: Any) -> None:
    log: list[Any] = []
    kept, dropped = env.call_later(1, log.append, "kept"), env.call_later(2, log.append, "dropped")
    assert dropped.pending
    assert dropped.cancel()
    assert not dropped.cancel()
    assert not dropped.pending
    env.run()
    assert log == ["kept"]
    assert env.now == 1
    assert not kept.cancel()
    assert env.peek() == float("inf")


def test_peek_sees_no_cancelled_call(env: Any) -> None:
    first, second = env.call_later(1, print), env.call_later(2, print)
    first.cancel()
    assert env.peek() == 2
    second.cancel()
    assert env.peek() == float("inf")
    with pytest.raises(simpy.core.EmptySchedule):
        env.step()


def test_a_call_that_fails_stops_the_run(env: Any) -> None:
    env.call_later(1, {}.__getitem__, "missing")
    with pytest.raises(KeyError, match="missing"):
        env.run()


def test_a_call_needs_a_delay_that_is_not_negative_and_a_function(env: Any) -> None:
    with pytest.raises(ValueError, match="Negative delay -1"):
        env.call_later(-1, print)
    with pytest.raises(TypeError, match="5 is not callable"):
        env.call_later(1, 5)


def test_a_cancelled_timeout_never_happens(engine: Any, env: Any) -> None:
    log: list[Any] = []
    timeout = env.timeout(1)
    env.process(sleeper(env, log, timeout))
    env.run(until=0.5)
    assert engine.cancel(timeout)
    assert not engine.cancel(timeout)
    env.run()
    assert env.now == 0.5
    assert log == ["started"]
    done = env.timeout(1)
    env.run()
    assert not engine.cancel(done)


def test_a_mass_of_cancelled_calls_keeps_the_order_of_the_others(env: Any) -> None:
    log: list[int] = []
    calls = [env.call_later((7919 * number) % 1009, log.append, number) for number in range(5000)]
    for number, call in enumerate(calls):
        if number % 10:
            call.cancel()
    env.run()
    assert log == sorted(range(0, 5000, 10), key=lambda number: ((7919 * number) % 1009, number))
    assert len(env._queue) == 0


def test_a_timer_that_always_loses_does_not_fill_the_schedule(engine: Any, env: Any) -> None:
    def program() -> Any:
        for _ in range(5000):
            timer = env.timeout(60)
            yield env.timeout(0.001) | timer
            engine.cancel(timer)
            call = env.call_later(60, print)
            yield env.timeout(0.001)
            call.cancel()
            assert len(env._queue) < 500

    env.run(until=env.process(program()))


@pytest.mark.parametrize("name", ["compiled", "simpy", "fast"])
def test_the_environment_variable_chooses_the_engine(name: str) -> None:
    code = "from simcluster.engine import environment as e; print(e.Environment.__module__)"
    variables = {**os.environ, "SIMCLUSTER_ENGINE": name, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False
    )
    expected = {
        "compiled": "simcluster.kernels.events",
        "simpy": "simcluster.engine.plain",
        "fast": "",
    }
    assert result.stdout.strip() == expected[name]
    assert (result.returncode == 0) == (name != "fast")
