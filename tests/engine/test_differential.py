"""Random programs leave identical logs on plain SimPy and on the compiled loop.

A program is a set of scripts. Each process interprets one, instruction by instruction, and writes
down what it sees. Besides everything of SimPy it uses what ``simcluster.engine`` adds, of which
``plain`` is the specification.
"""

from __future__ import annotations

import re
from typing import Any

import simpy
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from simcluster.engine import plain
from simcluster.kernels import events as compiled

EVENTS, PROCESSES_AT_MOST = 4, 12

delays = st.sampled_from([0, 0, 0.0, 1, 1, 2, 3, 0.5, 0.25, 1.5])
small = st.integers(0, 3)
atoms = st.one_of(
    st.tuples(st.just("timeout"), delays),
    st.tuples(st.just("event"), small),
    st.tuples(st.just("user_event"), delays),
    st.tuples(st.just("process"), small),
    st.tuples(st.just("get"), small),
)
waits = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(st.just("or"), inner, inner),
        st.tuples(st.just("and"), inner, inner),
        st.tuples(st.just("any_of"), st.lists(inner, max_size=3)),
        st.tuples(st.just("all_of"), st.lists(inner, max_size=3)),
        st.tuples(st.just("two_of"), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=4,
)
instructions = st.one_of(
    st.tuples(st.just("wait"), waits),
    st.tuples(st.just("wait"), waits),
    st.tuples(st.just("make"), waits),
    st.tuples(st.just("wait_made"), small),
    st.tuples(
        st.sampled_from(
            ["succeed", "fail", "fire", "fail_now", "defuse", "watch", "clear", "trigger"]
        ),
        small,
    ),
    st.tuples(
        st.sampled_from(
            ["spawn", "spawn_and_wait", "interrupt", "interrupt", "kill", "awaited", "awaited"]
        ),
        small,
    ),
    st.tuples(st.just("put"), small, st.integers(0, 9)),
    st.tuples(st.just("level"), st.integers(-2, 2)),
    st.tuples(st.just("with_get"), small, delays),
    st.tuples(st.just("with_put"), small, delays),
    st.tuples(st.just("request"), small, delays, st.integers(0, 2), st.booleans()),
    st.tuples(st.just("filter"), small),
    st.tuples(st.just("call_later"), delays, small),
    st.tuples(st.sampled_from(["cancel_call", "cancel_timeout"]), small),
    st.tuples(st.sampled_from(["raise", "return", "bad_delay", "twice", "queue", "empty"])),
)
scripts = st.lists(st.tuples(instructions, st.booleans()), max_size=6)
drives = st.lists(
    st.one_of(
        st.tuples(st.just("until"), delays),
        st.tuples(st.just("until_event"), small),
        st.tuples(st.just("until_process"), small),
        st.tuples(st.just("steps"), st.integers(1, 5)),
    ),
    max_size=3,
)
programs = st.tuples(
    st.lists(scripts, min_size=1, max_size=4), drives, st.sampled_from([0, 0.0, 3, 1.5])
)


class UserEvent(simpy.Event):
    """An event of a user, who knows SimPy only."""

    def __init__(self, env: Any, delay: float) -> None:
        super().__init__(env)
        self.delay = delay
        self._ok = True
        self._value = ("user", delay)
        env.schedule(self, delay=delay)


