"""Jepsen's operations, as maps (EDN or JSON) and as lines of its log, put together to a history."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from simcluster.measurement.histories.edn import atom, read_edn
from simcluster.measurement.histories.history import Events, plain
from simcluster.measurement.histories.operation import STATUSES, BadHistory, Plain, is_finite

#: A line of the log, as ``INFO  jepsen.util - 3	:invoke	:cas	[4 0]``; other lines are somebody else's.
LOG_LINE = re.compile(
    r"\S+\s+jepsen\.\S+ - (?P<process>\S+)\t:(?P<type>\w+)\t:(?P<f>[^\t]+)\t(?P<value>[^\t]*)(?:\t.*)?"
)
_BEGUN = re.compile(r"\S+\s+jepsen\.\S+ - (?:\S+\t|[0-9]+$|:nemesis$)")  # a line that must be one of an operation

_NANOSECONDS = 1e-9


def take_map(events: Events, line: int, given: Any, last: dict[str, Any]) -> None:
    """An operation of Jepsen's: a map of type, process, f, value, and perhaps key, time (in nanoseconds) and index.

    Jepsen's processes stamp their operations before they put them into the history, whose order counts: a stamp that is
    less than the last is taken as that one. What a nemesis does is a fault: from its start to its stop. ``last``
    remembers the index before. Raises ``BadHistory``.
    """
    if not isinstance(given, Mapping):
        raise BadHistory(line, f"an operation must be a map, got {given!r:.80}")
    if "type" not in given:
        raise BadHistory(line, f"an operation must have a type, got {', '.join(map(str, given))[:80]}")
    status = given["type"]
    if status not in ("invoke", *STATUSES):
        raise BadHistory(line, f"a type must be one of invoke, {', '.join(STATUSES)}, got {status!r:.80}")
    stamped = _number(line, "time", given["time"]) * _NANOSECONDS if "time" in given else float(events.count())
    time_s = events.no_earlier(stamped)
    if (index := given.get("index")) is not None:
        if "index" in last and not _number(line, "index", index) > last["index"]:
            raise BadHistory(line, f"indices must increase, got {index!r:.80} after {last['index']}")
        last["index"] = _number(line, "index", index)
    try:
        process, f, value = plain(given.get("process")), plain(given.get("f")), plain(given.get("value"))
        key = plain(given.get("key"))
    except TypeError as error:
        raise BadHistory(line, str(error)) from None
    if isinstance(process, str) and process == "nemesis":
        _nemesis(events, time_s, str(f))
        return
    take(events, line, time_s, process, "txn" if f is None else str(f), status, key, value)


def take(
    events: Events, line: int, time_s: float, process: Plain, f: str, status: str, key: Plain, value: Plain
) -> None:
    """An event of a process: it invokes, or what it invoked completes."""
    if status == "invoke":
        events.invoke(line, time_s, process, f, key, value)
    else:
        events.complete_of(line, time_s, process, f, status, value)


def take_log_line(events: Events, line: int, text: str) -> None:
    """A line of Jepsen's log; one that is none of an operation is passed over. Raises ``BadHistory``."""
    text = text.rstrip("\r\n")
    match = LOG_LINE.fullmatch(text)
    if match is None:
        if _BEGUN.match(text):
            rule = "an operation must have its process, type, f and value, each after a tab"
            raise BadHistory(line, f"{rule}, got {text[-40:]!r}")
        return
    try:
        value = read_edn(match["value"])
    except BadHistory as error:
        raise BadHistory(line, error.rule) from None
    given = {"process": atom(match["process"], line), "type": match["type"], "f": match["f"]}
    take_map(events, line, {**given, "value": value}, {})


def _number(line: int, name: str, value: Any) -> float:
    if not is_finite(value):
        raise BadHistory(line, f"{name} must be a finite number, got {value!r:.80}")
    return float(value)


def _nemesis(events: Events, time_s: float, f: str) -> None:
    """A fault of the nemesis' begins or ends; each word is said twice, and the first time counts."""
    name = re.sub(r"^(start|stop|heal)-?", "", f) or "nemesis"
    if f.startswith("start"):
        if not events.has_fault(name):
            events.fault(time_s, name, name, "begin")
    elif f.startswith(("stop", "heal")):
        events.fault(time_s, name, name, "end")
