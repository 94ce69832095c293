import pytest

from simcluster.faults import CrashNode, LoseRack, PauseNode, SlowNode
from tests.faults.conftest import delivered, dropped


def states(cluster, name):
    return [(row["time_s"], row["state"]) for row in cluster.trace.rows("node") if row["node"] == name]


@pytest.mark.parametrize("target", ["rack-0", "n-[01]"])
def test_a_crash_takes_all_nodes_that_its_target_means(make, target):
    cluster = make(CrashNode(node=target, begin_s=1, end_s=2))
    cluster.env.run(1.5)

    assert [node.state for node in cluster.nodes.values()] == ["down", "down", "up"]


def test_a_lost_rack_takes_its_nodes_down_together_and_up_again(make):
    cluster = make(LoseRack(rack="rack-0", begin_s=1, end_s=2))
    cluster.env.run()

    assert states(cluster, "n-0") == states(cluster, "n-1") == [(1, "down"), (2, "up")]
    assert states(cluster, "n-2") == []


def test_a_node_is_no_rack(make):
    with pytest.raises(ValueError, match=r"rack must name a rack or a zone .*'rack-0', 'here'.*, got 'n-0'"):
        make(LoseRack(rack="n-0", begin_s=1))


@pytest.mark.parametrize(("fault", "cause"), [(CrashNode, "node_down"), (PauseNode, "paused")])
def test_what_is_in_flight_to_a_node_is_delivered_dropped_or_held(make, send, fault, cause):
    for in_flight in ("deliver", "drop", "hold"):
        cluster = make(fault(node="n-1", begin_s=0.5, end_s=5, in_flight=in_flight))
        send(cluster, 0, 0, 1, "to")
        send(cluster, 0, 1, 0, "from")
        send(cluster, 0, 0, 2, "beside")
        cluster.env.run()

        assert delivered(cluster)["beside"] == 1
        if in_flight == "deliver":
            assert delivered(cluster)["from"] == 1
            assert dropped(cluster).get("to") == ("target_down" if fault is CrashNode else None)
        elif in_flight == "drop":
            assert dropped(cluster) == {"to": cause, "from": cause}
        else:
            assert delivered(cluster) == {"beside": 1, "to": 6, "from": 6}


def test_a_node_slows_down_gradually(make):
    cluster = make(SlowNode(node="n-0", factor=5, begin_s=1, end_s=10, ramp_s=4, ramp_steps=4))
    cluster.env.run()

    rows = [(row["time_s"], row["speed"]) for row in cluster.trace.rows("node")]
    assert rows == [(1, 1), (2, 1 / 2), (3, 1 / 3), (4, 1 / 4), (5, 1 / 5), (10, 1)]


def test_a_ramp_must_fit_into_the_fault():
    with pytest.raises(ValueError, match=r"ramp_s must be at most end_s - begin_s \(1.0\), got 2.0"):
        SlowNode(node="n-0", factor=5, begin_s=1, end_s=2, ramp_s=2)


def test_a_fault_on_a_node_that_has_left_does_nothing(make):
    cluster = make(CrashNode(node="n-0", begin_s=1, end_s=2), PauseNode(node="rack-0", begin_s=1, end_s=3))
    cluster.leave("n-0")
    cluster.env.run()

    assert states(cluster, "n-1") == [(1, "paused"), (3, "up")]
    assert cluster.at_baseline
