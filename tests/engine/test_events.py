"""The compiled loop: SimPy's words and numbers, tracebacks, memory."""

from __future__ import annotations

import contextlib
import gc
import sys
import traceback
import weakref
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import psutil
import pytest
import simpy

from simcluster.kernels import events


@pytest.fixture
def env() -> Any:
    return events.Environment()


def outcome(function: Any, environment: Any) -> Any:
    """Returns what *function* makes of an environment, or how it fails."""
    try:
        return function(environment())
    except Exception as error:
        return type(error), [str(each).split(" object at ")[0] for each in error.args]


def both(function: Any) -> list[Any]:
    """Returns the outcome on SimPy and on the compiled loop."""
    return [outcome(function, simpy.Environment), outcome(function, events.Environment)]


MISUSES = {
    "negative delay": lambda env: env.timeout(-1),
    "delay of no number": lambda env: env.timeout("soon"),
    "no delay at all": lambda env: env.timeout(None),
    "foreign event": lambda env: env.event() & type(env)().event(),
    "nothing to wait for": lambda env: env.any_of([3]),
    "no generator": lambda env: env.process(lambda: None),
    "second succeed": lambda env: env.event().succeed().succeed(),
    "second fail": lambda env: env.event().succeed().fail(ValueError()),
    "failure without exception": lambda env: env.event().fail("reason"),
    "value too early": lambda env: env.event().value,
    "ok too early": lambda env: env.event().ok,
    "triggered by an untriggered event": lambda env: env.event().trigger(env.event()),
    "untriggered event on the schedule": lambda env: (env.schedule(env.event()), env.run()),
    "event twice on the schedule": lambda env: (env.schedule(env.event().succeed()), env.run()),
    "until the past": lambda env: env.run(until=-1),
    "until now": lambda env: env.run(until=0),
    "until no number": lambda env: env.run(until="never"),
    "until what never happens": lambda env: env.run(until=env.event()),
    "unhandled failure": lambda env: (env.event().fail(KeyError("lost")), env.run()),
    "failure that cannot be copied": lambda env: (
        env.event().fail(UnicodeDecodeError("a", b"", 0, 1, "b")),
        env.run(),
    ),
    "empty schedule": lambda env: env.step(),
    "bad time": lambda env: env.schedule(env.event(), delay="later"),
    "callbacks that are none": lambda env: (setattr(env.timeout(1), "callbacks", 5), env.run()),
}


@pytest.mark.parametrize("misuse", MISUSES.values(), ids=MISUSES)
def test_a_misuse_raises_what_simpy_raises(misuse: Any) -> None:
    plain, compiled = both(misuse)
    assert compiled == plain
    assert isinstance(plain, tuple)


@pytest.mark.parametrize("value", [None, 5, "text", ()])
def test_a_process_that_yields_no_event_is_told_where(value: Any) -> None:
    def yield_it(env: Any) -> None:
        def program() -> Any:
            yield value

        env.process(program())
        env.run()

    plain, compiled = both(yield_it)
    assert compiled == plain
    assert "yield value" in compiled[1][0]


NUMBERS = {
    "int": [1, 2, 3],
    "float": [1.5, 2.25, 0.1, 0.2],
    "both": [1, 0.5, 2],
    "bool": [True, False, True],
    "negative zero": [-0.0, 1],
    "infinity": [1, float("inf")],
    "large int": [2**53 - 1, 1, 1, 1, 2**70],
    "larger int and float": [2**60, 0.5],
    "fraction": [1, Fraction(1, 3), Fraction(1, 3), 2],
    "decimal": [1, Decimal("0.1"), Decimal("0.2")],
    "numpy float": [np.float64(0.1), 1.5, np.float64(2)],
    "numpy int": [np.int64(3), 1],
    "single": [np.float32(0.1), 1],
}


