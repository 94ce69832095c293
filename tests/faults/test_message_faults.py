from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from simcluster.cluster import NetworkSpec
from simcluster.engine import Constant, Exponential
from simcluster.faults import CorruptMessages, DuplicateMessages, GilbertElliott, LoseMessages, ReorderMessages
from tests.faults.conftest import delivered, dropped


def stream_of(cluster, send, count=400):
    for place in range(count):
        send(cluster, place * 0.01, 0, 1, str(place))
    cluster.env.run()
    return cluster


def test_the_share_that_is_lost_is_the_probability(make, send):
    cluster = stream_of(make(LoseMessages(probability=0.25, begin_s=0)), send)

    assert len(dropped(cluster)) / 400 == pytest.approx(0.25, abs=0.09)
    assert set(dropped(cluster).values()) == {"loss"}


def test_losses_in_bursts_are_in_fewer_runs(make, send):
    def runs(fault):
        lost = sorted(map(int, dropped(stream_of(make(fault), send))))
        return len(lost), sum(b - a > 1 for a, b in pairwise(lost))

    bursts = GilbertElliott(good_to_bad=0.05, bad_to_good=0.1)
    bursty, bursty_runs = runs(LoseMessages(probability=1, bursts=bursts, begin_s=0))
    independent, independent_runs = runs(LoseMessages(probability=bursts.rate(), begin_s=0))

    assert bursty_runs / bursty < 0.5 * independent_runs / independent


def test_duplicates_arrive_later_once_more(make, send):
    cluster = make(DuplicateMessages(probability=1, delay_s=Constant(value=2), begin_s=0))
    send(cluster, 0, 0, 1)
    cluster.env.run()

    assert [row["time_s"] for row in cluster.trace.rows("deliver")] == [1, 3]


@pytest.mark.parametrize("order", ["datagram", "fifo"])
def test_reordered_messages_are_overtaken_unless_the_link_keeps_order(make, send, order):
    network = NetworkSpec(latency=Constant(value=1.0), bandwidth_bytes_per_s=None, order=order)
    fault = ReorderMessages(probability=0.3, delay_s=Constant(value=0.05), begin_s=0)
    cluster = stream_of(make(fault, network=network), send)
    arrived = [int(row["message_kind"]) for row in cluster.trace.rows("deliver")]

    assert len(arrived) == 400
    assert (arrived == sorted(arrived)) == (order == "fifo")


def test_detected_corruption_is_dropped_where_it_arrives(make, send):
    cluster = make(CorruptMessages(probability=1, begin_s=0))
    send(cluster, 0, 0, 1)
    cluster.env.run()

    assert [(row["time_s"], row["cause"]) for row in cluster.trace.rows("drop")] == [(1, "corrupted")]


def test_undetected_corruption_changes_one_bit_of_one_number(make, send):
    cluster = make(CorruptMessages(probability=1, detected=False, begin_s=0))
    truth, bodies = np.arange(1.0, 6.0), []

    def listen(node):
        while True:
            bodies.append((yield node.receive()).body)

    cluster["n-1"].boot(listen)
    for time_s in range(20):
        send(cluster, time_s, 0, 1, body={"step": 3, "gradient": truth, "loss": 0.5})
    cluster.env.run()

    places = Counter()
    for body in bodies:
        numbers = np.append(body["gradient"], body["loss"])
        differ = numbers.view(np.uint64) ^ np.append(truth, 0.5).view(np.uint64)
        assert sum(int(word).bit_count() for word in differ) == 1
        assert body["step"] == 3
        places.update(np.flatnonzero(differ).tolist())
    assert len(places) > 2
    assert truth.tolist() == [1, 2, 3, 4, 5]


def test_what_is_in_flight_when_losses_begin_is_dropped_when_asked(make, send):
    cluster = make(LoseMessages(probability=0, begin_s=0.5, in_flight="drop", senders=("n-0",)))
    send(cluster, 0, 0, 1, "here")
    send(cluster, 0, 1, 0, "there")
    cluster.env.run()

    assert dropped(cluster) == {"here": "lose_messages"}
    assert delivered(cluster) == {"there": 1}


def test_a_node_s_messages_to_itself_cross_no_link(make, send):
    cluster = make(LoseMessages(probability=1, begin_s=0))
    send(cluster, 1, 0, 0, "self")
    cluster.env.run()

    assert delivered(cluster) == {"self": 1}


@pytest.mark.parametrize("fault", [LoseMessages, DuplicateMessages, ReorderMessages, CorruptMessages])
@pytest.mark.parametrize("probability", [-0.1, 1.1])
def test_a_probability_outside_0_to_1_is_refused(fault, probability):
    with pytest.raises(ValueError, match=rf"probability: .*than or equal to [01], got {probability}"):
        fault(probability=probability, begin_s=0)


def test_duplicates_on_a_link_that_keeps_order_block_nothing(make, send):
    network = NetworkSpec(latency=Exponential(mean=1.0), bandwidth_bytes_per_s=None, order="fifo")
    fault = DuplicateMessages(probability=1, delay_s=Constant(value=0.5), begin_s=0)
    cluster = stream_of(make(fault, network=network), send, 50)

    assert [int(row["message_kind"]) for row in cluster.trace.rows("deliver")] == sorted([*range(50), *range(50)])
