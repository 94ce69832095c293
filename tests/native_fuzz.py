"""Calls every public method of every compiled class with nasty arguments: run in a child, for it may crash.

Usage: native_fuzz.py FIRST LAST, seeds. Every line of its log, on stderr, is a call that is about to be made.
"""

import contextlib
import copy
import faulthandler
import gc
import inspect
import itertools
import random
import sys

import numpy as np

from simcluster.cluster import Cluster, ClusterSpec, Message, nodes
from simcluster.engine import Trace
from simcluster.kernels import _flow, events, messages, processor

MODULES = (events, messages, processor, _flow)
CLASSES = [
    kind
    for module in MODULES
    for kind in vars(module).values()
    if isinstance(kind, type) and kind.__module__ == module.__name__
]

class Evil:
    """Compares, hashes and lets itself be called as it likes; changes what it is asked about meanwhile."""

    id = source = target = kind = body = size_bytes = request_id = reply_to = None

    def __init__(self, world):
        self.world = world

    def __eq__(self, other):
        self.world.disturb()
        return self.world.chance.random() < 0.5

    def __hash__(self):
        return 1

    def __call__(self, *arguments):
        self.world.disturb()
        return self.world.pick()


class World:
    """The objects that are passed and called, whole ones and ones that were made by __new__ alone."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.depth = 0
        self.env = events.Environment()
        network = {"fidelity": self.chance.choice(["latency", "nic"])}
        spec = ClusterSpec(nodes=nodes("n", 3, inbox_messages=self.chance.choice([None, 2])), network=network)
        cluster = Cluster(self.env, spec, 0, Trace(self.env))
        self.node = cluster["n-0"]
        network = cluster.network

        def program(*_):
            for _ in range(5):
                yield self.env.timeout(1) | self.node.receive("k")

        made = [self.env.process(program()) for _ in range(3)]
        self.node.send("n-1", "k", 1)
        other = cluster["n-1"].request("n-0", "k", 2, timeout_s=3)
        self.things = [
            self.env, self.node, network, network._carrier, self.node._mailbox, other, *made, self.env.timeout(2),
            self.env.event(), self.env.timeout(1) & self.env.event(), self.node.timer(3), self.node.receive("k"),
            self.node.receive(Evil(self)), self.env.call_later(1, print), self.node.timer(1).callbacks,
            _flow.Flows(np.array([1.0, 2.0, 0.0, np.inf])), processor.FirstComeFirstServed(
                self.env, "n-0", 1, 1.0, Trace(self.env)
            ),
        ]  # fmt: skip
        self.things += [entry[3] for entry in self.env._queue]
        for kind in CLASSES:
            with contextlib.suppress(Exception):
                self.things.append(kind.__new__(kind))
            with contextlib.suppress(Exception):
                heir = type("Heir", (kind,), {})
                self.things.append(heir.__new__(heir))
        self.things += [copy.copy(each) for each in self.things if self.may_copy(each)]
        self.plain = [
            None, 0, 1, -1, 2**70, 0.5, -0.0, float("nan"), float("inf"), "", "k", "n-0", "n-1", b"x", (), [], {},
            (1, 2), [3], tuple, int, print, Message, object(), Evil(self),
            (1, "n-0", "n-1", "k", None, 1.0, None, None),
            Message(1, "n-0", "n-1", "k", None, 1.0, None, None), Message(1, "n-1", "n-0", "k", 1, 1.0, 3, "r"),
            Message(1, Evil(self), "n-0", Evil(self), 1, "x", None, Evil(self)), np.zeros(3), np.zeros(2, dtype=int),
            np.array([0, 2]), np.array([-1, 2**40]), ValueError("x"), ValueError, (each for each in [1]),
        ]  # fmt: skip

    @staticmethod
    def may_copy(thing):
        try:
            copy.copy(thing)
        except Exception:
            return False
        return True

    def pick(self):
        return self.chance.choice(self.things if self.chance.random() < 0.5 else self.plain)

    def disturb(self):
        """Do one more thing in the midst of another."""
        if self.depth < 2:
            self.act()

    def act(self):
        self.depth += 1
        # A call may raise what it likes: only a signal is an error.
        with contextlib.suppress(BaseException):
            self.one()
        self.depth -= 1

    def one(self):
        thing = self.chance.choice(self.things)
        if type(thing).__module__ == "builtins":
            return
        own = [name for name in dir(type(thing)) if name == "__init__" or not hasattr(object, name)]
        name = self.chance.choice(own)
        inputs = [self.pick() for _ in range(self.chance.choice([0, 1, 1, 2, 2, 3, 4, 6]))]
        member = inspect.getattr_static(type(thing), name)
        print(type(thing).__name__, name, [type(each).__name__ for each in inputs], file=sys.stderr)
        if callable(member) or isinstance(member, staticmethod | classmethod):
            result = getattr(thing, name)(*inputs)
        elif inputs and self.chance.random() < 0.3:
            setattr(thing, name, inputs[0])
            return
        else:
            result = getattr(thing, name)
        if self.chance.random() < 0.1 and type(result) in CLASSES:
            self.things[self.chance.randrange(len(self.things))] = result
        if hasattr(result, "__next__"):
            list(itertools.islice(result, 20))


def functions(world):
    """The modules' functions."""
    for module in MODULES:
        for name, function in vars(module).items():
            if getattr(function, "__module__", None) == module.__name__ and not isinstance(function, type):
                yield module, name, function


def main(first, last):
    faulthandler.enable()
    gc.set_threshold(50, 2, 2)
    for seed in range(first, last):
        world = World(seed)
        called = list(functions(world))
        print("seed", seed, file=sys.stderr)
        for _ in range(300):
            world.act()
            if world.chance.random() < 0.1:
                _, name, function = world.chance.choice(called)
                inputs = [world.pick() for _ in range(world.chance.choice([1, 2, 3]))]
                print(name, [type(each).__name__ for each in inputs], file=sys.stderr)
                with contextlib.suppress(BaseException):
                    function(*inputs)
            if world.chance.random() < 0.05:
                with contextlib.suppress(BaseException):
                    world.env.run(until=world.env.now + 1)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