@pytest.mark.parametrize("delays", NUMBERS.values(), ids=NUMBERS)
def test_time_is_the_number_that_simpy_computes(delays: list[Any]) -> None:
    def log(env: Any) -> Any:
        found = []

        def program() -> Any:
            for delay in delays:
                timeout = env.timeout(delay)
                found.append((timeout._delay, env.peek()))
                if type(delay) is not bool:  # kept by value: 1, not True
                    found.append(str(timeout).split(" object")[0])
                yield timeout
                found.append(env.now)

        env.process(program())
        env.timeout(1.75).callbacks.append(lambda _: found.append("between"))
        env.run()
        return [found, [type(each) for each in found if not isinstance(each, np.generic | tuple)]]

    plain, compiled = both(log)
    assert compiled[0] == plain[0]
    if not any(isinstance(delay, np.generic) for delay in delays):
        assert compiled[1] == plain[1]


@pytest.mark.parametrize("start", [0, 3, 2.5, Fraction(1, 2), 2**80, -7, -0.5])
def test_time_begins_where_it_is_told(start: Any) -> None:
    def run(environment: Any) -> Any:
        env = environment(start)
        env.timeout(2)
        env.run(until=start + 1)
        return env.now, type(env.now)

    assert run(events.Environment) == run(simpy.Environment)


@pytest.mark.parametrize("priority", [-1, 0, 1, 2, 50, 1000, -1000, 0.5, Fraction(1, 2)])
def test_priorities_are_any_number(priority: Any) -> None:
    def order(env: Any) -> Any:
        found: list[Any] = []
        for number, each in enumerate([1, priority, 0, priority, 2]):
            event = env.event()
            event._ok, event._value = True, None
            event.callbacks.append(lambda _, number=number: found.append(number))
            env.schedule(event, each, 1)
        env.run()
        return found

    plain, compiled = both(order)
    assert compiled == plain


def test_a_negative_delay_on_the_schedule_turns_time_back() -> None:
    def order(env: Any) -> Any:
        found: list[Any] = []

        def add(name: str, delay: float) -> None:
            event = env.event()
            event._ok, event._value = True, None
            event.callbacks.append(lambda _: found.append((name, env.now)))
            env.schedule(event, 1, delay)

        def program() -> Any:
            yield env.timeout(5)
            add("now", 0)
            add("before", -2)
            add("after", 0)
            yield env.timeout(0)
            add("late", 0)
            add("back", -4)

        env.process(program())
        env.run()
        return found

    plain, compiled = both(order)
    assert compiled == plain


def test_an_environment_may_override_step_and_schedule() -> None:
    def log(environment: Any) -> Any:
        found = []

        class Traced(environment):  # type: ignore[misc]
            def schedule(self, event: Any, priority: int = 1, delay: float = 0) -> None:
                found.append((type(event).__name__, priority, delay))
                super().schedule(event, priority, delay)

        env = Traced()
        step = env.step

        def traced_step() -> None:
            time, priority, serial, event = env._queue[0]
            found.append((time, priority, serial, type(event).__name__))
            step()

        env.step = traced_step

        def program() -> Any:
            yield env.timeout(1) | env.timeout(2)
            process.interrupt()
            yield env.event().succeed()

        def victim() -> Any:
            with contextlib.suppress(simpy.Interrupt):
                yield env.event()

        process = env.process(victim())
        env.process(program())
        env.run(until=3)
        return found, next(env._eid)

    assert log(events.Environment) == log(simpy.Environment)


def test_user_subclasses_of_simpys_events_run_among_compiled_ones(env: Any) -> None:
    class Process(simpy.Process):
        pass

    class Delay(simpy.Timeout):
        pass

    log = []

    def program(delay: float) -> Any:
        value = yield Delay(env, delay, "plain") & env.timeout(delay)
        log.append((env.now, len(value.events), env.active_process))
        try:
            yield env.event() | simpy.Event(env)
        except simpy.Interrupt as interrupt:
            log.append(interrupt.cause)
        return "done"

    def other(process: Any) -> Any:
        yield env.timeout(3)
        process.interrupt("stop")
        log.append((yield process))

    process = Process(env, program(2))
    env.process(other(process))
    env.run()
    assert log == [(2, 2, process), "stop", "done"]


