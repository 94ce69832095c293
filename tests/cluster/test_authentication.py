"""Tags: what is forged, replayed or damaged is refused and recorded, and what is learned stays what it was."""

import hashlib
import hmac

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.cluster import (
    Constant,
    Encryption,
    Exponential,
    Hmac,
    Message,
    NetworkSpec,
)
from simcluster.cluster.network.security import text_of
from simcluster.faults import (
    Byzantine,
    CorruptMessages,
    CrashNode,
    DuplicateMessages,
    PartitionNetwork,
    PauseNode,
    SpoofMessages,
)
from tests.cluster.test_security import LINE, heard, made, rows
from tests.training.exchanges import finished, parameters


def test_a_tag_is_that_of_the_standard_library():
    assert Hmac().tag(b"k", b"text") == hmac.new(b"k", b"text", hashlib.sha256).digest()


BODIES = [
    None, 1, True, 1.0, 0.0, -0.0, "1", b"1", (1,), (1, 2), ((1,), 2), (1, (2,)), ("ab", "c"), ("a", "bc"), {"a": 1},
    {"a": 2}, np.array([1.0]), np.array([[1.0]]), np.array([1]), np.array([1.0], dtype=">f8"), np.array([0.0]),
    np.array([-0.0]), np.ma.MaskedArray([1.0], [True]), np.ma.MaskedArray([1.0], [False]),
    np.array([(1,), "a"], dtype=object), Constant(value=1.0), Constant(value=2.0), Message(1, "a", "b", "c", None, 1.0),
]  # fmt: skip


def test_no_two_messages_that_differ_have_the_same_text():
    said = [Message(7, "a", "b", "c", body, 64.0) for body in BODIES]
    said += [said[0]._replace(source="x"), said[0]._replace(kind="x"), said[0]._replace(target="x"),
             said[0]._replace(request_id=1), said[0]._replace(reply_to=1)]  # fmt: skip
    texts = [text_of(message, 7) for message in said] + [text_of(said[0], 8)]

    assert len(set(texts)) == len(texts)
    assert text_of(Message(7, "a", "b", "c", np.ones((2, 3)).T, 1.0), 7) == text_of(
        Message(7, "a", "b", "c", np.ones((3, 2)), 1.0), 7
    )


def forged(network, **fields):
    cluster = made(network)
    SpoofMessages(node="n-0", victim="n-2", begin_s=0.0, **fields).begin(cluster, "0")
    return cluster


def test_without_tags_a_node_speaks_in_anothers_name_and_with_them_it_is_refused():
    sent = (1.0, "n-0", "word", (1, 0.5))
    bare, tagged = forged(NetworkSpec(**LINE)), forged(NetworkSpec(**LINE, authentication=Hmac()))

    assert [said[1:] for said in heard(bare, sent)] == [("n-0", "word", (1, 0.5)), ("n-2", "word", (1, -5.0))]
    assert [said[1:] for said in heard(tagged, sent)] == [("n-0", "word", (1, 0.5))]
    (refused,) = rows(tagged, "refuse")
    assert (refused["source"], refused["target"], refused["reason"]) == ("n-2", "n-1", "forged")
    assert [row["cause"] for row in rows(tagged, "drop")] == ["forged"]


def test_a_message_that_is_replayed_is_heard_once_where_it_is_tagged():
    sent = (1.0, "n-2", "word", (1, 0.5))
    bare, tagged = (
        forged(network, how="replay") for network in (NetworkSpec(**LINE), NetworkSpec(**LINE, authentication=Hmac()))
    )

    assert len(heard(bare, sent)) == 2
    assert len(heard(tagged, sent)) == 1
    assert [row["reason"] for row in rows(tagged, "refuse")] == ["replayed"]


def test_what_is_replayed_in_the_place_of_what_was_lost_is_heard():
    # It is the victim's own word, as it was: no tag tells that it has come another way.
    cluster = made(NetworkSpec(**LINE, authentication=Hmac()))
    SpoofMessages(node="n-0", victim="n-2", how="replay", begin_s=0.0).begin(cluster, "0")
    PartitionNetwork(groups=(("n-2",),), begin_s=0.0).begin(cluster, "1")

    assert [said[1:] for said in heard(cluster, (1.0, "n-2", "word", 0.5))] == [("n-2", "word", 0.5)]


