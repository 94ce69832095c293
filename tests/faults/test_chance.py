"""Gilbert–Elliott against its closed forms (Hasslinger & Hohlfeld, MMB 2008)."""

from itertools import groupby, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.cluster import Message, loss
from simcluster.faults import GilbertElliott
from simcluster.faults.chance import chance


def hits(count, probability, bursts, seed=0, link=("a", "b")):
    hit = chance(probability, bursts, seed, "test")
    return [hit(Message(ident, *link, "x", None, 0.0)) for ident in range(count)]


@settings(max_examples=10)
@given(
    p=st.floats(0.02, 0.3), r=st.floats(0.05, 0.9), h=st.floats(0, 1), g=st.floats(0, 1), seed=st.integers(0, 1000)
)
def test_the_share_of_messages_hit_is_that_of_the_formula(p, r, h, g, seed):
    bursts = GilbertElliott(good_to_bad=p, bad_to_good=r, probability_in_good=g)
    count = 20_000
    expected = (p * h + r * g) / (p + r)
    # The states' autocorrelation decays by 1 - p - r at each step and so widens the error by (2 - p - r)/(p + r).
    error = (expected * (1 - expected) / count * (1 + (2 - p - r) / (p + r))) ** 0.5

    assert bursts.rate(h) == pytest.approx(expected)
    assert bursts.rate() == bursts.rate(1.0)
    assert sum(hits(count, h, bursts, seed)) / count == pytest.approx(expected, abs=6 * error + 1e-9)


@pytest.mark.parametrize("r", [0.1, 0.25, 0.8])
def test_bursts_have_the_mean_length_of_the_formula(r):
    bursts = GilbertElliott(good_to_bad=0.1, bad_to_good=r)
    lengths = [len(list(run)) for struck, run in groupby(hits(60_000, 1.0, bursts)) if struck]

    # Lengths are geometric: mean 1/r, standard deviation below 1/r.
    assert sum(lengths) / len(lengths) == pytest.approx(1 / r, abs=6 / r / len(lengths) ** 0.5)
    assert bursts.burst_length_mean == 1 / r


def test_without_bursts_messages_are_hit_independently():
    struck = hits(40_000, 0.3, None)
    after = [second for first, second in pairwise(struck) if first]

    assert sum(struck) / len(struck) == pytest.approx(0.3, abs=0.015)
    assert sum(after) / len(after) == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("bursts", [None, GilbertElliott(good_to_bad=0.1, bad_to_good=0.3)])
def test_one_link_s_messages_never_change_another_s_draws(bursts):
    alone = hits(50, 0.5, bursts)
    hit = chance(0.5, bursts, 0, "test")
    beside = []
    for ident in range(50):
        hit(Message(ident, "b", "a", "x", None, 0.0))
        beside.append(hit(Message(ident, "a", "b", "x", None, 0.0)))

    assert beside == alone
    assert hits(50, 0.5, bursts, link=("b", "a")) != alone


@pytest.mark.parametrize("field", ["good_to_bad", "bad_to_good", "probability_in_good"])
def test_a_chance_outside_0_to_1_is_refused(field):
    chances = {"good_to_bad": 0.5, "bad_to_good": 0.5, field: 1.5}
    with pytest.raises(ValueError, match=rf"{field}: .*less than or equal to 1, got 1.5"):
        GilbertElliott(**chances)


def test_a_link_starts_in_the_bad_state_as_often_as_it_is_in_it():
    # 2,000 links, each seen once: the share has a standard error of 0.01 at p/(p + r) = 0.25.
    bursts = GilbertElliott(good_to_bad=0.1, bad_to_good=0.3)
    firsts = [hits(1, 1.0, bursts, link=("a", f"b-{place}"))[0] for place in range(2000)]

    assert sum(firsts) / 2000 == pytest.approx(0.25, abs=0.05)


def test_each_link_has_draws_of_its_own_of_the_network_s_loss():
    rule = loss(0.5, 0, "network")
    alone = [rule(Message(ident, "a", "b", "x", None, 0.0)) is not None for ident in range(64)]
    rule = loss(0.5, 0, "network")
    mixed = []
    for ident in range(64):
        rule(Message(ident, "b", "a", "x", None, 0.0))
        mixed.append(rule(Message(ident, "a", "b", "x", None, 0.0)) is not None)

    assert mixed == alone
    assert len(set(alone)) == 2
