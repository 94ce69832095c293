"""An example of each kind of fault on one node, as a swarm would draw it."""

from __future__ import annotations

from collections.abc import Mapping

from simcluster.cluster import ClusterSpec
from simcluster.engine import stream
from simcluster.faults.fault import Fault
from simcluster.faults.knobs import Knobs


def examples(
    kinds: Mapping[str, type[Fault]], cluster: ClusterSpec, node: str, program: str, begin_s: float, end_s: float
) -> dict[str, Fault]:
    """One fault of each of ``kinds``, by its word; those that need more nodes than one, or what is not there, miss."""
    fabric, machine = cluster.fabric(), next(each for each in cluster.machines if each.name == node)
    found: dict[str, Fault] = {}
    for word, kind in kinds.items():
        knobs = Knobs(
            stream(0, "faults", "examples", word),
            nodes=(node,),
            links=tuple(fabric.index) if fabric else (),
            racks=(machine.rack,) if machine.rack else (),
            programs=((node, program),),
            limited=(node,) if machine.memory_bytes else (),
        )
        fields = kind.draw(knobs, end_s)
        if fields is not None:
            found[word] = kind(begin_s=begin_s, end_s=end_s, **fields)
    return found
