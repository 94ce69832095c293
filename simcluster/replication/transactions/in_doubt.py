"""How long shards did not know what had become of what they had voted for."""

from __future__ import annotations

from typing import Any

from simcluster.engine import Trace

DOUBT = ("operation", "node", "since_s", "until_s", "outcome")


def in_doubt(trace: Trace, ended_s: float) -> list[dict[str, Any]]:
    """Each vote for changes, by transaction and shard: since when, and until when it was open; at most to the end.

    Its outcome is "commit" or "abort", or ``None`` where the run ended before.
    """
    open_: dict[tuple[int, str], dict[str, Any]] = {}
    found = []
    for row in trace.rows("vote", "outcome"):
        key = (row["operation"], row["node"])
        if row["kind"] == "outcome":
            # Who crashes before it is durable that it knows hears it a second time.
            open_.pop(key, {}).update(until_s=row["time_s"], outcome=row["outcome"])
        elif row["vote"] == "yes" and row["writes"]:
            since = {"since_s": row["time_s"], "until_s": ended_s, "outcome": None}
            open_[key] = {"operation": row["operation"], "node": row["node"], **since}
            found.append(open_[key])
    return found
