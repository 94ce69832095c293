"""A story has the few records that matter, each message in one line with what became of it."""

import pytest

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, nodes
from simcluster.engine import Constant, Spec
from simcluster.faults import CrashNode, LoseMessages
from simcluster.measurement import story


class Asks(Spec):
    """The first node sends each other a message twice a second, and writes down that it has."""

    times: int = 3

    def start(self, cluster, seed):
        first, *others = cluster.nodes.values()

        def ask(node):
            for turn in range(self.times):
                for other in others:
                    node.send(other.name, "hello", turn)
                cluster.trace.recorder("asked", "turn")(turn)
                yield node.timer(0.5)

        first.boot(ask)
        return cluster.env.timeout(self.times * 0.5)


def rows(*faults, times=3):
    network = NetworkSpec(latency=Constant(value=0.1))
    job = Asks(times=times)
    scenario = Scenario(cluster=ClusterSpec(nodes=nodes("n", 3), network=network), job=job, faults=faults)
    return list(run(scenario, 0).trace.rows())


def test_a_message_is_one_line_with_its_fate_and_those_who_get_the_same_at_once_share_it():
    assert story(rows(LoseMessages(probability=1, begin_s=0.4, end_s=0.6))).splitlines() == [
        "           0 s  n-0 → n-1, n-2  hello, delivered after 0.1 s",
        "           0 s  asked: turn 0",
        "         0.4 s  LoseMessages begins",
        "         0.5 s  n-0 → n-1, n-2  hello, dropped (loss)",
        "         0.5 s  asked: turn 1",
        "         0.6 s  LoseMessages ends",
        "           1 s  n-0 → n-1, n-2  hello, delivered after 0.1 s",
        "           1 s  asked: turn 2",
    ]


def test_a_story_ends_with_the_record_that_it_leads_to():
    trace = rows()
    [_, second, _] = [row for row in trace if row["kind"] == "asked"]

    assert story(trace, second).splitlines()[-2:] == [
        "         0.5 s  n-0 → n-1, n-2  hello",
        "         0.5 s  asked: turn 1",
    ]


def test_what_went_wrong_long_ago_is_kept_of_a_long_run_and_what_is_left_out_is_counted():
    told = story(rows(CrashNode(node="n-1", begin_s=0.05, end_s=0.3), times=100), lines=6).splitlines()

    assert told[:4] == [
        "           0 s  n-0 → n-1  hello, dropped after 0.1 s (target_down)",
        "           …    (2 left out)",
        "        0.05 s  CrashNode begins; n-1 is down",
        "         0.3 s  CrashNode ends; n-1 is up",
    ]
    assert told[4].endswith("left out)")
    assert told[-1].endswith("asked: turn 99")
    assert sum("left out" not in line for line in told) == 6


def test_a_story_of_no_lines_is_refused():
    with pytest.raises(ValueError, match="lines must be at least 3, got 2"):
        story([], lines=2)
