"""Tags, encryption and permissions: who may say what to whom, what is refused and recorded, and what it costs."""

import hashlib
import math

import numpy as np
import pytest

from simcluster import Scenario, plugins, run
from simcluster.cluster import (
    Cluster,
    ClusterSpec,
    Constant,
    Encryption,
    Hmac,
    NetworkSpec,
    NodeSpec,
    Role,
    nodes,
    run_checked,
)
from simcluster.engine import Environment, Trace
from simcluster.faults import PartitionNetwork, SpoofMessages
from tests.training.exchanges import finished, training

LINE = {"latency": Constant(value=0.1), "bandwidth_bytes_per_s": 1e3}
#: A message of 100 bytes takes each end 0.05 s, at 1e6 operations a second.
CIPHER = Encryption(bytes_per_message=20.0, flops_per_byte=500.0)


def made(network, count=3, **fields):
    spec = ClusterSpec(nodes=nodes("n", count, flops_per_s=1e6, **fields), network=network)
    env = Environment()
    return Cluster(env, spec, 0, Trace(env))


def heard(cluster, *sent, until_s=100.0):
    """When, whom and what node 1 hears of what is sent: (time, source, kind, body) each."""
    found = []

    def listen(node):
        while True:
            message = yield node.receive()
            found.append((round(node.env.now, 9), message.source, message.kind, message.body))

    cluster["n-1"].boot(listen)
    for time_s, source, kind, body in sent:
        cluster.env.call_later(
            time_s, lambda said: cluster[said[0]].send("n-1", said[1], said[2], size_bytes=100.0), (source, kind, body)
        )
    cluster.env.timeout(until_s)
    cluster.env.run(until_s)
    return found


def rows(cluster, *kinds):
    return list(cluster.trace.rows(*kinds))


# What it costs


def test_both_ends_pay_for_encryption_and_the_wire_carries_its_bytes():
    plain = heard(made(NetworkSpec(**LINE)), (0, "n-0", "word", 1))
    cluster = made(NetworkSpec(**LINE, encryption=CIPHER))
    hidden = heard(cluster, (0, "n-0", "word", 1))

    assert plain == [(0.2, "n-0", "word", 1)]  # the latency, and 100 bytes at 1000 a second
    assert hidden == [(0.05 + 0.1 + 0.12 + 0.05, "n-0", "word", 1)]
    assert [(row["node"], row["added_bytes"]) for row in rows(cluster, "seal")] == [("n-0", 20.0)]
    assert [(row["node"], row["begin_s"], row["time_s"]) for row in rows(cluster, "compute")] == [
        ("n-0", 0.0, 0.05), ("n-1", pytest.approx(0.27), pytest.approx(0.32)),
    ]  # fmt: skip


def test_a_tag_of_sha_256_weighs_32_bytes_and_takes_time_in_proportion_to_the_size():
    cluster = made(NetworkSpec(**LINE, authentication=Hmac(flops_per_byte=500.0)))

    assert heard(cluster, (0, "n-0", "word", 1)) == [(0.05 + 0.1 + 0.132 + 0.05, "n-0", "word", 1)]
    assert [row["added_bytes"] for row in rows(cluster, "seal")] == [32.0]
    assert Hmac(digest="sha512").tag_bytes == 64


def test_both_together_add_up_and_the_tag_is_of_the_encrypted_message():
    cluster = made(NetworkSpec(**LINE, authentication=Hmac(flops_per_byte=500.0), encryption=CIPHER))

    assert heard(cluster, (0, "n-0", "word", 1)) == [(0.05 + 0.06 + 0.1 + 0.152 + 0.11, "n-0", "word", 1)]


def test_a_node_seals_and_opens_one_message_at_a_time_and_shares_its_core_with_programs():
    network = NetworkSpec(latency=Constant(value=0.1), bandwidth_bytes_per_s=None, encryption=CIPHER)
    together = heard(made(network), (0, "n-0", "a", 1), (0, "n-0", "b", 2), (0, "n-2", "c", 3))
    cluster = made(network)

    def compute(node):
        yield node.busy(0.5)

    cluster["n-0"].boot(compute)

    assert [(time_s, kind) for time_s, _, kind, _ in together] == [(0.2, "a"), (0.25, "c"), (0.3, "b")]
    assert [(time_s, kind) for time_s, _, kind, _ in heard(cluster, (0, "n-0", "a", 1))] == [(0.7, "a")]


