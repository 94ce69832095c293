"""Works without a cluster, what their edges weigh, and what a run pays for them: shared by the tests of works."""

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec
from simcluster.cluster.messages.message import HEADER_BYTES, freeze
from simcluster.faults import CrashNode
from simcluster.scheduling import TaskGraphJob

WORKERS = ("worker-0", "worker-1", "worker-2")
WORD_BYTES = 8


def scenario(work, policy="heft", faults=(), flops_per_s=1e7, count=3):
    """A work on so many workers, each twice as fast as the one before."""
    names = tuple(f"worker-{place}" for place in range(count))
    workers = (NodeSpec(name=name, flops_per_s=flops_per_s, speed=2**place) for place, name in enumerate(names))
    return Scenario(
        cluster=ClusterSpec(nodes=(NodeSpec(name="master"), *workers), network=NetworkSpec()),
        job=TaskGraphJob(work=work, master="master", workers=names, policy=policy, retry_s=10.0),
        faults=tuple(faults),
        horizon_s=3600,
    )


def compute(graph):
    """The outputs of every task, one after the other; what a task costs is at most what it declares."""
    outputs = {}
    for name in graph:
        task = graph.nodes[name]["task"]
        call = task.run(*(outputs[before][edge["part"]] for before, edge in graph.pred[name].items()))
        assert call.cost.flops <= task.cost.flops
        assert call.cost.bytes <= task.cost.bytes
        outputs[name] = freeze(call())[0]
    return outputs


def outcome(work, seed=0):
    """What a work gives without a cluster."""
    graph = work.graph(seed)
    outputs = compute(graph)
    return work.outcome({name: outputs[name] for name in graph if not graph.adj[name]})


def weights(graph, outputs):
    """What each edge carries, in bytes; never more than it declares."""
    sizes = {}
    for before, after, edge in graph.edges(data=True):
        sizes[before, after] = freeze(outputs[before][edge["part"]])[1]
        assert sizes[before, after] <= edge["size_bytes"], (before, after)
    return sizes


def assert_only_edges_are_paid(work, weight, seed=0, **fields):
    """Replies weigh a header, a truth value and what ``weight(before, after)`` says, where an edge leaves a node."""
    result, graph = run(scenario(work, **fields), seed), work.graph(seed)
    assert result.ended == "finished"
    place = {row["task"]: row["node"] for row in result.trace.rows("task_end")}
    expected = [
        HEADER_BYTES + WORD_BYTES + weight(before, after)
        for before, after in graph.edges
        if place[before] != place[after]
    ]
    sent = [
        row["size_bytes"]
        for row in result.trace.rows("send")
        if row["message_kind"] == "task_graph.output-reply" and row["target"] != "master"
    ]
    assert expected
    assert sorted(sent) == sorted(expected)


def crashes(count, generator, whole_s, most=3):
    """So many schedules of up to ``most`` crashes of workers, of which some return; in each, one worker is spared."""
    for _ in range(count):
        faults, spared = [], int(generator.integers(len(WORKERS)))
        for _ in range(int(generator.integers(1, most + 1))):
            begin_s = float(generator.uniform(0, whole_s))
            back = None if generator.random() < 0.3 else begin_s + float(generator.uniform(0.001, whole_s))
            node = WORKERS[(spared + int(generator.integers(1, len(WORKERS)))) % len(WORKERS)]
            faults.append(CrashNode(node=node, begin_s=begin_s, end_s=back))
        yield tuple(faults)


def same(one, other):
    """Whether two outcomes are equal to the last bit."""
    return freeze(one)[1] == freeze(other)[1] and _bits(one) == _bits(other)


def _bits(value):
    if hasattr(value, "tobytes"):
        return (str(value.dtype), value.shape, value.tobytes())
    if hasattr(value, "__dataclass_fields__"):
        return tuple(_bits(getattr(value, name)) for name in value.__dataclass_fields__)
    if isinstance(value, dict):
        return tuple((key, _bits(each)) for key, each in value.items())
    if isinstance(value, tuple | list):
        return tuple(map(_bits, value))
    return repr(value)
