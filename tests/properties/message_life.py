"""The life of a message, once more: a small model of the network that knows nothing of the real one.

It follows the table in ``Network``'s docstring; what brings copies from node to node stands in message_wires.py.
"""

import heapq
import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import count


@dataclass(eq=False)
class Copy:
    id: int
    source: str
    target: str
    size: float
    latency: float = 0.0
    alive: bool = True  # neither recalled nor arrived
    wire: object = None  # what the wires know of it

    def again(self):
        return Copy(self.id, self.source, self.target, self.size)


class Life:
    def __init__(self, fifo, rate, latency, names):
        self.fifo, self.nominal, self.latency = fifo, rate, latency
        self.now, self.events, self.serial = 0.0, [], count()
        self.rules, self.held, self.damaged, self.doubled = [], defaultdict(list), set(), set()
        self.places, self.early = defaultdict(list), []
        self.under_way, self.delivered, self.dropped = [], [], []
        self.factors = {name: [] for name in names}
        self.down, self.paused, self.outbox = defaultdict(int), defaultdict(int), defaultdict(list)
        self.unsent = defaultdict(list)

    def at(self, time, call, *arguments):
        heapq.heappush(self.events, (time, next(self.serial), call, arguments))

    def run(self, until):
        while self.events and self.events[0][0] <= until:
            time, _, call, arguments = heapq.heappop(self.events)
            self.spend(time)
            call(*arguments)

    def rate(self, name):
        return self.nominal / math.prod(self.factors[name])

    def send(self, copy):
        if self.down[copy.source]:
            return
        if self.paused[copy.source]:
            self.outbox[copy.source].append(copy)
        else:
            self.set_out(copy)

    def set_out(self, copy, anew=False):
        verdicts = [(rule, rule(copy)) for rule in self.rules]
        verdicts = [(rule, verdict) for rule, verdict in verdicts if verdict]
        decided = next(((rule, said[0]) for rule, said in verdicts if said[0] in ("drop", "hold")), None)
        if any(said[0] == "corrupt" for _, said in verdicts):
            self.damaged.add(copy.id)
        if decided and decided[1] == "drop":
            self.drop(copy, anew)
            return
        if not anew:
            self.places[copy.source, copy.target].append(copy.id)
        if decided:
            self.held[decided[0]].append(copy)
            return
        late = self.latency + sum(said[1] for _, said in verdicts if said[0] == "delay")
        self.carry(copy, late)
        twice = [said[1] for _, said in verdicts if said[0] == "twice" and copy.id not in self.doubled]
        for delay in twice:
            self.doubled.add(copy.id)
            places = self.places[copy.source, copy.target]
            places.insert(max(at for at, ident in enumerate(places) if ident == copy.id) + 1, copy.id)
            self.carry(copy.again(), late + delay)

    def drop(self, copy, has_place=True):
        self.dropped.append(copy.id)
        if has_place:
            self.places[copy.source, copy.target].remove(copy.id)
            self.in_turn(copy)

    def arrive(self, copy):
        if not copy.alive:
            return
        self.take_back(copy)
        if copy.id in self.damaged:
            self.drop(copy)
        elif self.fifo:
            self.early.append(copy)
            self.in_turn(copy)
        else:
            self.places[copy.source, copy.target].remove(copy.id)
            self.deliver(copy)

    def take_back(self, copy):
        copy.alive = False
        (self.under_way if copy in self.under_way else self.early).remove(copy)

    def in_turn(self, copy):
        places = self.places[copy.source, copy.target]
        while self.fifo and places and (ready := [one for one in self.early if one.id == places[0]]):
            self.early.remove(ready[0])
            places.pop(0)
            self.deliver(ready[0])

    def deliver(self, copy):
        if self.down[copy.target]:
            self.dropped.append(copy.id)
        else:
            self.delivered.append((copy.id, self.now))

    def recall(self, concerns, rule, in_flight):
        if in_flight == "deliver":
            return
        for copy in (back := [copy for copy in self.under_way + self.early if concerns(copy)]):
            self.take_back(copy)
        self.settle()
        for copy in sorted(back, key=lambda one: one.id):
            if in_flight == "drop":
                self.drop(copy)
            else:
                self.held[rule].append(copy)

    def lift(self, rule):
        self.rules.remove(rule)
        for copy in sorted(self.held.pop(rule, []), key=lambda one: one.id):
            self.set_out(copy.again(), anew=True)

    def crash(self, name):
        self.down[name] += 1
        if self.down[name] == 1:
            self.outbox[name].clear()
            for copy in self.unsent.pop(name, []):
                self.take_back(copy)
                self.drop(copy)

    def resume(self, name):
        self.paused[name] -= 1
        while not self.paused[name] and not self.down[name] and self.outbox[name]:
            self.set_out(self.outbox[name].pop(0))

    def carry(self, copy, latency):
        self.under_way.append(copy)
        copy.latency = latency
        self.bring(copy)
