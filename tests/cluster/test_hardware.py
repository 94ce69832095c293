"""Every class of hardware makes a node, and gives way to what is said."""

import pytest

from simcluster.cluster import NodeSpec, StorageSpec
from simcluster.cluster.machine.machine import HARDWARE


@pytest.mark.parametrize("name", sorted(HARDWARE))
def test_a_class_of_hardware_fills_in_what_is_not_given(name):
    filled = HARDWARE[name]
    node = NodeSpec(name="n", hardware=name, cores=3)

    assert node.cores == 3
    for field in set(filled) - {"cores", "storage"}:
        assert getattr(node, field) == filled[field]
    assert node.storage == StorageSpec(**filled["storage"])
