"""Whatever goes wrong, however it overlaps: in the end everything is as it was."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from simcluster.cluster import Cluster, ClusterSpec, Encryption, Hmac, NetworkSpec, NodeSpec
from simcluster.engine import Constant, Environment, Exponential, Trace
from simcluster.faults import (
    ADVERSARIES,
    ATTACKS,
    AnyFault,
    BreakLink,
    Byzantine,
    Collude,
    CorruptMessages,
    CrashNode,
    CutMinority,
    CutOneWay,
    DelayLink,
    DriftClock,
    DuplicateMessages,
    ExhaustMemory,
    FillDisk,
    FlapLink,
    FlipLabels,
    GilbertElliott,
    Injector,
    IsolateNode,
    KillProgram,
    LoseDisk,
    LoseMessages,
    LoseOnLink,
    LoseRack,
    PartitionBridge,
    PartitionNetwork,
    PartitionRing,
    PauseNode,
    ReorderMessages,
    RotBits,
    SlowDisk,
    SlowLink,
    SlowNode,
    SpikeLatency,
    SpoofMessages,
    StepClock,
    TearWrites,
    ThrottleBandwidth,
    ThrottleLink,
)
from simcluster.faults.kinds.topology_faults import TopologyFault
from simcluster.faults.vocabulary import KINDS
from simcluster.testing import topologies

NAMES = ("n-0", "n-1", "n-2", "n-3")
TARGETS = (*NAMES, "rack-0", "here", "n-*")

target = st.sampled_from(TARGETS)
name = st.sampled_from(NAMES)
factor = st.floats(1, 50)
in_flight = st.sampled_from(["deliver", "drop", "hold"])
crossing = st.sampled_from(["drop", "hold"])
bursts = st.none() | st.builds(GilbertElliott, good_to_bad=st.floats(0.1, 1), bad_to_good=st.floats(0.1, 1))
turns = st.builds(Exponential, mean=st.floats(0.05, 1))
ends = {"senders": st.none() | st.tuples(target), "both_ways": st.booleans(), "in_flight": in_flight}
cut = {"in_flight": in_flight, "crossing": crossing}
hits = {**ends, "probability": st.floats(0, 1), "bursts": bursts}
cable = {"link": st.nothing(), "both_ways": st.booleans()}  # the links depend on the topology
FIELDS = {
    CrashNode: {"node": target, "in_flight": in_flight},
    LoseRack: {"rack": st.sampled_from(["rack-0", "rack-1", "here"]), "in_flight": in_flight},
    PauseNode: {"node": target, "in_flight": in_flight},
    SlowNode: {"node": target, "factor": factor, "ramp_s": st.sampled_from([0, 1]), "ramp_steps": st.integers(1, 4)},
    KillProgram: {"node": target, "program": st.sampled_from(["talk", "ask", "answer", "store"])},
    ExhaustMemory: {"node": target, "size_bytes": st.none() | st.floats(1, 200)},
    StepClock: {"node": target, "step_s": st.integers(1, 9)},
    DriftClock: {"node": target, "rate": st.floats(-0.5, 1)},
    Byzantine: {"node": target, "adversary": st.sampled_from(sorted(ADVERSARIES))},
    Collude: {"node": target, "attack": st.sampled_from(sorted(ATTACKS))},
    SpoofMessages: {
        "node": target,
        "victim": name,
        "how": st.sampled_from(["forge", "replay"]),
        "delay_s": st.sampled_from([0, 0.5]),
    },
    FlipLabels: {"node": target},
    # Throttles multiply, and what has begun at a throttled rate goes on at it: a few must not take for ever.
    SlowLink: {**ends, "factor": st.floats(1, 2)},
    SpikeLatency: {**ends, "extra_s": turns},
    ThrottleBandwidth: {"node": target, "factor": st.floats(1, 2)},
    FlapLink: {**ends, "down_s": turns, "up_s": turns, "crossing": crossing},
    BreakLink: {**cable, **cut},
    DelayLink: {**cable, "extra_s": turns},
    ThrottleLink: {**cable, "factor": st.floats(1, 2)},
    LoseOnLink: {**cable, "probability": st.floats(0, 1), "bursts": bursts},
    LoseMessages: hits,
    DuplicateMessages: hits,
    ReorderMessages: hits,
    CorruptMessages: {**hits, "detected": st.booleans()},
    PartitionNetwork: {**cut, "groups": st.tuples(st.tuples(name))},
    IsolateNode: {**cut, "node": target},
    CutMinority: {**cut, "minority": st.tuples(name)},
    PartitionRing: {**cut, "nodes": st.just(("*",))},
    PartitionBridge: {**cut, "sides": st.just((("n-0",), ("n-1", "n-3")))},
    CutOneWay: {**cut, "senders": st.tuples(target), "receivers": st.tuples(target)},
    LoseDisk: {"node": target},
    SlowDisk: {"node": target, "factor": factor},
    FillDisk: {"node": target},
    TearWrites: {"node": target},
    RotBits: {"node": target, "count": st.integers(1, 5)},
}
LAST_S = 5
#: A word of 100 bytes takes each end 10 ms.
SECURED = {"authentication": Hmac(flops_per_byte=9e4), "encryption": Encryption(flops_per_byte=1e4)}


@st.composite
def faults(draw, links=()):
    """One fault of any kind, at times on a grid, so that many begin and end at the same instant."""
    kind = draw(st.sampled_from([kind for kind in FIELDS if links or not issubclass(kind, TopologyFault)]))
    begin_s = draw(st.integers(0, LAST_S - 1))
    end_s = draw(st.integers(begin_s + 1, LAST_S))
    fields = FIELDS[kind]
    if issubclass(kind, TopologyFault):
        link = draw(st.sampled_from(links))
        back = "->".join(reversed(link.split("->"))) in links  # a wide area's way in is not its way out
        fields = fields | {"link": st.just(link), "both_ways": st.booleans() if back else st.just(False)}
    return kind(begin_s=begin_s, end_s=end_s, **draw(st.fixed_dictionaries(fields)))


def slow(topology):
    """The topology with cables as slow as the interfaces."""
    if topology is None or "bandwidth_bytes_per_s" not in type(topology).model_fields:
        return topology
    return topology.replace(bandwidth_bytes_per_s=1000.0)


@st.composite
def ruins(draw, latency=Constant(value=0.2)):  # noqa: B008 - it is frozen
    """A cluster on any network, and a schedule of the faults that it can have."""
    machines = tuple(
        NodeSpec(name=name, rack=f"rack-{place // 2}", zone="here", memory_bytes=100.0)
        for place, name in enumerate(NAMES)
    )
    network = NetworkSpec(
        latency=latency,
        bandwidth_bytes_per_s=1000.0,
        topology=slow(draw(topologies(NAMES))),
        fidelity=draw(st.sampled_from(["nic", "latency", "flow"])),
        order=draw(st.sampled_from(["datagram", "fifo"])),
        failures=draw(st.sampled_from(["silent", "reported"])),
        **draw(st.sampled_from([{}, {}, SECURED])),
    )
    spec = ClusterSpec(nodes=machines, network=network)
    fabric = spec.fabric()
    return spec, draw(st.lists(faults(list(fabric.index) if fabric else ()), min_size=1, max_size=8))


def test_every_fault_of_the_vocabulary_is_drawn_here():
    assert set(FIELDS) == set(KINDS.values())


def talk(node):
    """Send to the next node, and hear from the one before, which calls for no word: copies would beget copies."""
    while True:
        node.send(f"n-{(int(node.name[2:]) + 1) % len(NAMES)}", "word", body=(1, 0.5), size_bytes=100)
        turn = node.timer(0.5)
        while not turn.processed:
            yield turn | node.receive("word")


def ask(node):
    """Request an answer from the next node: the only program to which a failure is reported, where failures are."""
    while True:
        yield node.request(f"n-{(int(node.name[2:]) + 1) % len(NAMES)}", "question", timeout_s=1.0)
        yield node.timer(0.5)


def answer(node):
    """Answer whoever asks."""
    while True:
        node.reply((yield node.receive("question")))


def store(node):
    """Compute, and keep the result."""
    while True:
        yield node.busy(0.1)
        yield node.storage.write("k", 1.0, 10) & node.timer(0.3)
        yield node.storage.flush() & node.timer(0.1)


def endure(store):
    """The program, begun again after each failure that it meets."""

    def program(node):
        while True:
            try:
                yield from store(node)
            except Exception as failure:
                if not hasattr(failure, "cause"):
                    raise
                yield node.timer(0.1)

    program.__name__ = store.__name__
    return program


def ruined(spec, schedule, seed=0):
    env = Environment()
    cluster = Cluster(env, spec, seed, Trace(env))
    injector = Injector(cluster, schedule)
    for node in cluster.nodes.values():
        node.boot(talk)
        node.boot(answer)
        node.boot(endure(ask))
        node.boot(endure(store))
    injector.check_programs()
    return cluster, injector


@pytest.mark.slow
@settings(max_examples=1000)
@given(ruins())
def test_any_interleaving_of_any_overlapping_faults_ends_at_the_baseline(ruin):
    cluster, injector = ruined(*ruin)
    cluster.env.run(LAST_S + 0.01)

    assert injector.never_begun == ()
    assert cluster.at_baseline
    assert cluster.network.held == 0
    for node in cluster.nodes.values():
        assert node.state == "up"
        assert node.memory.available_bytes == 100.0
        assert node.storage.free_bytes == float("inf")


@settings(max_examples=30)
@given(ruins())
def test_once_the_faults_are_over_every_program_works_again(ruin):
    cluster, _ = ruined(*ruin)
    cluster.env.run(LAST_S)
    before = len(cluster.trace)
    cluster.env.run(4 * LAST_S + 10)
    late = list(cluster.trace.rows())[before:]

    for name in NAMES:
        assert any(row["kind"] == "compute" and row["node"] == name for row in late)
        assert any(row["kind"] == "deliver" and row["target"] == name for row in late)


@settings(max_examples=200)
@given(ruins(latency=Exponential(mean=0.5)))
def test_every_copy_of_every_message_has_one_fate_once_nothing_is_under_way(ruin):
    cluster, _ = ruined(*ruin)
    cluster.env.call_later(LAST_S, lambda _: [node.crash() for node in cluster.nodes.values()])
    cluster.env.run(100 * LAST_S)

    copies = Counter(row["message"] for row in cluster.trace.rows("send", "duplicate"))
    assert copies == Counter(row["message"] for row in cluster.trace.rows("deliver", "drop"))


@settings(max_examples=30)
@given(ruins(), st.integers(0, 3))
def test_a_schedule_gives_the_same_run_each_time_and_after_a_way_through_json(ruin, seed):
    spec, schedule = ruin
    adapter = TypeAdapter(tuple[AnyFault, ...])
    again = adapter.validate_json(adapter.dump_json(tuple(schedule)))
    digests = []
    for each in (tuple(schedule), again):
        cluster, _ = ruined(spec, each, seed)
        cluster.env.run(LAST_S)
        digests.append(cluster.trace.digest())

    assert again == tuple(schedule)
    assert digests[0] == digests[1]
