"""Shards that several workers compute: what they send, what it decodes to, and whom the idle help."""

import math
from itertools import combinations

import numpy as np
import pytest

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.cluster import OutOfMemory
from simcluster.engine import Constant, Environment, Exponential, Trace, stream
from simcluster.faults import CrashNode, FlipLabels, SlowNode
from simcluster.learning import Bundled, DelayCompensated, KMeans, Replicated, Softmax, arrays
from simcluster.measurement.ledger import NEEDED
from simcluster.recovery import Heartbeats
from simcluster.training import (
    AllReduce,
    BoundedStaleness,
    Code,
    CyclicCode,
    Float16,
    FractionalRepetition,
    GradientBoosting,
    LocalSteps,
    NormalEquations,
    ParameterServer,
    Replication,
    Speculation,
    Stored,
    Training,
    TrainingJob,
    coordinate_median,
)
from simcluster.training.update import update_of
from tests.theory.quadratic import trained

CLUSTER = ClusterSpec(nodes=(NodeSpec(name="s"), *nodes("w", 6, flops_per_s=1e5)))
NUMBERS = arrays(stream(0, "x").standard_normal((90, 3)), stream(0, "y").standard_normal(90))
TWO = FractionalRepetition(stragglers=1)


def job(**fields):
    given = {"model": Softmax(), "data": Bundled(name="iris"), "batch_size": 8, "steps": 10, **fields}
    exchange = given.pop("exchange", ParameterServer(server="s", retry_s=0.05))
    return TrainingJob(exchange=exchange, workers=CLUSTER.names[1:], **given)


def result_of(redundancy, faults=(), cluster=CLUSTER, kinds=None, **fields):
    if isinstance(redundancy, Speculation):
        fields = {"sharding": Replicated(copies=6), **fields}
    made = job(redundancy=redundancy, **fields)
    return run(Scenario(cluster=cluster, job=made, faults=faults, horizon_s=60.0, trace_kinds=kinds), seed=0)


CODES = [
    *(CyclicCode(stragglers=s) for s in range(8)),
    *(FractionalRepetition(stragglers=s) for s in (0, 1, 2, 3, 5)),
    *(Replication(copies=r) for r in (1, 2, 3, 4, 6)),
]


def tolerates(code):
    return code.copies - 1 if isinstance(code, Replication) else code.stragglers


def sets_of(workers, size, most=400):
    """All sets of so many workers, or as many as that, drawn."""
    if math.comb(workers, size) <= most:
        return [list(each) for each in combinations(range(workers), size)]
    draw = stream(0, "sets", workers, size)
    return [sorted(draw.permutation(workers)[:size].tolist()) for _ in range(most)]


@pytest.mark.parametrize("code", CODES, ids=lambda code: f"{code.kind} {tolerates(code)}")
@pytest.mark.parametrize("workers", [1, 2, 4, 6, 8, 9, 12, 24])
def test_whoever_survives_the_whole_gradient_is_decoded(code, workers):
    least = workers - tolerates(code)
    if least < 1 or (code.kind != "cyclic_code" and workers % (tolerates(code) + 1)):
        assert code.refuses(job().replace(workers=[f"w-{place}" for place in range(workers)]))
        return
    shards = stream(1, "shards", workers).standard_normal((workers, 5))
    factors = code.code(workers)
    sent = factors @ shards

    assert (np.count_nonzero(factors, axis=1) == tolerates(code) + 1).all()
    for size in range(least, workers + 1):
        for arrived in sets_of(workers, size):
            found = code.decoding(arrived, workers)
            bound = 1e-12 if workers <= 12 else 1e-10  # as the code says
            np.testing.assert_allclose(found @ sent[arrived], shards.sum(axis=0), rtol=0, atol=bound)


