"""Health checks: several in a row decide, so that one that flaps does not come and go."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.cluster import Cluster, ClusterSpec, Drop, nodes
from simcluster.engine import Environment, Trace
from simcluster.recovery import HealthChecks


def watched(checks, until_s, act=lambda cluster: None):
    """What n-0 is told of n-1 and n-2: (time, peer, suspected)."""
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 3)), 0, Trace(env))
    told, over, peers = [], env.event(), ("n-1", "n-2")

    def works(node):
        while True:
            yield node.timer(1.0)

    for peer in peers:
        cluster[peer].boot(works, "works")
    checks.start(cluster, "works", "n-0", peers, over)

    def tell(peer, suspected):
        told.append((round(env.now, 3), peer, suspected))

    cluster["n-0"].boot(lambda node: checks.run(node, "works", peers, tell, over), "watch")
    act(cluster)
    env.run(until=until_s)
    return told


def later(cluster, *steps):
    """Do each thing at its time."""
    for time_s, thing in steps:
        cluster.env.call_later(time_s, lambda _, thing=thing: thing(), None)


def test_three_failures_in_a_row_suspect_and_two_successes_clear():
    checks = HealthChecks(period_s=1.0, timeout_s=0.5, failures=3, successes=2)
    told = watched(
        checks, 12.0, lambda cluster: later(cluster, (2.5, cluster["n-1"].crash), (7.5, cluster["n-1"].restart))
    )

    # Checks at 0, 1, …; those at 3, 4 and 5 fail after half a second each; those at 8 and 9 are answered.
    assert [(peer, suspected) for _, peer, suspected in told] == [("n-1", True), ("n-1", False)]
    assert told[0][0] == pytest.approx(5.5)
    assert told[1][0] == pytest.approx(9.0, abs=0.1)


def test_a_peer_whose_program_is_dead_does_not_answer_though_its_node_lives():
    checks = HealthChecks(period_s=1.0, timeout_s=0.5, failures=2)
    told = watched(checks, 6.0, lambda cluster: later(cluster, (1.5, lambda: cluster["n-2"].kill("works"))))

    assert told == [(3.5, "n-2", True)]


class Flaps:
    """Loses the checks of n-1 whose numbers are listed."""

    def __init__(self, lost):
        self.lost, self.seen = lost, 0

    def __call__(self, message):
        if (message.target, message.kind) != ("n-1", "works.health"):
            return None
        self.seen += 1
        return Drop(cause="loss") if self.lost[self.seen - 1 : self.seen] == [True] else None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), max_size=40), st.integers(1, 4), st.integers(1, 4))
def test_what_is_told_is_what_counting_in_a_row_says(lost, failures, successes):
    checks = HealthChecks(period_s=1.0, timeout_s=0.5, failures=failures, successes=successes)
    told = watched(checks, len(lost) + 0.9, lambda cluster: cluster.network.add(Flaps(lost)))

    suspected, row, expected = False, 0, []
    for gone in lost:
        row = row + 1 if gone != suspected else 0
        if row == (successes if suspected else failures):
            suspected, row = gone, 0
            expected.append(suspected)
    said = [state for _, peer, state in told if peer == "n-1"]
    assert said[: len(expected)] == expected
    assert len(said) <= len(expected) + 1  # the checks after those listed are answered


def test_a_check_is_over_before_the_next():
    with pytest.raises(ValueError, match=r"timeout_s must be at most period_s = 0.1, got 0.2"):
        HealthChecks(timeout_s=0.2)
