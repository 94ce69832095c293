"""Where two parts of training meet: each was right alone."""

import math

import numpy as np
import pytest

from simcluster import ClusterSpec, NodeSpec, Result, Scenario, nodes, run
from simcluster.faults import Byzantine, CrashNode, PauseNode, SpoofMessages
from simcluster.learning import Bundled, GradientDescent, Replicated, Softmax, arrays, call
from simcluster.recovery import Checkpoints, DistributedStore, Heartbeats, RemoteStore, Timeout
from simcluster.training import (
    Bulyan,
    ClientSampling,
    CyclicCode,
    DpSgd,
    DynamicBackups,
    ElasticAveraging,
    FractionalRepetition,
    InTurn,
    KBatchSync,
    Krum,
    KSync,
    PairwiseGossip,
    ParameterServer,
    Rennala,
    Replication,
    ShardedServers,
    Speculation,
    StalenessAware,
    Stored,
    TrainingJob,
    coordinate_median,
    majority_vote,
)

CLUSTER = ClusterSpec(nodes=(NodeSpec(name="s"), *nodes("w", 4, flops_per_s=1e6)))
SLOW = ClusterSpec(nodes=(NodeSpec(name="s"), *nodes("w", 4, flops_per_s=1e5)))
DETECTOR = Heartbeats(period_s=0.02, suspicion=Timeout(after_s=0.1))
GONE = CrashNode(node="w-0", begin_s=0.05)


def scenario(faults=(), cluster=CLUSTER, horizon_s=10.0, **fields):
    fields = {"model": Softmax(), "data": Bundled(name="iris"), "steps": 12, "workers": cluster.names[1:], **fields}
    job = TrainingJob(exchange=ParameterServer(server="s", retry_s=0.05), **fields)
    return Scenario(cluster=cluster, job=job, faults=faults, horizon_s=horizon_s)


def copied(faults=(), **fields):
    fields = {"sharding": Replicated(copies=4), "detector": DETECTOR, "batch_size": 8, "steps": 15, **fields}
    return scenario(faults, SLOW, 60.0, **fields)


WEIGHED = [KSync(k=4), StalenessAware(), KBatchSync(k=4), Rennala(batch=4)]


@pytest.mark.parametrize("waiting", WEIGHED, ids=lambda rule: rule.kind)
@pytest.mark.parametrize("adversary", ["noise", "negate"])
def test_a_lie_changes_what_a_worker_says_and_not_whether_it_counts(waiting, adversary):
    lie = Byzantine(node="w-1", begin_s=0, adversary=adversary)
    crash = CrashNode(node="s", begin_s=0.03, end_s=0.04)
    result = run(scenario((lie, crash), waiting=waiting, recovery=Checkpoints(every=1)), seed=0)

    accepted = [row["worker"] for row in result.trace.rows("contribution") if row["accepted"]]
    assert result.ended == "finished"
    assert "w-1" in accepted


@pytest.mark.parametrize("waiting", [KBatchSync(k=5), Rennala(batch=5)], ids=lambda rule: rule.kind)
@pytest.mark.parametrize("rule", [coordinate_median, majority_vote, Krum(liars=0)], ids=["median", "vote", "krum"])
def test_a_worker_that_may_speak_more_often_than_another_outvotes_nobody(waiting, rule):
    with pytest.raises(ValueError, match=r"aggregation must be total where one worker may contribute .* more often"):
        scenario(waiting=waiting, aggregation=rule)


def test_another_client_is_drawn_for_one_that_is_gone():
    waiting = ClientSampling(fraction=0.25)
    result = run(scenario((CrashNode(node="w-3", begin_s=0.001),), waiting=waiting, detector=Heartbeats()), seed=0)

    assert result.ended == "finished"
    assert result.outcome.steps == 12


@pytest.mark.parametrize(
    ("waiting", "rule"),
    [
        (ClientSampling(fraction=0.25), Krum(liars=0)),
        (DynamicBackups(), Krum(liars=0)),
        (ClientSampling(), Bulyan(liars=0)),
    ],
    ids=["sampled", "dynamic", "bulyan"],
)
def test_a_rule_that_needs_more_contributions_than_a_step_may_have_is_refused_beforehand(waiting, rule):
    with pytest.raises(ValueError, match="got 1 contributions to a step"):
        scenario(waiting=waiting, aggregation=rule)


class Mean:
    """The mean of one feature, by descent."""

    def initial(self, data, generator):
        return np.zeros(1)

    def contribution(self, parameters, rows):
        return call(lambda x: (parameters - x).sum(0), rows.features)

    def gradient(self, parameters, total, rows):
        return total / rows

    def loss(self, parameters, rows):
        return call(lambda x: float(((parameters - x) ** 2).mean()), rows.features)


