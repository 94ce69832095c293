"""Models of sequential objects: what an operation does to a state, and whether its result may come of it.

A model is any object with ``init()``, the state at first, and ``step(state, operation)``, which returns whether the
operation with the result that it had may happen in that state, and the state after it. States are hashable. It must be
a pure function of the state and of ``f``, ``key``, ``value``, ``status`` and ``result``. Of an operation whose status
is ``info`` the result is unknown, so that any will do.

It may have more: ``happened(operation)``, whether an operation has a place in the order at all (without it: all but
those that failed); ``quiet(operation)``, whether it changes no state whatever; ``part(operation)``, the part of the
object that it touches, by which a history is partitioned (Herlihy & Wing 1990: each part may be checked alone); and
``check(operation)``, which raises ``ValueError`` for one that the object does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, get_args, runtime_checkable

from simcluster.measurement.checkers.steps import checked_steps, steps_of
from simcluster.measurement.histories import PLAIN, Operation, Plain, is_finite, is_plain

NilRead = Literal["absent", "unknown"]
FailedCas = Literal["operation", "nothing"]


@runtime_checkable
class Model(Protocol):
    """What a sequential object does."""

    def init(self) -> Hashable:
        """The state before the first operation."""
        ...

    def step(self, state: Any, operation: Operation) -> tuple[bool, Hashable]:
        """Whether this may happen in this state with this result, and the state after it."""
        ...


Words = Mapping[str, Callable[[Operation], None] | None]
"""The words of an object, each with what refuses a value or a result that it cannot have, if anything."""


def check_list(operation: Operation) -> None:
    """Raise ``ValueError`` for a read that returned no list; ``None`` is an empty one."""
    if operation.status == "ok" and not isinstance(operation.result, tuple | None):
        raise ValueError(f"a list must be read, got {operation.result!r:.80}")


def _check_pair(operation: Operation) -> None:
    if not isinstance(operation.value, tuple) or len(operation.value) != 2:
        raise ValueError(f"a compare-and-set must have the value [expected, new], got {operation.value!r:.80}")


def _check_text(operation: Operation) -> None:
    if not isinstance(operation.value, str):
        raise ValueError(f"what is appended must be text, got {operation.value!r:.80}")


def _check_number(operation: Operation) -> None:
    if operation.value is not None and not is_finite(operation.value):
        raise ValueError(f"what is added must be a finite number, got {operation.value!r:.80}")


def _check_steps(operation: Operation) -> None:
    for part in checked_steps(operation):
        if part[0] not in ("r", "w", "read", "write"):
            raise ValueError(f"a step must be one of r, w, read, write, got {part[0]!r}")


class _Object:
    """What the models here share: their words, and which operations have a place in the order."""

    words: ClassVar[Words] = {}
    reads: ClassVar[tuple[str, ...]] = ("read",)

    def __post_init__(self) -> None:
        """Refuse parameters that no object has."""
        for name, words in (("nil_read", NilRead), ("failed_cas", FailedCas)):
            if (given := getattr(self, name, None)) is not None and given not in get_args(words):
                raise ValueError(f"{name} must be one of {', '.join(get_args(words))}, got {given!r:.80}")
        if not is_plain(initial := getattr(self, "initial", None)):
            raise ValueError(f"initial must be {PLAIN}, got {initial!r:.80}")

    def check(self, operation: Operation) -> None:
        """Raise ``ValueError`` for an operation that the object does not have, or that asks for what cannot be."""
        if operation.f not in self.words:
            raise ValueError(f"an operation must be one of {', '.join(self.words)}, got {operation.f!r}")
        if (fits := self.words[operation.f]) is not None:
            fits(operation)

    def happened(self, operation: Operation) -> bool:
        """All but those that failed."""
        return operation.status != "fail"

    def quiet(self, operation: Operation) -> bool:
        """Reads."""
        return operation.f in self.reads

    def part(self, operation: Operation) -> Plain:
        """Each key is an object of its own."""
        return operation.key


@dataclass(frozen=True)
class Register(_Object):
    """A register that is read and written.

    A read of ``None`` saw an absent value, or what it saw is ``unknown``. ``initial`` is its value at first.
    """

    initial: Plain = None
    nil_read: NilRead = "absent"
    words: ClassVar[Words] = {"read": None, "write": None}
    writes: ClassVar[tuple[str, ...]] = ("write",)

    def init(self) -> Plain:
        """The initial value."""
        return self.initial

    def step(self, state: Plain, operation: Operation) -> tuple[bool, Plain]:
        """A read returns what was written last."""
        if operation.f in self.writes:
            return True, operation.value
        return self.seen(state, operation), state

    def seen(self, state: Plain, operation: Operation) -> bool:
        """Whether a read may have returned what it did."""
        return state == operation.result or operation.status != "ok" or self._unknown(operation)

    def _unknown(self, operation: Operation) -> bool:
        return operation.result is None and self.nil_read == "unknown"

    def happened(self, operation: Operation) -> bool:
        """Neither what failed, nor reads of which nobody knows what they saw."""
        if operation.f not in self.reads:
            return operation.status != "fail"
        return operation.status == "ok" and not self._unknown(operation)


@dataclass(frozen=True)
class CasRegister(Register):
    """A register with compare-and-set, whose value is (expected, new).

    A failed compare-and-set is an ``operation`` that saw another value than it expected, or ``nothing`` happened.
    """

    failed_cas: FailedCas = "nothing"
    words: ClassVar[Words] = {"read": None, "write": None, "cas": _check_pair}

    def step(self, state: Plain, operation: Operation) -> tuple[bool, Plain]:
        """A compare-and-set happens where the value is what it expects; one that nobody knows of may do nothing."""
        if operation.f != "cas":
            return super().step(state, operation)
        expected, new = _pair(operation.value)
        if operation.status == "fail":
            return state != expected, state
        if operation.status == "info":
            return True, new if state == expected else state
        return state == expected, new

    def happened(self, operation: Operation) -> bool:
        """As it is said of a failed compare-and-set."""
        if operation.status == "fail":
            return operation.f == "cas" and self.failed_cas == "operation"
        return operation.f not in self.reads or super().happened(operation)

    def quiet(self, operation: Operation) -> bool:
        """Reads, and a compare-and-set that failed."""
        return operation.f in self.reads or operation.status == "fail"


@dataclass(frozen=True)
class KeyValue(CasRegister):
    """A store: get, put and cas of a key (or read and write), and delete, after which it is absent."""

    words: ClassVar[Words] = {"get": None, "put": None, "cas": _check_pair, "delete": None, "read": None, "write": None}
    reads: ClassVar[tuple[str, ...]] = ("get", "read")
    writes: ClassVar[tuple[str, ...]] = ("put", "write")

    def step(self, state: Plain, operation: Operation) -> tuple[bool, Plain]:
        """Each key is a register, and what is deleted is absent."""
        if operation.f == "delete":
            return True, None
        return super().step(state, operation)


@dataclass(frozen=True)
class KeyValueAppend(KeyValue):
    """A store of text: get, put, and append, which adds text at the end."""

    initial: Plain = ""
    words: ClassVar[Words] = {"get": None, "put": None, "append": _check_text, "read": None, "write": None}

    def step(self, state: Plain, operation: Operation) -> tuple[bool, Plain]:
        """An append writes what was there and its text."""
        if operation.f == "append":
            return True, f"{'' if state is None else state}{operation.value}"
        return super().step(state, operation)


@dataclass(frozen=True)
class Append(_Object):
    """A list of values: append adds one at the end, a read returns all."""

    initial: tuple[Plain, ...] = ()
    words: ClassVar[Words] = {"append": None, "read": check_list}

    def init(self) -> tuple[Plain, ...]:
        """The initial list."""
        return _several(self.initial)

    def step(self, state: tuple[Plain, ...], operation: Operation) -> tuple[bool, tuple[Plain, ...]]:
        """A read returns what was appended, in order; of an empty list it may return nothing."""
        if operation.f == "append":
            return True, (*state, operation.value)
        return operation.status == "info" or _several(operation.result) == state, state


@dataclass(frozen=True)
class Queue(_Object):
    """A queue, first in, first out: enqueue takes a value, dequeue returns one, or ``None`` of an empty queue."""

    initial: tuple[Plain, ...] = ()
    words: ClassVar[Words] = {"enqueue": None, "dequeue": None}

    def init(self) -> tuple[Plain, ...]:
        """The initial queue, its head first."""
        return _several(self.initial)

    def step(self, state: tuple[Plain, ...], operation: Operation) -> tuple[bool, tuple[Plain, ...]]:
        """What was put in first comes out first."""
        if operation.f == "enqueue":
            return True, (*state, operation.value)
        came = state[0] if state else None
        return operation.status == "info" or operation.result == came, state[1:]


@dataclass(frozen=True)
class SetObject(_Object):
    """A set: add and remove take an element, a read returns all of them, contains whether one is in it."""

    initial: tuple[Plain, ...] = ()
    words: ClassVar[Words] = {"add": None, "remove": None, "read": check_list, "contains": None}
    reads: ClassVar[tuple[str, ...]] = ("read", "contains")

    def init(self) -> frozenset[Plain]:
        """The initial elements."""
        return frozenset(_several(self.initial))

    def step(self, state: frozenset[Plain], operation: Operation) -> tuple[bool, frozenset[Plain]]:
        """A read returns the elements in any order, each once."""
        if operation.f == "add":
            return True, state | {operation.value}
        if operation.f == "remove":
            return True, state - {operation.value}
        if operation.status == "info":
            return True, state
        if operation.f == "contains":
            return operation.result == (operation.value in state), state
        seen = self.elements(operation.result)
        return len(seen) == len(state) and frozenset(seen) == state, state

    def elements(self, result: Plain) -> tuple[Plain, ...]:
        """What a read saw; nothing is an empty set."""
        return _several(result)


@dataclass(frozen=True)
class Mutex(_Object):
    """A lock: acquire where it is free, release where it is held."""

    words: ClassVar[Words] = {"acquire": None, "release": None}
    reads: ClassVar[tuple[str, ...]] = ()

    def init(self) -> bool:
        """Free."""
        return False

    def step(self, state: bool, operation: Operation) -> tuple[bool, bool]:
        """Nobody acquires what is held. What nobody knows of may have done nothing."""
        wanted = operation.f == "acquire"
        return operation.status == "info" or state != wanted, wanted


@dataclass(frozen=True)
class Counter(_Object):
    """A counter: add takes a number (1 when it has no value), a read returns the sum."""

    initial: Plain = 0
    words: ClassVar[Words] = {"add": _check_number, "read": None}

    def __post_init__(self) -> None:
        """It begins with a number."""
        if not is_finite(self.initial):
            raise ValueError(f"initial must be a finite number, got {self.initial!r:.80}")

    def init(self) -> Plain:
        """The initial count."""
        return self.initial

    def step(self, state: Any, operation: Operation) -> tuple[bool, Plain]:
        """A read returns what was added."""
        if operation.f == "add":
            return True, state + (1 if operation.value is None else operation.value)
        return operation.status == "info" or operation.result == state, state


@dataclass(frozen=True)
class MultiRegister(_Object):
    """Several registers, read and written together: an operation is a list of (read or write, key, value)."""

    initial: Plain = None
    nil_read: NilRead = "absent"
    words: ClassVar[Words] = {"txn": _check_steps}

    def init(self) -> frozenset[tuple[Plain, Plain]]:
        """Each register has its initial value."""
        return frozenset()

    def step(self, state: frozenset[Any], operation: Operation) -> tuple[bool, frozenset[tuple[Plain, Plain]]]:
        """All at once; a read after a write of the same operation returns what it wrote."""
        values = dict(state)
        for f, key, value in steps_of(operation):
            if f in ("w", "write"):
                values[key] = value
            elif operation.status == "ok" and not self._fits(values.get(key, self.initial), value):
                return False, state
        return True, frozenset(values.items())

    def _fits(self, state: Plain, seen: Plain) -> bool:
        return state == seen or (seen is None and self.nil_read == "unknown")

    def quiet(self, operation: Operation) -> bool:
        """Where all of it is read."""
        return all(part[0] in ("r", "read") for part in steps_of(operation))

    def part(self, operation: Operation) -> Plain:
        """All registers are one object."""
        return None


def _pair(value: Any) -> tuple[Plain, Plain]:
    return value  # type: ignore[no-any-return]


def _several(value: Any) -> tuple[Plain, ...]:
    """A list; ``None`` is an empty one."""
    return value if isinstance(value, tuple) else () if value is None else (value,)


MODELS: dict[str, type[Any]] = {
    "register": Register,
    "cas-register": CasRegister,
    "kv": KeyValue,
    "kv-append": KeyValueAppend,
    "append": Append,
    "queue": Queue,
    "set": SetObject,
    "mutex": Mutex,
    "counter": Counter,
    "multi-register": MultiRegister,
}
"""Models by the words of the command line."""


def parts(model: Any, operations: Sequence[Operation]) -> dict[Plain, list[Operation]]:
    """The operations that have a place in the order, by the part of the object that they touch."""
    happened, part = getattr(model, "happened", None), getattr(model, "part", None)
    found: dict[Plain, list[Operation]] = {}
    for each in operations:
        if happened(each) if happened else each.status != "fail":
            found.setdefault(part(each) if part else None, []).append(each)
    return found
