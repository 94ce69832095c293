import pytest

from simcluster.cluster import NetworkSpec
from simcluster.engine import Constant, Exponential, Uniform
from simcluster.faults import FlapLink, SlowLink, SpikeLatency, ThrottleBandwidth
from tests.faults.conftest import delivered, dropped, links_that_drop


def test_a_slow_link_takes_factor_times_as_long_and_others_do_not(make, send):
    network = NetworkSpec(latency=Constant(value=1.0), bandwidth_bytes_per_s=100.0)
    cluster = make(SlowLink(senders=("n-0",), receivers=("n-1",), factor=3, begin_s=0, end_s=9), network=network)
    send(cluster, 1, 0, 1, "slow", size_bytes=50)
    send(cluster, 1, 2, 0, "beside", size_bytes=50)
    send(cluster, 1, 1, 2, "back", size_bytes=50)
    send(cluster, 10, 0, 1, "after", size_bytes=50)
    cluster.env.run()

    assert delivered(cluster) == pytest.approx({"slow": 5.5, "beside": 2.5, "back": 2.5, "after": 11.5})


def test_both_ways_means_the_way_back_too(make, send):
    cluster = make(SlowLink(senders=("n-0",), receivers=("n-1",), both_ways=True, factor=3, begin_s=0))
    send(cluster, 1, 0, 1, "there")
    send(cluster, 1, 1, 0, "back")
    send(cluster, 1, 2, 1, "beside")
    send(cluster, 1, 0, 0, "to itself")
    cluster.env.run()

    assert delivered(cluster) == {"there": 4, "back": 4, "beside": 2, "to itself": 1}


def test_overlapping_spikes_add(make, send):
    cluster = make(
        SpikeLatency(extra_s=Constant(value=2), begin_s=0, end_s=10),
        SpikeLatency(extra_s=Constant(value=3), begin_s=1, end_s=5),
    )
    for time_s in (0.5, 2, 7, 11):
        send(cluster, time_s, 0, 1, f"{time_s:g}")
    cluster.env.run()

    assert delivered(cluster) == {"0.5": 3.5, "2": 8, "7": 10, "11": 12}


def test_less_bandwidth_makes_transfers_longer_and_factors_multiply(make, send):
    network = NetworkSpec(latency=Constant(value=0.0), bandwidth_bytes_per_s=100.0)
    cluster = make(
        ThrottleBandwidth(node="n-1", factor=2, begin_s=10, end_s=40),
        ThrottleBandwidth(node="rack-0", factor=5, begin_s=20, end_s=30),
        network=network,
    )
    for time_s in (0, 10.5, 20.5, 33, 45):
        send(cluster, time_s, 0, 1, f"{time_s:g}", size_bytes=50)
    cluster.env.run()

    assert delivered(cluster) == pytest.approx({"0": 0.5, "10.5": 11.5, "20.5": 25.5, "33": 34, "45": 45.5})
    assert cluster.at_baseline


def test_a_flapping_link_is_down_and_up_by_turns_and_up_in_the_end(make, send):
    flap = FlapLink(
        senders=("n-0",), receivers=("n-1",), down_s=Constant(value=2), up_s=Constant(value=1), begin_s=1, end_s=9
    )
    cluster = make(flap)
    for time_s in range(12):
        send(cluster, time_s + 0.5, time_s % 2, 1 - time_s % 2, str(time_s))
    cluster.env.run()

    assert set(delivered(cluster)) == {"0", "3", "6", "9", "10", "11"}
    assert set(dropped(cluster).values()) == {"link_down"}
    assert set(links_that_drop(cluster)) == {(0, 1), (1, 0)}
    assert cluster.at_baseline


def test_a_flapping_link_holds_what_is_sent_and_what_is_under_way_until_it_is_up(make, send):
    flap = FlapLink(
        down_s=Constant(value=2), up_s=Constant(value=2), begin_s=1, end_s=20, crossing="hold", in_flight="hold"
    )
    cluster = make(flap)
    send(cluster, 0.5, 0, 1, "under way")
    send(cluster, 2, 0, 1, "sent")
    send(cluster, 3.5, 0, 1, "up")
    cluster.env.run()

    assert delivered(cluster) == {"under way": 4, "sent": 4, "up": 4.5}


def test_in_flight_is_dropped_each_time_the_link_goes_down(make, send):
    cluster = make(
        FlapLink(down_s=Constant(value=2), up_s=Constant(value=2), begin_s=1, end_s=20, in_flight="drop")
    )
    for time_s in (0.5, 3.2, 4.5):
        send(cluster, time_s, 0, 1, f"{time_s:g}")
    cluster.env.run()

    assert delivered(cluster) == {"3.2": 4.2}
    assert dropped(cluster) == {"0.5": "link_down", "4.5": "link_down"}


def test_turns_are_drawn_from_the_fault_s_own_stream(make):
    def downs(*faults):
        cluster = make(*faults)
        log = []
        add = cluster.network.add
        cluster.network.add = lambda rule: (log.append(cluster.env.now), add(rule))
        cluster.env.run()
        return log

    flap = FlapLink(down_s=Exponential(mean=1), up_s=Uniform(low=0, high=2), begin_s=1, end_s=20)
    alone = downs(flap)

    assert len(alone) > 5
    assert [time_s for time_s in downs(SlowLink(factor=2, begin_s=0.5), flap) if time_s >= 1] == alone


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SlowLink(factor=0.5, begin_s=0), "factor: .*greater than or equal to 1"),
        (lambda: FlapLink(down_s=Constant(value=0), up_s=Constant(value=1), begin_s=0, end_s=1), "down_s must have a"),
        (lambda: FlapLink(down_s=Constant(value=1), up_s=Constant(value=1), begin_s=0), "end_s: must be given"),
        (lambda: SlowLink(factor=2, begin_s=0, in_flight="lose"), "in_flight: .*'deliver', 'drop' or 'hold'"),
    ],
)
def test_what_cannot_be_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("turn_s", [1e-300, 1e-17, 1e-5])
def test_a_link_that_flaps_without_taking_time_lets_time_pass(make, turn_s):
    turn = Constant(value=turn_s)
    cluster = make(FlapLink(down_s=turn, up_s=turn, begin_s=1.0, end_s=1.01))
    cluster.env.run(until=3.0)

    assert cluster.at_baseline
