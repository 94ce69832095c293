"""How long a transfer is expected to take is how long it takes when nothing else is under way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.cluster import Cluster, ClusterSpec
from simcluster.engine import Environment, Exponential, Trace
from simcluster.testing import clusters


@pytest.mark.parametrize("fidelity", ["latency", "nic", "flow"])
@given(data=st.data())
def test_a_message_alone_takes_as_long_as_is_expected(fidelity, data):
    spec = data.draw(clusters(2, 5))
    network = spec.network.replace(fidelity=fidelity, loss_probability=0.0)
    if not hasattr(network.latency, "value"):
        network = network.replace(latency={"kind": "constant", "value": network.latency.mean})
    cluster = Cluster(Environment(), spec.replace(network=network), 0, Trace(Environment(), ()))
    source, target = (data.draw(st.sampled_from(spec.names)) for _ in range(2))
    size_bytes, came_s = data.draw(st.floats(1.0, 1e6)), []

    def listen(node):
        yield node.receive("x")
        came_s.append(cluster.env.now)

    cluster[target].boot(listen, "listen")
    cluster[source].send(target, "x", size_bytes=size_bytes)
    cluster.env.run()

    assert came_s == [pytest.approx(cluster.network.expected_s(source, target, size_bytes), rel=1e-9, abs=1e-12)]


def test_a_latency_that_is_drawn_counts_with_its_mean_and_no_bandwidth_costs_nothing():
    spec = ClusterSpec(nodes=({"name": "a"}, {"name": "b"}))
    network = spec.network.replace(latency=Exponential(mean=0.3), bandwidth_bytes_per_s=None)
    cluster = Cluster(Environment(), spec.replace(network=network), 0, Trace(Environment(), ()))

    assert cluster.network.expected_s("a", "b", 1e9) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="target must be a node of the cluster, got 'c'"):
        cluster.network.expected_s("a", "c", 1.0)