def test_what_a_node_sends_to_itself_costs_nothing_and_is_not_asked_about():
    cluster = made(NetworkSpec(**LINE, encryption=CIPHER, authentication=Hmac(), roles=(Role(name="r", nodes=("*",)),)))

    assert heard(cluster, (0, "n-1", "word", 1)) == [(0.0, "n-1", "word", 1)]
    assert rows(cluster, "seal", "refuse", "compute") == []


def test_the_ledger_of_a_run_has_the_time_and_still_adds_up():
    plain, sealed = (
        finished(network=NetworkSpec(encryption=cipher)) for cipher in (None, Encryption(flops_per_byte=10.0))
    )
    added_bytes = math.fsum(row["added_bytes"] for row in sealed.trace.rows("seal"))

    assert added_bytes == 28.0 * sealed.metrics["messages_sent"]
    # 1e9 operations a second at the server, 1e5 at the workers; what is opened has the bytes that were sealed.
    sizes = {row["message"]: row["size_bytes"] for row in sealed.trace.rows("send")}
    delivered = [(row["target"], sizes[row["message"]]) for row in sealed.trace.rows("deliver")]
    sent = [(row["source"], row["size_bytes"]) for row in sealed.trace.rows("send")]
    rate = {"server-0": 1e9}
    spent_s = math.fsum(10.0 * size / rate.get(node, 1e5) for node, size in [*sent, *delivered])
    assert sealed.metrics["computing_s"] - plain.metrics["computing_s"] == pytest.approx(spent_s, rel=1e-9)
    np.testing.assert_allclose(sealed.ledger.sum(axis=1), sealed.ended_s, rtol=1e-12)
    np.testing.assert_array_equal(sealed.outcome.parameters, plain.outcome.parameters)


def test_a_network_that_demands_nothing_is_the_plain_one():
    assert type(made(NetworkSpec()).network).__name__ == "Network"
    allowed = NetworkSpec(**LINE, roles=(Role(name="all", nodes=("*",), sends=("*",), receives=("*",)),))
    sent = [(0.1 * place, "n-0", "word", place) for place in range(5)]
    digests = []
    for network in (NetworkSpec(**LINE), allowed):
        cluster = made(network)
        heard(cluster, *sent)
        digests.append(cluster.trace.digest())

    assert digests[0] == digests[1]


# What goes wrong meanwhile


@pytest.mark.parametrize("order", ["datagram", "fifo"])
def test_what_a_node_was_sealing_when_it_crashed_is_lost_with_it(order):
    cluster = made(NetworkSpec(**LINE, order=order, encryption=CIPHER))
    cluster.env.call_later(0.07, lambda _: cluster["n-0"].crash())
    found = heard(cluster, (0, "n-0", "a", 1), (0, "n-0", "b", 2), (0.2, "n-2", "c", 3))

    assert [kind for _, _, kind, _ in found] == ["a", "c"]
    assert [(row["message_kind"], row["cause"]) for row in rows(cluster, "drop")] == [("b", "source_down")]


def test_what_a_node_was_opening_when_it_crashed_is_lost_and_what_comes_later_is_not():
    cluster = made(NetworkSpec(**LINE, encryption=CIPHER))
    cluster.env.call_later(0.3, lambda _: (cluster["n-1"].crash(), cluster["n-1"].restart()))
    found = heard(cluster, (0, "n-0", "a", 1), (0.2, "n-0", "b", 2))

    assert [kind for _, _, kind, _ in found] == ["b"]
    assert [(row["message_kind"], row["cause"]) for row in rows(cluster, "drop")] == [("a", "target_down")]


def test_a_pause_stops_sealing_and_opening_and_nothing_is_lost():
    for node in ("n-0", "n-1"):
        cluster = made(NetworkSpec(**LINE, encryption=CIPHER))
        for time_s, verb in ((0.01, "pause"), (0.29, "resume")):
            cluster.env.call_later(time_s, lambda what, on=cluster[node]: getattr(on, what)(), verb)
        (found,) = heard(cluster, (0, "n-0", "a", 1))
        assert found[0] == pytest.approx(0.32 + (0.28 if node == "n-0" else 0.02))


def test_what_was_held_is_sealed_but_once():
    cluster = made(NetworkSpec(**LINE, encryption=CIPHER))
    lift = PartitionNetwork(groups=(("n-0",),), crossing="hold", begin_s=0.0).begin(cluster, "0")
    cluster.env.call_later(1.0, lambda _: lift())

    assert heard(cluster, (0, "n-0", "a", 1)) == [(1.27, "n-0", "a", 1)]
    assert len(rows(cluster, "seal")) == 1


