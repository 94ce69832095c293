"""A replication scheme of one's own: one copy does everything, and nobody takes its place when it is gone."""
from simcluster import ClusterSpec, Scenario, nodes, run
from simcluster.faults import CrashNode
from simcluster.replication import Mix, ReplicatedStore, serve


class OneCopy:
    operations = ("read", "write")
    def refuses(self, replicas):
        return None if replicas == 1 else "there must be one replica"
    def start(self, replicas):
        replicas.boot(lambda node: copy(node, replicas))
    def session(self, replicas, node, client):
        return Session(replicas, node)


class Session:
    def __init__(self, replicas, node):
        self.replicas, self.node = replicas, node
    def ask(self, operation):
        kind, body = self.replicas.kind("do"), (operation.number, operation.f, operation.key, operation.value)
        return (yield self.node.request(self.replicas.names[0], kind, body)).body


def copy(node, replicas):
    held = {}  # in memory: a crash forgets it
    def do(message):
        number, f, key, value = message.body
        if f == "write":
            held[key] = value
            replicas.applied(number, node.name)
        node.reply(message, held.get(key) if f == "read" else None)
    yield from serve(node, replicas, do=do)


job = ReplicatedStore(scheme=OneCopy(), replicas=("n-0",), clients=("n-1", "n-2"), workload=Mix(per_s=100.0))
crash = CrashNode(node="n-0", begin_s=0.5, end_s=0.6)
result = run(Scenario(cluster=ClusterSpec(nodes=nodes("n", 3)), job=job, faults=(crash,)), seed=0)
print(result.outcome, f"available: {result.metrics['availability']:.0%}")
