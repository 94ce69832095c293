"""A table of wrong arguments: each is refused where it is given, with field, rule, value and the nearest word."""

import math
import re

import pytest
from arguments.right import CLUSTER, Idle, make

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, nodes, run, sweep
from simcluster.cluster import Cluster, OneSwitch, Racks, Star, Torus, WideArea, loss
from simcluster.cluster.network.topology import Edge, Graph
from simcluster.determinism import check_determinism
from simcluster.engine import Constant, Environment, Trace, Uniform, stream
from simcluster.recovery import ask
from simcluster.sweep import workers

NAN, INF, HUGE = math.nan, math.inf, 10**30
COUPLE = nodes("n", 2)


def cluster():
    env = Environment()
    return Cluster(env, CLUSTER, 0, Trace(env, ()))


def node():
    return cluster()["n-0"]


def scenario(*faults, job=None, **fields):
    return Scenario(cluster=CLUSTER, job=Idle() if job is None else job, faults=faults, **fields)


def training(**fields):
    return scenario(job=make("training", **fields))


def joined(topology, count=2):
    return ClusterSpec(nodes=nodes("n", count), network=NetworkSpec(topology=topology))


def measured(row):
    return sweep({"a": scenario()}, [0], lambda result: row)


#: What is called, and what the message says of it: words that stand in it, in this order.
TIME = {
    "a timeout at NaN": (lambda: Environment().timeout(NAN), "delay", "at least 0", "nan"),
    "a timeout before now": (lambda: Environment().timeout(-1), "Negative delay", "-1"),
    "a call at NaN": (lambda: Environment().call_later(NAN, print), "delay", "at least 0", "nan"),
    "a run until NaN": (lambda: Environment().run(until=NAN), "until", "nan", "greater than"),
    "a timer of NaN": (lambda: node().timer(NAN), "delay_s", "at least 0", "nan"),
    "a timer before now": (lambda: node().timer(-1), "delay_s", "at least 0", "-1"),
    "a core busy for ever": (lambda: node().busy(INF), "seconds", "finite", "inf"),
    "a core busy for NaN": (lambda: node().busy(NAN), "seconds", "at least 0", "nan"),
    "a step of the clock of NaN": (lambda: node().clock.step(NAN), "seconds", "finite", "nan"),
    "a clock that stands": (lambda: node().clock.drift("k", -1), "rate", "above -1", "-1"),
    "a request that waits NaN": (lambda: node().request("n-1", "k", timeout_s=NAN), "timeout_s", "at least 0", "nan"),
    "a request that is asked 1.5 times": (
        lambda: next(ask(node(), "n-1", "k", timeout_s=1, attempts=1.5)), "attempts", "whole number", "1.5"
    ),
    "a request that is asked never": (
        lambda: next(ask(node(), "n-1", "k", timeout_s=1, attempts=0)), "attempts", "at least 1", "0"
    ),
}  # fmt: skip
CLUSTERS = {
    "a message of infinite size": (lambda: node().send("n-1", "k", size_bytes=INF), "size_bytes", "finite", "inf"),
    "a message of size NaN": (lambda: node().send("n-1", "k", size_bytes=NAN), "size_bytes", "finite", "nan"),
    "a message of negative size": (lambda: node().send("n-1", "k", size_bytes=-1), "size_bytes", "at least 0", "-1"),
    "a message to nobody": (lambda: node().send("n-9", "k"), "target", "node of the cluster", "n-9"),
    "a node that is not there": (lambda: cluster()["n-9"], "node of the cluster", "n-9", "did you mean"),
    "a write of infinite size": (lambda: node().storage.write("k", 1, INF), "size_bytes", "finite", "inf"),
    "infinite memory": (lambda: node().memory.allocate(INF), "size_bytes", "finite", "inf"),
    "memory of NaN": (lambda: node().memory.allocate(NAN), "size_bytes", "finite", "nan"),
    "infinite memory withheld": (lambda: node().memory.withhold("k", INF), "size_bytes", "finite", "inf"),
    "slow by NaN": (lambda: node().slow("k", NAN), "factor", "greater than 0", "nan"),
    "slow by 0": (lambda: node().slow("k", 0), "factor", "greater than 0", "0"),
    "throttled by infinity": (lambda: cluster().network.throttle("k", ("n-0",), INF), "factor", "finite", "inf"),
    "throttled by NaN": (lambda: cluster().network.throttle("k", ("n-0",), NAN), "factor", "greater than 0", "nan"),
    "rotten bits fewer than none": (lambda: node().storage.rot(-1, stream(0)), "count", "at least 0", "-1"),
    "a chance of 2": (lambda: loss(2.0, 0), "probability", "within [0, 1]", "2.0"),
    "a chance of NaN": (lambda: loss(NAN, 0), "probability", "within [0, 1]", "nan"),
    "nodes without a prefix": (lambda: nodes("", 2), "prefix", "text", "''"),
    "a prefix of a number": (lambda: nodes(3, 2), "prefix", "text", "3"),
    "nodes fewer than none": (lambda: nodes("n", -1), "count", "at least 0", "-1"),
    "one node and a half": (lambda: nodes("n", 1.5), "count", "whole number", "1.5"),
    "nodes as many as true": (lambda: nodes("n", True), "count", "whole number", "True"),
    "nodes as many as text": (lambda: nodes("n", "2"), "count", "whole number", "'2'"),
    "nodes without end": (lambda: nodes("n", HUGE), "count", "at most", str(HUGE)),
    "no node": (lambda: ClusterSpec(nodes=()), "nodes", "at least 1", "()"),
    "two nodes of one name": (lambda: ClusterSpec(nodes=(*COUPLE, *COUPLE)), "nodes must differ", "n-0"),
    "a node named like its rack": (
        lambda: ClusterSpec(nodes=(NodeSpec(name="a", rack="a"),)), "rack", "named like a node", "'a'"
    ),
    "a node named like another's zone": (
        lambda: ClusterSpec(nodes=(NodeSpec(name="a"), NodeSpec(name="b", zone="a"))), "zone", "like a node", "'a'"
    ),
    "a node named like a rack of the topology": (
        lambda: joined(OneSwitch(racks={"n-0": ("n-1",)})), "rack", "named like a node", "'n-0'"
    ),
    "a rack named like a zone of others": (
        lambda: ClusterSpec(nodes=(NodeSpec(name="a", rack="r"), NodeSpec(name="b", zone="r"))), "rack", "zone", "'r'"
    ),
    "a node that joins with a rack's name": (
        lambda: cluster().join(NodeSpec(name="a", rack="a")), "new node", "named like a rack", "'a'"
    ),
    "a node that joins with a node's name": (
        lambda: cluster().join(NodeSpec(name="n-0")), "new node", "new name", "'n-0'"
    ),
    "a node named like a link": (lambda: NodeSpec(name="a->b"), "name", "'->'", "'a->b'"),
    "hardware that nobody sells": (
        lambda: NodeSpec(name="n", hardware="serevr"), "hardware", "one of", "'serevr'", "did you mean 'server'"
    ),
    "10,001 cores": (lambda: NodeSpec(name="n", cores=10_001), "cores", "less than or equal to 10000", "10001"),
    "a field of another name": (lambda: NodeSpec(name="n", core=2), "core", "no such field", "did you mean 'cores'"),
    "a discipline of another name": (
        lambda: NodeSpec(name="n", discipline="fcsf"), "discipline", "'fcfs' or 'ps'", "did you mean 'fcfs'"
    ),
    "a fidelity of another name": (
        lambda: NetworkSpec(fidelity="nics"), "fidelity", "'flow'", "'nics'", "did you mean 'nic'"
    ),
    "an order of another name": (lambda: NetworkSpec(order="fife"), "order", "'fifo'", "'fife'", "mean 'fifo'"),
    "failures of another name": (lambda: NetworkSpec(failures="report"), "failures", "'report'", "mean 'reported'"),
    "a topology of another name": (
        lambda: NetworkSpec(topology={"kind": "rings"}), "topology", "kind", "'rings'", "mean 'ring'"
    ),
    "a network's seed below 0": (lambda: NetworkSpec(seed=-1), "seed", "equal to 0", "-1"),
    "a network's seed of 1.5": (lambda: NetworkSpec(seed=1.5), "seed", "whole number", "1.5"),
    "jitter that leaves no time": (
        lambda: NodeSpec(name="n", jitter=Constant(value=0)), "jitter", "greater than 0", "0.0"
    ),
    "a clock that wanders back": (
        lambda: NodeSpec(name="n", clock={"wander_s": 1, "wander_period_s": 1}), "wander_s", "backwards", "1.0"
    ),
    "a high below its low": (lambda: Uniform(low=2, high=1), "high", "at least low", "1.0"),
    "a cluster's seed of 1.5": (
        lambda: Cluster(Environment(), CLUSTER, 1.5, Trace(Environment())), "seed", "whole number", "1.5"
    ),
    "a hub that is no node": (lambda: joined(Star(hub="n-9")), "hub", "node of the cluster", "'n-9'"),
    "a grid of another size": (lambda: joined(Torus(rows=2, columns=2)), "rows * columns", "2", "2 * 2"),
    "more racks than nodes": (lambda: joined(Racks(racks=3)), "racks", "at most", "3"),
    "no rack": (lambda: Racks(racks=0), "racks", "equal to 1", "0"),
    "a rack of strangers": (lambda: joined(OneSwitch(racks={"r": ("n-9",)})), "racks", "nodes of the", "'n-9'"),
    "a node in two racks": (
        lambda: joined(OneSwitch(racks={"r": ("n-0",), "s": ("n-0",)})), "racks", "not overlap", "'n-0'"
    ),
    "a node in no zone": (
        lambda: joined(WideArea(zones={"z": ("n-0",)}, latency_s={})), "zones", "every node", "'n-1'"
    ),
    "a way that nobody timed": (
        lambda: WideArea(zones={"y": (), "z": ()}, latency_s={}), "latency_s", "each zone", "y to z"
    ),
    "a way to another zone": (
        lambda: WideArea(zones={"z": ()}, latency_s={"z": {"y": 1}}), "latency_s", "zones", "'y'"
    ),
    "an odd fat tree": (lambda: make("fat_tree", k=3), "k", "multiple of 2", "3"),
    "a fat tree without end": (lambda: make("fat_tree", k=HUGE), "k", "equal to 100", str(HUGE)),
    "a cable from a node to itself": (
        lambda: joined(Graph(edges=(Edge(source="n-0", target="n-0"),))), "link", "two nodes", "n-0->n-0"
    ),
    "a message's digest of another network": (lambda: cluster().network.route("n-0", "z"), "target", "node", "'z'"),
}  # fmt: skip
SCENARIOS = {
    "a crash of nobody": (lambda: scenario(make("crash", node="n-9")), "targets", "node of the", "'n-9'", "mean 'n-"),
    "a crash of a rack that is not there": (lambda: scenario(make("crash", node="r*k")), "targets", "rack", "'r*k'"),
    "a rack that is not there": (lambda: scenario(make("lose_rack")), "rack", "of the cluster", "'r'"),
    "a link without a topology": (lambda: scenario(make("break_link")), "link", "topology", "'n-0->switch'"),
    "a link that is not there": (
        lambda: Scenario(cluster=joined(OneSwitch()), job=Idle(), faults=(make("break_link", link="n-0->swich"),)),
        "link", "'n-0->swich'",
    ),
    "a program that nobody boots": (
        lambda: scenario(make("kill", node="n-0", program="serve"), job=make("training")), "program", "n-0", "'serve'"
    ),
    "memory that has no end": (lambda: scenario(make("memory")), "memory_bytes", "'n-1'"),
    "a minority of half": (
        lambda: scenario(make("cut_minority", minority=("n-0", "n-1", "n-2"))), "minority", "half of 5", "n-0"
    ),
    "a minority of strangers": (
        lambda: scenario(make("cut_minority", among=("n-1", "n-2", "n-3"))), "minority", "among", "n-0"
    ),
    "sides without a bridge": (
        lambda: scenario(make("bridge", sides=(("n-0", "n-1"), ("n-2", "n-3", "n-4")))), "sides", "bridge", "n-4"
    ),
    "sides that overlap": (lambda: make("bridge", sides=(("a",), ("a",))), "sides", "not overlap", "'a'"),
    "groups that overlap": (lambda: make("partition", groups=(("a",), ("a",))), "groups", "not overlap", "'a'"),
    "no group": (lambda: make("partition", groups=()), "groups", "at least 1", "()"),
    "nobody who sends": (lambda: make("one_way", senders=()), "senders", "at least 1", "()"),
    "a slow link of no sender": (lambda: make("slow_link", senders=()), "senders", "at least 1", "()"),
    "a slow link to no receiver": (lambda: make("slow_link", receivers=()), "receivers", "at least 1", "()"),
    "a slow link that is quicker": (lambda: make("slow_link", factor=0.5), "factor", "equal to 1", "0.5"),
    "lies about no kind": (lambda: make("byzantine", kinds=()), "kinds", "at least 1", "()"),
    "a liar of another name": (lambda: make("byzantine", adversary="zeros"), "adversary", "'zeros'", "mean 'zero'"),
    "messages that do what nobody knows": (lambda: make("crash", in_flight="holds"), "in_flight", "mean 'hold'"),
    "an end at the beginning": (lambda: make("crash", end_s=0.5), "end_s", "after begin_s", "0.5"),
    "a ramp beyond the end": (lambda: make("slow_node", ramp_s=1.0), "ramp_s", "at most", "1.0"),
    "a step of no time": (lambda: make("step_clock", step_s=0), "step_s", "not be 0", "0.0"),
    "a clock that drifts to a stand": (lambda: make("drift", rate=-1), "rate", "greater than -1", "-1"),
    "turns that take no time": (lambda: make("flap", up_s=Constant(value=0)), "up_s", "greater than 0", "0.0"),
    "bits that rot for hours": (lambda: make("rot", count=10**9), "count", "equal to 1000000", "1000000000"),
    "a fault of another name": (lambda: scenario({"kind": "crash_nod"}), "kind", "'crash_nod'", "mean 'crash_node'"),
    "a horizon at 0": (lambda: scenario(horizon_s=0), "horizon_s", "greater than 0", "0"),
    "a word that is nearly a kind": (lambda: scenario(trace_kinds=("los",)), "trace_kinds", "'los'", "mean 'loss'"),
    "a kind that no part records": (lambda: training(steps=1).replace(trace_kinds=("x",)), "trace_kinds", "'x'"),
    "kinds that are text": (lambda: scenario(trace_kinds="loss"), "trace_kinds", "valid tuple", "'loss'"),
    "no job": (lambda: scenario(job=3), "job", "start", "int"),
    "a class for a job": (lambda: scenario(job=Idle), "job", "object", "Idle(...)"),
    "a seed of 1.5": (lambda: run(scenario(), 1.5), "seed", "whole number", "1.5"),
    "a seed of text": (lambda: run(scenario(), "x"), "seed", "whole number", "'x'"),
    "a seed that is true": (lambda: run(scenario(), True), "seed", "whole number", "True"),
    "a seed below 0": (lambda: run(scenario(), -1), "seed", "at least 0", "-1"),
    "no seed": (lambda: run(scenario(), None), "seed", "whole number", "None"),
    "a stream of seed 1.5": (lambda: stream(1.5, "a"), "seed", "whole number", "1.5"),
    "determinism of seed 1.5": (lambda: check_determinism(scenario(), 1.5), "seed", "whole number", "1.5"),
}  # fmt: skip
SWEEPS = {
    "a sweep of seed 1.5": (lambda: sweep({"a": scenario()}, [1.5], len), "seed", "whole number", "1.5"),
    "a sweep of text": (lambda: sweep({"a": scenario()}, "01", len), "seed", "whole number", "'0'"),
    "a seed twice": (lambda: sweep({"a": scenario()}, [1, 2, 1], len), "seeds", "differ", "1"),
    "a label named like a column": (
        lambda: sweep({"a": scenario()}, [1], len, labels=("seed",)), "labels", "columns", "'seed'"
    ),
    "a label twice": (lambda: sweep({("a", 1): scenario()}, [1], len, labels=("x", "x")), "labels", "differ", "'x'"),
    "a label without its column": (lambda: sweep({("a", 1): scenario()}, [1], len), "label", "one value", "('a', 1)"),
    "a measure called seed": (lambda: measured({"seed": 1}), "measure", "columns", "'seed'"),
    "a measure called ended": (lambda: measured({"ended": 1}), "measure", "columns", "'ended'"),
    "a measure called digest": (lambda: measured([{"digest": 1}]), "measure", "columns", "'digest'"),
    "a measure named like a label": (lambda: measured({"scenario": 1}), "measure", "columns", "'scenario'"),
    "a measure that is none": (lambda: sweep({"a": scenario()}, [1], 3), "measure", "function", "3"),
    "scenarios without labels": (lambda: sweep([scenario()], [1], len), "scenarios", "mapping", "["),
    "a scenario that is none": (lambda: sweep({"a": 3}, [1], len), "scenario", "Scenario", "3"),
    "a function that gives none": (lambda: sweep({"a": lambda seed: None}, [1], len), "scenario", "Scenario", "None"),
    "no process": (lambda: workers(0).__enter__(), "processes", "at least 1", "0"),
    "a process and a half": (lambda: workers(1.5).__enter__(), "processes", "whole number", "1.5"),
}  # fmt: skip
WRONG = TIME | CLUSTERS | SCENARIOS | SWEEPS


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_argument_is_refused_with_field_rule_and_value_where_it_is_given(case):
    wrong, *said = WRONG[case]
    with pytest.raises(ValueError, match="(?s)" + ".*".join(map(re.escape, said))):
        wrong()
