"""No clock runs backwards but by a step, whatever drifts and wander add up."""

from hypothesis import given
from hypothesis import strategies as st

from simcluster.cluster import ClockSpec, Cluster, ClusterSpec, NodeSpec
from simcluster.engine import Environment, Trace

rates = st.floats(-0.999, 3)
specs = st.builds(
    ClockSpec, drift=rates, wander_s=st.floats(0, 10), wander_period_s=st.floats(0.01, 10), offset_s=st.floats(-5, 5)
)


@given(specs, st.lists(st.tuples(st.booleans(), st.integers(0, 3), rates, st.floats(0, 1)), max_size=12))
def test_a_clock_never_runs_backwards_and_returns_to_its_specified_rate(spec, changes):
    env = Environment()
    clock = Cluster(env, ClusterSpec(nodes=(NodeSpec(name="n", clock=spec),)), 0, Trace(env))["n"].clock
    specified, drifting, before_s = clock._rate, set(), clock.now()
    for begins, key, rate, pass_s in changes:
        if begins:
            clock.drift(key, rate)
            drifting.add(key)
        elif key in drifting:
            clock.undrift(key)
            drifting.remove(key)
        env.run(until=env.now + pass_s + 1e-3)
        assert clock.now() > before_s
        before_s = clock.now()
    for key in drifting:
        clock.undrift(key)
    assert clock.at_baseline
    assert clock._rate == specified


def test_drifts_that_leave_the_clock_running_forward_add_exactly():
    env = Environment()
    clock = Cluster(env, ClusterSpec(nodes=(NodeSpec(name="n"),)), 0, Trace(env))["n"].clock
    clock.drift("a", 0.5)
    clock.drift("b", -0.25)
    env.run(until=4)
    assert clock.now() == 5.0
