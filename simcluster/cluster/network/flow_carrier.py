"""The carrier at flow fidelity: every transfer is a fluid flow, and links are shared max-min fairly."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count

from simcluster.cluster.messages.message import Message
from simcluster.cluster.network.carrier import Arrive, Matches, by_id
from simcluster.cluster.network.flows import FlowNetwork
from simcluster.engine import Environment, ScheduledCall

Route = Callable[[str, str], tuple[int, ...]]


class FlowCarrier:
    """Transfers that share the links of their routes: each node's interface in either direction, and the fabric's.

    A message's flow begins when it is sent and its last bit arrives its latency after the flow's end. All changes
    of one moment cost one computation of the rates (Bertsekas & Gallager, Data Networks, 6.5.2).
    """

    def __init__(
        self,
        env: Environment,
        arrive: Arrive,
        route: Route = lambda source, target: (),
    ) -> None:
        self._env = env
        self._arrive = arrive
        self._route = route
        self._capacities: list[float] = []
        self._nominal: dict[str, float] = {}
        self._send_link: dict[str, int] = {}  # the link into the network; the one out of it is the next
        self._flows: FlowNetwork | None = None
        self._under_way: dict[int, tuple[Message, float, tuple[int, ...]]] = {}
        self._arriving: dict[int, tuple[Message, ScheduledCall]] = {}  # their flows have ended
        self._ids = count()
        self._wake: ScheduledCall | None = None
        self._replan_due = False

    def attach(self, name: str, bytes_per_s: float | None) -> None:
        """Give a node its interface: one link in each direction."""
        self._nominal[name] = math.inf if bytes_per_s is None else bytes_per_s
        self._send_link[name], _ = self.add_links([self._nominal[name]] * 2)

    def add_links(self, bytes_per_s: list[float]) -> range:
        """Add links of these capacities; their places."""
        first = len(self._capacities)
        self._capacities += bytes_per_s
        if bytes_per_s and self._flows is not None:
            self._grow()
        return range(first, len(self._capacities))

    def carry(self, message: Message, latency_s: float) -> None:
        """Bring a message to its target."""
        sending, receiving = self._send_link[message.source], self._send_link[message.target] + 1
        links = (sending, *self._route(message.source, message.target), receiving)
        flow = next(self._ids)
        self._under_way[flow] = (message, latency_s, links)
        self._network().start(flow, links, message.size_bytes)

    def throttle(self, name: str, factor: float) -> None:
        """Let an interface work at its bandwidth divided by ``factor``; what is under way slows down with it."""
        for link in (self._send_link[name], self._send_link[name] + 1):
            self.set_capacity(link, self._nominal[name] / factor)

    def set_capacity(self, link: int, bytes_per_s: float) -> None:
        """Change the capacity of one link from now on."""
        self._capacities[link] = bytes_per_s
        if self._flows is not None:
            self._network().set_capacity(link, bytes_per_s)

    @property
    def waiting(self) -> int:
        """Nothing waits for others here: they share."""
        return 0

    def replan(self) -> None:
        """The rates have changed with the capacities."""

    def recall(self, matches: Matches) -> list[Message]:
        """Take back what ``matches`` and has not arrived, each copy, in the order of sending."""
        flows = [flow for flow, (message, _, _) in self._under_way.items() if matches(message)]
        arriving = [flow for flow, (message, _) in self._arriving.items() if matches(message)]
        recalled = [self._under_way[flow][0] for flow in flows] + [self._arriving[flow][0] for flow in arriving]
        if flows:
            network = self._network()
            for flow in flows:
                if flow in self._under_way:  # it may have ended in this instant
                    network.finish(flow)
                    del self._under_way[flow]
                else:
                    arriving.append(flow)
        for flow in arriving:
            self._arriving.pop(flow)[1].cancel()
        return sorted(recalled, key=by_id)

    def recall_unsent(self, source: str) -> list[Message]:
        """A flow is on the wire from its beginning, so there is nothing to take back."""
        return []

    def _network(self) -> FlowNetwork:
        """The flows at this moment, about to change."""
        if self._flows is None:
            self._flows = FlowNetwork(self._capacities, self._env.now)
        if self._flows.now_s != self._env.now:  # all changes of one moment cost one computation
            self._complete()
        if not self._replan_due:
            self._replan_due = True
            self._env.call_later(0.0, self._replan)
        return self._flows

    def _complete(self, _: object = None) -> None:
        """Let the flows that have ended by now arrive."""
        assert self._flows is not None
        for end_s, flow in self._flows.advance(self._env.now):
            message, latency_s, _links = self._under_way.pop(flow)
            delay_s = max(0.0, end_s + latency_s - self._env.now)
            self._arriving[flow] = (message, self._env.call_later(delay_s, self._land, flow))

    def _land(self, flow: int) -> None:
        """The last bit is at the receiver's interface."""
        message, _ = self._arriving.pop(flow)
        self._arrive(message)

    def _replan(self, _: object = None) -> None:
        """Wake up when the next flow ends."""
        self._replan_due = False
        self._complete()
        assert self._flows is not None
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        following = self._flows.next_completion()
        if following is not None:
            self._wake = self._env.call_later(max(0.0, following[0] - self._env.now), self._replan)

    def _grow(self) -> None:
        """Start anew with the links that are new, every flow with the bytes that it still has to send."""
        self._complete()
        assert self._flows is not None
        grown = FlowNetwork(self._capacities, self._env.now)
        for flow, (_, _, links) in self._under_way.items():
            grown.start(flow, links, self._flows.finish(flow))
        self._flows = grown
        self._network()