def test_a_generator_may_be_any_object_that_sends_and_throws(env: Any) -> None:
    class Program:
        def __init__(self) -> None:
            self.log: list[Any] = []
            self.__name__ = "program"

        def send(self, value: Any) -> Any:
            self.log.append(value)
            if len(self.log) == 3:
                raise StopIteration("first", "second")
            return env.timeout(1, len(self.log))

        def throw(self, error: BaseException) -> Any:
            raise error

    program = Program()
    assert env.run(until=env.process(program)) == "first"
    assert program.log == [None, 1, 2]


# Tracebacks


def frames(error: BaseException) -> list[tuple[str, list[str]]]:
    """Returns the functions of this file in the traceback of *error* and of its causes."""
    found = []
    each: BaseException | None = error
    while each is not None:
        names = [
            entry.name
            for entry in traceback.extract_tb(each.__traceback__)
            if entry.filename == __file__
        ]
        found.append((type(each).__name__, names))
        each = each.__cause__
    return found


def fail_in_three_generations(env: Any) -> Any:
    def deep() -> None:
        raise RuntimeError("foo")

    def child() -> Any:
        yield env.timeout(1)
        deep()

    def parent() -> Any:
        yield env.process(child())

    def grandparent() -> Any:
        yield env.process(parent())

    env.process(grandparent())
    with pytest.raises(RuntimeError, match="foo") as caught:
        env.run()
    return caught.value


def test_an_exception_keeps_its_way_through_the_users_code() -> None:
    error = fail_in_three_generations(events.Environment())
    assert frames(error) == frames(fail_in_three_generations(simpy.Environment()))
    assert frames(error)[1:] == [
        ("RuntimeError", ["grandparent"]),
        ("RuntimeError", ["parent"]),
        ("RuntimeError", ["child", "deep"]),
    ]
    # Nothing but the user's frames stands in the causes.
    cause = error.__cause__
    while cause is not None:
        assert {entry.filename for entry in traceback.extract_tb(cause.__traceback__)} == {__file__}
        cause = cause.__cause__


