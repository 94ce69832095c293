"""What no schedule of faults can do to shards that several workers compute: change the parameters, or stop the run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simcluster.testing
from simcluster import run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, nodes
from simcluster.engine import Exponential
from simcluster.faults import CrashNode
from simcluster.learning import Bundled, Replicated, Softmax
from simcluster.scenario import Scenario
from simcluster.training import CyclicCode, FractionalRepetition, Replication, Speculation, TrainingJob
from tests.strategies import faults

WORKERS = tuple(f"worker-{place}" for place in range(4))
NODES = ("server", *WORKERS)
#: What is decoded of these is the same bits from whomever it comes.
EXACT = [
    FractionalRepetition(stragglers=0),
    FractionalRepetition(stragglers=1),
    FractionalRepetition(stragglers=3),
    Replication(copies=2),
    Replication(copies=4),
    Speculation(after=0),
    Speculation(after=0.5, helpers=2),
]
#: Of these it is rounded, in another way for each set of workers.
ROUNDED = [CyclicCode(stragglers=1), CyclicCode(stragglers=2), CyclicCode(stragglers=3)]
#: The seeds' own times, a checkpoint or none, the network, the faults.
TROUBLE = st.tuples(
    st.lists(faults(NODES), max_size=6),
    simcluster.testing.networks(nodes=NODES),
    st.sampled_from([None, 1, 5]),
    st.sampled_from([None, Exponential(mean=1)]),
    st.integers(0, 3),
)


def result_of(redundancy, faults=(), network=None, every=None, jitter=None, seed=0, horizon_s=60.0, **fields):
    helped = isinstance(redundancy, Speculation)
    given = {"sharding": Replicated(copies=3), **fields} if helped else fields
    job = TrainingJob(model=Softmax(), data=Bundled(name="iris"), batch_size=8, server="server", retry_s=0.05,
                      workers=WORKERS, steps=12, redundancy=redundancy, checkpoint_every=every, **given)
    machines = (NodeSpec(name="server"), *nodes("worker", 4, flops_per_s=1e5, jitter=jitter))
    cluster = ClusterSpec(nodes=machines, network=network or NetworkSpec(latency=Exponential(mean=0.0005)))
    return run(Scenario(cluster=cluster, job=job, faults=tuple(faults), horizon_s=horizon_s), seed)


def is_the_same(redundancy, trouble):
    faults, network, every, jitter, seed = trouble
    plain = result_of(redundancy, seed=seed).outcome.parameters
    troubled = result_of(redundancy, faults, network, every, jitter, seed)
    assert troubled.ended == "finished"
    assert troubled.outcome.steps == 12
    if redundancy in EXACT:
        assert troubled.outcome.parameters.tobytes() == plain.tobytes()
    np.testing.assert_allclose(troubled.outcome.parameters, plain, rtol=0, atol=1e-10)
    table = troubled.ledger
    assert (table >= 0).all(axis=None)
    np.testing.assert_allclose(table.sum(axis=1), troubled.ended_s, rtol=1e-14)
    server_crashed = any(isinstance(fault, CrashNode) and fault.node == "server" for fault in faults)
    if not server_crashed:
        counted = [(row["worker"], row["clock"]) for row in troubled.trace.rows("contribution") if row["accepted"]]
        assert len(counted) == len(set(counted))


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([*EXACT, *ROUNDED]), TROUBLE)
def test_no_fault_that_ends_changes_what_is_decoded(redundancy, trouble):
    is_the_same(redundancy, trouble)


@pytest.mark.long
@pytest.mark.parametrize("redundancy", [*EXACT, *ROUNDED])
@settings(max_examples=500, deadline=None)
@given(trouble=TROUBLE)
def test_no_fault_of_many_that_end_changes_what_is_decoded(redundancy, trouble):
    is_the_same(redundancy, trouble)


@pytest.mark.parametrize("redundancy", [*EXACT, *ROUNDED])
def test_what_is_decoded_is_what_there_is_without_redundancy(redundancy):
    with_it, without = result_of(redundancy).outcome, result_of(None).outcome

    np.testing.assert_allclose(with_it.parameters, without.parameters, rtol=0, atol=1e-12)
    if isinstance(redundancy, Speculation) or getattr(redundancy, "stragglers", None) == 0:
        assert with_it.parameters.tobytes() == without.parameters.tobytes()


GONE = [CrashNode(node="worker-2", begin_s=0.05)]
PAIR = [*GONE, CrashNode(node="worker-3", begin_s=0.05)]


@pytest.mark.parametrize(("redundancy", "gone", "ended"), [
    (FractionalRepetition(stragglers=0), GONE, "horizon"),
    (FractionalRepetition(stragglers=1), GONE, "finished"),
    (FractionalRepetition(stragglers=1), PAIR, "horizon"),
    (FractionalRepetition(stragglers=3), PAIR, "finished"),
    (Replication(copies=2), GONE, "finished"),
    (Replication(copies=2), PAIR, "horizon"),
    (CyclicCode(stragglers=1), GONE, "finished"),
    (CyclicCode(stragglers=1), PAIR, "horizon"),
    (CyclicCode(stragglers=2), PAIR, "finished"),
    (Speculation(after=0.5), GONE, "finished"),
    (Speculation(after=0.5), PAIR, "finished"),
    (Speculation(after=0.75), PAIR, "horizon"),
])  # fmt: skip
def test_who_is_gone_for_good_is_done_without_as_long_as_what_came_can_be_decoded_and_else_the_run_says_so(
    redundancy, gone, ended
):
    result = result_of(redundancy, gone, horizon_s=5.0)

    assert result.ended == ended
    assert [verdict.name for verdict in result.verdicts] == (["horizon"] if ended == "horizon" else [])
    if ended == "finished":
        np.testing.assert_allclose(result.outcome.parameters, result_of(redundancy).outcome.parameters, atol=1e-12)
