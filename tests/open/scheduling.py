"""A policy of one's own, and a task graph of one's own functions."""
import networkx as nx
import numpy as np

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.scheduling import Functions, Heft, TaskGraphJob

graph = nx.DiGraph()
graph.add_node("numbers", function=lambda: np.arange(1.0, 1001.0), flops=1e3)
for power in (1, 2, 3):
    graph.add_node(f"sum of powers {power}", function=lambda a, p=power: float(np.sum(a**p)), flops=power * 1e7)
    graph.add_edge("numbers", f"sum of powers {power}", size_bytes=8000)
    graph.add_edge(f"sum of powers {power}", "table", size_bytes=8)
graph.nodes["table"]["function"] = lambda *sums: sums


def shortest_on_the_fastest(ready, nodes):
    idle = [node for node in nodes if node.idle]
    if not ready or not idle:
        return None
    task = min(ready, key=lambda task: task.cost.flops)
    return task.name, max(idle, key=lambda node: node.flops_per_s).name


workers = (NodeSpec(name="fast", flops_per_s=1e8), *nodes("w", 2, flops_per_s=1e7))
cluster = ClusterSpec(nodes=(NodeSpec(name="m"), *workers))
for policy in (shortest_on_the_fastest, Heft()):
    job = TaskGraphJob(work=Functions(graph), policy=policy, master="m", workers=("fast", "w-0", "w-1"))
    result = run(Scenario(cluster=cluster, job=job), seed=0)
    assert result.outcome == {"table": (500500.0, 333833500.0, 250500250000.0)}
    print(policy, f"{result.ended_s:.3f} s")
