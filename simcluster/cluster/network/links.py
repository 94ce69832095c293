"""Links: the fabric of a running network, less what faults take of its links' bandwidth."""

from __future__ import annotations

from collections.abc import Iterable

from simcluster.cluster.machine.slowdown import MOST, Slowdowns
from simcluster.cluster.network.fabric import Fabric, Link
from simcluster.cluster.network.flow_carrier import FlowCarrier


class Links:
    """The one place that knows what each link of a topology carries under the throttles of now.

    At flow fidelity the links are also those of the carrier, under places of its own.
    """

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self._throttles: dict[str, Slowdowns] = {}
        self._throttled: dict[object, dict[str, None]] = {}  # which links, by the key of the throttle
        self._carrier: FlowCarrier | None = None
        self._places: list[int] = []

    def share(self, carrier: FlowCarrier) -> None:
        """Let the flows of a carrier share the links."""
        self._carrier = carrier
        self._lay(self.fabric.links)

    @property
    def throttled(self) -> bool:
        """Whether any link is."""
        return bool(self._throttled)

    def bytes_per_s(self, place: int) -> float:
        """The bandwidth of one link now."""
        link = self.fabric.links[place]
        throttles = self._throttles.get(link.name)
        return link.bandwidth_bytes_per_s if throttles is None else link.bandwidth_bytes_per_s / throttles.product

    def bottleneck(self, source: str, target: str) -> float | None:
        """The least bandwidth of the route's links now, ``None`` without a link."""
        if not self._throttled:
            return self.fabric.bandwidth_bytes_per_s(source, target)
        return min(map(self.bytes_per_s, self.fabric.route(source, target)), default=None)

    def route(self, source: str, target: str) -> tuple[int, ...]:
        """The route, as places among the links of the carrier."""
        return tuple(self._places[place] for place in self.fabric.route(source, target))

    def names(self, source: str, target: str) -> tuple[str, ...]:
        """The names of the route's links, in order."""
        return tuple(self.fabric.links[place].name for place in self.fabric.route(source, target))

    def check(self, link: str) -> None:
        """Raise ``ValueError`` unless there is a link of this name."""
        self.fabric.require("link", link)

    def throttle(self, key: object, link: str, factor: float) -> None:
        """Divide the bandwidth of a link by ``factor`` until ``unthrottle(key)``; factors multiply."""
        self.check(link)
        self._throttles.setdefault(link, Slowdowns(1 / MOST)).begin(key, factor)
        self._throttled.setdefault(key, {})[link] = None
        self._set(link)

    def unthrottle(self, key: object) -> None:
        """Take back what ``key`` has throttled."""
        for link in self._throttled.pop(key, ()):
            self._throttles[link].end(key)
            self._set(link)

    def lay(self, links: Iterable[Link]) -> None:
        """Take in links that the fabric has new, and those that have another bandwidth there."""
        given = tuple(links)
        known = [link.name for link in given if self.fabric.index[link.name] < len(self._places)]
        self._lay(link for link in given if link.name not in known)
        for name in known:
            self._set(name)

    def _lay(self, links: Iterable[Link]) -> None:
        if self._carrier is not None:
            self._places += self._carrier.add_links([link.bandwidth_bytes_per_s for link in links])

    def _set(self, link: str) -> None:
        if self._carrier is not None:
            place = self.fabric.index[link]
            self._carrier.set_capacity(self._places[place], self.bytes_per_s(place))