class World:
    """One engine at work on one program."""

    def __init__(self, engine: Any, program: Any) -> None:
        self.engine = engine
        self.scripts, self.drives, start = program
        self.env = engine.Environment(start)
        self.log: list[Any] = []
        self.events = [self.env.event() for _ in range(EVENTS)]
        self.made: list[Any] = []
        self.processes: list[Any] = []
        self.calls: list[Any] = []
        self.timeouts: list[Any] = []
        self.killed: list[Any] = []
        self.stores = [
            simpy.Store(self.env),
            simpy.Store(self.env, 1),
            simpy.PriorityStore(self.env),
            simpy.Store(self.env),
        ]
        self.filter_store = simpy.FilterStore(self.env)
        self.container = simpy.Container(self.env, 3, 1)
        self.resources = [
            simpy.Resource(self.env),
            simpy.PriorityResource(self.env),
            simpy.PreemptiveResource(self.env),
            simpy.Resource(self.env, 2),
        ]
        for number, event in enumerate(self.events):
            event.label = f"event {number}"

    def note(self, *what: Any) -> None:
        """Writes down *what* happened, and when; the type of the time counts too."""
        active = self.env.active_process
        self.log.append(
            (type(self.env.now).__name__, self.env.now, getattr(active, "label", None), *what)
        )

    def describe(self, value: Any) -> Any:
        """Says what *value* is in words that do not depend on the engine."""
        if isinstance(value, simpy.events.ConditionValue):
            return [
                (self.describe(event), self.describe(result)) for event, result in value.items()
            ]
        if isinstance(value, BaseException):
            return (
                type(value).__name__,
                [self.describe(each) for each in value.args],
                self.describe(value.__cause__),
            )
        if isinstance(value, simpy.Event):
            return getattr(value, "label", type(value).__name__)
        if isinstance(value, simpy.resources.resource.Preempted):
            return ("preempted", self.describe(value.by), value.usage_since)
        if isinstance(value, str):
            return re.sub(r"0x[0-9a-f]+", "0x", value)
        return (
            value
            if isinstance(value, (int, float, tuple, list, type(None)))
            else type(value).__name__
        )

    def state(self, event: Any) -> Any:
        """Returns everything that can be asked of *event*."""
        return (
            self.describe(event),
            event.triggered,
            event.processed,
            event.triggered and event.ok,
            event.defused,
            event.triggered and self.describe(event.value),
            None
            if event.callbacks is None
            else [getattr(each, "__name__", "?") for each in event.callbacks],
        )

    def start(self, number: int) -> Any:
        """Starts a process for script *number*, unless there are enough."""
        if len(self.processes) == PROCESSES_AT_MOST:
            return self.processes[-1]
        label = f"process {len(self.processes)}"
        process = self.env.process(self.interpret(self.scripts[number % len(self.scripts)]))
        process.label = label
        self.processes.append(process)
        return process

    def waitable(self, wait: Any) -> Any:
        """Makes the event that *wait* describes."""
        kind, *rest = wait
        if kind == "event":
            return self.events[rest[0]]
        if kind == "process":
            return self.processes[rest[0] % len(self.processes)]
        if kind == "timeout":
            event = self.env.timeout(rest[0], ("waited", rest[0]))
            self.timeouts.append(event)
        elif kind == "user_event":
            event = UserEvent(self.env, rest[0])
        elif kind == "get":
            event = self.stores[rest[0]].get()
        elif kind == "or":
            event = self.waitable(rest[0]) | self.waitable(rest[1])
        elif kind == "and":
            event = self.waitable(rest[0]) & self.waitable(rest[1])
        else:
            parts = [self.waitable(each) for each in rest[0]]
            if kind == "two_of":
                cls = getattr(self.engine, "Condition", simpy.events.Condition)
                event = cls(self.env, lambda events, count: count >= 2, parts)
            else:
                event = getattr(self.env, kind)(parts)
        event.label = (
            f"{kind} of {getattr(self.env.active_process, 'label', None)} at {self.env.now}"
        )
        return event

    def interpret(self, script: Any) -> Any:
        """Is the generator of every process."""
        for number, (instruction, caught) in enumerate(script):
            try:
                result = yield from self.act(*instruction)
                self.note(number, instruction[0], self.describe(result))
                if instruction[0] == "return":
                    return number
            except (simpy.Interrupt, ValueError, RuntimeError, TypeError, KeyError) as error:
                self.note(number, instruction[0], "caught", self.describe(error))
                if not caught:
                    raise
        return None

    def act(self, kind: str, *rest: Any) -> Any:
        """Carries out one instruction."""
        env, engine = self.env, self.engine
        if kind == "wait":
            return (yield self.waitable(rest[0]))
        if kind == "make":
            self.made.append(self.waitable(rest[0]))
        elif kind == "wait_made" and self.made:
            return (yield self.made[rest[0] % len(self.made)])
        elif kind == "succeed":
            self.events[rest[0]].succeed(rest[0])
        elif kind == "fail":
            self.events[rest[0]].fail(ValueError("failed", rest[0]))
        elif kind == "fire":
            engine.fire(self.events[rest[0]], "fired")
        elif kind == "fail_now":
            engine.fail_now(self.events[rest[0]], KeyError("failed now"))
        elif kind == "trigger":
            if self.made and self.made[0].triggered and not self.events[rest[0]].triggered:
                self.events[rest[0]].trigger(self.made[0])
        elif kind == "defuse":
            self.events[rest[0]].defused = True
        elif kind == "watch":
            callbacks = self.events[rest[0]].callbacks
            if callbacks is not None:
                callbacks.append(lambda event: self.note("watched", self.state(event)))
        elif kind == "clear":
            callbacks = self.events[rest[0]].callbacks
            if callbacks is not None and not any(hasattr(each, "__self__") for each in callbacks):
                callbacks.clear()
        elif kind == "spawn":
            return self.start(rest[0])
        elif kind == "spawn_and_wait":
            return (yield self.start(rest[0]))
        elif kind == "interrupt":
            self.processes[rest[0] % len(self.processes)].interrupt(("because", rest[0]))
        elif kind == "kill":
            generator = engine.kill(self.processes[rest[0] % len(self.processes)])
            self.killed.append(generator)
            return generator is None
        elif kind == "awaited":
            return [engine.awaited(event) for event in [*self.events, *self.made, *self.processes]]
        elif kind == "put":
            return (yield self.stores[rest[0]].put(rest[1]))
        elif kind in ("with_get", "with_put"):
            store = self.stores[rest[0]]
            with store.get() if kind == "with_get" else store.put(7) as request:
                request.label = kind
                result = yield request | env.timeout(rest[1])
            queues = [len(queue) for queue in (store.get_queue, store.put_queue, store.items)]
            return (
                self.describe(result),
                queues,
                self.describe(request.proc),
                getattr(request, "item", None),
            )
        elif kind == "level":
            amount = rest[0]
            if amount:
                event = self.container.put(amount) if amount > 0 else self.container.get(-amount)
                yield event | env.timeout(2)
                event.cancel()
            return self.container.level
        elif kind == "request":
            which, hold, priority, preempt = rest
            resource = self.resources[which]
            arguments = (priority, preempt) if which in (1, 2) else ()
            with resource.request(*arguments) as request:
                yield request
                self.note("has", which)
                yield env.timeout(hold)
            return resource.count, request.usage_since, self.describe(request.proc)
        elif kind == "filter":
            self.filter_store.put(rest[0])
            return (yield self.filter_store.get(lambda item: item != rest[0]) | env.timeout(1))
        elif kind == "call_later":
            self.calls.append(env.call_later(rest[0], self.called, rest[1]))
        elif kind == "cancel_call" and self.calls:
            call = self.calls[rest[0] % len(self.calls)]
            return call.pending, call.cancel(), call.pending
        elif kind == "cancel_timeout" and self.timeouts:
            return engine.cancel(self.timeouts[rest[0] % len(self.timeouts)])
        elif kind == "raise":
            raise ValueError("raised", self.env.now)
        elif kind == "bad_delay":
            yield env.timeout(-1)
        elif kind == "twice":
            yield env.event().succeed().succeed()
        elif kind == "queue":
            queue = [entry for entry in env._queue if not getattr(entry[3], "_is_cancelled", False)]
            return env.peek(), len(queue), [entry[:3] for entry in sorted(queue)]
        elif kind == "empty":
            return (yield env.all_of([]))
        return None

    def called(self, number: int) -> None:
        """Is what call_later calls: it fires an event in place."""
        self.note("called", number)
        if not self.events[number].triggered:
            self.engine.fire(self.events[number], "called")

    def run(self) -> list[Any]:
        """Runs the program to its end and returns the log."""
        for number in range(len(self.scripts)):
            self.start(number)
        for drive in [*self.drives, *[("to_end",)] * 20]:
            try:
                self.note(*drive, self.describe(self.drive(*drive)))
                if drive == ("to_end",):
                    break
            except Exception as error:
                self.note(*drive, self.describe(error))
            self.note(self.env.peek())
        for event in [*self.events, *self.made, *self.processes]:
            self.note(self.state(event))
        for process in self.processes:
            self.note(process.is_alive, process.is_alive and self.describe(process.target))
        return self.log

    def drive(self, kind: str, *rest: Any) -> Any:
        """Runs a piece."""
        if kind == "until":
            return self.env.run(until=self.env.now + rest[0])
        if kind == "until_event":
            return self.env.run(until=self.events[rest[0]])
        if kind == "until_process":
            return self.env.run(until=self.processes[rest[0] % len(self.processes)])
        if kind == "steps":
            for _ in range(rest[0]):
                self.env.step()
            return None
        return self.env.run()


def plainly(*instructions: Any) -> list[Any]:
    """A script whose instructions are not tried."""
    return [(instruction, False) for instruction in instructions]


#: A process kills itself, waits for something, and is interrupted: it waits for nothing any more.
KILLED_AND_INTERRUPTED = (
    [
        plainly(("put", 0, 0), ("kill", 0), ("wait_made", 0), ("wait", ("timeout", 0))),
        plainly(("make", ("event", 0)), ("wait", ("timeout", 0)), ("interrupt", 0)),
    ],
    [],
    0,
)


@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs)
@example(KILLED_AND_INTERRUPTED)
def test_random_programs_leave_the_same_log_on_both_engines(program: Any) -> None:
    assert World(compiled, program).run() == World(plain, program).run()
