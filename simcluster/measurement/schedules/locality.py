"""Locality: how much of what tasks took lay where they ran."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import networkx as nx

Row = Mapping[str, Any]


def locality(rows: Iterable[Row], graph: nx.DiGraph[Any]) -> float:
    """The share of the bytes that tasks took, by their edges, that their own node had made; NaN where none took any.

    From "task_begin", "task_end" and "crash" records: what a node had made is gone with a crash. Each beginning counts,
    also of a task that is done again.
    """
    made: dict[str, dict[str, None]] = {}
    all_bytes, local_bytes = [], []
    for row in rows:
        kind = row["kind"]
        if kind == "task_end":
            made.setdefault(row["node"], {})[row["task"]] = None
        elif kind == "crash":
            made.pop(row["node"], None)
        elif kind == "task_begin":
            here = made.get(row["node"], {})
            for before, edge in graph.pred[row["task"]].items():
                all_bytes.append(edge["size_bytes"])
                if before in here:
                    local_bytes.append(edge["size_bytes"])
    total = math.fsum(all_bytes)
    return math.fsum(local_bytes) / total if total else math.nan
