"""Scenarios: a job on some cluster under some faults that can happen to it."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from simcluster.cluster import ClusterSpec, Job
from simcluster.scenario import Scenario
from simcluster.testing.cluster import clusters
from simcluster.testing.fault import Kinds, names_programs, possible, several
from simcluster.testing.ground import Ground
from simcluster.testing.values import Fields


@st.composite
def scenarios(
    draw: DrawFn,
    job: Callable[[ClusterSpec], Job],
    last_s: float,
    horizon_s: float,
    cluster: SearchStrategy[ClusterSpec] | None = None,
    max_faults: int = 6,
    kinds: Kinds | None = None,
    fields: Fields | None = None,
) -> Scenario:
    """Scenarios of a job on some cluster under some faults that are all over by ``last_s``.

    Faults are of what the cluster has, its links, racks and limited memories among them; of the job's programs when
    ``kinds`` names such a kind, for whose sake the job is started while the scenario is drawn.
    ``job(cluster)`` makes the job for a cluster. ``cluster`` draws that, by default as ``clusters()`` does.
    """
    spec = draw(clusters() if cluster is None else cluster)
    scenario = Scenario(cluster=spec, job=job(spec), horizon_s=horizon_s)
    asks = any(names_programs(kind) for kind in kinds or ())
    fault = possible(Ground.of(scenario if asks else spec), last_s, kinds, fields or {})
    return scenario if fault is None else scenario.under(draw(several(fault, max_faults)))
