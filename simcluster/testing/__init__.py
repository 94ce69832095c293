"""Strategies for Hypothesis: clusters, faults, schedules and scenarios that shrink to something readable.

Needs Hypothesis: ``pip install simcluster[test]``. A property test of a job reads::

    @given(schedules(scenario, last_s=5.0), st.integers(0, 9))
    def test_no_acknowledged_write_is_lost(faults, seed):
        assert lost_writes(run(scenario.under(faults), seed)) == []

Times are mostly multiples of a hundredth of ``last_s``, so that faults often begin and end together and shrink to
round numbers; the rest are any floats. Fewer, earlier and shorter faults are simpler, and so are the kinds that are
named first.
"""

try:
    import hypothesis  # noqa: F401 - all that is below needs it
except ImportError as error:
    raise ImportError("simcluster.testing needs Hypothesis, which is missing: pip install simcluster[test]") from error

from simcluster.testing.cluster import clusters, networks, topologies
from simcluster.testing.fault import faults, links, schedules
from simcluster.testing.scenario import scenarios
from simcluster.testing.times import times_s
from simcluster.testing.values import distributions

__all__ = [
    "clusters",
    "distributions",
    "faults",
    "links",
    "networks",
    "scenarios",
    "schedules",
    "times_s",
    "topologies",
]
