"""The message path, from ``send`` to ``receive``: compiled, or the plain Python that says what it has to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcluster.engine import ENGINE

if TYPE_CHECKING or ENGINE == "simpy":
    from simcluster.cluster.machine.processor import FirstComeFirstServed
    from simcluster.cluster.network.carrier import LatencyCarrier, NicCarrier
    from simcluster.cluster.network.endpoint import Endpoint
    from simcluster.cluster.network.transport import Transport
else:
    from simcluster.kernels.messages import Endpoint, LatencyCarrier, NicCarrier, Transport
    from simcluster.kernels.processor import FirstComeFirstServed

__all__ = ["Endpoint", "FirstComeFirstServed", "LatencyCarrier", "NicCarrier", "Transport"]
