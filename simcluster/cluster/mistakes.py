"""What is said of a mistake in a program: in which program on which node and when it was made, and what was meant."""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from opcode import opmap
from pathlib import Path
from types import CodeType, FrameType, GeneratorType, TracebackType
from typing import Any, ParamSpec, TypeVar
from weakref import ref

import simpy

from simcluster.cluster.messages.message import Message
from simcluster.engine import Process, invalid_yield

P = ParamSpec("P")
R = TypeVar("R")

_OURS = str(Path(__file__).parent.parent)
_EVENT = re.compile(r"'(?:[\w.]+\.)?(?:Event|Timer|Receive|Timeout|Process|Condition|AllOf|AnyOf)'")
_READ_ONLY = ("assignment destination is read-only", "output array is read-only")
_NO_YIELD = "yield is missing: this is the event, and its value is there when the program has waited for it by yield"
_YIELD_FROM = "an event is awaited by yield, not by yield from"
_FROZEN = "send and write freeze the arrays that they carry; change a copy, for example message.body.copy()"


def explain(error: BaseException, who: str, now_s: float) -> None:
    """Say in an error that a program did not catch which program that is, when it was, and what may have been meant."""
    error.add_note(f"in {who} at {now_s} s")
    meant = _meant(error)
    if meant:
        error.args = (f"{error}: {meant}",)


def own_lines(function: Callable[P, R]) -> Callable[P, R]:
    """Let ``function`` raise what a program raised in it as the program did: its lines last, and none of the loop's."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            failure = _original(error)
        raise failure  # here, where it is in nobody's context

    return call


def not_a_program(given: object, who: str, now_s: float) -> TypeError:
    """What is said of ``given`` in the place of a generator."""
    rule = "a program must be a generator function, which waits by yield"
    if callable(given):
        return TypeError(f"{rule}, and is called where it is spawned: {who} got the function itself at {now_s} s")
    return TypeError(f"{rule}: {who} has no yield and returned {given!r} at {now_s} s")


def sleeps(program: object) -> bool:
    """Whether a program calls ``time.sleep`` itself, which takes the user's time and none of the simulation's.

    It is seen in the program's code when it starts; what the functions do that it calls is not looked into.
    """
    code, frame = getattr(program, "gi_code", None), getattr(program, "gi_frame", None)
    if code is None or frame is None:
        return False
    place = code.co_filename, code.co_firstlineno, code.co_name
    known, found = _SLEEPERS.get(place, (None, False))
    if known is None or known() is not code:
        found = _calls_sleep(code, frame.f_globals)
        _SLEEPERS[place] = ref(code), found
    return found


# Looked into once, for many nodes boot the same; by its place, for the hash of code is that of all that it says.
_SLEEPERS: dict[tuple[str, int, str], tuple[ref[CodeType], bool]] = {}


def _calls_sleep(code: CodeType, names: Mapping[str, object]) -> bool:
    known = [names.get(name) for name in code.co_names]
    if "sleep" in code.co_names and (
        "time" in code.co_names or any(getattr(each, "__name__", None) == "time" for each in known)
    ):
        return True
    return any((getattr(each, "__module__", 0), getattr(each, "__name__", 0)) == ("time", "sleep") for each in known)


# What was meant


def _meant(error: BaseException) -> str | None:
    """What the author of an error of Python or NumPy will not guess from its words."""
    said = str(error)
    if said.endswith((_NO_YIELD, _YIELD_FROM, _FROZEN)):
        return None  # it was in a program that this one waited for
    if type(error) is AttributeError and isinstance(error.obj, simpy.Event):
        return _NO_YIELD
    if type(error) is TypeError and _EVENT.search(said):
        return _YIELD_FROM if "yield from" in _last_line(error) else _NO_YIELD
    if type(error) is ValueError and said in _READ_ONLY:
        return _FROZEN
    return None


def _last_line(error: BaseException) -> str:
    *_, last = [error.__traceback__, *_below(error.__traceback__)]
    return linecache.getline(last.tb_frame.f_code.co_filename, last.tb_lineno) if last is not None else ""


def _yielded(given: object) -> str:
    """What is said of something that a program yielded, and that is no event."""
    rule = f"a program yields events, for which it waits, got {given!r:.80}"
    if isinstance(given, Message):
        return f"{rule}: send and reply do not wait, drop the yield"
    if isinstance(given, int | float):
        return f"{rule}: to wait for {given} s write yield node.timer({given})"
    if isinstance(given, GeneratorType):
        return f"{rule}: to run it as a part of the program write yield from, to run it beside yield node.spawn(…)"
    if isinstance(given, tuple | list):
        return f"{rule}: to wait for all events write a & b, for the first a | b"
    if hasattr(given, "cost"):
        return f"{rule}: to compute it write yield node.compute(…)"
    return rule


# The program's own error, and its own lines


def _original(error: Exception) -> Exception:
    """The error that a program raised, of which the loop has raised a copy; any other error is itself."""
    yielded = invalid_yield(error)
    if yielded is not None:
        return _of_yield(*yielded)
    chain = [error, *_originals(error)]
    told = [each for each in chain if hasattr(each, "__notes__")]
    if not told:
        return _trimmed(error)
    found = told[-1]
    for copy in told[:-1]:
        for note in copy.__notes__:
            found.add_note(note)
    if next(_originals(found), None) is not None:
        found.__cause__ = None  # the failed event's copy, which says the same
    return _trimmed(found)


def _originals(error: BaseException) -> Iterator[Any]:
    """What ``error`` is a copy of, and what that is a copy of: each waiting program gets its own."""
    cause = error.__cause__
    while cause is not None and (type(cause), cause.args) == (type(error), error.args):
        yield cause
        error, cause = cause, cause.__cause__


def _of_yield(process: Process, given: object) -> TypeError:
    error = TypeError(_yielded(given))
    error.add_note(f"in {whereabouts(process)} at {process.env.now} s")
    trace = None
    for frame in reversed([*frames(process._generator)]):
        trace = TracebackType(trace, frame, frame.f_lasti, frame.f_lineno)
    return error.with_traceback(trace)


def whereabouts(process: Process) -> str:
    """Which program a process is, and on which node."""
    nodes: list[Any] = [getattr(callback, "__self__", None) for callback in process.callbacks or ()]
    return next((node.describe(process) for node in nodes if hasattr(node, "describe")), process.name)


def frames(generator: Any) -> Iterator[FrameType]:
    """Where a generator stands, and those below it that it runs by ``yield from``."""
    while (frame := getattr(generator, "gi_frame", None)) is not None:
        yield frame
        generator = generator.gi_yieldfrom


def _below(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
        yield trace


def _trimmed(error: Exception) -> Exception:
    """``error`` without the lines of simcluster in which it refuses what the user's last line asked for."""
    steps = [error.__traceback__, *_below(error.__traceback__)]
    users = [step for step in steps if step is not None and not _is_ours(step.tb_frame.f_code)]
    if users and steps[-1] is not None and _is_refusal(steps[-1]):
        users[-1].tb_next = None
    return error


def _is_ours(code: CodeType) -> bool:
    return code.co_filename.endswith(".pyx") or code.co_filename.startswith(_OURS)


def _is_refusal(step: TracebackType) -> bool:
    """Whether a line of simcluster raises on purpose, so far as one can see; else where it is matters to us."""
    code = step.tb_frame.f_code
    compiled = code.co_filename.endswith(".pyx")
    return compiled or (_is_ours(code) and code.co_code[step.tb_lasti] == opmap["RAISE_VARARGS"])
