"""Rules against liars give what NumPy and SciPy say of the same numbers, stand what they say, and cost time."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from simcluster import run
from simcluster.engine import stream
from simcluster.faults import Byzantine, CrashNode
from simcluster.learning import KMeans
from simcluster.recovery import Heartbeats
from simcluster.training import (
    BoundedStaleness,
    Bulyan,
    CentredClipping,
    GeometricMedian,
    Krum,
    NearestNeighbourMixing,
    TrimmedMean,
    coordinate_median,
    majority_vote,
    total,
)
from tests.strategies import training

# The rules once more, as the papers say them, in NumPy: of vectors (m, p) and their shares of the rows (m,).


def squared(vectors):
    return ((vectors[:, None] - vectors[None]) ** 2).sum(axis=2)


def krum_order(vectors, f):
    scores = []
    for place, row in enumerate(squared(vectors)):
        others = np.sort(np.delete(row, place))
        scores.append(others[: len(vectors) - f - 2].sum())
    return np.argsort(np.round(scores, 9), kind="stable")


def krum(vectors, shares, f, chosen):
    return vectors[krum_order(vectors, f)[:chosen]].mean(axis=0)


def bulyan(vectors, shares, f):
    left, selected = list(range(len(vectors))), []
    while len(selected) < len(vectors) - 2 * f - 2:
        selected.append(left.pop(krum_order(vectors[left], f)[0]))
    selected = vectors[selected]
    result = []
    for column in selected.T:
        ordered = sorted(column, key=lambda value: (abs(value - np.median(column)), value))
        result.append(np.mean(ordered[: len(selected) - 2 * f]))
    return np.array(result)


def clipping(vectors, shares, radius):
    moves = [w * x * min(1, radius / np.linalg.norm(x)) for x, w in zip(vectors, shares, strict=True) if x.any()]
    return np.sum(moves, axis=0) if moves else np.zeros(vectors.shape[1])


def mixing(vectors, shares, f):
    return np.median([vectors[np.argsort(np.round(row, 9), kind="stable")[: len(vectors) - f]].mean(axis=0)
                      for row in squared(vectors)], axis=0)  # fmt: skip


def trimmed(vectors, shares, b):
    return np.sort(vectors, axis=0)[b : len(vectors) - b].mean(axis=0)


RULES = {
    "coordinate median": (coordinate_median, lambda v, s: np.median(v, axis=0)),
    "trimmed mean": (TrimmedMean(trim=2), lambda v, s: trimmed(v, s, 2)),
    "Krum": (Krum(liars=2), lambda v, s: krum(v, s, 2, 1)),
    "multi-Krum": (Krum(liars=2, chosen=5), lambda v, s: krum(v, s, 2, 5)),
    "Bulyan": (Bulyan(liars=2), lambda v, s: bulyan(v, s, 2)),
    "centred clipping": (CentredClipping(radius=1.5), lambda v, s: clipping(v, s, 1.5)),
    "mixing": (NearestNeighbourMixing(liars=2), lambda v, s: mixing(v, s, 2)),
    "vote": (majority_vote, lambda v, s: np.sign(np.sign(v).sum(axis=0))),
}
ROBUST = {**{name: rule for name, (rule, _) in RULES.items()}, "geometric median": GeometricMedian(iterations=100)}
ANY = {**ROBUST, "total": total}
#: Whole numbers, so that there are ties, in distances too, and both ways of adding them up find the same ones.
VECTORS = st.integers(11, 14).flatmap(
    lambda m: st.lists(st.lists(st.integers(-3, 3), min_size=3, max_size=3), min_size=m, max_size=m)
)


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=40, deadline=None)
@given(vectors=VECTORS, rows=st.integers(1, 9))
def test_a_rule_says_what_its_paper_does_of_ties_too(name, vectors, rows):
    rule, reference = RULES[name]
    vectors = np.array(vectors, dtype=np.float64)
    counts = np.full(len(vectors), float(rows))

    found = rule(rows * vectors, counts)()

    # Sums of a dozen small numbers; of halves and thirds, where means are taken.
    np.testing.assert_allclose(found, counts.sum() * reference(vectors, counts / counts.sum()), rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_says_what_its_paper_does_of_numbers_at_random(name):
    rule, reference = RULES[name]
    for seed in range(5):
        vectors = stream(seed).standard_normal((11 + seed, 40))
        counts = np.full(len(vectors), 4.0)
        expected = counts.sum() * reference(vectors, counts / counts.sum())
        np.testing.assert_allclose(rule(4 * vectors, counts)(), expected, rtol=1e-11, atol=1e-11)


def test_the_geometric_median_is_where_scipy_finds_the_least_sum_of_distances():
    for seed in range(3):
        vectors, counts = stream(seed).standard_normal((9, 4)), stream(seed, "rows").integers(1, 9, 9).astype(float)

        def distance(point, vectors=vectors, counts=counts):
            return counts @ np.linalg.norm(vectors - point, axis=1)

        found = ROBUST["geometric median"](counts[:, None] * vectors, counts)() / counts.sum()
        best = minimize(distance, vectors.mean(axis=0), options={"gtol": 1e-9})
        assert distance(found) <= best.fun * (1 + 1e-9)
        np.testing.assert_allclose(found, best.x, atol=1e-4)  # the sum is flat around its least


@pytest.mark.parametrize("name", ANY)
def test_one_worker_has_its_way_and_workers_that_agree_have_theirs_however_many_rows_they_have(name):
    said = np.array([0.25, -0.5, 1.0]) if name != "vote" else np.array([1.0, -1.0, 1.0])
    for rows in ([3.0], [1.0, 2.0, 5.0] * 4, [0.0, *[2.0] * 11]):
        counts = np.array(rows)
        if len(rows) == 1 and getattr(ANY[name], "liars", getattr(ANY[name], "trim", 0)):
            with pytest.raises(ValueError, match=r"needs .* contributions, got 1 contributions of any rows to a step"):
                ANY[name](counts[:, None] * said, counts)
            continue
        values = counts[:, None] * said
        np.testing.assert_allclose(ANY[name](values, counts)(), counts.sum() * said, rtol=1e-12, atol=1e-6)


def test_who_has_no_rows_is_not_asked():
    for name in ("coordinate median", "geometric median", "centred clipping", "vote"):
        assert ROBUST[name](np.zeros((2, 3)), np.zeros(2))().tolist() == [0, 0, 0]
    for rule in ROBUST.values():
        values, rows = stream(0).standard_normal((13, 3)), np.array([0.0, *[2.0] * 11, 0.0])
        np.testing.assert_array_equal(rule(values * rows[:, None], rows)(), rule(2 * values[1:-1], rows[1:-1])())


NASTY = [math.nan, math.inf, -math.inf, 1e300, -1e300]


@pytest.mark.parametrize("name", ROBUST)
@pytest.mark.parametrize("lies", list(itertools.combinations_with_replacement(NASTY, 2)), ids=str)
def test_two_of_eleven_who_send_what_is_no_number_change_little(name, lies):
    honest = 1.0 + 0.1 * stream(0).standard_normal((11, 3))
    for places in ([0, 1], [4, 10]):
        values = honest.copy()
        values[places] = np.array(lies)[:, None]
        found = ROBUST[name](values, np.ones(11))() / 11
        # Clipping moves from 0 by its radius at most, and two of eleven say nothing or the contrary.
        assert np.all(np.abs(found - 1.0) < (0.5 if name == "centred clipping" else 0.25))


def test_numbers_that_are_none_stay_none_where_everybody_sends_them():
    for name, rule in ANY.items():
        for value in (math.nan, math.inf):
            found = rule(np.full((11, 3), value), np.ones(11))()
            expected = {"vote": 0.0 if math.isnan(value) else 11.0, "centred clipping": 0.0}.get(name)
            assert np.array_equal(found, [expected] * 3) if expected is not None else not np.isfinite(found).any()


def test_a_rule_changes_nothing_that_it_is_given_and_says_the_same_again():
    values = stream(0).standard_normal((12, 5))
    before = values.copy()
    for rule in ANY.values():
        call = rule(values, np.full(12, 2.0))
        np.testing.assert_array_equal(call(), rule(values, np.full(12, 2.0))())
        assert call.cost.flops > 0
        assert call.cost.bytes > 0
    np.testing.assert_array_equal(values, before)


# In a run


@pytest.mark.parametrize("rule", [Krum(liars=0), GeometricMedian(), NearestNeighbourMixing(then=Krum(liars=0))])
def test_a_rule_takes_the_time_that_it_costs(rule):
    cheap, dear = (run(training(aggregation=each), 0) for each in (total, rule))
    values, rows = np.ones((3, 15)), np.full(3, 8.0)
    server = training().cluster.nodes[0]
    longer_s = server.seconds(rule(values, rows).cost) - server.seconds(total(values, rows).cost)

    # Each in another order with the rest of the step's cost, whose longer of flops and bytes counts.
    assert dear.ended_s - cheap.ended_s == pytest.approx(12 * longer_s, rel=0.3)
    assert longer_s > 0


def test_clipping_goes_on_from_its_last_aggregate_though_the_server_crashes():
    fields = {"aggregation": NearestNeighbourMixing(then=CentredClipping(radius=0.02)), "checkpoint_every": 1}
    crash = CrashNode(node="server", begin_s=0.08, end_s=0.1)
    calm, crashed = run(training(**fields), 0), run(training([crash], **fields), 0)
    anew = run(training(**{**fields, "aggregation": forgetful}), 0)

    assert list(crashed.trace.rows("restore"))
    np.testing.assert_array_equal(crashed.outcome.parameters, calm.outcome.parameters)
    assert not np.array_equal(anew.outcome.parameters, calm.outcome.parameters), "or memory would not matter"


def forgetful(values, rows):
    """Every step is a first step."""
    return NearestNeighbourMixing(then=CentredClipping(radius=0.02))(values, rows)


@pytest.mark.parametrize("name", ["coordinate median", "Krum", "geometric median", "vote"])
def test_one_liar_of_three_keeps_a_robust_rule_from_learning_no_more_than_it_keeps_total(name):
    rule = Krum(liars=0) if name == "Krum" else ROBUST[name]
    liar = Byzantine(node="worker-1", adversary="negate", strength=30.0, begin_s=0.0)
    told, truth = run(training([liar], steps=40, aggregation=rule), 0), run(training(steps=40, aggregation=rule), 0)
    fooled = run(training([liar], steps=40), 0)

    assert told.outcome.loss < 1.0 < fooled.outcome.loss
    assert truth.outcome.loss < 1.0


def test_k_means_by_medians_stands_a_liar():
    liar = Byzantine(node="worker-0", adversary="scale", strength=1e6, begin_s=0.0)
    fields = {"model": KMeans(clusters=3), "batch_size": None}
    told, fooled = (run(training([liar], aggregation=rule, **fields), 0) for rule in (coordinate_median, total))
    honest = run(training(**fields), 0)

    assert told.outcome.loss < 1.5 * honest.outcome.loss
    assert np.isfinite(fooled.outcome.loss)  # centres of rows and counts that are as wrong are hardly moved


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"aggregation": Krum(liars=1)}, r"krum needs more than 2·liars \+ 2 = 4 contributions, got 3 contributions"),
        ({"aggregation": Krum(liars=0, chosen=2)}, r"krum needs more than chosen \+ liars \+ 1 = 3 contrib.*, got 3"),
        ({"aggregation": Bulyan(liars=1)}, r"bulyan needs at least 4·liars \+ 3 = 7 contributions, got 3"),
        ({"aggregation": TrimmedMean(trim=2)}, r"trimmed_mean needs more than 2·trim = 4 contributions, got 3"),
        ({"aggregation": NearestNeighbourMixing(liars=2)}, r"mixing needs more than 2·liars = 4 contrib.*, got 3"),
        ({"aggregation": NearestNeighbourMixing(then=Krum(liars=1))}, "krum needs more than 2·liars"),
        ({"aggregation": TrimmedMean(), "backup_workers": 1}, "trimmed_mean needs more than .*, got 2 contributions"),
        ({"aggregation": Krum(liars=0), "detector": Heartbeats()}, "when_gone must be stop where krum needs"),
        ({"aggregation": Krum(liars=0), "staleness": 1}, "aggregation must be total where contributions count one"),
    ],
)  # fmt: skip
def test_more_liars_than_a_rule_stands_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        training(**fields)


def test_a_rule_with_one_contribution_more_than_it_refuses_runs():
    for rule in (TrimmedMean(), Krum(liars=0), Bulyan(liars=0), NearestNeighbourMixing(liars=1)):
        assert run(training(aggregation=rule, steps=2, waiting=BoundedStaleness()), 0).ended == "finished"
