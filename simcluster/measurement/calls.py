"""Calls of a service: how often each was sent, why, and who was turned away by what."""

from __future__ import annotations

from collections import Counter

from simcluster.engine import Trace


def call_metrics(trace: Trace) -> dict[str, float]:
    """What the records of calls say, of those kinds that were kept.

    ``amplification`` is how many requests were sent for each call of a shard that was sent at all, ``retries_share``
    and ``hedges_share`` (a tied copy is one) how many of them beside the first. ``requests_shed`` were turned away by
    a server, ``requests_withdrawn`` forgotten by one because another copy was faster. ``breakers_opened`` counts how
    often one did. There is none of these where no policy stood around the calls, and no queue before the cores.
    """
    found: dict[str, float] = {}
    if trace.keeps("attempt"):
        why: Counter[str] = Counter()
        calls: dict[tuple[int, int], None] = {}
        for row in trace.rows("attempt"):
            why[row["why"]] += 1
            calls[row["query"], row["shard"]] = None
        if calls:
            found["amplification"] = why.total() / len(calls)
            found["retries_share"] = why["retry"] / len(calls)
            found["hedges_share"] = (why["hedge"] + why["tied"]) / len(calls)
    if trace.keeps("shed"):
        shed = Counter(row["cause"] for row in trace.rows("shed"))
        if turned_away := shed.total() - shed["withdrawn"]:
            found["requests_shed"] = turned_away
        if shed["withdrawn"]:
            found["requests_withdrawn"] = shed["withdrawn"]
    if trace.keeps("guard") and (states := Counter(row["state"] for row in trace.rows("guard"))):
        found["breakers_opened"] = states["open"]
    return found

