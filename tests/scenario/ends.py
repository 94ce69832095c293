"""Jobs whose programs end in some way, for the tests of what a run says of itself; importable, so picklable."""

from simcluster import ClusterSpec, NodeSpec, Scenario, Spec
from simcluster.cluster import DiskFull, NetworkSpec
from simcluster.engine import Constant

TWO = ClusterSpec(
    nodes=(NodeSpec(name="a"), NodeSpec(name="b")), network=NetworkSpec(latency=Constant(value=0.0))
)


class Boots(Spec):
    """Runs a program of this module on node a, and for ever a quiet one on node b; over with the first, if at all."""

    program: str

    def start(self, cluster, seed):
        done = cluster.env.event()
        cluster["a"].boot(lambda node: PROGRAMS[self.program](node, done), self.program)
        cluster["b"].boot(quiet)
        return done


class Gives:
    """A job of any class, over after a second with this outcome."""

    def __init__(self, outcome=None):
        self.outcome = outcome

    def start(self, cluster, seed):
        return cluster.env.timeout(1.0, self.outcome)


def scenario(program, **fields):
    return Scenario(cluster=TWO, job=Boots(program=program), **{"horizon_s": 20.0, **fields})


def quiet(node):
    while True:
        yield node.timer(1.0)


def spins(node, done):
    yield node.timer(2.5)
    while True:
        yield node.timer(0)


def hardly_moves(node, done):
    yield node.timer(2.5)
    while True:
        yield node.timer(1e-300)


def passes(node, done):
    timer = node.timer(2.5)
    yield timer
    while True:
        yield timer


def sends_to_itself(node, done):
    yield node.timer(2.5)
    while True:
        node.send("a", "again")
        yield node.receive("again")


def spawns_for_ever(node, done):
    yield node.timer(2.5)
    node.spawn(chain(node))


def chain(node):
    yield node.timer(0)
    node.spawn(chain(node))


def busy_at_once(node, done):
    """As many events at one instant as may be, and then it is over."""
    for _ in range(3):
        for _ in range(200):
            yield node.timer(0)
        yield node.timer(1.0)
    done.succeed("over")


def fills_the_disk(node, done):
    yield node.timer(1.5)
    raise DiskFull("no room for 'x'")


def spawns_one_that_fails(node, done):
    node.spawn(fills_the_disk(node, done))
    yield node.timer(3.0)
    done.succeed("over")


def catches(node, done):
    try:
        yield node.spawn(fills_the_disk(node, done))
    except DiskFull as failure:
        done.succeed(failure.cause)


class Odd(Exception):
    """An error that cannot be made of its own arguments, nor read back from a pickle."""

    def __init__(self, first, second):
        super().__init__(f"{first} is odd")


def is_odd(node, done):
    yield node.timer(1.5)
    raise Odd(1, 2)


def divides(node, done):
    yield node.timer(1.5)
    1 / 0  # noqa: B018


PROGRAMS = {
    each.__name__: each
    for each in (
        spins, hardly_moves, passes, sends_to_itself, spawns_for_ever, busy_at_once, fills_the_disk,
        spawns_one_that_fails, catches, is_odd, divides,
    )
}  # fmt: skip
