"""What a run says of its end."""

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, nodes
from simcluster.engine import Spec


class Waits(Spec):
    """A job that works for two seconds, and then waits for what never comes."""

    def start(self, cluster, seed):
        def waits(node):
            yield node.timer(2.0)
            yield node.receive("never")

        cluster["n-0"].boot(waits)
        return cluster.env.event()


def test_a_deadlock_ends_when_nothing_is_left_and_not_at_the_horizon():
    scenario = Scenario(cluster=ClusterSpec(nodes=nodes("n", 1)), job=Waits(), horizon_s=100.0)

    for check in (False, True):
        result = run(scenario, 0, check=check)
        assert (result.ended, result.ended_s) == ("deadlock", 2.0)
