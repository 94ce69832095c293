"""Random programs on nodes that message each other while nodes crash and pause: prints what each seed's programs saw.

``message_programs.py FIRST LAST`` prints a line for each seed: a fingerprint of the records, the programs' own log,
and what is left in the end. tests/cluster/test_message_path.py compares the two engines by it.
"""

import contextlib
import hashlib
import sys

import simpy

from simcluster.cluster import Cluster, ClusterSpec, Failure, NetworkSpec, nodes
from simcluster.cluster.messages.verdict import Corrupt, Delay, Drop, Duplicate
from simcluster.engine import Constant, Environment, Exponential, Trace, stream
from simcluster.kernels import Call, Cost

NODES, STEPS, END_S = 4, 25, 3.0
KINDS = ("a", "b", "c")


def program(node, draw, log, others):
    """Do one thing after another, drawn at random, and log what comes of it."""
    env = node.env

    def note(*what):
        log.append((float(env.now), node.name, *what))

    def seen(value):
        if isinstance(value, simpy.events.ConditionValue):
            return [seen(part) for part in value.todict().values()]
        return (value.id, value.kind, value.body) if hasattr(value, "kind") else str(value)

    def any_event():
        match draw.integers(4):
            case 0:
                return node.timer(float(draw.choice([0.0, 0.01, 0.2])))
            case 1:
                return node.receive(*draw.choice(KINDS, size=draw.integers(3)).tolist())
            case 2:
                timeout_s = None if draw.integers(2) else 0.05
                return node.request(str(draw.choice(others)), "ask", 1, timeout_s=timeout_s)
            case _:
                return node.busy(float(draw.exponential(0.05)))

    for step in range(STEPS):
        try:
            match draw.integers(10):
                case 0 | 1 | 2:
                    size = (None, 0, 1000, 2e5)[draw.integers(4)]
                    note("sent", node.send(str(draw.choice(others)), str(draw.choice(KINDS)), step, size).id)
                case 3:
                    message = yield node.receive("ask")
                    note("replies", node.reply(message, step).id)
                case 4 | 5:
                    race = any_event() | any_event()
                    if draw.integers(2):
                        yield node.timer(0.03)  # what nobody awaits yet takes no message
                    note("race", seen((yield race)))
                case 6:
                    meeting = any_event() & node.timer(0.02)
                    lost = meeting | node.timer(0.1)
                    yield lost
                    note("meeting", meeting.triggered)
                case 7:
                    forgotten = any_event()
                    yield node.timer(0.03)
                    note("made and forgotten", forgotten.triggered)
                    if draw.integers(2):
                        yield forgotten | node.timer(0.05)
                case 8 if node.state == "up":
                    node.pause()
                    env.call_later(0.01, lambda _: node.resume())
                    note("paused itself", seen((yield node.receive(*KINDS) | node.timer(0.05))))
                case _:
                    note("got", seen((yield any_event())))
        except (Failure, simpy.Interrupt) as failure:
            note("failed", type(failure).__name__)


def answering(node, log):
    """Reply to whatever is asked."""
    while True:
        with contextlib.suppress(simpy.Interrupt):
            message = yield node.receive("ask")
            log.append((float(node.env.now), node.name, "answers", message.id))
            node.reply(message, message.body)


def listening(node, log):
    """Reply to whatever is asked, at once or when that is computed, and stumble over words."""

    def asked(message):
        log.append((float(node.env.now), node.name, "hears", message.id, node.env.active_process.name))
        if message.id % 2:
            node.reply(message, message.body)
        else:
            node.compute_reply(message, Call(lambda: message.body, Cost(2e7, 0.0)))

    def told(message):
        log.append((float(node.env.now), node.name, "is told", message.id))
        match message.id % 5:
            case 0:
                raise LookupError(str(message.id))
            case 1 if node.state == "up":
                node.pause()
                node.env.call_later(0.01, lambda _: node.resume())
            case 2 if node.state == "up":
                node.crash()
                node.restart()

    while True:
        try:
            heard = node.listen({"ask": asked, "a": told})
            yield heard | node.timer(0.4) if len(log) % 3 == 0 else heard
        except (simpy.Interrupt, LookupError) as error:
            log.append((float(node.env.now), node.name, "stumbles", type(error).__name__, str(error)))


def disturb(cluster, draw, log):
    """Crash, pause, slow down and interrupt nodes, and put rules in force, for a while each."""
    env = cluster.env
    verdicts = [Drop("test"), Delay(0.02), Duplicate(0.01), Corrupt(), None, None]

    def rule(message):
        return verdicts[int(draw.integers(len(verdicts)))]

    while env.now < END_S:
        yield env.timeout(float(draw.exponential(0.15)))
        node = cluster[str(draw.choice(list(cluster.nodes)))]
        match draw.integers(6):
            case 0:
                node.crash()
                yield env.timeout(0.05)
                node.restart()
            case 1:
                node.pause()
                yield env.timeout(0.08)
                node.resume()
            case 2:
                cluster.network.throttle("test", (node.name,), 8)
                yield env.timeout(0.1)
                cluster.network.unthrottle("test")
            case 3:
                cluster.network.add(rule)
                cluster.network.recall(lambda message, name=node.name: message.target == name, rule, "drop", "test")
                yield env.timeout(0.05)
                cluster.network.remove(rule)
            case 4:
                node.slow("test", 3)
                yield env.timeout(0.05)
                node.quicken("test")
            case _:
                processes = [process for process in node._processes if process.is_alive]
                if processes and processes[0] is not env.active_process:
                    processes[int(draw.integers(len(processes)))].interrupt()
    log.append((float(env.now), "the end of trouble"))


def fingerprint(seed):
    """What the programs of one seed saw."""
    draw = stream(seed, "set-up")
    network = NetworkSpec(
        fidelity=str(draw.choice(["latency", "nic", "nic", "flow"])),
        order=str(draw.choice(["datagram", "datagram", "fifo"])),
        latency=Exponential(mean=0.002) if draw.integers(2) else Constant(value=0.0005),
        bandwidth_bytes_per_s=[None, 1e6, 1e7][int(draw.integers(3))],
        failures=str(draw.choice(["silent", "reported"])),
    )
    env = Environment()
    trace = Trace(env)
    limits = {"inbox_messages": 5} if draw.integers(3) == 0 else {}
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", NODES, cores=2, **limits), network=network), seed, trace)
    log = []
    replies = (answering, listening)[int(draw.integers(2))]
    for node in cluster.nodes.values():
        others = list(cluster.nodes) if draw.integers(4) == 0 else [name for name in cluster.nodes if name != node.name]
        draws = stream(seed, node.name)
        node.boot(lambda node, draws=draws, others=others: program(node, draws, log, others), name="random")
        node.boot(lambda node: replies(node, log), name="answering")
    env.process(disturb(cluster, stream(seed, "trouble"), log))
    try:
        env.run(until=2 * END_S)
    except Failure as failure:  # of a condition that nobody awaits any more, which SimPy does not forgive
        log.append((float(env.now), "ended by", str(failure)))
    left = [(node.inbox_length, node.queue_length, len(node._open_requests)) for node in cluster.nodes.values()]
    text = repr((log, left, [message.id for message in cluster.network._carrier.recall(lambda _: True)]))
    return f"{trace.digest()} {hashlib.blake2b(text.encode(), digest_size=8).hexdigest()} {len(trace)} {len(log)}"


if __name__ == "__main__":
    for seed in range(int(sys.argv[1]), int(sys.argv[2])):
        print(seed, fingerprint(seed))
