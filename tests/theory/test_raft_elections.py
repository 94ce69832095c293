"""How long elections take: Ongaro's thesis, chapter 9."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import beta

from simcluster import ClusterSpec, Scenario, nodes, run
from simcluster.cluster import NetworkSpec, StorageSpec
from simcluster.engine import Constant, Uniform
from simcluster.faults import CrashNode
from simcluster.replication import Mix, Raft, ReplicatedStore

pytestmark = pytest.mark.theory
SPLIT = {0.01: 0.0006, 0.1: 0.052, 0.2: 0.181}
"""Split votes of five servers, one of which has failed, by the latency as a share of the range of timeouts."""


def split_vote(servers: int, left: int, latency: float) -> float:
    """The chance of a split vote: so many stand before they hear of the first that those left are no majority.

    The first to stand gets the votes of all that have not stood within one latency. It fails when k = left − majority +
    1 others have; k + 1 of ``left`` uniform times lie within a latency of the first with a Beta(k, left + 1 − k) law.
    """
    k = left - (servers // 2 + 1) + 1
    return float(beta.cdf(latency, k, left + 1 - k))


def elect(raft: Raft, latency: object, seed: int) -> tuple[float, int]:
    """When four of five servers have elected a leader, all having heard the old one at 0, and in which term."""
    servers = nodes("s", 5, storage=StorageSpec(flush_s=0.0))
    network = NetworkSpec(fidelity="latency", latency=latency, bandwidth_bytes_per_s=None)
    high_s = raft.election_s[1]
    job = ReplicatedStore(
        scheme=raft,
        replicas=[server.name for server in servers],
        clients=["c-0"],
        workload=Mix(operations=1, mix={"write": 1}),
        timeout_s=60 * high_s,
        retry_s=2 * high_s,
    )
    scenario = Scenario(
        cluster=ClusterSpec(nodes=(*servers, *nodes("c", 1)), network=network),
        job=job,
        faults=(CrashNode(node="s-4", begin_s=0.0, end_s=None),),
        horizon_s=60 * high_s,
        trace_kinds=("role",),
    )
    (first, *_) = (row for row in run(scenario, seed).trace.rows("role") if row["role"] == "leader")
    return first["time_s"], first["term"]


def test_the_formula_of_split_votes_gives_the_thesis_figures():
    assert [round(split_vote(5, 4, latency), 4) for latency in SPLIT] == [0.0006, 0.0523, 0.1808]
    for latency, printed in SPLIT.items():
        assert split_vote(5, 4, latency) == pytest.approx(printed, abs=0.0005)


@pytest.mark.parametrize("latency", [0.1, 0.2])
def test_elections_split_as_often_as_the_formula_says(latency):
    raft = Raft(election_s=(1.0, 2.0), heartbeat_s=0.9, pre_vote=False)
    count = 300
    split = sum(elect(raft, Constant(value=latency), seed)[1] > 1 for seed in range(count))
    expected = split_vote(5, 4, latency)
    # Three standard errors, with fixed seeds.
    assert split / count == pytest.approx(expected, abs=3 * math.sqrt(expected * (1 - expected) / count))


def test_a_wide_area_cluster_elects_in_475_ms():
    raft = Raft(election_s=(0.3, 0.6), heartbeat_s=0.1, pre_vote=False)
    took_s = np.array([elect(raft, Uniform(low=0.03, high=0.04), seed)[0] for seed in range(300)])
    error_s = took_s.std(ddof=1) / math.sqrt(len(took_s))
    # The thesis rounds to 5 ms, and its servers write to disks; three standard errors are about 25 ms.
    assert took_s.mean() == pytest.approx(0.475, abs=3 * error_s + 0.005)
