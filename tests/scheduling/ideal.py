"""A cluster without a network, on which a policy that watches may be run by itself."""

from heapq import heappop, heappush
from itertools import count

from simcluster.engine import stream
from simcluster.kernels import Cost
from simcluster.scheduling import Gang, NodeView, Preempt, ReadyTask, Setting, Speculate, Wait


def view(name, cores=1, flops_per_s=1.0, memory_bytes=float("inf")):
    return NodeView(name, cores, cores, 0.0, 0.0, flops_per_s, 1e300, memory_bytes, memory_bytes)


def task(name, flops=1.0, **fields):
    return ReadyTask(name, Cost(flops, 0.0), **fields)


def setting(nodes, seed=0):
    return Setting(None, tuple(nodes), lambda source, target, size_bytes: 0.0, stream(seed, "policy"))


class Ideal:
    """Runs tasks, each released at its ``release_s``, for what ``took_s`` says of a task on a node.

    ``starts`` are (task, node, begin_s), ``ends`` (task, node, why, end_s). All ends at one time are told before any
    release, and those before the policy is asked. Every decision is checked: what it names is ready, and fits, unless
    the policy binds ``early``.
    """

    def __init__(self, policy, nodes, tasks, took_s=None, early=False, seed=0):
        self.views = {each.name: each for each in nodes}
        self.took_s = took_s or (lambda task, node: self.views[node].seconds(task.cost))
        self.early, self.now_s = early, 0.0
        self.watcher = policy.begin(setting(nodes, seed))
        self.ready, self.running, self.queues = {}, {}, {}
        self.starts, self.ends, self.decisions = [], [], 0
        self._agenda, self._count, self._wake_s = [], count(), None
        self._left = len(tasks)
        for each in nodes:
            self.watcher.node_changed(each)
        for each in tasks:
            self.at(each.release_s, 1, self.release, each)

    def at(self, time_s, rank, step, *given):
        heappush(self._agenda, (time_s, rank, next(self._count), step, given))

    def run(self):
        """Until nothing is left to do; returns when each task began first."""
        while self._agenda:
            self.now_s = self._agenda[0][0]
            while self._agenda and self._agenda[0][0] == self.now_s:
                _, _, _, step, given = heappop(self._agenda)
                step(*given)
            self.ask()
        began = {}
        for name, _, begin_s in self.starts:
            began.setdefault(name, begin_s)
        return began

    def ask_once(self):
        """Only what is decided at the beginning."""
        while self._agenda and self._agenda[0][0] == 0 and self._agenda[0][1] == 1:
            _, _, _, step, given = heappop(self._agenda)
            step(*given)
        self.ask()

    @property
    def makespan_s(self):
        return max(end_s for _, _, why, end_s in self.ends if why == "done")

    def release(self, task):
        self.ready[task.name] = task
        self.watcher.task_ready(task)

    def ask(self):
        while True:
            self.decisions += 1
            decision = self.watcher.decide(self.now_s)
            if decision is None:
                return
            if isinstance(decision, Wait):
                assert decision.until_s > self.now_s
                if self._left and (self._wake_s is None or not self.now_s < self._wake_s <= decision.until_s):
                    self._wake_s = decision.until_s
                    self.at(decision.until_s, 2, lambda: None)
                return
            self.obey(decision)

    def obey(self, decision):
        if isinstance(decision, Preempt):
            self.preempt(decision.task)
        elif isinstance(decision, Speculate):
            ((task, _),) = self.running[decision.task].values()
            assert decision.node not in self.running[decision.task]
            self.start(task, decision.node)
        else:
            for name, node in decision.starts if isinstance(decision, Gang) else (decision,):
                self.start(self.ready.pop(name), node)

    def start(self, task, node):
        there = self.views[node]
        assert self.early or there.has_room(task), (task, there)
        self.starts.append((task.name, node, self.now_s))
        attempt = next(self._count)
        self.running.setdefault(task.name, {})[node] = task, attempt
        self.watcher.task_started(task, node, self.now_s)
        self.change(node, task, 1)
        queue = self.queues.setdefault(node, [0.0] * there.cores)
        begin_s = self.now_s
        if self.early:  # the core that is free first
            begin_s = max(begin_s, min(queue))
            queue[queue.index(min(queue))] = begin_s + self.took_s(task, node)
        self.at(begin_s + self.took_s(task, node), 0, self.finish, task, node, attempt)

    def change(self, node, task, sign):
        old, took = self.views[node], sign * self.views[node].seconds(task.cost) / self.views[node].cores
        self.views[node] = old._replace(
            idle=old.idle - sign * task.cores if not self.early else old.idle, backlog_s=old.backlog_s + took,
            idle_since_s=self.now_s if sign < 0 else old.idle_since_s,
            free_memory_bytes=old.free_memory_bytes - sign * task.memory_bytes,
        )  # fmt: skip
        self.watcher.node_changed(self.views[node])

    def finish(self, task, node, attempt):
        if self.running.get(task.name, {}).get(node) != (task, attempt):
            return
        self.stop(task, node, "done")
        for other in list(self.running.get(task.name, ())):
            self.stop(task, other, "cancelled")
        self._left -= 1

    def stop(self, task, node, why):
        del self.running[task.name][node]
        if not self.running[task.name]:
            del self.running[task.name]
        self.ends.append((task.name, node, why, self.now_s))
        self.watcher.task_stopped(task.name, node, why, self.now_s)
        self.change(node, task, -1)

    def preempt(self, name):
        for node, (task, _) in list(self.running[name].items()):
            self.stop(task, node, "preempted")
        self.release(task)
