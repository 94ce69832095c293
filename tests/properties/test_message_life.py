"""Network and the small model of message_life.py agree on every delivery and its time, whatever faults overlap.

``python tests/properties/test_message_life.py 10000`` compares so many random schedules.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from message_life import Copy
from message_wires import WIRES

from simcluster.cluster import Cluster, ClusterSpec, NetworkSpec, nodes
from simcluster.engine import Constant, Environment, Trace
from simcluster.faults import (
    CorruptMessages,
    CrashNode,
    CutOneWay,
    DuplicateMessages,
    Injector,
    IsolateNode,
    LoseMessages,
    PartitionNetwork,
    PauseNode,
    ReorderMessages,
    SlowLink,
    SpikeLatency,
    ThrottleBandwidth,
)

NAMES = ("n-0", "n-1", "n-2")
RATE, LATENCY_S, END_S = 1e6, 0.05, 500.0


def draw_fault(g, pick):
    """One fault of the link, node and message faults that draw nothing themselves."""
    begin_s = float(g.uniform(0, 8))
    when = {"begin_s": begin_s, "end_s": begin_s + float(g.uniform(0.2, 6))}
    flight, crossing, name = pick("deliver", "drop", "hold"), pick("drop", "hold"), pick(*NAMES)
    ends = {"senders": pick(None, (name,)), "receivers": pick(None, (pick(*NAMES),)), "in_flight": flight}
    delay = Constant(value=float(g.uniform(0.1, 3)))
    return pick(
        lambda: PartitionNetwork(groups=((name,),), in_flight=flight, crossing=crossing, **when),
        lambda: IsolateNode(node=name, in_flight=flight, crossing=crossing, **when),
        lambda: CutOneWay(senders=(name,), receivers=("*",), in_flight=flight, crossing=crossing, **when),
        lambda: LoseMessages(probability=1.0, **ends, **when),
        lambda: DuplicateMessages(probability=1.0, delay_s=delay, **ends, **when),
        lambda: ReorderMessages(probability=1.0, delay_s=delay, **ends, **when),
        lambda: CorruptMessages(probability=1.0, **ends, **when),
        lambda: SpikeLatency(extra_s=delay, **ends, **when),
        lambda: SlowLink(factor=float(g.uniform(1, 9)), both_ways=bool(g.integers(2)), **ends, **when),
        lambda: ThrottleBandwidth(node=name, factor=float(g.uniform(0.2, 9)), **when),
        lambda: CrashNode(node=name, in_flight=flight, **when),
        lambda: PauseNode(node=name, in_flight=flight, **when),
    )()


def draw(seed):
    """Fidelity, order, faults and sends of one schedule."""
    g = np.random.default_rng(seed)
    pick = lambda *choices: choices[g.integers(len(choices))]  # noqa: E731
    faults = [draw_fault(g, pick) for _ in range(g.integers(1, 6))]
    ways = [(one, other) for one in NAMES for other in NAMES if one != other]
    sends = sorted((float(g.uniform(0, 9)), *pick(*ways), float(g.uniform(1e4, 1e6))) for _ in range(g.integers(1, 20)))
    return pick("latency", "nic", "flow"), pick("datagram", "fifo"), tuple(faults), sends


def real(fidelity, order, faults, sends):
    """What the network delivers, and what it drops."""
    env = Environment()
    trace = Trace(env)
    network = NetworkSpec(
        fidelity=fidelity, order=order, bandwidth_bytes_per_s=RATE, latency=Constant(value=LATENCY_S)
    )
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 3), network=network), 0, trace)
    Injector(cluster, faults)
    sent = {}

    def send(place):
        _, source, target, size_bytes = sends[place]
        if cluster[source].state != "down":
            sent[cluster[source].send(target, "x", size_bytes=size_bytes).id] = place

    for place, (time_s, *_) in enumerate(sends):
        env.call_later(time_s, send, place)
    env.run(until=END_S)
    assert cluster.at_baseline
    delivered = [(sent[row["message"]], row["time_s"]) for row in trace.rows("deliver")]
    return delivered, [sent[row["message"]] for row in trace.rows("drop")]


def concerned(fault):
    """Whether a fault means a copy, as the documentation of its kind says it."""
    if isinstance(fault, PartitionNetwork):
        return lambda copy: (copy.source in fault.groups[0]) != (copy.target in fault.groups[0])
    if isinstance(fault, CutOneWay):
        return lambda copy: copy.source in fault.senders
    if isinstance(fault, IsolateNode | CrashNode | PauseNode):
        return lambda copy: fault.node in (copy.source, copy.target)

    def goes(source, target):
        return (not fault.senders or source in fault.senders) and (not fault.receivers or target in fault.receivers)

    return lambda copy: goes(copy.source, copy.target) or (fault.both_ways and goes(copy.target, copy.source))


def says(fault, copy):
    """The verdict of a fault on a copy that it means."""
    match fault:
        case PartitionNetwork() | IsolateNode() | CutOneWay():
            return (fault.crossing,)
        case LoseMessages():
            return ("drop",)
        case DuplicateMessages():
            return ("twice", fault.delay_s.value)
        case ReorderMessages():
            return ("delay", fault.delay_s.value)
        case CorruptMessages():
            return ("corrupt",)
        case SpikeLatency():
            return ("delay", fault.extra_s.value)
        case SlowLink():
            return ("delay", (fault.factor - 1) * (LATENCY_S + copy.size / RATE))
    return None


def model(fidelity, order, faults, sends):
    """What the small model delivers, and what it drops."""
    life = WIRES[fidelity](order == "fifo", RATE, LATENCY_S, NAMES)

    def begin(fault):
        if isinstance(fault, ThrottleBandwidth):
            life.factors[fault.node].append(fault.factor)
            life.settle()
            return life.at(fault.end_s, lambda: (life.factors[fault.node].remove(fault.factor), life.settle()))
        means = concerned(fault)
        rule = lambda copy: says(fault, copy) if means(copy) else None  # noqa: E731
        if isinstance(fault, CrashNode):
            life.crash(fault.node)
        life.rules.append(rule)
        life.recall(means, rule, fault.in_flight)
        if isinstance(fault, PauseNode):
            life.paused[fault.node] += 1
        return life.at(fault.end_s, end, fault, rule)

    def end(fault, rule):
        if isinstance(fault, CrashNode):
            life.down[fault.node] -= 1
        if isinstance(fault, PauseNode):
            life.resume(fault.node)
        life.lift(rule)

    for fault in faults:
        life.at(fault.begin_s, begin, fault)
    for place, (time_s, source, target, size_bytes) in enumerate(sends):
        life.at(time_s, life.send, Copy(place, source, target, size_bytes))
    life.run(END_S)
    return life.delivered, life.dropped


def compare(seed):
    """The first difference between network and model on one schedule, or none."""
    schedule = draw(seed)
    (got, got_lost), (want, want_lost) = real(*schedule), model(*schedule)
    same = Counter(got_lost) == Counter(want_lost) and [i for i, _ in sorted(got)] == [i for i, _ in sorted(want)]
    if same and np.allclose([t for _, t in sorted(got)], [t for _, t in sorted(want)], rtol=1e-9, atol=1e-9):
        return None
    return f"{schedule}\nnetwork {sorted(got)} lost {sorted(got_lost)}\nmodel   {sorted(want)} lost {sorted(want_lost)}"


@pytest.mark.parametrize("first", range(0, 1000, 100))
def test_network_and_model_agree_on_every_delivery_and_its_time(first):
    for seed in range(first, first + 100):
        difference = compare(seed)
        assert difference is None, f"schedule {seed}: {difference}"


def test_the_schedules_hold_recall_drop_and_duplicate():
    said = Counter()
    for seed in range(200):
        fidelity, order, faults, _ = draw(seed)
        said.update([fidelity, order, *(type(fault).__name__ for fault in faults)])
        said.update(fault.in_flight for fault in faults if hasattr(fault, "in_flight"))
    kinds = {"PartitionNetwork", "CrashNode", "PauseNode", "ThrottleBandwidth", "DuplicateMessages", "SlowLink"}
    assert said.keys() >= kinds | {"latency", "nic", "flow", "datagram", "fifo", "drop", "hold", "deliver"}


if __name__ == "__main__":
    differing = [seed for seed in range(int(sys.argv[1])) if compare(seed) is not None]
    print(f"{sys.argv[1]} schedules, {len(differing)} differ: {differing[:20]}")
    sys.exit(bool(differing))
