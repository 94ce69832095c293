"""What servers cost that come and go."""

from __future__ import annotations

import math
from collections.abc import Iterable

from simcluster.engine import Trace


def server_seconds(trace: Trace, servers: Iterable[str], end_s: float) -> float:
    """For how many seconds servers have run until ``end_s``, all together, as the records of kind "server" say.

    One that starts or drains costs as much as any; one without a record has run all the time.
    """
    since_s: dict[str, float | None] = dict.fromkeys(servers, 0.0)
    ran_s = []
    for row in trace.rows("server"):
        name, begun_s = row["node"], since_s.get(row["node"])
        if row["state"] == "off" and begun_s is not None:
            ran_s.append(row["time_s"] - begun_s)
            since_s[name] = None
        elif row["state"] != "off" and name in since_s and begun_s is None:
            since_s[name] = row["time_s"]
    return math.fsum([*ran_s, *(end_s - begun_s for begun_s in since_s.values() if begun_s is not None)])
