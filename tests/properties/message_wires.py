"""The wires of the small model of a message's life: servers with queues, and fluid flows, with no plan ahead."""

from collections import defaultdict
from types import SimpleNamespace

from message_life import Life


class LatencyWires(Life):
    """Nobody waits for anybody."""

    def spend(self, time):
        self.now = max(self.now, time)

    def settle(self):
        pass

    def bring(self, copy):
        rate = min(self.rate(copy.source), self.rate(copy.target))
        self.at(self.now + copy.latency + copy.size / rate, self.arrive, copy)


class NicWires(LatencyWires):
    """Each interface is two servers: one sends, one takes in."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.sending, self.come, self.taking = {}, defaultdict(list), {}

    def bring(self, copy):
        self.unsent[copy.source].append(copy)
        self.settle()

    def settle(self):
        """Something has changed: let idle interfaces begin."""
        for name in self.factors:
            for queue, busy in ((self.unsent[name], self.sending), (self.come[name], self.taking)):
                queue[:] = [copy for copy in queue if copy.alive]
                if name in busy and not busy[name].alive:
                    del busy[name]
                if queue and name not in busy:
                    self.begin(name, queue.pop(0), busy)

    def begin(self, name, copy, busy):
        busy[name] = copy
        if busy is self.sending:
            copy.wire = SimpleNamespace()
            copy.wire.way, copy.wire.seen = self.rate(name), self.rate(copy.target)
            copy.wire.span = copy.size / min(copy.wire.way, copy.wire.seen)
            copy.wire.sent = self.now + copy.wire.span
            self.at(copy.wire.sent, self.free, name, copy, busy)
            self.at(self.now + copy.latency, self.reach, copy)
        else:
            rate = self.rate(name)
            span = copy.wire.span if rate == copy.wire.seen else copy.size / min(copy.wire.way, rate)
            end = max(self.now + span, copy.wire.sent + copy.latency)
            self.at(end, self.free, name, copy, busy)
            self.at(end, self.arrive, copy)

    def free(self, name, copy, busy):
        if busy.get(name) is copy:
            del busy[name]
        self.settle()

    def reach(self, copy):
        if copy.alive:
            self.come[copy.target].append(copy)
            self.settle()


class FlowWires(LatencyWires):
    """Flows that share interfaces max-min fairly."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.flows, self.turn = [], 0

    def bring(self, copy):
        copy.wire = SimpleNamespace(left=copy.size)
        self.flows.append(copy)
        self.settle()

    def settle(self):
        """Something has changed: look anew when the next flow ends."""
        self.flows = [copy for copy in self.flows if copy.alive]
        self.turn += 1
        rates = self.shares()
        if rates:
            self.at(self.now + min(copy.wire.left / rate for copy, rate in rates.items()), self.ended, self.turn)

    def shares(self):
        """Max-min fair rates by progressive filling (Bertsekas & Gallager, Data Networks, 6.5.2)."""
        left = {(way, name): self.rate(name) for name in self.factors for way in ("out", "in")}
        links = {copy: (("out", copy.source), ("in", copy.target)) for copy in self.flows}
        rates = {}
        while len(rates) < len(links):
            users = {link: [c for c in links if link in links[c] and c not in rates] for link in left}
            level, tight = min((left[link] / len(users[link]), link) for link in left if users[link])
            for copy in users[tight]:
                rates[copy] = level
                for link in links[copy]:
                    left[link] -= level
        return rates

    def spend(self, time):
        for copy, rate in self.shares().items() if time > self.now else ():
            copy.wire.left -= rate * (time - self.now)
        self.now = max(self.now, time)

    def ended(self, turn):
        if turn == self.turn:
            for copy in [one for one in self.flows if one.wire.left <= 1e-9 * one.size]:
                self.flows.remove(copy)
                self.at(self.now + copy.latency, self.arrive, copy)
            self.settle()


WIRES = {"latency": LatencyWires, "nic": NicWires, "flow": FlowWires}
