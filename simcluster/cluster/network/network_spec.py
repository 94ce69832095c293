"""What a network is: its fidelity, its links, how long messages take, and what becomes of some of them."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from simcluster.cluster.network.security import AnyAuthentication, AnyCipher, Role
from simcluster.cluster.network.topology import AnyTopology
from simcluster.engine import AnyDistribution, Constant, Positive, Probability, Seed, Spec, check_differ


class NetworkSpec(Spec):
    """Links between all nodes.

    Where ``failures`` are silent, the sender of a request waits for its timeout. Where they are reported, as by a
    refused connection or an unreachable route, loss and corruption stay silent; of several copies the last that is
    lost is reported, none if one is delivered.
    """

    fidelity: Literal["latency", "nic", "flow"] = "nic"
    """Who waits for whom: nobody ("latency"), messages at one interface ("nic"), or all that share a link ("flow")."""
    topology: AnyTopology | None = None
    """Which links lie between the nodes' interfaces (``None``: those of a switch that never limits)."""
    order: Literal["datagram", "fifo"] = "datagram"
    """Whether messages may overtake each other ("datagram"), or none another of its source and target ("fifo")."""
    latency: AnyDistribution = Constant(value=0.0005)
    """Seconds on the way, drawn per message from the link's own stream; a topology adds those of the route."""
    bandwidth_bytes_per_s: Positive | None = 1.25e8
    """Bandwidth of interfaces that name none (``None``: they never queue); a message of no bytes waits for none."""
    loss_probability: Probability = 0.0
    """The chance of each message to be lost between two nodes, with the cause "loss"."""
    failures: Literal["silent", "reported"] = "silent"
    """What the sender of a dropped request learns: nothing ("silent"), or at once the typed cause ("reported")."""
    authentication: AnyAuthentication | None = None
    """How receivers tell whose a message is (``None``: they believe what it says)."""
    encryption: AnyCipher | None = None
    """What it costs that nobody reads messages on the way (``None``: nothing is encrypted)."""
    roles: tuple[Role, ...] = ()
    """Who may send and receive which kinds of messages (none: all may all); whoever has no role may nothing."""
    seed: Seed | None = None
    """The seed of the network's draws (``None``: the run's)."""

    @model_validator(mode="after")
    def _roles_differ(self) -> NetworkSpec:
        check_differ("roles", [role.name for role in self.roles])
        return self
