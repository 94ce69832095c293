"""Simpler schedules: how complicated a schedule is, and the ways of making one of its faults a little less so.

Nothing here knows one kind of fault from another: it goes by the fields ``begin_s`` and ``end_s``, by the names of
targets, and by numbers, switches, lists and nested specifications wherever they stand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any

from pydantic import BaseModel

from simcluster.faults.fault import Fault

Schedule = tuple[Fault, ...]
Size = tuple[float, ...]

_TIMES = ("begin_s", "end_s")
_FOR_GOOD = 1000
_DECADES = 4
_DIGITS = (1, 2, 3, 0)


def size(schedule: Schedule) -> Size:
    """How complicated a schedule is, what matters most first.

    Faults, parts of their lists and switches that are not as by default, different names, decimal digits of different
    times and of other numbers, length in steps of 1, 2, 5, 10, …, how far other numbers are from 1, and how late it
    all is.
    """
    leaves = [leaf for fault in schedule for leaf in _leaves(fault)]
    numbers = [leaf for leaf in leaves if isinstance(leaf, int | float)]
    return (
        len(schedule),
        sum(_parts(fault) for fault in schedule),
        len({name for fault in schedule for name in fault.targets}),
        sum(map(_digits, [*times_s(schedule), *numbers])),
        sum(_length(fault) for fault in schedule),
        math.fsum(abs(number - 1) for number in numbers if math.isfinite(number)),
        math.fsum(fault.begin_s for fault in schedule),
    )


def times_s(schedule: Schedule) -> list[float]:
    """The different times at which something begins or ends."""
    return sorted({time for fault in schedule for time in (fault.begin_s, fault.end_s) if time is not None})


def with_simpler_parts(schedule: Schedule, place: int) -> Iterator[Schedule]:
    """The schedule with one part less in one fault, another name, or a simpler number."""
    names = sorted({name for fault in schedule for name in fault.targets})
    for fault in _simpler(schedule[place], names):
        yield _replaced(schedule, place, fault)


def with_shorter_fault(schedule: Schedule, place: int) -> Iterator[Schedule]:
    """The schedule with one fault that ends earlier or begins later, the shortest first."""
    fault = schedule[place]
    if fault.end_s is None:
        return
    longest = Decimal(repr(fault.end_s)) - Decimal(repr(fault.begin_s))
    for step in range(_step(float(longest)) - 3 * _DECADES, _step(float(longest)) + 1):
        length = Decimal((1, 2, 5)[step % 3]).scaleb(step // 3)
        if length < longest:
            end_s, begin_s = _plus(fault.begin_s, length), _plus(fault.end_s, -length)
            for digits in (1, 2, 4):
                yield from _moved(schedule, place, fault.begin_s, _to_digits(end_s, digits, ROUND_CEILING))
                yield from _moved(schedule, place, _to_digits(begin_s, digits, ROUND_FLOOR), fault.end_s)


def with_aligned_times(schedule: Schedule, place: int) -> Iterator[Schedule]:
    """The schedule with one fault whose times are rounder, or equal to another time; longer ones are tried first."""
    fault = schedule[place]
    begin_s, end_s = fault.begin_s, fault.end_s
    for digits in _DIGITS:
        earlier = _to_digits(begin_s, digits, ROUND_FLOOR)
        if end_s is None:
            yield from _moved(schedule, place, earlier, None)
        else:
            later = _to_digits(end_s, max(1, digits), ROUND_CEILING)
            yield from _moved(schedule, place, earlier, later)
            yield from _moved(schedule, place, earlier, end_s)
            yield from _moved(schedule, place, begin_s, later)
    length = None if end_s is None else Decimal(repr(end_s)) - Decimal(repr(begin_s))
    others = times_s(_replaced(schedule, place, None))
    for time in [*_rounder(begin_s), *others]:
        if length is not None:
            yield from _moved(schedule, place, time, _plus(time, length))
        yield from _moved(schedule, place, time, end_s)
    if end_s is not None:
        for time in [*_rounder(end_s), *others]:
            yield from _moved(schedule, place, begin_s, time)


def with_times_moved_together(schedule: Schedule, place: int) -> Iterator[Schedule]:
    """The schedule with a time of one fault rounder, halfway to its other, or equal to any, wherever else it stands."""
    times = times_s((schedule[place],))
    middle = [_to_digits(math.fsum(time / 2 for time in times), digits, ROUND_HALF_EVEN) for digits in (1, 2)]
    for old in times:
        for new in [*_rounder(old), *middle, *times_s(schedule)]:
            moved: list[Fault] = []
            for fault in schedule:
                begin_s = new if fault.begin_s == old else fault.begin_s
                moved += _with(fault, begin_s=begin_s, end_s=new if fault.end_s == old else fault.end_s)
            if len(moved) == len(schedule):
                yield tuple(moved)


def _replaced(schedule: Schedule, place: int, fault: Fault | None) -> Schedule:
    return (*schedule[:place], *(() if fault is None else (fault,)), *schedule[place + 1 :])


def _moved(schedule: Schedule, place: int, begin_s: float, end_s: float | None) -> Iterator[Schedule]:
    for fault in _with(schedule[place], begin_s=begin_s, end_s=end_s):
        yield _replaced(schedule, place, fault)


def _with(model: Any, **fields: Any) -> Iterator[Any]:
    """The same specification with other ``fields``, if there can be such a one."""
    values = {name: getattr(model, name) for name in type(model).model_fields}
    try:
        yield type(model).model_validate({**values, **fields})
    except ValueError:
        return


def _simpler(value: Any, names: list[str]) -> Iterator[Any]:
    if isinstance(value, BaseModel):
        for field in _switched(value):
            yield from _with(value, **{field: type(value).model_fields[field].default})
        for field in type(value).model_fields:
            if not (isinstance(value, Fault) and field in _TIMES):
                for part in _simpler(getattr(value, field), names):
                    yield from _with(value, **{field: part})
    elif isinstance(value, tuple):
        for place in range(len(value)):
            yield (*value[:place], *value[place + 1 :])
        for place, item in enumerate(value):
            for part in _simpler(item, names):
                yield (*value[:place], part, *value[place + 1 :])
    elif isinstance(value, str):
        if value in names:
            yield from (name for name in names if name != value)
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        yield type(value)(1)
        yield from map(type(value), _rounder(value))


def _leaves(value: Any) -> Iterator[Any]:
    """The texts and numbers in a value, but for the times of a fault."""
    if isinstance(value, BaseModel):
        for field in type(value).model_fields:
            if not (isinstance(value, Fault) and field in _TIMES):
                yield from _leaves(getattr(value, field))
    elif isinstance(value, tuple):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield value


def _switched(value: BaseModel) -> list[str]:
    """The fields that hold a truth value other than their default, such as a fault of both directions of a link."""
    fields = type(value).model_fields.items()
    return [name for name, field in fields if getattr(value, name) is (not field.default)]


def _parts(value: Any) -> int:
    """How many things stand in the lists of a value, and how many of its switches are not as they are by default."""
    if isinstance(value, BaseModel):
        return len(_switched(value)) + sum(_parts(getattr(value, field)) for field in type(value).model_fields)
    return sum(1 + _parts(item) for item in value) if isinstance(value, tuple) else 0


def _length(fault: Fault) -> int:
    """How long a fault lasts, as its place among 1, 2, 5, 10, …, counted from a billionth of a second."""
    return _FOR_GOOD if fault.end_s is None else max(0, _step(fault.end_s - fault.begin_s) + 27)


def _step(seconds: float) -> int:
    """The place of the first of …, 0.5, 1, 2, 5, 10, … that is at least ``seconds``; 1 is at 0."""
    if seconds <= 0:
        return -100
    decade = math.floor(math.log10(seconds))
    leading = seconds / 10.0**decade
    return 3 * decade + next(place for place, most in enumerate((1, 2, 5, math.inf)) if leading <= most * (1 + 1e-9))


def _digits(number: float) -> int:
    """The decimal digits that it takes to write a number."""
    if not math.isfinite(number):
        return 0
    return len(Decimal(repr(number)).normalize().as_tuple().digits)


def _rounder(number: float) -> Iterator[float]:
    """Nearby numbers with fewer digits, and 0."""
    if not number:
        return
    for digits in _DIGITS:
        if digits < _digits(number):
            yield _to_digits(number, digits, ROUND_HALF_EVEN)


def _to_digits(number: float, digits: int, rounding: str) -> float:
    """The number to that many decimal digits; to none it is 0."""
    exact = Decimal(repr(number))
    if not exact or not digits:
        return 0.0
    return float(exact.quantize(Decimal(1).scaleb(exact.adjusted() + 1 - digits), rounding))


def _plus(time_s: float, length: Decimal) -> float:
    """The sum as one would write it, without the last bits of binary fractions."""
    return float(Decimal(repr(time_s)) + length)