@pytest.mark.parametrize("workers", [6, 12])
@pytest.mark.parametrize("code", [CyclicCode(stragglers=2), FractionalRepetition(stragglers=2), Replication(copies=3)])
def test_what_cannot_be_decoded_is_waited_for(code, workers):
    for arrived in sets_of(workers, workers - 3):
        found, groups = code.decoding(arrived, workers), {worker // 3 for worker in arrived}
        whole = isinstance(code, Replication) and len(groups) == workers // 3
        assert (found is not None) == whole
    assert code.decoding([], workers) is None


def test_a_cyclic_code_that_rounds_too_much_is_refused():
    fifty = job().replace(workers=[f"w-{place}" for place in range(50)])
    shards = stream(1, "shards").standard_normal((50, 3))

    for stragglers, refused in ((6, False), (10, True)):
        code, run_of = CyclicCode(stragglers=stragglers), np.arange(stragglers, 50)
        found = code.decoding(run_of, 50) @ (code.code(50) @ shards)[run_of]
        assert (np.abs(found - shards.sum(axis=0)).max() > 1e-7) == refused
        assert bool(code.refuses(fifty)) == refused
    assert "must be so few that sums are rounded by less than 1e-06, got 10 of 50 workers" in code.refuses(fifty)


def test_a_cyclic_code_gives_each_worker_the_shards_that_follow_its_own():
    has = CyclicCode(stragglers=2).code(5) != 0

    assert [np.flatnonzero(row).tolist() for row in has] == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [0, 3, 4], [0, 1, 4]]
    assert not CyclicCode(stragglers=2).code(5).flags.writeable


NONE = [CyclicCode(stragglers=0), FractionalRepetition(stragglers=0), Replication(copies=1)]


@pytest.mark.parametrize("redundancy", NONE)
@pytest.mark.parametrize("fields", [{}, {"batch_size": None}, {"shares": (1.0, 2.0, 1.0, 3.0, 1.0, 1.0)}])
def test_no_redundancy_is_bulk_synchronous_to_the_last_bit_and_takes_as_long(redundancy, fields):
    coded, plain = result_of(redundancy, **fields), result_of(None, **fields)

    assert coded.outcome.parameters.tobytes() == plain.outcome.parameters.tobytes()
    assert coded.metrics["computing_s"] == pytest.approx(plain.metrics["computing_s"], rel=1e-12)
    assert coded.ledger["redundant_s"].sum() == 0


@pytest.mark.parametrize("redundancy", [TWO, CyclicCode(stragglers=2), Replication(copies=3), Speculation(after=0)])
@pytest.mark.parametrize("fields", [{"shares": (1.0, 2.0, 1.0, 3.0, 1.0, 1.0)}, {"checkpoint_every": 3}])
def test_parameters_are_those_without_redundancy_whatever_the_shares_and_who_is_slow(redundancy, fields):
    slow = SlowNode(node="w-1", factor=6, begin_s=0)
    crash = CrashNode(node="s", begin_s=0.05, end_s=0.06)
    coded, plain = result_of(redundancy, (slow, crash), **fields), result_of(None, **fields)

    np.testing.assert_allclose(coded.outcome.parameters, plain.outcome.parameters, rtol=0, atol=1e-12)


@pytest.mark.parametrize("model", [KMeans(clusters=3), NormalEquations(), GradientBoosting(rounds=2)])
@pytest.mark.parametrize("redundancy", [TWO, Replication(copies=3), Speculation()])
def test_a_model_that_solves_is_given_whole_sums(model, redundancy):
    data = {"data": NUMBERS} if isinstance(model, NormalEquations) else {}
    fields = {"model": model, "batch_size": None, "steps": 4, **data}
    coded, plain = result_of(redundancy, **fields), result_of(None, **fields)

    np.testing.assert_allclose(coded.outcome.parameters, plain.outcome.parameters, rtol=1e-12)
    if isinstance(model, GradientBoosting):
        assert coded.outcome.parameters.tobytes() == plain.outcome.parameters.tobytes()


def sizes(result):
    return [row["size_bytes"] for row in result.trace.rows("send") if row["target"] == "s"]


@pytest.mark.parametrize("redundancy", [TWO, CyclicCode(stragglers=3), Replication(copies=6)])
def test_a_sum_of_several_shards_is_as_large_as_one_and_two_numbers_more_tell_of_which_parameters_it_is(redundancy):
    plain, coded = max(sizes(result_of(None))), max(sizes(result_of(redundancy)))

    assert plain == 64 + 8 + 8 * 15
    assert coded == plain + 2 * 8, "its step, as without, and the life of the server and the number of its updates"