@pytest.mark.parametrize("shares", [(1, 1), (3, 1)])
def test_what_pulls_a_worker_pulls_the_centre_as_much_the_other_way(shares):
    targets = np.array([1.0] * (4 * shares[0] // sum(shares)) + [-1.0] * (4 * shares[1] // sum(shares)))
    cluster = ClusterSpec(nodes=(NodeSpec(name="s"), *nodes("w", 2)))
    rate, beta = 0.5, 0.6
    result = run(
        scenario(
            cluster=cluster, model=Mean(), data=arrays(targets[:, None], np.zeros(4)), sharding="ordered", steps=5,
            shares=shares, batch_size=None, local=ElasticAveraging(moving_rate=beta),
            optimiser=GradientDescent(learning_rate=rate),
        ),
        seed=0,
    )  # fmt: skip

    centre, own, ends = 0.0, [0.0, 0.0], [1.0, -1.0]
    alpha = [beta * share / sum(shares) for share in shares]
    for _ in range(5):
        pulls = [a * (x - centre) for a, x in zip(alpha, own, strict=True)]
        own = [x - rate * (x - end) - pull for x, end, pull in zip(own, ends, pulls, strict=True)]
        centre += sum(pulls)
    np.testing.assert_allclose(result.outcome.parameters, [centre], rtol=1e-12)


def test_a_server_that_slept_suspects_nobody_for_its_own_silence():
    calm = run(copied(), seed=0).outcome.parameters
    asleep = PauseNode(node="s", begin_s=0.0505, end_s=0.35)

    assert run(copied((asleep,), when_gone="stop"), seed=0).outcome.stopped is None
    np.testing.assert_array_equal(run(copied((GONE, asleep)), seed=0).outcome.parameters, calm)


def test_who_has_copies_loads_them_and_stands_in_for_one_that_never_loaded():
    calm = run(copied(), seed=0).outcome.parameters
    early = CrashNode(node="w-0", begin_s=1e-5)
    result = run(copied((early,), placement=Stored(store=RemoteStore(server="s"))), seed=0)

    np.testing.assert_array_equal(result.outcome.parameters, calm)


def test_workers_in_turn_have_no_copies():
    with pytest.raises(ValueError, match="waiting must let workers begin whoever else has where rows are replicated"):
        copied(waiting=InTurn())


def test_a_stored_result_has_its_ledger(tmp_path):
    result = run(scenario((GONE,)), seed=0)

    assert Result.load(result.save(tmp_path / "run.zip")).ledger.equals(result.ledger)


COPIES = [CyclicCode(stragglers=1), FractionalRepetition(stragglers=1), Replication(copies=2), Speculation()]


@pytest.mark.parametrize("redundancy", COPIES, ids=lambda rule: rule.kind)
@pytest.mark.parametrize("added_by", ["server", "workers"])
def test_the_noise_of_a_step_is_the_same_whoever_computes_its_shards(redundancy, added_by):
    fields = {"privacy": DpSgd(added_by=added_by), "batch_size": 8}
    copies = {"sharding": Replicated()} if redundancy.kind == "speculation" else {}
    alone = run(scenario(**fields), seed=0).outcome.parameters

    found = run(scenario(redundancy=redundancy, **copies, **fields), seed=0).outcome.parameters

    np.testing.assert_allclose(found, alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("exchange", [ShardedServers(servers=("s-0", "s-1")), PairwiseGossip(graph="complete")])
@pytest.mark.parametrize("victim", ["s-0", "s-1", "idle"])
def test_a_forger_in_the_name_of_no_worker_is_not_listened_to(exchange, victim):
    cluster = ClusterSpec(nodes=(*nodes("s", 2), *nodes("w", 3, flops_per_s=1e6), NodeSpec(name="idle")))
    job = TrainingJob(
        model=Softmax(), data=Bundled(name="iris"), workers=("w-0", "w-1", "w-2"), steps=8, exchange=exchange,
        staleness=math.inf if exchange.kind == "pairwise_gossip" else 0,
    )  # fmt: skip
    plain = Scenario(cluster=cluster, job=job, horizon_s=5.0)
    forged = plain.replace(faults=(SpoofMessages(node="w-0", victim=victim, begin_s=0.0),))

    np.testing.assert_array_equal(*(run(each, seed=0).outcome.parameters for each in (plain, forged)))


STORES = [
    RemoteStore(server="s-2", timeout_s=0.1),
    DistributedStore(coordinator="s-1", servers=("s-1", "s-2"), replication=2),
]


@pytest.mark.parametrize("store", STORES, ids=lambda store: store.kind)
@pytest.mark.parametrize("adversary", ["negate", "noise", "equivocate", "gaussian"])
def test_a_liar_that_saves_lies_about_values_and_the_store_lives(store, adversary):
    cluster = ClusterSpec(nodes=(*nodes("s", 3), *nodes("w", 2)))
    job = TrainingJob(
        model=Softmax(), data=Bundled(name="iris"), workers=("w-0", "w-1"), steps=10,
        exchange=ParameterServer(server="s-0"), recovery=Checkpoints(every=2, store=store),
    )  # fmt: skip
    liar = Byzantine(node="s-0", begin_s=0.0, adversary=adversary)

    assert run(Scenario(cluster=cluster, job=job, faults=(liar,)), seed=0).ended == "finished"
