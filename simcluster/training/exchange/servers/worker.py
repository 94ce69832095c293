"""A worker: asks for parameters, computes on its shard, or on a copy of another's, contributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster.cluster import Node
from simcluster.engine import Event, Program, stream
from simcluster.training.exchange.servers.present import holds

if TYPE_CHECKING:
    from simcluster.training.exchange.servers.parameter_server import ParameterServer
    from simcluster.training.exchange.surviving.replicated_server import ReplicatedServer
    from simcluster.training.training import Training


def work(node: Node, *, exchange: ParameterServer | ReplicatedServer, training: Training, index: int) -> Program:
    """Do step after step. The server says which: it knows what has been contributed, a worker may have crashed."""
    job = training.job
    asks, compression = exchange.asks(f"{job.name}.step"), job.compression
    plain = job.local is None and training.code is None  # else there is more to a step than a contribution
    record_begin = node.cluster.trace.recorder("step", "worker", "clock")
    record_other = node.cluster.trace.recorder("takes_over", "worker", "whose", "clock")
    cancel = f"{job.name}.cancel" if training.cancels else None
    compute, contribution, name, copied = node.compute, training.contribution, node.name, training.copied
    yield from training.load(node, index)
    memories: dict[int, Any] = {}
    owns: dict[int, Any] = {}
    lasts: dict[int, int] = {}
    body: Any = None
    given: Any = None
    while True:
        if given is None:
            given = (yield from asks(node, body)).body
        if given is None:  # training is over
            return
        clock, parameters, version = given[0], given[1], given[2:]
        shard = index
        if copied and version and holds(training.holders, version[-1], index):
            shard = version[-1]  # it may be another's, and goes back with the contribution as a version does
        record_begin(name, clock)
        if shard != index:
            record_other(name, job.workers[shard], clock)
        if clock <= lasts.get(shard, -1):  # the server has gone back: what was left out since is of other steps
            memories.pop(shard, None)
            owns.pop(shard, None)
        if plain:
            computed = compute(contribution(shard, clock, parameters, index))
        else:
            computed = compute(training.work(shard, clock, parameters, owns.get(shard), index))
        given = None
        if cancel is not None and (given := (yield from _overtaken(node, cancel, version, computed))) is not None:
            continue
        payload = yield computed
        lasts[shard] = clock
        if not plain:
            payload, owns[shard] = payload
        if compression is not None:
            memory = memories.get(shard)
            if memory is None:
                training.remembers_nothing(shard, clock)
            noise = stream(training.seed, "compression", shard, clock)
            payload, memory = yield compute(compression.encode(payload, memory, noise))
            memories[shard] = memory
            if memory is not None and memory.any():
                training.remembers(shard, clock)
        body = (clock, payload, *version) if version else (clock, payload)


def _overtaken(node: Node, kind: str, version: tuple[Any, ...], computed: Event) -> Program:
    """Wait for what is computed, or until the server gives something newer, which is returned."""
    while True:
        heard: Any = node.receive(kind)
        yield computed | heard
        if computed.triggered:
            return None
        given = heard.value.body
        if given[2:] > version:  # and not one that was overtaken on the way itself
            node.give_up()
            return given