def test_an_exception_that_cannot_be_copied_fails_the_process(env: Any) -> None:
    class Odd(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__(one + two)

    def program() -> Any:
        yield env.event().fail(Odd(1, 2))

    process = env.process(program())
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        env.run()
    assert process.value.__traceback__ is None


# Depth


def test_a_million_immediate_resumptions(env: Any) -> None:
    done = env.timeout(0)
    env.run()

    def program() -> Any:
        for _ in range(1_000_000):
            yield done

    env.run(until=env.process(program()))


def test_a_long_chain_of_processes_that_wait_for_each_other(env: Any) -> None:
    def program(previous: Any) -> Any:
        yield previous

    last = first = env.event()
    for _ in range(20_000):
        last = env.process(program(last))
    env.run()
    first.succeed()
    env.run()
    assert last.processed


def test_a_chain_of_pending_processes_is_freed_without_recursion() -> None:
    def build() -> None:
        env = events.Environment()

        def program(previous: Any) -> Any:
            yield previous

        last = env.event()
        for _ in range(200_000):
            last = env.process(program(last))
        env.run()

    build()
    gc.collect()


def test_a_deeply_nested_condition_is_a_recursion_error(env: Any) -> None:
    first = env.event()
    condition = first | env.event()
    for _ in range(100_000):
        condition = condition | env.event()
    first.succeed()
    with pytest.raises(RecursionError):
        env.run()


# Memory


def scene(env: Any) -> None:
    """Does some of everything."""
    store, resource = simpy.Store(env), simpy.PreemptiveResource(env)

    def consumer() -> Any:
        while True:
            item = yield store.get() | env.timeout(5)
            if not item.events:
                return

    def user(priority: int) -> Any:
        try:
            with resource.request(priority) as request:
                yield request
                yield env.timeout(2)
        except simpy.Interrupt:
            yield env.all_of([env.timeout(1), env.event().succeed()])

    def producer() -> Any:
        env.process(consumer())
        for number in range(20):
            yield store.put(number)
            env.process(user(20 - number))
            timer = env.timeout(60)
            yield timer | env.timeout(1)
            events.cancel(timer)
            env.call_later(1, id)
            env.call_later(60, print).cancel()
            with contextlib.suppress(ValueError):
                yield env.event().fail(ValueError(number))
            process = env.process(consumer())
            events.fire(env.event(), process)
            keep.append(events.kill(process))

    keep: list[Any] = []
    env.process(producer())
    env.run(until=50)


def count_objects() -> int:
    gc.collect()
    return len(gc.get_objects())


def test_nothing_leaks() -> None:
    for _ in range(3):
        scene(events.Environment())
    before, blocks = count_objects(), sys.getallocatedblocks()
    for _ in range(20):
        scene(events.Environment())
    assert abs(count_objects() - before) <= 5
    assert abs(sys.getallocatedblocks() - blocks) <= 200


def test_references_to_shared_objects_stay_the_same() -> None:
    shared = [simpy.events.PENDING, None, simpy.Event, events.Event, events.Timeout, StopIteration]
    scene(events.Environment())
    gc.collect()
    before = [sys.getrefcount(each) for each in shared]
    for _ in range(50):
        scene(events.Environment())
    gc.collect()
    after = [sys.getrefcount(each) for each in shared]
    assert all(abs(new - old) <= 10 for new, old in zip(after, before, strict=True))


def test_an_abandoned_simulation_is_collected_whole() -> None:
    class Payload:
        pass

    payload = Payload()
    alive = weakref.ref(payload)

    def program(env: Any, payload: Any) -> Any:
        yield env.timeout(10, payload)

    env = events.Environment()
    env.process(program(env, payload))
    env.process(program(env, env.event()))
    env.call_later(20, print, payload)
    env.run(until=1)
    env.timeout(0, env)
    ref = weakref.ref(env)
    del env, payload
    gc.collect()
    assert alive() is None
    assert ref() is None


def test_a_finally_clause_may_use_an_environment_that_is_being_collected() -> None:
    def program(env: Any) -> Any:
        try:
            yield env.timeout(10)
        finally:
            env.timeout(1)
            env.event().succeed()

    for _ in range(10):
        env = events.Environment()
        env.process(program(env))
        env.run(until=1)
        del env
    gc.collect()


def resident() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss


def test_a_long_run_takes_no_more_memory(env: Any) -> None:
    def program() -> Any:
        while True:
            yield env.timeout(1) | env.timeout(1.5)
            yield env.timeout(0)

    for _ in range(10):
        env.process(program())
    env.run(until=1000)
    before = resident()
    env.run(until=20_000)
    assert resident() - before < 1_000_000


def test_a_million_timers_that_never_fire_take_no_memory(env: Any) -> None:
    def program() -> Any:
        for _ in range(500_000):
            timer = env.timeout(60)
            yield env.timeout(1e-6)
            events.cancel(timer)
            env.call_later(60, print).cancel()

    process = env.process(program())
    env.run(until=0.01)
    before = resident()
    env.run(until=process)
    assert resident() - before < 1_000_000


def test_a_pending_timeout_takes_at_most_150_bytes() -> None:
    env = events.Environment()
    before = resident()
    count = 200_000
    kept = [env.timeout(number + 0.5) for number in range(1000)]
    for number in range(count):
        env.timeout(number + 0.5)
    assert (resident() - before) / count <= 150
    assert kept
