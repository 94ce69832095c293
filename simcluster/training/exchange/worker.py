"""A worker: asks for parameters, computes on its shard, contributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster.cluster import Node
from simcluster.engine import Program, stream
from simcluster.recovery import ask

if TYPE_CHECKING:
    from simcluster.training.exchange.parameter_server import ParameterServer
    from simcluster.training.training import Training


def work(node: Node, *, exchange: ParameterServer, training: Training, index: int) -> Program:
    """Do step after step. The server says which: it knows what has been contributed, a worker may have crashed."""
    job = training.job
    kind, server, timeout_s = f"{job.name}.step", exchange.server, exchange.retry_s
    record_begin = node.cluster.trace.recorder("step", "worker", "clock")
    memory, last = None, -1
    body: Any = None
    while True:
        reply = yield from ask(node, server, kind, body, timeout_s=timeout_s)
        if reply.body is None:  # training is over
            return
        clock, parameters = reply.body
        record_begin(node.name, clock)
        payload = yield node.compute(training.contribution(index, clock, parameters))
        if clock <= last:  # the server has gone back: what was left out since is of steps that do not count
            memory = None
        last = clock
        if job.compression is not None:
            noise = stream(training.seed, "compression", index, clock)
            payload, memory = yield node.compute(job.compression.encode(payload, memory, noise))
        body = clock, payload
