"""Targets: how a fault names nodes – by a node's name, a rack, a zone, or a pattern such as ``"worker-*"``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from simcluster.cluster import Cluster, NodeSpec
from simcluster.cluster.cluster import select

Machine = str | NodeSpec
"""A node as a schedule knows it before there is a cluster: its name, or its specification, which knows its rack."""


def expand(targets: Iterable[str], nodes: Sequence[Machine], field: str = "target") -> tuple[str, ...]:
    """The names of the ``nodes`` that any of ``targets`` means, each once.

    A target means the node of that name, else all nodes of that rack, else of that zone, else those whose names
    match it as a pattern (``*``, ``?``, ``[seq]``). Raises ``ValueError`` when one of them means none.
    """
    specs = [NodeSpec(name=node) if isinstance(node, str) else node for node in nodes]
    return tuple(dict.fromkeys(name for target in targets for name in select(field, target, specs)))


def named(cluster: Cluster, targets: Iterable[str]) -> tuple[str, ...]:
    """The names of the cluster's nodes that any of ``targets`` means, each once.

    A target that means none any more, because its nodes have left, means nothing.
    """
    names: dict[str, None] = {}
    for target in targets:
        try:
            names.update(dict.fromkeys(cluster.names_of(target)))
        except ValueError:
            continue  # the injector has checked that it did when the run began
    return tuple(names)
