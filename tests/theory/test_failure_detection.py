"""What papers say of failure detectors: φ, the first detection of SWIM, its suspicions, and how fast gossip goes."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from simcluster.cluster import NetworkSpec
from simcluster.engine import Constant, stream
from simcluster.recovery import PhiAccrual, Swim, suspicion_s
from simcluster.recovery.detectors.swim.membership import SUSPECTED, Membership
from tests.recovery.watched import Watched

pytestmark = pytest.mark.theory
FAST = NetworkSpec(latency=Constant(value=0.0001))


def silence_s(rule, heard_s):
    """After which silence somebody is suspected."""
    return brentq(lambda late_s: rule(heard_s, heard_s[-1] + late_s) - 0.5, 0.0, 1000.0, xtol=1e-9)


@pytest.mark.parametrize(("mean_s", "deviation_s"), [(0.1, 0.03), (1.0, 0.1)])
def test_phi_is_eight_at_the_mean_and_5_612_deviations(mean_s, deviation_s):
    gaps_s = [mean_s + deviation_s, mean_s - deviation_s] * 20
    found_s = silence_s(PhiAccrual(threshold=8.0, least_deviation_s=1e-6), np.cumsum([0.0, *gaps_s]).tolist())

    assert (found_s - mean_s) / deviation_s == pytest.approx(5.612, abs=5e-4)  # as many digits as are printed


def test_the_exponential_phi_is_eight_at_18_42_means_whatever_the_deviation():
    for gaps_s in ([0.2, 0.2, 0.2], [0.05, 0.35, 0.2]):
        heard_s = np.cumsum([0.0, *gaps_s]).tolist()
        rule = PhiAccrual(threshold=8.0, law="exponential")

        assert silence_s(rule, heard_s) / 0.2 == pytest.approx(8 * math.log(10), rel=1e-6)
        # Cassandra's own: φ = PHI_FACTOR × t / mean, where PHI_FACTOR = 1/ln 10.
        assert silence_s(rule, heard_s) / 0.2 == pytest.approx(8 / (1 / math.log(10.0)), rel=1e-6)


def test_a_suspicion_lasts_as_long_as_memberlist_s_tests_say():
    # suspicion_test.go, k = 3, from 2 to 30 s: what is left after 0, 2 and 3 s with 0, 1 and 2 confirmations.
    after = ((0, 0.0), (1, 2.0), (2, 3.0))
    left_s = [suspicion_s(confirmed, 3, 2.0, 30.0) - elapsed_s for confirmed, elapsed_s in after]

    assert [math.floor(1000 * each) / 1000 for each in left_s] == [30.0, 14.0, 4.81]
    assert suspicion_s(3, 3, 2.0, 30.0) == suspicion_s(4, 3, 2.0, 30.0) == 2.0
    assert suspicion_s(0, 0, 2.0, 30.0) == 2.0  # nobody else is there who could confirm it


def first_met(count, periods, seed=0):
    """For each member and period, how many periods it takes from there on until somebody pings it."""
    swim = Swim(period_s=1.0, timeout_s=0.1, in_turn=False)
    watched = Watched(swim, count, seed=seed, network=FAST, kinds=("send",)).until(float(periods))
    met = np.zeros((count, periods), dtype=bool)
    for row in watched.trace.rows("send"):
        if row["message_kind"].endswith(".ping"):
            met[int(row["target"].removeprefix("n-")), int(row["time_s"])] = True
    found = []
    for member in met[1:, 1:]:
        at = np.flatnonzero(member)
        found += [int(at[np.searchsorted(at, begin)]) - begin + 1 for begin in range(at[-1] + 1)]
    return np.array(found)


@pytest.mark.parametrize(("count", "printed"), [(10, 1.530), (50, 1.573)])
def test_somebody_meets_whoever_has_failed_after_as_many_periods_as_swim_says(count, printed):
    """1/(1 − (1 − 1/(n − 1))^(n − 1)), of Das, Gupta & Motivala with who may be drawn: anybody but oneself.

    12,000 waits, of which those that end together are not independent: there are 12,000/1.55 ends, whose law is
    geometric with p = 1/mean. One standard error is √(1 − p)/p/√7700 = 0.010, the tolerance three and a half.
    """
    expected = 1 / (1 - (1 - 1 / (count - 1)) ** (count - 1))
    found = first_met(count, 12_000 // (count - 1))

    assert expected == pytest.approx(printed, abs=5e-4)
    assert len(found) > 11_000
    assert found.mean() == pytest.approx(expected, abs=0.035)
    assert (found > 1).mean() == pytest.approx((1 - 1 / (count - 1)) ** (count - 1), abs=0.02)


@pytest.mark.parametrize("seed", range(10))
def test_in_turn_whoever_has_failed_is_met_by_everybody_within_two_rounds(seed):
    """2(n − 1) periods at most, section 4.3; each member's own round has all others once."""
    count = 9
    swim = Swim(period_s=1.0, timeout_s=0.1, suspicion_s=1000.0)
    watched = Watched(swim, count, seed=seed, network=FAST, kinds=("send",)).until(20.0)
    watched.cluster["n-4"].crash()
    watched.until(20.0 + 2 * (count - 1))
    met = {
        row["source"] for row in watched.trace.rows("send")
        if row["target"] == "n-4" and row["time_s"] > 20.0 and row["message_kind"].endswith(".ping")
    }  # fmt: skip

    assert met == {f"n-{place}" for place in range(count) if place != 4}


