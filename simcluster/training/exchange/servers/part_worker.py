"""A worker of sharded servers: puts parameters together from parts, computes, and sends each server its part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simcluster.cluster import Node
from simcluster.engine import Program
from simcluster.recovery import ask

if TYPE_CHECKING:
    from simcluster.training.training import Training


def work_with_parts(
    node: Node, *, training: Training, servers: Sequence[str], retry_s: float, cuts: Sequence[slice], index: int
) -> Program:
    """Do step after step. Servers may have come to different steps, when one has crashed: the earliest counts."""
    yield from training.load(node, index)
    job, shape = training.job, training.initial.shape
    record_begin = node.cluster.trace.recorder("step", "worker", "clock")
    following: dict[str, int] = {}
    parts: dict[str, tuple[int, Any]] = {}
    nothing, own, last = (-1, None), None, -1

    def begin(server: str, body: Any) -> Any:
        kind = "past" if isinstance(body, int) else "step"
        return node.spawn(ask(node, server, f"{job.name}.{kind}", body, timeout_s=retry_s))

    def fetch(bodies: Mapping[str, Any], wanted: int) -> Program:
        """Ask servers for a step, all at once; whether training goes on.

        Until all have answered, or one of them, whether asked or not, turns out to be behind that step.
        """
        asked = {server: begin(server, body) for server, body in bodies.items()}
        while asked:
            late = node.timer(retry_s)
            yield node.env.any_of([late, *asked.values()])
            for server in [server for server, reply in asked.items() if reply.triggered]:
                body = asked.pop(server).value.body
                if body is None:
                    return False
                parts[server] = body
                following[server] = body[0] if body[0] < wanted else max(body[0], following.get(server, 0))
                if body[0] < wanted:
                    return True
            if asked and late.triggered:  # whoever has answered may have crashed since
                again = [server for server in servers if server not in asked]
                asked |= {server: begin(server, None) for server in again}
        return True

    going = yield from fetch(dict.fromkeys(servers), 0)
    while going:
        clock = min(following.values())
        missing = [server for server in servers if parts.get(server, nothing)[0] != clock or parts[server][1] is None]
        if missing:
            bodies = {server: (clock, None) if following[server] == clock else clock for server in missing}
            going = yield from fetch(bodies, clock)
            continue
        record_begin(node.name, clock)
        if clock <= last:  # what is remembered since is of steps that do not count
            own = None
        last = clock
        parameters = np.concatenate([parts[server][1] for server in servers]).reshape(shape)
        said, own = yield node.compute(training.work(index, clock, parameters, own))
        flat = said.reshape(-1)
        mine = {server: (clock, flat[cut]) for server, cut in zip(servers, cuts, strict=True)}
        lacking = {server: body for server, body in mine.items() if following[server] == clock}
        going = yield from fetch(lacking, clock + 1)
