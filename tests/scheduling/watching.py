"""Watchers of one's own, works whose answer is known, and what a run's records must never show: shared by tests."""

from zlib import crc32

import networkx as nx

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec
from simcluster.engine import Constant
from simcluster.learning import Call, Cost
from simcluster.scheduling import Gang, Preempt, Speculate, Task, TaskGraphJob, Wait, Watcher, add_task


def checksum(name, values):
    """What each task gives: it is right only where what it took was right."""
    return crc32(repr(values).encode(), crc32(repr(name).encode()))


class Checked:
    """Tasks by name, each (predecessors, fields of ``Task``, flops); the outcome are the checksums of the last."""

    def __init__(self, tasks, size_bytes=100.0):
        self.tasks, self.size_bytes = tasks, size_bytes

    def __repr__(self):
        return f"Checked({self.tasks!r})"

    def graph(self, seed):
        graph = nx.DiGraph()
        for name, (before, fields, flops) in self.tasks.items():
            cost = Cost(flops, 0.0)
            run = lambda *parts, name=name, cost=cost: Call(lambda: {"value": checksum(name, parts)}, cost)  # noqa: E731
            add_task(graph, name, Task(run, cost, **fields), tuple((each, "value", self.size_bytes) for each in before))
        return graph

    def outcome(self, outputs):
        return {name: output["value"] for name, output in outputs.items()}

    def expected(self):
        values = {}
        for name, (before, _, _) in self.tasks.items():
            values[name] = checksum(name, tuple(values[each] for each in before))
        followed = {each for before, _, _ in self.tasks.values() for each in before}
        return {name: value for name, value in values.items() if name not in followed}


class Remembering(Watcher):
    """Keeps what it is told, and that what it is told makes sense."""

    def __init__(self, setting):
        self.setting = setting
        self.ready, self.nodes, self.running = {}, {}, {}

    def task_ready(self, task):
        assert task.name not in self.ready
        assert task.name not in [name for name, _ in self.running]
        self.ready[task.name] = task

    def task_gone(self, name):
        del self.ready[name]

    def task_started(self, task, node, now_s):
        assert (task.name, node) not in self.running
        assert node in self.nodes
        self.ready.pop(task.name, None)
        self.running[task.name, node] = now_s

    def task_progressed(self, name, node, progress, now_s):
        assert (name, node) in self.running
        assert 0 <= progress <= 1

    def task_stopped(self, name, node, why, now_s):
        assert why in ("done", "lost", "preempted", "cancelled")
        assert self.running.pop((name, node)) <= now_s

    def node_changed(self, view):
        assert 0 <= view.idle <= view.cores
        assert 0 <= view.free_memory_bytes <= view.memory_bytes
        self.nodes[view.name] = view

    def node_gone(self, name):
        assert name not in [node for _, node in self.running]
        del self.nodes[name]


class Anything(Remembering):
    """Any decision that is allowed, at random; it preempts and copies only so often, so that it comes to an end."""

    progress_s = 0.05

    def __init__(self, setting, early, tricks):
        super().__init__(setting)
        self.early, self.tricks, self.asleep = early, tricks, False
        self.alone = {name: node for name, node in ((node.name, node) for node in setting.nodes)}

    def decide(self, now_s):
        draw = self.setting.generator
        if self.tricks and draw.random() < 0.1:
            self.tricks -= 1
            return Wait(now_s + float(draw.uniform(1e-3, 0.1)))
        if self.tricks and self.running and draw.random() < 0.15:
            self.tricks -= 1
            old = [name for (name, _), since_s in self.running.items() if since_s < now_s]
            if old and draw.random() < 0.5:
                return Preempt(old[int(draw.integers(len(old)))])
            name = list(self.running)[int(draw.integers(len(self.running)))][0]
            task = self.setting.graph.nodes[name]["task"]
            others = [
                node.name for node in self.nodes.values() if (name, node.name) not in self.running
                and node.cores >= task.cores and node.memory_bytes >= task.memory_bytes
            ]  # fmt: skip
            if others and not task.gang:
                return Speculate(name, others[int(draw.integers(len(others)))])
        tasks = list(self.ready.values())
        draw.shuffle(tasks)
        for task in tasks:
            if task.gang:
                if (gang := self._gang(task)) is not None:
                    return gang
                continue
            nodes = [node for node in self.nodes.values() if self._fits(task, node)]
            if nodes:
                return task.name, nodes[int(draw.integers(len(nodes)))].name
        return None

    def _fits(self, task, node):
        if self.early:
            return task.cores <= node.cores and task.memory_bytes <= node.memory_bytes
        return node.has_room(task)

    def _gang(self, task):
        tasks = [each for each in self.ready.values() if each.gang == task.gang]
        if len(tasks) < task.gang_size:
            return None
        room = {node.name: [node.idle, node.free_memory_bytes] for node in self.nodes.values()}
        starts = []
        for each in tasks:
            fits = [name for name, (cores, free) in room.items() if each.cores <= cores and each.memory_bytes <= free]
            if not fits:
                return None
            name = fits[0]
            room[name][0] -= each.cores
            room[name][1] -= each.memory_bytes
            starts.append((each.name, name))
        return Gang(tuple(starts))


