"""Every kind of fault runs, under check, at the ends of what its fields allow."""

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, OneSwitch
from simcluster.engine import InvalidSpec
from simcluster.faults import Swarm
from simcluster.faults.vocabulary import KINDS
from tests.busy import Busy

NAMES = ("n-0", "n-1", "n-2", "n-3")
FLOATS = (0.0, 5e-324, 1e-300, 1e-9, 0.1, 0.5, 1.0, 1.5, 1e9, 1e300, 1.7e308, -1e-9, -0.5, -1e300)
WHOLE = (0, 1, 2, 3, 64, 1000)


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(max_examples=20, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(
    data=st.data(),
    seed=st.integers(0, 5),
    fidelity=st.sampled_from(["latency", "nic", "flow"]),
    failures=st.sampled_from(["silent", "reported"]),
    order=st.sampled_from(["datagram", "fifo"]),
)
def test_every_kind_of_fault_runs_at_every_legal_value(kind, data, seed, fidelity, failures, order):
    links = tuple(f"{name}->switch" for name in NAMES)
    swarm = Swarm(
        nodes=NAMES, horizon_s=1, kinds=(kind,), include=1, links=links, racks={"left": NAMES[:2]},
        programs={"n-0": ("work",)}, limited=NAMES[2:],
    )  # fmt: skip
    drawn = swarm.draw(seed)
    if not drawn:
        reject()
    given_fields = drawn[0].model_dump()
    numbers = [name for name, value in given_fields.items() if type(value) in (int, float)]
    name = data.draw(st.sampled_from(numbers))
    value = data.draw(st.sampled_from(WHOLE if type(given_fields[name]) is int else FLOATS))
    try:
        fault = type(drawn[0]).model_validate(given_fields | {name: value})
    except InvalidSpec:
        reject()
    racks = ("left", "left", "right", "right")
    machines = tuple(
        NodeSpec(name=node, rack=rack, memory_bytes=None if node in NAMES[:2] else 1e6)
        for node, rack in zip(NAMES, racks, strict=True)
    )
    network = NetworkSpec(fidelity=fidelity, failures=failures, order=order, topology=OneSwitch())
    scenario = Scenario(
        cluster=ClusterSpec(nodes=machines, network=network), job=Busy(), faults=(fault,), trace_kinds=None
    )

    assert run(scenario, 0, check=True).ended_s == 1.0