@pytest.mark.parametrize(
    ("redundancy", "finding", "adding"),
    [(CyclicCode(stragglers=2), 2 * 6 * 4**2 - 2 * 4**3 / 3, 2 * 4), (FractionalRepetition(stragglers=2), 0, 2)],
)
def test_what_is_added_up_and_decoded_is_paid_for(redundancy, finding, adding):
    """p = 15 numbers: an operation for each that is added, one for each factor that is not 1, and least squares."""
    training = Training(job(redundancy=redundancy), 0, (env := Environment()).event(), Trace(env))
    three = [training.contribution(shard, 0, training.initial, 0).cost.flops for shard in range(3)]
    update, said = update_of(training), [np.full(training.initial.shape, place) for place in range(4)]

    sends, takes = training.work(0, 0, training.initial, None), update.take([0, 1, 3, 4], said, 0, 1.0)
    moves = update.move(said[0], 0).cost.flops

    factors = 3 if isinstance(redundancy, CyclicCode) else 0
    assert sends.cost.flops == pytest.approx(math.fsum(three) + (3 + factors) * 15, rel=1e-12)
    assert takes.cost.flops == pytest.approx(moves + finding + adding * 15, rel=1e-12)


def test_a_worker_holds_and_reads_what_it_computes():
    limit_bytes = 8.0 * 5 * 60  # of 150 rows each worker has 25, or twice as many, of four features and a target
    cluster = ClusterSpec(nodes=(NodeSpec(name="s"), *nodes("w", 6, flops_per_s=1e5, memory_bytes=limit_bytes)))
    assert result_of(TWO, cluster=cluster).ended == "finished"
    with pytest.raises(OutOfMemory):
        result_of(CyclicCode(stragglers=2), cluster=cluster)
    loads = result_of(TWO, placement=Stored()).trace.rows("load")
    assert [row["size_bytes"] for row in loads] == [8 * 5 * 50] * 6


def test_labels_are_those_on_the_disk_of_whoever_reads_them():
    flipped = [result_of(TWO, [FlipLabels(node=f"w-{place}", begin_s=0)]) for place in (0, 1)]
    slow = [SlowNode(node="w-0", factor=50, begin_s=0)]

    assert not np.array_equal(flipped[0].outcome.parameters, result_of(TWO).outcome.parameters)
    of_first = result_of(TWO, [*slow, FlipLabels(node="w-0", begin_s=0)])
    assert of_first.outcome.parameters.tobytes() == result_of(TWO, slow).outcome.parameters.tobytes()


def test_an_idle_worker_computes_what_a_slow_one_would_and_the_first_counts():
    slow = SlowNode(node="w-2", factor=20, begin_s=0)
    plain, helped = result_of(None, [slow]), result_of(Speculation(), [slow])

    assert helped.outcome.parameters.tobytes() == plain.outcome.parameters.tobytes()
    assert helped.ended_s < plain.ended_s / 4
    counts = list(helped.trace.rows("counts"))
    assert {row["whose"] for row in counts} == {"w-2"}
    assert len(counts) == 10
    assert all(row["worker"] != "w-2" for row in counts)
    took = {(row["worker"], row["clock"]) for row in helped.trace.rows("takes_over") if row["whose"] == "w-2"}
    assert {(row["worker"], row["clock"]) for row in counts} <= took


@pytest.mark.parametrize(("after", "helpers"), [(0.0, 1), (0.6, 1), (0.6, 3)])
def test_nobody_helps_before_enough_are_there_and_no_more_than_may(after, helpers):
    faults = [SlowNode(node=f"w-{place}", factor=5 + place, begin_s=0) for place in (0, 3)]
    result = result_of(Speculation(after=after, helpers=helpers), faults)

    there, helping, most = {}, {}, 0
    for row in result.trace.rows():
        if row["kind"] == "contribution" and row["accepted"]:
            there[row["clock"]] = there.get(row["clock"], 0) + 1
        if row["kind"] == "takes_over":
            name = row["whose"], row["clock"]
            assert there[row["clock"]] >= after * 6
            helping.setdefault(name, []).append(row["worker"])
            most = max(most, len(helping[name]))
    assert most == helpers


