"""What is sealed is frozen once: the same for all who get it, however often it travels and is written."""

import numpy as np
import pytest

from simcluster.cluster import Cluster, ClusterSpec, nodes
from simcluster.cluster.messages.message import Sealed, freeze
from simcluster.engine import Environment, Trace


def test_it_has_the_value_and_the_size_of_what_it_was_made_of_and_keeps_them():
    array = np.arange(6.0)
    sealed = Sealed({"rows": [array, 1]})

    assert sealed.size_bytes == freeze({"rows": [array, 1]})[1] == 48 + 8 + len("rows")
    array[0] = 9.0
    assert sealed.value["rows"][0][0] == 0.0
    assert not sealed.value["rows"][0].flags.writeable
    assert repr(Sealed((1, "a"))) == "Sealed((1, 'a'))"
    for name in ("value", "size_bytes", "other"):
        with pytest.raises(AttributeError, match=f"what is sealed must stay as it is, got {name} = 1"):
            setattr(sealed, name, 1)


def test_it_may_stand_for_something_larger_and_weighs_as_much():
    sealed = Sealed(7, 1e9)

    assert (sealed.value, sealed.size_bytes) == (7, 1e9)
    assert freeze((sealed, 1.0))[1] == 1e9 + 8
    for size_bytes in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"size_bytes must be finite and at least 0, got {size_bytes}"):
            Sealed(7, size_bytes)


def test_what_cannot_be_frozen_cannot_be_sealed():
    with pytest.raises(TypeError, match="a message carries"):
        Sealed({1, 2})


def test_to_freeze_it_again_gives_itself_alone_and_within_others():
    sealed = Sealed(np.zeros(10))

    assert freeze(sealed) == (sealed, 80.0)
    whole, size_bytes = freeze(("x", sealed, [sealed]))
    assert whole[1] is sealed
    assert whole[2][0] is sealed
    assert size_bytes == 1 + 80 + 80


def test_all_who_are_sent_it_and_the_disk_have_the_same_arrays_at_the_weight_of_the_value():
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 3)), 0, Trace(env))
    sealed, plain = Sealed(np.zeros(100)), np.zeros(100)
    got = []

    def hear(node):
        while True:
            message = yield node.receive("seal", "plain")
            got.append(message)

    def tell(node):
        for target in ("n-1", "n-2"):
            node.send(target, "seal", sealed)
        node.send("n-1", "plain", plain)
        yield node.storage.write("key", sealed)
        got.append((yield node.storage.read("key")))

    for name in ("n-1", "n-2"):
        cluster[name].boot(hear)
    cluster["n-0"].boot(tell)
    env.run(until=1.0)

    messages = [each for each in got if each is not sealed]
    assert len(got) - len(messages) == 1
    weights = {each.kind: each.size_bytes for each in messages}
    assert weights["seal"] == weights["plain"]
    arrays = [each.body.value for each in messages if each.kind == "seal"]
    assert len(arrays) == 2
    assert all(each is sealed.value for each in arrays)
