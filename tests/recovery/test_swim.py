"""SWIM: what its members believe, what they send, and who is said to be gone under crashes, pauses, loss and cuts."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.cluster import NetworkSpec
from simcluster.engine import Constant
from simcluster.faults import CutOneWay, DuplicateMessages, LoseMessages, PartitionNetwork, ReorderMessages
from simcluster.recovery import Lifeguard, Swim
from simcluster.recovery.detectors.swim.membership import ALIVE, FAULTY, SUSPECTED, Membership
from tests.recovery.watched import Watched

PLAIN, GUARDED = Swim(), Swim(lifeguard=Lifeguard())
BOTH = pytest.mark.parametrize("swim", [PLAIN, GUARDED], ids=["swim", "lifeguard"])
FAST = NetworkSpec(latency=Constant(value=0.001))


def membership(own=0, *, passes=3, most=6, confirmations=0, buddy=False, told=None):
    return Membership(own, passes, most, confirmations, buddy, (lambda *_: None) if told is None else told)


codes = st.integers(0, 11)
updates = st.lists(st.tuples(st.integers(0, 3), codes, st.integers(0, 3)), max_size=30)


@given(updates, st.randoms(use_true_random=False))
def test_what_is_believed_of_others_does_not_depend_on_the_order_or_on_repetitions(news, random):
    told = {}
    one, other = membership(told=told.__setitem__), membership()
    for update in news:
        one.take(update, 0.0)
    again = [*news, *news]
    random.shuffle(again)
    for update in again:
        other.take(update, 0.0)

    assert one.codes == other.codes
    assert one.codes == {
        member: greatest
        for member in (1, 2, 3)
        if (greatest := max((code for about, code, _ in news if about == member), default=0)) > 0
    }
    assert {member for member, gone in told.items() if gone} == {
        member for member, code in one.codes.items() if code % 3 == FAULTY
    }
    assert set(one.doubts) == {member for member, code in one.codes.items() if code % 3 == SUSPECTED}


@given(updates)
def test_who_hears_that_it_is_suspected_is_alive_in_a_later_incarnation_and_says_so(news):
    own = membership()
    for update in news:
        before = own.code
        refuted = own.take(update, 0.0)

        assert own.code % 3 == ALIVE
        assert own.code >= before
        assert refuted == (update[0] == 0 and update[1] > before and update[1] % 3 != ALIVE)
        if refuted:
            assert own.code == 3 * (update[1] // 3) + 3
            assert (0, own.code, 0) in own.everything() + own.pick(3)


def test_news_go_out_so_many_times_those_first_that_went_out_least_often():
    believes = membership(passes=3, most=2)
    for member in (1, 2, 3):
        believes.take((member, SUSPECTED, 5), 0.0)
    said = [believes.pick(9) for _ in range(6)]

    assert [len(each) for each in said] == [2, 2, 2, 2, 1, 0]
    assert Counter(member for each in said for member, _, _ in each) == {1: 3, 2: 3, 3: 3}
    assert {member for each in said[:2] for member, _, _ in each} == {1, 2, 3}


def test_of_one_member_only_what_holds_is_passed_on():
    believes = membership()
    believes.take((1, SUSPECTED, 2), 0.0)
    believes.take((1, 3 + ALIVE, 1), 0.0)

    assert believes.pick(9) == ((1, 3, 1),)


@pytest.mark.parametrize("buddy", [False, True])
def test_a_buddy_tells_who_is_suspected_first_and_who_counts_as_gone_hears_it_always(buddy):
    believes = membership(passes=1, buddy=buddy)
    believes.take((1, SUSPECTED, 2), 0.0)
    believes.pick(9)  # the news are out

    assert believes.pick(1) == (((1, SUSPECTED, 0),) if buddy else ())
    believes.take((1, FAULTY, 2), 0.0)
    believes.pick(9)
    assert [believes.pick(1) for _ in range(3)] == 3 * [((1, FAULTY, 0),)]


def test_a_suspicion_counts_who_confirms_it_each_once_and_passes_so_many_on():
    believes, heard = membership(confirmations=2, passes=1), []
    believes.take((1, SUSPECTED, 2), 10.0)
    for who in (2, 3, 2, 4, 5):
        believes.take((1, SUSPECTED, who), 10.0)
    believes.give_up(11.0, lambda confirmed: heard.append(confirmed) or 1.5)

    assert heard == [2]
    assert believes.state(1) == SUSPECTED
    assert believes.pick(9) == ((1, SUSPECTED, 2), (1, SUSPECTED, 3), (1, SUSPECTED, 4))
    believes.give_up(11.5, lambda confirmed: 1.5)
    assert believes.state(1) == FAULTY


@BOTH
@pytest.mark.parametrize("seed", range(5))
def test_whoever_crashes_is_gone_soon_and_back_soon_after_its_restart(swim, seed):
    watched = Watched(swim, 8, seed=seed, network=FAST).until(2.0)
    watched.cluster["n-3"].crash()
    watched.until(6.0)
    assert watched.said == [("n-3", True)]
    # It has to be met (1.6 periods in the mean, 6 are rare), suspected, and everybody told.
    assert watched.told[-1][0] < 2.0 + 0.6 + swim.suspicion_s * (1 if swim.lifeguard is None else 6) + 0.6

    watched.cluster["n-3"].restart()
    watched.until(9.0)
    assert watched.said == [("n-3", True), ("n-3", False)]
    assert watched.told[-1][0] < 6.0 + 1.0


@BOTH
def test_nobody_is_suspected_where_nothing_happens_and_a_probe_is_a_ping_and_an_acknowledgement(swim):
    watched = Watched(swim, 10, network=FAST, kinds=("send",)).until(10.0)
    rows = list(watched.trace.rows("send"))
    kinds = Counter(row["message_kind"].rpartition(".")[2] for row in rows)

    assert watched.said == []
    assert set(kinds) == {"ping", "ack"}
    assert 10 * (100 - 1) <= kinds["ping"] <= 10 * 100
    assert {row["size_bytes"] for row in rows} == {72.0}


def test_news_weigh_twelve_bytes_each_and_a_request_to_ping_four_more():
    watched = Watched(GUARDED, 8, network=FAST, kinds=("send",)).until(1.0)
    watched.cluster["n-3"].crash()
    rows = list(watched.until(4.0).trace.rows("send"))

    for kind, more_bytes in {"ping": 0, "ack": 0, "nack": 0, "ping_req": 4}.items():
        sizes = {row["size_bytes"] - 72 - more_bytes for row in rows if row["message_kind"].endswith(f".{kind}")}
        assert sizes
        assert all(size % 12 == 0 and 0 <= size <= 12 * 7 for size in sizes)
    assert any(row["size_bytes"] > 72 for row in rows)


def test_what_a_member_sends_in_a_period_does_not_grow_with_the_group():
    sent = [
        len(list(Watched(PLAIN, count, network=FAST, kinds=("send",)).until(3.0).trace.rows("send"))) / count
        for count in (4, 16, 64)
    ]

    assert max(sent) / min(sent) < 1.05


def test_each_is_probed_once_in_a_round_and_again_within_two():
    watched = Watched(PLAIN, 12, network=FAST, kinds=("send",)).until(10.0)
    for member in ("n-0", "n-5"):
        targets = [
            row["target"] for row in watched.trace.rows("send")
            if row["source"] == member and row["message_kind"].endswith(".ping")
        ]  # fmt: skip
        rounds = [targets[at : at + 11] for at in range(0, len(targets) - 10, 11)]

        assert len(rounds) > 5
        assert all(len(set(each)) == 11 for each in rounds)
        assert len({tuple(each) for each in rounds}) > 1


FAULTS = {
    "loss": LoseMessages(probability=0.3, begin_s=1.0, end_s=5.0),
    "duplication": DuplicateMessages(probability=0.8, begin_s=1.0, end_s=5.0),
    "reordering": ReorderMessages(probability=0.5, delay_s=Constant(value=0.2), begin_s=1.0, end_s=5.0),
    "a partition": PartitionNetwork(groups=(("n-0", "n-1", "n-2"),), begin_s=1.0, end_s=5.0),
    "a deaf node": CutOneWay(senders=("n-1", "n-2", "n-3"), receivers=("n-0",), begin_s=1.0, end_s=5.0),
}


@BOTH
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("seed", range(3))
def test_when_all_is_well_again_all_are_trusted_again_but_who_is_gone(swim, fault, seed):
    watched = Watched(swim, 8, seed=seed, network=FAST)
    give_back = []

    def trouble():
        yield watched.env.timeout(1.0)
        end = FAULTS[fault].begin(watched.cluster, "fault")
        watched.cluster["n-6"].crash()
        watched.cluster["n-4"].pause()
        yield watched.env.timeout(4.0)
        watched.cluster["n-4"].resume()
        give_back.append(end())

    watched.env.process(trouble())
    watched.until(15.0)

    assert watched.suspected == {"n-6"}
    if fault == "a partition":
        assert {("n-5", True), ("n-7", True), ("n-7", False)} <= set(watched.said)
        assert "n-1" not in [peer for time_s, peer, _ in watched.told if time_s < 5.0]  # on the same side


@BOTH
def test_who_watches_hears_after_its_own_restart_who_is_gone_from_whoever_it_asks_first(swim):
    watched = Watched(swim, 30, network=FAST).until(1.0)
    watched.cluster["n-7"].crash()
    watched.until(8.0).cluster["n-0"].crash()
    watched.until(9.0).cluster["n-0"].restart()
    began_s = watched.env.now
    watched.until(20.0)

    assert watched.suspected == {"n-7"}
    (again_s,) = [time_s for time_s, peer, gone in watched.told if time_s > began_s and gone and peer == "n-7"]
    assert again_s < began_s + 2.5 * swim.period_s


def test_a_killed_program_is_suspected_until_it_is_revived():
    watched = Watched(PLAIN, 5, network=FAST).until(1.0)
    watched.cluster["n-1"].kill("job.worker")
    watched.until(4.0).cluster["n-1"].revive("job.worker")
    watched.until(7.0)

    assert watched.said == [("n-1", True), ("n-1", False)]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_groups_of_hardly_anybody_work_too(count):
    watched = Watched(GUARDED, count, network=FAST).until(1.0)
    for peer in watched.peers[:1]:
        watched.cluster[peer].crash()
    watched.until(6.0)

    assert watched.suspected == set(watched.peers[:1])


def test_proxies_save_whoever_cannot_be_reached_directly_from_suspicion():
    cut = CutOneWay(senders=("n-1",), receivers=("n-0",), begin_s=0.0, end_s=None)
    said = []
    for proxies in (0, 3):
        watched = Watched(PLAIN.replace(proxies=proxies, suspicion_s=0.0), 6, network=FAST)
        cut.begin(watched.cluster, "cut")
        said.append(watched.until(5.0).said)

    assert ("n-1", True) in said[0]
    assert said[1] == []


def mistakes(swim, slow=(), loss=0.0):
    """How often somebody who lives is said to be gone, while some stand still for three quarters of the time."""
    count, network = 0, FAST.replace(loss_probability=loss)
    for seed in range(4):
        watched = Watched(swim, 12, seed=seed, network=network)

        def trouble(cluster=watched.cluster, env=watched.env):
            while True:
                yield env.timeout(0.05)
                for name in slow:
                    cluster[name].pause()
                yield env.timeout(0.15)
                for name in slow:
                    cluster[name].resume()

        watched.env.process(trouble())
        count += len([1 for _, gone in watched.until(30.0).said if gone])
    return count


@pytest.mark.parametrize("trouble", [{"slow": ("n-3", "n-4", "n-5")}, {"loss": 0.3}], ids=["pauses", "loss"])
def test_lifeguard_makes_fewer_mistakes_and_so_do_its_longer_suspicions_and_its_buddies_alone(trouble):
    none = mistakes(PLAIN, **trouble)

    assert none > 20
    for guard in (Lifeguard(), Lifeguard(health=0, buddy=False), Lifeguard(health=0, confirmations=0, patience=1.0)):
        assert mistakes(Swim(lifeguard=guard), **trouble) < none * (0.5 if guard.patience > 1 else 1)


def test_who_is_slow_itself_probes_less_often_until_it_is_answered_again():
    watched = Watched(GUARDED, 6, network=FAST, kinds=("send",)).until(2.0)
    isolated = PartitionNetwork(groups=(("n-0",),), begin_s=0.0, end_s=None)
    end = isolated.begin(watched.cluster, "cut")
    watched.until(12.0)
    end()
    watched.until(30.0)
    sent_s = [
        row["time_s"] for row in watched.trace.rows("send")
        if row["source"] == "n-0" and row["message_kind"].endswith(".ping")
    ]  # fmt: skip
    spans_s = ((0, 2), (3, 12), (25, 30))
    per_s = [len([at for at in sent_s if begin <= at < end]) / (end - begin) for begin, end in spans_s]

    assert per_s[0] == pytest.approx(10, rel=0.1)
    assert per_s[1] < 6
    assert per_s[2] == pytest.approx(10, rel=0.1)


@pytest.mark.parametrize("timeout_s", [0.05, 0.1])
def test_a_period_must_leave_time_for_a_way_round(timeout_s):
    with pytest.raises(ValueError, match=r"timeout_s must be less than half a period of 0.1 s"):
        Swim(timeout_s=timeout_s)


def test_news_are_passed_on_logarithmically_often():
    watched = Watched(Swim(spread=2.0), 40, network=FAST, kinds=("send",)).until(1.0)
    watched.cluster["n-1"].crash()
    watched.until(5.0)
    extra_bytes = math.fsum(
        row["size_bytes"] - 72 for row in watched.trace.rows("send") if not row["message_kind"].endswith(".ping_req")
    )

    # Two pieces of news, suspected and faulty, that each of 39 passes on at most ⌈2·ln 41⌉ = 8 times, and who is gone
    # hears of it with each ping.
    assert 0 < extra_bytes <= 12 * (2 * 39 * 8 + 5 * 10)