def test_a_program_that_is_killed_leaves_its_messages_to_be_sealed():
    cluster = made(NetworkSpec(**LINE, encryption=CIPHER))

    def talk(node):
        node.send("n-1", "word", 1, size_bytes=100.0)
        yield node.timer(9.0)

    cluster["n-0"].boot(talk)
    cluster.env.call_later(0.01, lambda _: cluster["n-0"].kill("talk"))

    assert heard(cluster) == [(0.32, "n-0", "word", 1)]


def test_who_answers_at_once_what_has_just_been_opened_seals_the_answer_after_it():
    cluster, found = made(NetworkSpec(**LINE, encryption=CIPHER)), []

    def answer(node):
        while True:
            node.reply((yield node.receive("question")), 7, size_bytes=100.0)

    def ask(node):
        asked = [node.request("n-1", "question", size_bytes=100.0) for _ in range(3)]
        for each in asked:
            found.append(((yield each).body, round(node.env.now, 9)))

    cluster["n-1"].boot(answer)
    cluster["n-0"].boot(ask)
    cluster.env.run(50.0)

    assert [body for body, _ in found] == [7, 7, 7]
    assert found[0][1] == 2 * 0.32


# Who may


def role(name, nodes, sends=(), receives=()):
    return Role(name=name, nodes=nodes, sends=sends, receives=receives)


def test_who_may_send_and_who_may_receive_is_asked_at_both_ends():
    roles = (role("talks", ("n-0",), sends=("word", "shout*")), role("hears", ("n-1",), receives=("word", "cry")),
             role("both", ("n-[12]",), receives=("shouted",)))  # fmt: skip
    cluster = made(NetworkSpec(**LINE, roles=roles))
    found = heard(cluster, (1, "n-0", "word", 1), (2, "n-0", "shouted", 2), (3, "n-0", "cry", 3),
                  (4, "n-0", "shout", 4), (5, "n-2", "word", 5))  # fmt: skip

    assert [body for _, _, _, body in found] == [1, 2]
    refused = [(round(row["time_s"], 9), row["message_kind"], row["reason"]) for row in rows(cluster, "refuse")]
    assert refused == [(3, "cry", "forbidden"), (4.2, "shout", "forbidden"), (5, "word", "forbidden")]
    assert [row["cause"] for row in rows(cluster, "drop")] == ["forbidden"] * 3


def test_who_speaks_in_the_name_of_one_who_may_is_let_through_unless_messages_are_tagged():
    roles = (role("victim", ("n-2",), sends=("word",)), role("hears", ("n-1",), receives=("word",)),
             role("other", ("n-0",), sends=("other",)))  # fmt: skip
    for authentication, count in ((None, 2), (Hmac(), 1)):
        cluster = made(NetworkSpec(**LINE, roles=roles, authentication=authentication))
        SpoofMessages(node="n-0", victim="n-2", how="replay", begin_s=0.0).begin(cluster, "0")
        assert len(heard(cluster, (1, "n-2", "word", 1))) == count


def test_who_speaks_in_the_name_of_one_who_may_not_is_refused_by_whoever_hears_it():
    roles = (role("talks", ("n-0",), sends=("word",)), role("hears", ("n-1",), receives=("word",)))
    cluster = made(NetworkSpec(**LINE, roles=roles))
    SpoofMessages(node="n-0", victim="n-2", begin_s=0.0).begin(cluster, "0")

    assert [source for _, source, _, _ in heard(cluster, (1, "n-0", "word", 1))] == ["n-0"]
    assert [(row["source"], row["reason"]) for row in rows(cluster, "refuse")] == [("n-2", "forbidden")]


def test_a_request_that_is_forbidden_fails_at_once_where_failures_are_reported():
    cluster, found = made(NetworkSpec(**LINE, failures="reported", roles=(role("none", ("*",)),))), []

    def ask(node):
        try:
            yield node.request("n-1", "question", timeout_s=5.0)
        except Exception as failure:
            found.append((type(failure).__name__, node.env.now, "forbidden" in str(failure)))

    cluster["n-0"].boot(ask)
    cluster.env.run(10.0)

    assert found == [("LinkDown", 0.0, True)]