class Doubled(Code):
    """A code of one's own: each worker sends two times its shard."""

    def code(self, workers):
        return 2 * np.eye(workers)

    def decoding(self, arrived, workers):
        return None if len(arrived) < workers else np.full(workers, 0.5)


def nobody(worker, behind, progress):
    return None


def last(worker, behind, progress):
    return [*behind][-1]


def test_a_code_and_a_rule_of_ones_own():
    plain = result_of(None).outcome.parameters

    np.testing.assert_allclose(result_of(Doubled()).outcome.parameters, plain, atol=1e-14)
    for rule in (nobody, last):
        result = result_of(rule, sharding=Replicated(copies=2))
        assert result.outcome.parameters.tobytes() == plain.tobytes()
        assert bool(list(result.trace.rows("takes_over"))) == (rule is last)


class Broken(Doubled):
    """A code that is none."""

    def __init__(self, factors=None, decoding=None):
        self._factors, self._decoding = factors, decoding

    def code(self, workers):
        return super().code(workers) if self._factors is None else np.array(self._factors)

    def decoding(self, arrived, workers):
        return super().decoding(arrived, workers) if self._decoding is None else self._decoding(arrived)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (Broken(factors=[[1.0]]), r"Broken.code must give a factor for each of 6 workers and shards.*got \[\[1.0\]\]"),
        (Broken(factors=np.diag([1.0, 1, 1, 1, 1, 0])), "each worker a shard, got"),
        (Broken(factors=np.full((6, 6), np.nan)), "Broken.code must give"),
        (Broken(decoding=lambda arrived: np.ones(6)), "Broken.decoding must give the sum over all shards of what all"),
        (Broken(decoding=lambda arrived: None), "Broken.decoding must give the sum over all .* got None"),
        (Broken(decoding=lambda arrived: np.ones(2)), "Broken.decoding must give 6 factors, got"),
    ],
)
def test_a_code_of_ones_own_that_is_none_is_refused_when_the_scenario_is_made(code, message):
    with pytest.raises(ValueError, match=message):
        Scenario(cluster=CLUSTER, job=job(redundancy=code))


def test_a_rule_that_names_somebody_whom_it_cannot_help_is_told_so():
    with pytest.raises(ValueError, match=r"function must give one of \['w-\d'\] or None, got 's'"):
        result_of(lambda worker, behind, progress: "s", sharding=Replicated(copies=2))


@pytest.mark.parametrize("redundancy", [TWO, CyclicCode(), Replication(), Speculation()])
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"exchange": AllReduce()}, "exchange must have somebody who decodes, as a parameter server, with {}, got"),
        ({"waiting": BoundedStaleness(staleness=2)}, "waiting must be bulk-synchronous with {}, which itself says"),
        ({"waiting": BoundedStaleness(backup_workers=1)}, "waiting must be bulk-synchronous with {}"),
        ({"compression": Float16()}, "compression must be None with {}: it may go by what a worker remembers"),
        ({"local": LocalSteps(steps=2)}, "local must be None with {}: it may go by what a worker remembers"),
        ({"detector": Heartbeats()}, "detector must be None with {}, which does without whoever does not come"),
        ({"optimiser": DelayCompensated()}, "optimiser must not make up for delays with {}, where there are none"),
    ],
)
def test_what_makes_no_sense_with_any_redundancy_is_refused(redundancy, fields, message):
    copies = {"sharding": Replicated()} if isinstance(redundancy, Speculation) else {}
    with pytest.raises(ValueError, match=message.format(redundancy.kind)):
        job(redundancy=redundancy, **copies, **fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"redundancy": TWO, "aggregation": coordinate_median}, "aggregation must be total with fractional_repetition"),
        ({"redundancy": TWO, "sharding": Replicated()}, "sharding must not have copies with fractional_repetition"),
        ({"redundancy": FractionalRepetition(stragglers=3)}, r"stragglers \+ 1 must divide the number .*, got 4 and 6"),
        ({"redundancy": Replication(copies=4)}, "copies must divide the number of workers, got 4 and 6"),
        ({"redundancy": CyclicCode(stragglers=6)}, "stragglers must be fewer than the 6 workers, got 6"),
        ({"redundancy": CyclicCode(), "model": KMeans()}, "model must not go by counts with cyclic_code"),
        ({"redundancy": Speculation()}, "sharding must have copies with speculation, or nobody can help, got"),
        ({"redundancy": {"kind": "replication", "copies": 0}}, "copies"),
        ({"redundancy": {"kind": "speculation", "after": 1.0}}, "after"),
        ({"redundancy": "cyclic"}, "kind must be one of"),
        ({"redundancy": 3}, "Code"),
    ],
)
def test_what_makes_no_sense_with_one_redundancy_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        job(**fields)


