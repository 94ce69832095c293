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

from collections.abc import Hashable, Sequence
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


class _Object:
    """What the models here share: their words, and which operations have a place in the order."""

    words: ClassVar[tuple[str, ...]] = ()
    quiet_words: ClassVar[tuple[str, ...]] = ("read",)

    def __post_init__(self) -> None:
        """Refuse parameters that no object has."""
        for name, words in (("nil_read", NilRead), ("failed_cas", FailedCas)):
            if (given := getattr(self, name, None)) is not None and given not in get_args(words):
                raise ValueError(f"{name} must be one of {', '.join(get_args(words))}, got {given!r:.80}")
        if not is_plain(initial := getattr(self, "initial", None)):
            raise ValueError(f"initial must be {PLAIN}, got {initial!r:.80}")

    def check(self, operation: Operation) -> None:
        """Raise ``ValueError`` for an operation that the object does not have."""
        if operation.f not in self.words:
            raise ValueError(f"an operation must be one of {', '.join(self.words)}, got {operation.f!r}")

    def happened(self, operation: Operation) -> bool:
        """All but those that failed."""
        return operation.status != "fail"

    def quiet(self, operation: Operation) -> bool:
        """Reads."""
        return operation.f in self.quiet_words

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
    words: ClassVar[tuple[str, ...]] = ("read", "write")

    def init(self) -> Plain:
        """The initial value."""
        return self.initial

    def step(self, state: Plain, operation: Operation) -> tuple[bool, Plain]:
        """A read returns what was written last."""
        if operation.f == "write":
            return True, operation.value
        return self.seen(state, operation), state

    def seen(self, state: Plain, operation: Operation) -> bool:
        """Whether a read may have returned what it did."""
        return state == operation.result or operation.status != "ok" or self._unknown(operation)

    def _unknown(self, operation: Operation) -> bool:
        return operation.result is None and self.nil_read == "unknown"

    def happened(self, operation: Operation) -> bool:
        """Neither what failed, nor reads of which nobody knows what they saw."""
        nothing = operation.f == "read" and (operation.status == "info" or self._unknown(operation))
        return operation.status != "fail" and not nothing


@dataclass(frozen=True)
class CasRegister(Register):
    """A register with compare-and-set, whose value is (expected, new).

    A failed compare-and-set is an ``operation`` that saw another value than it expected, or ``nothing`` happened.
    """

    failed_cas: FailedCas = "nothing"
    words: ClassVar[tuple[str, ...]] = ("read", "write", "cas")

    def check(self, operation: Operation) -> None:
        """A compare-and-set takes two values."""
        super().check(operation)
        if operation.f == "cas":
            _check_pair("a compare-and-set", operation.value)

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
        if operation.f == "cas" and operation.status == "fail":
            return self.failed_cas == "operation"
        return super().happened(operation)

    def quiet(self, operation: Operation) -> bool:
        """Reads, and a compare-and-set that failed."""
        return operation.f == "read" or operation.status == "fail"


_SAME = {"get": "read", "put": "write"}


@dataclass(frozen=True)
class KeyValue(CasRegister):
    """A store: get, put and cas of a key (or read and write), and delete, after which it is absent."""

    words: ClassVar[tuple[str, ...]] = ("get", "put", "cas", "delete", "read", "write")

    def step(self, state: Plain, operation: Operation) -> tuple[bool, Plain]:
        """Each key is a register."""
        if operation.f == "delete":
            return True, None
        return super().step(state, operation._replace(f=_SAME.get(operation.f, operation.f)))

    def happened(self, operation: Operation) -> bool:
        """As of a register."""
        return super().happened(operation._replace(f=_SAME.get(operation.f, operation.f)))

    def quiet(self, operation: Operation) -> bool:
        """Gets, and a compare-and-set that failed."""
        return super().quiet(operation._replace(f=_SAME.get(operation.f, operation.f)))


@dataclass(frozen=True)
class KeyValueAppend(KeyValue):
    """A store of text: get, put, and append, which adds text at the end."""

    initial: Plain = ""
    words: ClassVar[tuple[str, ...]] = ("get", "put", "append", "read", "write")

    def check(self, operation: Operation) -> None:
        """What is appended is text."""
        super().check(operation)
        if operation.f == "append" and not isinstance(operation.value, str):
            raise ValueError(f"what is appended must be text, got {operation.value!r:.80}")

    def step(self, state: Plain, operation: Operation) -> tuple[bool, Plain]:
        """An append writes what was there and its text."""
        if operation.f == "append":
            return True, f"{'' if state is None else state}{operation.value}"
        return super().step(state, operation)


@dataclass(frozen=True)
class Append(_Object):
    """A list of values: append adds one at the end, a read returns all."""

    initial: tuple[Plain, ...] = ()
    words: ClassVar[tuple[str, ...]] = ("append", "read")

    def check(self, operation: Operation) -> None:
        """A list is read."""
        super().check(operation)
        check_list(operation)

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
    words: ClassVar[tuple[str, ...]] = ("enqueue", "dequeue")

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
    words: ClassVar[tuple[str, ...]] = ("add", "remove", "read", "contains")
    quiet_words: ClassVar[tuple[str, ...]] = ("read", "contains")

    def check(self, operation: Operation) -> None:
        """A list of elements is read."""
        super().check(operation)
        check_list(operation)

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

    words: ClassVar[tuple[str, ...]] = ("acquire", "release")
    quiet_words: ClassVar[tuple[str, ...]] = ()

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
    words: ClassVar[tuple[str, ...]] = ("add", "read")

    def __post_init__(self) -> None:
        """It begins with a number."""
        if not is_finite(self.initial):
            raise ValueError(f"initial must be a finite number, got {self.initial!r:.80}")

    def check(self, operation: Operation) -> None:
        """What is added is a number."""
        super().check(operation)
        if operation.f == "add" and operation.value is not None and not is_finite(operation.value):
            raise ValueError(f"what is added must be a finite number, got {operation.value!r:.80}")

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
    words: ClassVar[tuple[str, ...]] = ("txn",)

    def check(self, operation: Operation) -> None:
        """Each part is a read or a write of a key."""
        super().check(operation)
        for part in checked_steps(operation):
            if part[0] not in ("r", "w", "read", "write"):
                raise ValueError(f"a step must be one of r, w, read, write, got {part[0]!r}")

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


def check_list(operation: Operation) -> None:
    """Raise ``ValueError`` for a read that returned no list; ``None`` is an empty one."""
    if operation.f == "read" and operation.status == "ok" and not isinstance(operation.result, tuple | None):
        raise ValueError(f"a list must be read, got {operation.result!r:.80}")


def _check_pair(what: str, value: Plain) -> None:
    if not isinstance(value, tuple) or len(value) != 2:
        raise ValueError(f"{what} must have the value [expected, new], got {value!r:.80}")


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