def push(count, seed):
    """Rounds until all know, where each who knows tells one a round, drawn from all; all are members of SWIM."""
    generator = stream(seed, "push")
    members = [Membership(place, 10**9, 1, 0, False, lambda *_: None) for place in range(count)]
    members[0].take((count, SUSPECTED, 0), 0.0)
    know, rounds = [members[0]], 0
    while len(know) < count:
        rounds += 1
        for member in know:
            reader = int(generator.integers(count))
            for update in member.pick(reader):
                members[reader].take(update, 0.0)
        know = [member for member in members if member.state(count) == SUSPECTED]
    return rounds


@pytest.mark.parametrize("count", [32, 128])
def test_pushed_news_reach_everybody_within_the_bounds_of_doerr_and_kuennemann(count):
    """⌊log₂ n⌋ + ln n − 1.116 and ⌈log₂ n⌉ + ln n + 2.765 (Doerr & Künnemann 2014), for the mean over 60 runs.

    The law of the rounds is that of a coupon collector's over n, with a deviation of 1.3; of their mean it is 0.17.
    """
    mean = np.mean([push(count, seed) for seed in range(60)])

    assert math.floor(math.log2(count)) + math.log(count) - 1.116 < mean
    assert mean < math.ceil(math.log2(count)) + math.log(count) + 2.765


@pytest.mark.parametrize("count", [32, 128])
def test_on_a_network_everybody_knows_no_later_than_by_pushing_alone(count):
    """News also come with acknowledgements, members are not in step, and several find out by themselves."""
    took = []
    for seed in range(8):
        swim = Swim(period_s=1.0, timeout_s=0.1, in_turn=False, suspicion_s=1000.0, spread=50.0)
        watched = Watched(swim, count, seed=seed, network=FAST, kinds=("send",)).until(2.0)
        watched.cluster[f"n-{count // 2}"].crash()
        watched.until(45.0)
        knows_s = {}  # who sends more than the bare message knows of it
        for row in watched.trace.rows("send"):
            if row["message_kind"].rpartition(".")[2] in ("ping", "ack") and row["size_bytes"] > 72:
                knows_s.setdefault(row["source"], row["time_s"])
        assert len(knows_s) == count - 1
        took.append(max(knows_s.values()) - min(knows_s.values()))

    assert np.mean(took) < math.ceil(math.log2(count)) + math.log(count) + 2.765
