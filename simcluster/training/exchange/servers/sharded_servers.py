"""Sharded servers: each holds a part of the parameters, and workers ask all of them for their steps."""

from __future__ import annotations

from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from simcluster.cluster import Cluster
from simcluster.engine import NodeNames, Period, Spec, stream
from simcluster.learning import Array
from simcluster.training.aggregation import total
from simcluster.training.exchange.servers.assembly import Assembly, refusal
from simcluster.training.exchange.servers.part_server import serve_part
from simcluster.training.exchange.servers.part_worker import work_with_parts
from simcluster.training.training import Training
from simcluster.training.waiting import BoundedStaleness, ClientSampling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simcluster.training.job import TrainingJob


class ShardedServers(Spec):
    """Parameters lie on several servers, each of which has as many of the numbers as any other (Li et al., OSDI 2014).

    A worker sends each server its part of the contribution, and gets its part of the parameters back: with s servers,
    m workers and P parameters a round is m·(144·s + 16·P) bytes, as with one server but for the heads, and s
    interfaces share them. Servers know nothing of each other, and each goes on when it has its parts. What is learned
    is bit for bit what one ``ParameterServer`` learns, where each number moves by itself: a model or an optimiser by
    which it does not is refused. Where workers do not wait for each other, servers may take their parts in another
    order each.

    A server that crashes begins anew, and so do the workers with it: they ask the other servers, which remember all
    their parameters, for what these were then, and go through the steps again, to the same bits.
    """

    kind: Literal["sharded_servers"] = "sharded_servers"
    servers: NodeNames
    """The nodes that hold the parameters; none of the workers."""
    retry_s: Period = 1.0
    """After how long a request that is refused or not answered is repeated."""

    def start(self, training: Training, cluster: Cluster) -> None:
        """Boot the servers and the workers."""
        name, shape = training.job.name, training.initial.shape
        cuts = self._cuts(training.initial.size)

        def whole(step: int, pieces: Sequence[Array]) -> Array:
            return np.concatenate(pieces).reshape(shape)

        assembly = Assembly(training, len(cuts), whole)
        for place, (server, cut) in enumerate(zip(self.servers, cuts, strict=True)):
            program = partial(serve_part, training=_part(training, cut), assembly=assembly, place=place)
            cluster[server].boot(program, f"{name}.server")
        given: dict[str, Any] = {"servers": self.servers, "retry_s": self.retry_s, "training": training, "cuts": cuts}
        for index, worker in enumerate(training.job.workers):
            cluster[worker].boot(partial(work_with_parts, index=index, **given), f"{name}.worker")

    def fits(self, training: Training) -> None:
        """Raise ``ValueError`` where a number moves by what others are."""
        initial, draw = training.initial, stream(0, "parts")
        said = training.work(0, 0, initial, None)()[0]
        if said.shape != initial.shape:
            raise ValueError(f"contributions must have the shape {initial.shape} of parameters, got {said.shape}")
        point, added = (draw.standard_normal(initial.size) for _ in range(2))
        whole = _part(training, slice(0, initial.size))
        for cut in self._cuts(initial.size):
            if cut.start == cut.stop:
                raise ValueError(f"servers must be no more than the {initial.size} parameters, got {len(self.servers)}")
            part = _part(training, cut)
            slope, slopes = part.model.gradient(point[cut], added[cut], 3.0), whole.model.gradient(point, added, 3.0)
            if not np.array_equal(slope, slopes[cut]):
                raise ValueError(f"model must move each number by itself with {self.kind}, got {training.job.model!r}")
            step = training.optimiser.step
            moved = step(point[cut], slope, training.optimiser.start(point[cut]), 0, 1.0)()[0]
            if not np.array_equal(moved, step(point, slopes, training.optimiser.start(point), 0, 1.0)()[0][cut]):
                raise ValueError(
                    f"optimiser must move each number by itself with {self.kind}, got {training.optimiser!r}"
                )

    def refuses(self, job: TrainingJob) -> str | None:
        """Servers close their steps each for itself, and none has the parameters."""
        both = [server for server in self.servers if server in job.workers]
        if both or len(set(self.servers)) < len(self.servers):
            return f"servers must differ, and be none of the workers, got {list(self.servers)}"
        rule = job.waiting
        if not (isinstance(rule, BoundedStaleness | ClientSampling) and not getattr(rule, "backup_workers", 0)):
            return f"waiting must leave nobody out with {self.kind}: servers would not leave out the same, got {rule!r}"
        if job.compression is not None:
            return f"compression must be None with {self.kind}, whose parts are dense, got {job.compression!r}"
        if job.aggregation is not total:
            return f"aggregation must be total with {self.kind}: no server has whole ones, got {job.aggregation!r}"
        if job.recovery is not None:
            return f"recovery must be None with {self.kind}: nobody keeps all parts at one step, got {job.recovery!r}"
        return refusal(job, self.kind)

    def _cuts(self, size: int) -> list[slice]:
        count = len(self.servers)
        return [slice(size * place // count, size * (place + 1) // count) for place in range(count)]


class _Part:
    """A model's gradient of some of the parameters: what is asked of the others does not matter."""

    def __init__(self, model: Any, shape: tuple[int, ...], cut: slice) -> None:
        self._model, self._shape, self._cut = model, shape, cut

    def gradient(self, parameters: Array, total: Array, rows: float) -> Array:
        """That of the part."""
        point, added = np.zeros(self._shape), np.zeros(self._shape)
        point.reshape(-1)[self._cut], added.reshape(-1)[self._cut] = parameters, total
        return np.asarray(self._model.gradient(point, added, rows)).reshape(-1)[self._cut]


def _part(training: Training, cut: slice) -> Training:
    """The training of some of the parameters."""
    part = copy(training)
    part.initial = training.initial.reshape(-1)[cut]
    part.model = _Part(training.model, training.initial.shape, cut)
    return part