def test_a_racks_role_is_its_nodes_and_a_node_that_joins_has_the_roles_of_its_name():
    roles = (role("rack", ("r",), sends=("a",)), role("named", ("new-*",), sends=("b",)),
             role("ear", ("n-1",), receives=("*",)))  # fmt: skip
    spec = ClusterSpec(nodes=(NodeSpec(name="n-0", rack="r"), NodeSpec(name="n-1"), NodeSpec(name="new-0")),
                       network=NetworkSpec(**LINE, roles=roles))  # fmt: skip
    env = Environment()
    cluster = Cluster(env, spec, 0, Trace(env))
    cluster.join(NodeSpec(name="new-1"))

    found = heard(cluster, *((1, name, kind, 0) for name in ("n-0", "new-0", "new-1") for kind in "ab"))

    assert sorted((source, kind) for _, source, kind, _ in found) == [("n-0", "a"), ("new-0", "b"), ("new-1", "b")]


def test_training_goes_on_where_all_that_it_sends_is_allowed_and_says_what_is_not():
    workers = role("worker", ("worker-*",), sends=("training.step",), receives=("training.step-reply",))
    server = role("server", ("server-0",), sends=("training.step-reply",), receives=("training.step",))
    allowed = finished(network=NetworkSpec(roles=(workers, server)))
    stopped = run(training(network=NetworkSpec(roles=(workers, server.replace(sends=()))), horizon_s=3.0), seed=0)

    assert allowed.digest == finished().digest
    assert [verdict.name for verdict in stopped.verdicts] == ["horizon", "messages refused"]
    assert set(stopped.series["refused"]["message_kind"]) == {"training.step-reply"}


@pytest.mark.parametrize(("fields", "message"), [
    ({"roles": (role("a", ("n-7",)),)}, r"roles.a must name a node of the cluster .* got 'n-7'"),
    ({"roles": (role("a", ("n-0",)), role("a", ("n-1",)))}, "roles must differ, got 'a' more than once"),
    ({"authentication": {"kind": "mac"}}, "hmac"),
    ({"encryption": {"kind": "encryption", "flops_per_byte": -1.0}}, "greater than or equal to 0|at least 0"),
])  # fmt: skip
def test_what_no_network_can_demand_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        made(NetworkSpec(**fields))


class Longer:
    """An authentication of one's own, which checks nothing but the first byte."""

    tag_bytes = 1

    def tag(self, key, text):
        return hashlib.sha256(key + text).digest()[:1]

    def flops(self, size_bytes):
        return 1e5


def twice_as_long(size_bytes):
    return size_bytes, 0.0


def test_a_tag_and_a_cipher_of_ones_own_serve_and_are_kept_in_files():
    cluster = made(NetworkSpec(**LINE, authentication=Longer(), encryption=twice_as_long))

    assert heard(cluster, (0, "n-0", "word", 1)) == [(0.1 + 0.1 + 0.201 + 0.1, "n-0", "word", 1)]
    with plugins(__name__):
        spec = NetworkSpec(encryption=twice_as_long, authentication=Hmac(), roles=(role("a", ("n-0",), ("k",)),))
        assert NetworkSpec.model_validate_json(spec.model_dump_json()) == spec


def test_every_invariant_holds_when_nothing_is_left_to_happen_on_a_paused_node():
    env = Environment()
    spec = ClusterSpec(nodes=nodes("n", 2, flops_per_s=1e6), network=NetworkSpec(**LINE, encryption=CIPHER))
    cluster = Cluster(env, spec, 0, Trace(env))
    cluster["n-0"].send("n-1", "word", 1)
    cluster["n-0"].send("n-1", "word", 2)
    cluster["n-1"].pause()

    run_checked(cluster)

    assert cluster.network.waiting == 2
    assert cluster.network.at_baseline


def test_a_scenario_with_all_of_it_gives_the_same_run_after_a_way_through_json():
    roles = (role("all", ("worker-*", "server-*"), ("*",), ("*",)),)
    cheap = CIPHER.replace(flops_per_byte=0.1)
    network = NetworkSpec(authentication=Hmac(digest="sha512", flops_per_byte=0.1), roles=roles, encryption=cheap)
    made = training((SpoofMessages(node="worker-0", victim="worker-1", begin_s=0.0),), network=network)
    again = Scenario.model_validate_json(made.model_dump_json())

    assert again == made
    assert run(again, seed=3).digest == run(made, seed=3).digest