def test_liars_among_those_who_are_helped_are_stood_as_without():
    result = result_of(Speculation(), [SlowNode(node="w-4", factor=9, begin_s=0)], aggregation=coordinate_median)

    plain = result_of(None, aggregation=coordinate_median)
    assert result.outcome.parameters.tobytes() == plain.outcome.parameters.tobytes()


@pytest.mark.parametrize(
    ("redundancy", "workers", "needed"),
    [(TWO, 4, 4), (CyclicCode(stragglers=1), 4, 4), (Replication(copies=4), 4, 4), (CyclicCode(stragglers=3), 5, 5)],
)
def test_the_ledger_counts_each_shard_once_and_the_rest_as_redundant(redundancy, workers, needed):
    """All take as long as each other here: what they have computed in vain is done when that is known."""
    result = trained(workers, Constant(value=1.0), BoundedStaleness(), 5, kinds=None, flops=1e9, redundancy=redundancy)

    load = np.count_nonzero(redundancy.code(workers)[0])
    total = result.ledger.loc[[f"worker-{place}" for place in range(workers)]].sum()
    assert total["compute_s"] == pytest.approx(5 * needed, rel=1e-6)
    assert total["redundant_s"] == pytest.approx(5 * (workers * load - needed), rel=1e-6)
    assert total["stale_s"] == total["lost_s"] == 0
    np.testing.assert_allclose(result.ledger.sum(axis=1), result.ended_s, rtol=1e-14)


@pytest.mark.parametrize("redundancy", [TWO, Speculation(after=0)])
@pytest.mark.parametrize("kinds", [(), ("step", "contribution"), ("counts", "takes_over"), ("step", "takes_over")])
def test_where_some_records_are_not_kept_the_ledger_adds_up_all_the_same(redundancy, kinds):
    result = result_of(redundancy, kinds=(*NEEDED, *kinds))

    np.testing.assert_allclose(result.ledger.sum(axis=1), result.ended_s, rtol=1e-14)


@pytest.mark.parametrize("redundancy", [Replication(copies=2), CyclicCode(stragglers=2), Speculation(after=0)])
def test_what_is_given_up_because_others_were_first_is_redundant_and_what_a_crash_takes_is_lost(redundancy):
    copies = {"sharding": Replicated(copies=4)} if isinstance(redundancy, Speculation) else {}
    given = {"kinds": None, "flops": 1e9, "redundancy": redundancy, **copies}
    result = trained(4, Exponential(mean=1.0), BoundedStaleness(), 20, **given)

    assert result.ledger["redundant_s"].sum() > 5
    assert result.ledger["lost_s"].sum() == result.ledger["stale_s"].sum() == 0
    assert len(list(result.trace.rows("abandoned"))) > 10
    crashed = result_of(redundancy, [CrashNode(node="w-1", begin_s=0.031, end_s=0.2)])
    abandoned = [row for row in crashed.trace.rows("abandoned") if row["time_s"] == 0.031]
    assert len(abandoned) == 1
    # Until the restart the node is down, unless training is over before.
    down_s = min(0.2, crashed.ended_s) - abandoned[0]["begin_s"]
    assert crashed.ledger["lost_s"]["w-1"] == pytest.approx(down_s)


def test_with_speculation_three_numbers_tell_a_newer_word_from_an_older_one_and_whose_shard_it_is_of():
    assert max(sizes(result_of(Speculation()))) == max(sizes(result_of(None))) + 3 * 8
