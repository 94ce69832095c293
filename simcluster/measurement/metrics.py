"""Metrics of one run: flat figures by name, units last, of which there are those whose kinds of records were kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simcluster.engine import Trace
from simcluster.measurement.curves import first_time_at_most
from simcluster.measurement.queueing import sojourn_percentiles
from simcluster.measurement.schedules.makespan import makespan_s, spans

if TYPE_CHECKING:
    import pandas as pd

Metrics = dict[str, float]

PERCENTILES = (50, 95, 99)

#: What is counted, by the kind of its records.
COUNTED = {
    "messages_sent": "send",
    "messages_delivered": "deliver",
    "messages_dropped": "drop",
    "messages_duplicated": "duplicate",
    "messages_held": "hold",
    "replies_late": "late_reply",
    "computations": "compute",
    "crashes": "crash",
    "checkpoints": "checkpoint",
    "checkpoints_failed": "checkpoint_failed",
    "restores": "restore",
    "failures_uncaught": "uncaught",
}


def trace_metrics(trace: Trace) -> Metrics:
    """What any run's trace says: how many messages of how many bytes, computations and for how long, crashes, faults.

    ``computing_s`` is the time that cores were busy with computations that were completed, summed over all of them.
    """
    counts = dict.fromkeys(COUNTED.values(), 0)
    sizes_bytes, busy_s, begun = [], [], 0
    for row in trace.rows():
        kind = row["kind"]
        if kind in counts:
            counts[kind] += 1
        if kind == "send":
            sizes_bytes.append(row["size_bytes"])
        elif kind == "compute":
            busy_s.append(row["time_s"] - row["begin_s"])
        elif kind == "fault":
            begun += row["phase"] == "begin"
    found: Metrics = {name: counts[kind] for name, kind in COUNTED.items() if trace.keeps(kind)}
    if trace.keeps("send"):
        found["sent_bytes"] = math.fsum(sizes_bytes)
    if trace.keeps("compute"):
        found["computing_s"] = math.fsum(busy_s)
    if trace.keeps("fault"):
        found["faults_begun"] = begun
    return found


def training_metrics(trace: Trace, target_loss: float | None = None) -> Metrics:
    """What the records of a training say: the loss at its last evaluation, when it met its target, and what counted.

    ``time_to_target_s`` is infinite where no loss was at most the target. A loss that was never evaluated is NaN.
    """
    found: Metrics = {}
    if trace.keeps("loss"):
        rows = list(trace.rows("loss"))
        losses = [row["loss"] for row in rows]
        found["loss_final"] = losses[-1] if losses else math.nan
        if target_loss is not None:
            found["time_to_target_s"] = first_time_at_most([row["time_s"] for row in rows], losses, target_loss)
    if trace.keeps("contribution"):
        accepted = [row["accepted"] for row in trace.rows("contribution")]
        found["contributions_accepted"] = accepted.count(True)
        found["contributions_refused"] = accepted.count(False)
    return found


def graph_metrics(trace: Trace) -> Metrics:
    """What the records of a task graph say: the end of its last task, how often tasks were done, and how long it took.

    ``tasks_repeated`` counts computations that were completed of tasks that had been done before.
    """
    if not (trace.keeps("task_begin") and trace.keeps("task_end")):
        return {}
    done = spans(trace.rows("task_begin", "task_end"))
    return {
        "makespan_s": makespan_s(trace.rows("task_begin", "task_end")),
        "tasks_done": len({span.task for span in done}),
        "tasks_repeated": len(done) - len({span.task for span in done}),
        "task_s_mean": _mean([span.end_s - span.begin_s for span in done]),
    }


def service_metrics(trace: Trace, warm_up: float = 0.1, deadline_s: float = math.inf) -> Metrics:
    """What the records of a service say: how many queries were answered and lost, and their sojourn times in seconds.

    Mean and percentiles are without the first ``warm_up`` share of the queries that were answered, in the order of
    arrival, as ``sojourn_percentiles`` has it. They are NaN where none was. ``goodput_per_s`` are the answers within
    ``deadline_s`` in each second from the first arrival to the last answer; ``requests_per_query`` is how many were
    sent for each query that was answered or has failed.
    """
    found: Metrics = {}
    if trace.keeps("query_lost"):
        found["queries_lost"] = len(list(trace.rows("query_lost")))
    if trace.keeps("query") and trace.keeps("query_failed"):
        ended = list(trace.rows("query", "query_failed"))
        found["queries_failed"] = len(list(trace.rows("query_failed")))
        found["requests_per_query"] = _mean([row["attempts"] for row in ended])
    if trace.keeps("query"):
        rows = sorted(trace.rows("query"), key=lambda row: row["query"])
        all_s = [row["sojourn_s"] for row in rows]
        found["queries_answered"] = len(rows)
        found["attempts_mean"] = _mean([row["attempts"] for row in rows])
        found |= _goodput(rows, deadline_s)
        found["sojourn_s_mean"] = _mean(all_s[int(warm_up * len(all_s)) :])
        shares = sojourn_percentiles(all_s, PERCENTILES, warm_up) if all_s else dict.fromkeys(PERCENTILES, math.nan)
        found |= {f"sojourn_s_p{percentile:g}": value for percentile, value in shares.items()}
    return found


def _goodput(rows: Sequence[Mapping[str, Any]], deadline_s: float) -> Metrics:
    """Of the queries that were answered, in any order."""
    if not rows:
        return {"goodput_per_s": 0.0}
    lasted_s = max(row["time_s"] for row in rows) - min(row["arrival_s"] for row in rows)
    in_time = len([row for row in rows if row["sojourn_s"] <= deadline_s])
    return {"goodput_per_s": in_time / lasted_s if lasted_s > 0 else math.inf}


def records_frame(trace: Trace, kind: str, columns: Sequence[str]) -> pd.DataFrame:
    """The records of one kind as a frame with these of their fields."""
    import pandas as pd  # which a run that nobody asks for frames goes without

    return pd.DataFrame([[row[name] for name in columns] for row in trace.rows(kind)], columns=list(columns))


def flat(given: object, who: str, taken: Mapping[str, Any]) -> dict[str, float | str]:
    """The figures that a job has given of itself, as numbers of Python.

    Raises ``ValueError`` for what are no figures by name, and for a name that is ``taken``.
    """
    if not isinstance(given, Mapping):
        raise ValueError(f"metrics of {who} must be figures by name, got {given!r:.80}")
    figures = {}
    for name, value in given.items():
        plain = value.item() if isinstance(value, np.generic) else value
        if not isinstance(name, str) or not isinstance(plain, int | float | str):
            raise ValueError(f"metrics of {who} must be numbers or text by name, got {name!r}: {value!r:.80}")
        if name in taken:
            raise ValueError(f"metrics of {who} must have names besides {list(taken)}, got {name!r}")
        figures[name] = plain
    return figures


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan
