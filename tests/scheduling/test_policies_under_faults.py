"""Whatever goes wrong, every policy gets every graph done, with the answer that there is without a cluster."""

from functools import cache

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, run
from simcluster.engine import Lognormal, stream
from simcluster.faults import CrashNode, PartitionNetwork, PauseNode, SlowNode
from simcluster.learning import Call, Cost
from simcluster.scheduling import Mixed, Serial, Task, TaskGraphJob, add_task
from tests.built_ins import one, words

WORKERS = tuple(f"w-{place}" for place in range(4))
TASKS = 30


class Drawn:
    """A random graph whose tasks have all that a policy may look at; each adds up what it takes, and its number."""

    def __init__(self, gangs):
        self.gangs = gangs

    @cache  # noqa: B019  # the graph of a seed is asked for by every run
    def graph(self, seed):
        generator, graph = stream(seed, "drawn"), nx.DiGraph()
        for place in range(TASKS):
            few = min(place // 3, int(generator.integers(3)))  # those of a gang take nothing of each other
            earlier = 3 * (place // 3)
            takes = sorted(set(generator.integers(earlier, size=few).tolist())) if earlier else []
            cost = Cost(float(generator.integers(1, 9)) * 1e5, 0.0)
            gang = f"gang-{place // 3}" if self.gangs and place % 6 < 2 else ""
            fields = {
                "user": "abc"[int(generator.integers(3))], "job": "xyz"[int(generator.integers(3))],
                "priority": float(generator.integers(3)), "deadline_s": float(generator.integers(1, 5)),
                "cores": int(generator.integers(1, 3)), "memory_bytes": float(generator.integers(3)) * 1e5,
                "release_s": float(generator.integers(3)) * 0.02, "gang": gang,
            }  # fmt: skip

            def run(*parts, place=place, cost=cost):
                return Call(lambda: {"sum": place + sum(parts)}, cost)

            add_task(graph, f"t{place}", Task(run, cost, **fields), tuple((f"t{each}", "sum", 1e3) for each in takes))
        return graph

    def outcome(self, outputs):
        return {name: output["sum"] for name, output in outputs.items()}

    def by_hand(self, seed):
        graph, sums = self.graph(seed), {}
        for place, name in enumerate(graph):
            sums[name] = place + sum(sums[before] for before in graph.pred[name])
        return {name: sums[name] for name in graph if not graph.adj[name]}


WORK = {gangs: Drawn(gangs) for gangs in (False, True)}
NODES = (NodeSpec(name="m"), *(NodeSpec(name=name, cores=2, flops_per_s=(1 + place) * 1e7, memory_bytes=1e6,
    jitter=Lognormal(mean=1.0, sigma=0.5)) for place, name in enumerate(WORKERS)))  # fmt: skip


def scenario(policy, faults=(), *, gangs=False, loss=0.0):
    job = TaskGraphJob(work=WORK[gangs], policy=policy, master="m", workers=WORKERS, retry_s=0.03)
    cluster = ClusterSpec(nodes=NODES, network=NetworkSpec(loss_probability=loss))
    return Scenario(cluster=cluster, job=job, faults=faults, horizon_s=120.0)


POLICIES = {word: one("Policy", word) for word in words("Policy")}
HOW = {"suppress_health_check": [HealthCheck.too_slow], "deadline": None}
FAULT = st.one_of(
    st.builds(
        lambda kind, node, begin_s, for_s: kind(node=node, begin_s=begin_s, end_s=begin_s + for_s),
        st.sampled_from([CrashNode, PauseNode]), st.sampled_from(["m", *WORKERS]),
        st.floats(0, 0.5), st.floats(0.01, 0.5),
    ),
    st.builds(
        lambda node, factor: SlowNode(node=node, factor=factor, begin_s=0.05, end_s=1.0),
        st.sampled_from(WORKERS), st.floats(2.0, 50.0),
    ),
    st.builds(
        lambda node, for_s: PartitionNetwork(groups=((node,),), begin_s=0.05, end_s=0.05 + for_s),
        st.sampled_from(WORKERS), st.floats(0.05, 0.5),
    ),
)  # fmt: skip


@pytest.mark.parametrize("word", POLICIES)
@settings(max_examples=8, **HOW)
@given(st.lists(FAULT, max_size=4), st.sampled_from([0.0, 0.2]), st.integers(0, 2))
def test_no_fault_changes_an_answer(word, faults, loss, seed):
    result = run(scenario(POLICIES[word], tuple(faults), loss=loss), seed, check=True)

    assert result.ended == "finished"
    assert result.outcome == WORK[False].by_hand(seed)


@pytest.mark.parametrize("word", ["gang", "easy", "conservative"])
@settings(max_examples=10, **HOW)
@given(st.lists(FAULT, max_size=4), st.sampled_from([0.0, 0.2]), st.integers(0, 2))
def test_no_fault_changes_an_answer_of_gangs(word, faults, loss, seed):
    result = run(scenario(POLICIES[word], tuple(faults), gangs=True, loss=loss), seed, check=True)

    assert result.ended == "finished"
    assert result.outcome == WORK[True].by_hand(seed)


@pytest.mark.parametrize("word", POLICIES)
def test_the_same_seed_gives_the_same_digest(word):
    faults = (CrashNode(node="w-1", begin_s=0.1, end_s=0.3), SlowNode(node="w-3", factor=9.0, begin_s=0.0, end_s=0.5))
    digests = [run(scenario(POLICIES[word], faults, loss=0.1), seed).digest for seed in (3, 3, 4)]

    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("word", POLICIES)
@pytest.mark.parametrize("execution", [Serial(), Mixed(by_level=False, at_once=2), Mixed()], ids=repr)
def test_every_policy_goes_with_every_execution(word, execution):
    faults = (CrashNode(node="w-3", begin_s=0.1, end_s=0.3),)  # the fastest
    made = scenario(POLICIES[word], faults)
    result = run(made.replace(job=made.job.replace(execution=execution)), 1, check=True)

    assert result.ended == "finished"
    assert result.outcome == WORK[False].by_hand(1)