def test_damage_that_no_checksum_shows_is_refused_and_a_liars_own_words_are_not():
    for fault, count in ((CorruptMessages(probability=1.0, detected=False, begin_s=0.0), 0),
                         (Byzantine(node="n-0", adversary="negate", strength=1.0, begin_s=0.0), 1)):  # fmt: skip
        cluster = made(NetworkSpec(**LINE, authentication=Hmac()))
        fault.begin(cluster, "0")
        found = heard(cluster, (1.0, "n-0", "word", 0.5))
        assert [said[3] for said in found] == [-0.5] * count
        assert [row["reason"] for row in rows(cluster, "refuse")] == ["forged"] * (1 - count)


def test_copies_that_the_network_makes_are_refused_and_requests_still_have_one_answer():
    cluster, found = made(NetworkSpec(**LINE, authentication=Hmac())), []
    DuplicateMessages(probability=1.0, delay_s=Constant(value=0.05), begin_s=0.0).begin(cluster, "0")

    def answer(node):
        while True:
            node.reply((yield node.receive("question")), 7)

    def ask(node):
        found.append((yield node.request("n-1", "question")).body)

    cluster["n-1"].boot(answer)
    cluster["n-0"].boot(ask)
    cluster.env.run(50.0)

    assert found == [7]
    assert [row["reason"] for row in rows(cluster, "refuse")] == ["replayed", "replayed"]


SPOOFED = SpoofMessages(node="worker-0", victim="worker-1", begin_s=0.0)
#: Cheap: the workers of these tests do but 1e5 operations in a second.
TAGGED = NetworkSpec(authentication=Hmac(flops_per_byte=0.1))


def test_a_forger_ruins_training_unless_messages_are_tagged_and_the_run_says_so():
    calm = finished()
    ruined = finished((SPOOFED,))
    saved = finished((SPOOFED,), network=TAGGED)

    assert ruined.outcome.loss > 2 * calm.outcome.loss
    np.testing.assert_array_equal(saved.outcome.parameters, calm.outcome.parameters)
    (verdict,) = saved.verdicts
    assert verdict.name == "messages refused"
    count = len(list(saved.trace.rows("refuse")))
    assert verdict.sentence == f"messages were refused: forged {count}"
    assert list(saved.series["refused"].columns) == ["time_s", "message", "source", "target", "message_kind", "reason"]
    assert len(saved.series["refused"]) == count >= 8
    assert "refused" not in calm.series


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.builds(SpoofMessages, node=st.just("worker-*"), victim=st.sampled_from(["worker-1", "server-0"]),
                      how=st.sampled_from(["forge", "replay"]), delay_s=st.floats(0, 0.1), begin_s=st.floats(0, 0.2)),
            st.builds(CorruptMessages, probability=st.floats(0, 0.5), detected=st.booleans(), begin_s=st.floats(0, 0.2),
                      end_s=st.floats(0.3, 1)),
            st.builds(DuplicateMessages, probability=st.floats(0, 1), begin_s=st.floats(0, 0.2)),
            st.builds(CrashNode, node=st.sampled_from(["server-0", "worker-1", "worker-2"]), begin_s=st.floats(0, 0.2),
                      end_s=st.floats(0.3, 1)),
            st.builds(PauseNode, node=st.sampled_from(["server-0", "worker-0"]), begin_s=st.floats(0, 0.2),
                      end_s=st.floats(0.3, 1)),
        ),
        min_size=1, max_size=5,
    ),
    st.sampled_from(["datagram", "fifo"]), st.sampled_from(["nic", "latency", "flow"]),
)  # fmt: skip
def test_no_schedule_of_spoofing_damage_and_crashes_changes_one_bit_of_what_is_tagged(schedule, order, fidelity):
    network = NetworkSpec(
        authentication=Hmac(flops_per_byte=0.1), encryption=Encryption(flops_per_byte=0.1), order=order,
        fidelity=fidelity, latency=Exponential(mean=0.002),
    )
    found = finished(schedule, network=network, check=True)

    np.testing.assert_array_equal(found.outcome.parameters, parameters())


