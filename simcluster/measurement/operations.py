"""What a store's operations say: how many ended how, how fast, and how much of the time it could be used."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from simcluster.engine import Trace
from simcluster.measurement.histories import NEVER, History

PERCENTILES = (50, 95, 99)
STATUSES = {"ok": "operations_ok", "fail": "operations_failed", "info": "operations_unknown"}
COLUMNS = ("process", "operation", "f", "key", "begin_s", "latency_s", "status")


def operation_columns(trace: Trace, store: str | None = None) -> dict[str, list[Any]]:
    """The operations of a run, or of one store in it, in the order of beginning, a list for each of ``COLUMNS``.

    One that never ended has an infinite latency, and the status "info": nobody knows what became of it.
    """
    ends = {row["operation"]: row for row in _rows(trace, store, "complete")}
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for row in _rows(trace, store, "invoke"):
        end = ends.get(row["operation"])
        latency_s = math.inf if end is None else end["time_s"] - row["time_s"]
        status = "info" if end is None else end["status"]
        values = (row["process"], row["operation"], row["f"], row["key"], row["time_s"], latency_s, status)
        for name, value in zip(COLUMNS, values, strict=True):
            columns[name].append(value)
    return columns


def operation_metrics(trace: Trace, prefix: str = "", store: str | None = None) -> dict[str, float]:
    """Counts by status, the share that was ok (``availability``), latencies in seconds, throughput, messages.

    Latencies are those of operations that were ok, ``read_s_…`` and so on by what was asked; NaN where there was none.
    ``throughput_per_s`` counts these from the first beginning to the last end of any operation. Messages are those
    whose kind begins with ``prefix``, for each operation that was begun. With ``store`` they are of the store of this
    name.
    """
    if not (trace.keeps("invoke") and trace.keeps("complete")):
        return {}
    columns = operation_columns(trace, store)
    count = len(columns["operation"])
    found: dict[str, float] = {name: columns["status"].count(status) for status, name in STATUSES.items()}
    found["availability"] = found["operations_ok"] / count if count else math.nan
    taken = list(zip(columns["f"], columns["latency_s"], columns["status"], strict=True))
    found |= _percentiles("operation", [each_s for _, each_s, status in taken if status == "ok"])
    for f in dict.fromkeys(columns["f"]):
        found |= _percentiles(f, [each_s for what, each_s, status in taken if (what, status) == (f, "ok")])
    times_s = [row["time_s"] for row in _rows(trace, store, "invoke", "complete")]
    span_s = times_s[-1] - times_s[0] if times_s else 0.0
    found["throughput_per_s"] = found["operations_ok"] / span_s if span_s > 0 else math.nan
    if trace.keeps("send"):
        sent = len(list(_of(trace, prefix)))
        found["messages_per_operation"] = sent / count if count else math.nan
    return found


def missed_s(history: History) -> list[float]:
    """Of each read that was answered, since when it missed a write, in seconds as it began; NaN where it missed none.

    It missed a write that was done before it began, and that began when what it returned had been written for certain.
    So this holds whichever order a store gives to what is concurrent. Written values differ, as ``Mix`` has them.
    """
    found: list[float] = []
    for operations in history.groups(lambda each: each.key).values():
        writes = [each for each in operations if each.f == "write"]
        wrote = {each.value: each for each in writes}
        begins = np.array([each.begin for each in writes])
        ends = np.array([each.end if each.status == "ok" else NEVER for each in writes])
        done_s = np.array([each.complete_s for each in writes])
        for read in operations:
            if read.f != "read" or read.status != "ok":
                continue
            seen = wrote.get(read.result)
            if seen is not None and seen.status != "ok":
                found.append(math.nan)  # nobody knows when it was done
                continue
            missed = (ends < read.begin) & (begins > (-1 if seen is None else seen.end))
            found.append(read.invoke_s - float(done_s[missed].min()) if missed.any() else math.nan)
    return found


def _rows(trace: Trace, store: str | None, *kinds: str) -> Iterator[dict[str, Any]]:
    return (row for row in trace.rows(*kinds) if store is None or row.get("store", store) == store)


def _of(trace: Trace, prefix: str) -> Iterator[dict[str, Any]]:
    return (row for row in trace.rows("send") if row["message_kind"].startswith(prefix))


def _percentiles(what: str, all_s: list[float]) -> dict[str, float]:
    if not all_s:
        return {f"{what}_s_p{percentile}": math.nan for percentile in PERCENTILES}
    return {f"{what}_s_p{percentile}": float(np.percentile(all_s, percentile)) for percentile in PERCENTILES}
