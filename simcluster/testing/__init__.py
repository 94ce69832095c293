"""Property tests by Hypothesis: strategies for clusters, faults, schedules and scenarios, and how to ask a property.

Needs Hypothesis: ``pip install simcluster[test]``. A property yields once for each check that it makes of a result
(``simcluster.faults.Property``), and a test of it reads::

    def test_no_acknowledged_write_is_lost():
        check_property(reads_see_writes, schedules(scenario, last_s=5.0).map(scenario.under))

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
from simcluster.testing.property import Violated, assert_holds, check_property
from simcluster.testing.scenario import scenarios
from simcluster.testing.times import times_s
from simcluster.testing.values import distributions

__all__ = [
    "Violated",
    "assert_holds",
    "check_property",
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
