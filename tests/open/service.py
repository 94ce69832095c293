"""A service of one's own, asked whenever one wants."""
import numpy as np

from simcluster import ClusterSpec, Scenario, nodes, run
from simcluster.serving import ServiceJob
from simcluster.training import call


class Words:
    """Which of many words begin so? Each shard has its share of them."""
    def shards(self, count, seed):
        return [[f"word {number}" for number in range(shard, 1000, count)] for shard in range(count)]
    def ask(self, generator):
        return f"word {generator.integers(1, 10)}"
    def answer(self, shard, body):
        return call(lambda: tuple(word for word in shard if word.startswith(body)), flops=1e3 * len(shard))
    def merge(self, parts):
        return sorted(word for part in parts for word in part)


class RushHour:
    def run(self, env, ask, generator):
        while True:
            yield env.timeout(generator.exponential(0.01 if env.now % 2 > 1 else 0.1))
            ask()


job = ServiceJob(service=Words(), arrivals=RushHour(), queries=50, front_end="n-0", servers=("n-1", "n-2"), shards=2)
result = run(Scenario(cluster=ClusterSpec(nodes=nodes("n", 3)), job=job), seed=0)
assert all(len(answer) == 111 for answer in result.outcome.answers.values()), result.outcome
print(np.mean([row["sojourn_s"] for row in result.trace.rows("query")]), "s")
