"""Every slow-down and throttle runs at every legal factor, under check, and scales by exactly what is given."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, nodes
from simcluster.faults import RotBits, SlowDisk, SlowNode, ThrottleBandwidth
from tests.busy import Busy

extremes = st.sampled_from([5e-324, 1e-300, 1e-17, 0.1, 1.0, 3e16, 1e300, 1.7e308]) | st.floats(
    min_value=0, exclude_min=True, allow_infinity=False
)


@pytest.mark.parametrize("fidelity", ["latency", "nic", "flow"])
@given(
    kind=st.sampled_from([SlowNode, SlowDisk, ThrottleBandwidth]),
    factors=st.tuples(extremes, extremes),
    discipline=st.sampled_from(["fcfs", "ps"]),
    ramp_s=st.sampled_from([0.0, 0.2]),
)
def test_two_that_overlap_run_at_any_factor(fidelity, kind, factors, discipline, ramp_s):
    ramp = {"ramp_s": ramp_s} if kind is SlowNode else {}
    faults = [
        kind(node="n-0", factor=factor, begin_s=begin_s, end_s=end_s, **ramp)
        for factor, begin_s, end_s in zip(factors, (0.1, 0.3), (0.6, 0.8), strict=True)
    ]
    cluster = ClusterSpec(nodes=nodes("n", 2, discipline=discipline), network=NetworkSpec(fidelity=fidelity))

    assert run(Scenario(cluster=cluster, job=Busy(), faults=tuple(faults)), 0, check=True).ended_s == 1.0


@given(st.floats(1e-200, 1e200))
def test_a_node_is_slowed_by_exactly_the_factor(factor):
    slow = SlowNode(node="n-0", factor=factor, begin_s=0.1, end_s=0.5)
    result = run(Scenario(cluster=ClusterSpec(nodes=nodes("n", 2)), job=Busy(), faults=(slow,)), 0)

    assert [row["speed"] for row in result.trace.rows("node")] == [1 / factor, 1.0]


def test_a_million_bits_rot_in_the_time_that_their_draws_take_and_more_are_refused():
    rot = RotBits(node="n-0", count=1_000_000, begin_s=0.5)
    job = Scenario(cluster=ClusterSpec(nodes=nodes("n", 2)), job=Busy(), trace_kinds=(), faults=(rot,))

    assert math.isfinite(run(job, 0).ended_s)
    with pytest.raises(ValueError, match="less than or equal to 1000000"):
        RotBits(node="n-0", count=10**9, begin_s=0.5)