class AnyPolicyAtAll:
    """Begins ``Anything``."""

    def __init__(self, early=False, tricks=6):
        self.early, self.tricks = early, tricks

    def begin(self, setting):
        return Anything(setting, self.early, self.tricks)


def running(trace, nodes):
    """After each record that changes it: when, what has begun, and what each node has under way."""
    there = {node: {} for node in nodes}
    for row in trace.rows("task_begin", "task_end", "task_cancel", "crash"):
        kind, node = row["kind"], row["node"]
        if node not in there:
            continue
        if kind == "crash":
            there[node].clear()
        elif kind == "task_begin":
            there[node][row["task"]] = row["time_s"]
        else:
            del there[node][row["task"]]
        yield row, there


def assert_in_order(result, work, cluster):
    """Nothing has begun before its time, or beyond its node's cores and memory."""
    specs, graph, ended = {spec.name: spec for spec in cluster.nodes}, work.graph(0), {}
    for row, there in running(result.trace, specs):
        if row["kind"] == "task_end":
            ended.setdefault(row["task"], row["time_s"])
        if row["kind"] != "task_begin":
            continue
        spec, task = specs[row["node"]], graph.nodes[row["task"]]["task"]
        assert row["time_s"] >= task.release_s
        assert all(before in ended for before in graph.pred[row["task"]])
        tasks = [graph.nodes[name]["task"] for name in there[row["node"]]]
        assert sum(each.cores for each in tasks) <= spec.cores
        assert spec.memory_bytes is None or sum(each.memory_bytes for each in tasks) <= spec.memory_bytes


LATENCY_S = 0.001
NETWORK = NetworkSpec(latency=Constant(value=LATENCY_S), bandwidth_bytes_per_s=None)
SECOND = 1e8  # operations that take a worker of speed 1 a second


class Scripted(Remembering):
    """Does what a function of itself and the time says, or else starts what has waited longest where there is room."""

    def __init__(self, setting, says):
        super().__init__(setting)
        self.says = says

    def decide(self, now_s):
        said = self.says(self, now_s)
        if said is not None:
            return said
        for task in self.ready.values():
            for node in self.nodes.values():
                if node.has_room(task):
                    return task.name, node.name
        return None


class Says:
    def __init__(self, says=lambda watcher, now_s: None, progress_s=None):
        self.says, self.progress_s = says, progress_s

    def begin(self, setting):
        made = Scripted(setting, self.says)
        made.progress_s = self.progress_s
        return made


def cluster_of(workers=2, **fields):
    nodes = (NodeSpec(name=f"w-{place}", flops_per_s=SECOND, **fields) for place in range(workers))
    return ClusterSpec(nodes=(NodeSpec(name="m"), *nodes), network=NETWORK)


def done(tasks, policy, workers=2, faults=(), retry_s=10.0, ends=True, **fields):
    """The run of these tasks, which ends with the right answer."""
    node_fields = {name: fields.pop(name) for name in ("cores", "memory_bytes") if name in fields}
    cluster, work = cluster_of(workers, **node_fields), Checked(tasks)
    job = TaskGraphJob(work=work, policy=policy, master="m", workers=cluster.names[1:], retry_s=retry_s, **fields)
    result = run(Scenario(cluster=cluster, job=job, faults=faults, horizon_s=1e3), 0, check=True)
    if ends:
        assert (result.ended, result.outcome) == ("finished", work.expected())
        assert_in_order(result, work, cluster)
    return result


def times(result, kind):
    return [(row["task"], round(row["time_s"], 6)) for row in result.trace.rows(kind)]


def bag(count, **fields):
    return {f"t-{place}": ((), fields, SECOND) for place in range(count)}
