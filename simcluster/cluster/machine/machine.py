"""Machines as one would order them: specifications of nodes, and classes of hardware by name."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Protocol, TypeVar

from pydantic import Field, model_validator

from simcluster.cluster.machine.clock import ClockSpec
from simcluster.cluster.machine.storage import StorageSpec
from simcluster.engine import AnyDistribution, Count, Name, Positive, Spec, check_whole, hint
from simcluster.kernels import Cost

R = TypeVar("R", covariant=True)

HARDWARE: dict[str, dict[str, Any]] = {
    # Orders of magnitude of data sheets, for one core at double precision; meant for comparing strategies, not vendors.
    "single_board": {
        "cores": 4,
        "flops_per_s": 2e9,
        "memory_bytes_per_s": 2e9,
        "memory_bytes": 4e9,
        "nic_bytes_per_s": 1.25e8,
        "storage": {"seek_s": 0.001, "bandwidth_bytes_per_s": 4e7, "flush_s": 0.01},
    },
    "laptop": {
        "cores": 8,
        "flops_per_s": 2e10,
        "memory_bytes_per_s": 1e10,
        "memory_bytes": 1.6e10,
        "nic_bytes_per_s": 1.25e8,
        "storage": {"seek_s": 1e-4, "bandwidth_bytes_per_s": 2e9, "flush_s": 0.001},
    },
    "server": {
        "cores": 32,
        "flops_per_s": 3e10,
        "memory_bytes_per_s": 1e10,
        "memory_bytes": 2.56e11,
        "nic_bytes_per_s": 1.25e9,
        "storage": {"seek_s": 5e-5, "bandwidth_bytes_per_s": 3e9, "flush_s": 5e-4},
    },
    "disk_server": {
        "cores": 16,
        "flops_per_s": 2e10,
        "memory_bytes_per_s": 8e9,
        "memory_bytes": 6.4e10,
        "nic_bytes_per_s": 1.25e9,
        "storage": {"seek_s": 0.008, "bandwidth_bytes_per_s": 2e8, "flush_s": 0.008},
    },
}
"""Classes of hardware: the fields of ``NodeSpec`` that each fills in."""


class CallCost(Protocol):
    """What a computation takes: counts of floating-point operations and of bytes moved to and from memory."""

    @property
    def flops(self) -> float:
        """Floating-point operations."""
        ...

    @property
    def bytes(self) -> float:
        """Bytes read and written."""
        ...


class Computation(Protocol[R]):
    """Something that a node can compute: calling it gives the result, ``cost`` says what it takes."""

    @property
    def cost(self) -> CallCost:
        """What it takes."""
        ...

    def __call__(self) -> R:
        """Do it, for real."""
        ...


class NodeSpec(Spec):
    """A machine as one would order it.

    ``rack`` and ``zone`` are names that faults, topologies and placement can use.
    """

    name: Name
    """What it is called, unlike any other node of its cluster."""
    hardware: str | None = None
    """The class of hardware that fills in what is not given (``None``: the defaults do)."""
    rack: Name | None = None
    """The rack that it stands in (``None``: the one that the topology puts it in, if any)."""
    zone: Name | None = None
    """The zone that it stands in (``None``: the one that the topology puts it in, if any)."""
    cores: Annotated[Count, Field(le=10_000)] = 1
    """How many cores compute side by side, at most 10,000."""
    discipline: Literal["fcfs", "ps"] = "fcfs"
    """Whether each computation has a core, first come first served ("fcfs"), or all share them equally ("ps")."""
    flops_per_s: Positive = 1e9
    """Floating-point operations per second of one core."""
    memory_bytes_per_s: Positive = 1e10
    """Bytes per second that one core moves to and from memory."""
    memory_bytes: Positive | None = None
    """How much memory its programs can allocate (``None``: no limit)."""
    speed: Positive = 1.0
    """How many times as fast as these rates a core works."""
    jitter: AnyDistribution | None = None
    """What multiplies each computation's time, drawn from the node's own stream, with mean 1 (``None``: nothing)."""
    nic_bytes_per_s: Positive | None = None
    """Bandwidth of its network interface in each direction (``None``: the network's)."""
    inbox_messages: Count | None = None
    """How many messages its inbox holds (``None``: no limit); more are dropped as "overloaded", but for replies."""
    storage: StorageSpec = StorageSpec()
    """Its disk."""
    clock: ClockSpec = ClockSpec()
    """How its clock errs."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        hardware = given.get("hardware") if isinstance(given, dict) else None
        if hardware is None:
            return given
        if not isinstance(hardware, str) or hardware not in HARDWARE:
            raise ValueError(f"hardware must be one of {list(HARDWARE)}, got {hardware!r}{hint(hardware, HARDWARE)}")
        return {**HARDWARE[hardware], **given}

    @model_validator(mode="after")
    def _name_is_no_link(self) -> NodeSpec:
        if "->" in self.name:
            raise ValueError(f"name must not hold '->', which names links, got {self.name!r}")
        return self

    @model_validator(mode="after")
    def _computing_takes_time(self) -> NodeSpec:
        if self.jitter is not None and not 0 < self.jitter.mean < math.inf:
            raise ValueError(f"jitter must have a finite mean greater than 0, got {self.jitter.mean}")
        return self

    @model_validator(mode="after")
    def _clock_runs_forward(self) -> NodeSpec:
        self.clock.require_forward()
        return self

    def seconds(self, cost: CallCost) -> float:
        """How long ``cost`` keeps a core busy at speed 1: max(flops / flops_per_s, bytes / memory_bytes_per_s)."""
        return Cost.seconds_of(cost, self.flops_per_s, self.memory_bytes_per_s)


def nodes(prefix: str, count: int, **fields: Any) -> tuple[NodeSpec, ...]:
    """``count`` machines named ``prefix-0``, ``prefix-1``, … with the same ``fields``."""
    if not isinstance(prefix, str) or not prefix:
        raise ValueError(f"prefix must be text that a name can begin with, got nodes({prefix!r}, {count!r})")
    check_whole("count", count, 0, 1_000_000)
    return tuple(NodeSpec(name=f"{prefix}-{i}", **fields) for i in range(count))
