"""Who may start a step: bulk-synchronous, stale-synchronous and asynchronous training as one function."""

from __future__ import annotations


def may_start(clock: int, slowest_clock: int, staleness: float) -> bool:
    """Whether a worker may start step ``clock`` when the slowest has completed ``slowest_clock`` steps.

    ``staleness`` 0 is bulk-synchronous (BSP: everyone waits for everyone), s is stale-synchronous (SSP: at most s
    steps ahead of the slowest), infinity is asynchronous (ASP). Source: Ho et al., "More effective distributed ML
    via a stale synchronous parallel parameter server", NIPS 2013.
    """
    return clock - slowest_clock <= staleness


def visible_before(clock: int, staleness: float) -> float:
    """The first clock whose updates a worker that starts step ``clock`` must not see.

    A read sees all updates up to clock - staleness - 1 and, as far as they have arrived, those up to
    clock + staleness - 1 (Ho et al. 2013, section 3). With staleness 0 the two bounds meet: a read sees exactly
    the steps before its own, in whatever order the network delivered them.
    """
    return clock + staleness
