"""A replicated server: who serves is replaced by who has its state, and a wrong suspicion costs time and no bit."""

import math

import numpy as np
import pytest
from training.exchanges import NUMBERS, SERVERS, finished, parameters, training

from simcluster import load_scenario, run, save_scenario
from simcluster.cluster import Cluster, ClusterSpec, NetworkSpec, nodes
from simcluster.engine import Constant, Environment, Trace
from simcluster.faults import CrashNode, CutOneWay, KillProgram, PartitionNetwork, PauseNode
from simcluster.learning import KMeans, Momentum
from simcluster.recovery import Checkpoints, Heartbeats, Timeout
from simcluster.training import (
    BoundedStaleness,
    KSync,
    LocalSteps,
    Replicated,
    ReplicatedServer,
    Ringmaster,
    TopK,
    Training,
)
from simcluster.training.exchange.surviving.fenced_ledger import Deposed, FencedLedger

STEPS = 20
DETECTOR = Heartbeats(period_s=0.01, suspicion=Timeout(after_s=0.05))
REPLICATED = ReplicatedServer(servers=SERVERS, retry_s=0.05, detector=DETECTOR)
FIRST, SECOND, THIRD = SERVERS
WORKERS = tuple(f"worker-{place}" for place in range(4))


def under(*faults, **fields):
    return finished(faults, check=True, **{"exchange": REPLICATED, "steps": STEPS, **fields})


def leads(result):
    return [(row["node"], row["term"], row["clock"]) for row in result.trace.rows("lead")]


def alone(**fields):
    return parameters(steps=STEPS, **fields).tobytes()


@pytest.mark.parametrize("fields", [{}, {"optimiser": Momentum()}, {"model": KMeans(clusters=3), "batch_size": None}])
def test_replicated_servers_learn_what_one_does_to_the_last_bit(fields):
    result = under(**fields)

    assert result.outcome.parameters.tobytes() == alone(**fields)
    assert leads(result) == [(FIRST, 0, 0)]


GONE = CrashNode(node=FIRST, begin_s=0.1)
KILLED = KillProgram(node=FIRST, program="training.server", begin_s=0.1, end_s=0.3)
SCHEDULES = {
    "gone for good": ([GONE], [(FIRST, 0), (SECOND, 1)]),
    "the next one too": ([GONE, CrashNode(node=SECOND, begin_s=0.2)], [(FIRST, 0), (SECOND, 1), (THIRD, 2)]),
    "the next one before it serves": ([GONE, CrashNode(node=SECOND, begin_s=0.12)], [(FIRST, 0), (THIRD, 2)]),
    "the next one as it takes over": ([GONE, CrashNode(node=SECOND, begin_s=0.1605)], [(FIRST, 0), (THIRD, 2)]),
    "a short crash": ([CrashNode(node=FIRST, begin_s=0.1, end_s=0.105)], [(FIRST, 0), (FIRST, 3)]),
    "a program": ([KILLED], [(FIRST, 0), (SECOND, 1)]),
    "a backup": ([CrashNode(node=SECOND, begin_s=0.1, end_s=0.2), CrashNode(node=THIRD, begin_s=0.1)], [(FIRST, 0)]),
    "all but the last": ([GONE, CrashNode(node=SECOND, begin_s=0.1)], [(FIRST, 0), (THIRD, 2)]),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_server_that_is_gone_is_replaced_and_no_bit_changes(name):
    faults, served = SCHEDULES[name]
    result = under(*faults)

    assert result.outcome.parameters.tobytes() == alone()
    assert [(node, term) for node, term, _ in leads(result)] == served
    # Whoever takes over goes on from the last complete step, and asks for none of those before again.
    begun = [(row["worker"], row["clock"]) for row in result.trace.rows("step")]
    assert len(begun) <= STEPS * len(WORKERS) + len(WORKERS)


def test_a_server_is_replaced_after_detection_and_a_worker_s_retry():
    result = under(GONE)
    (_, took_over) = [row["time_s"] for row in result.trace.rows("lead")]

    # Silence is judged each period, from the last heartbeat that came, and two messages go to and fro before it serves.
    assert 0.1 + 0.05 - 0.01 < took_over < 0.1 + 0.05 + 2 * 0.01 + 0.005
    first_after = min(row["time_s"] for row in result.trace.rows("contribution") if row["time_s"] > took_over)
    assert first_after < took_over + 2 * 0.05 + 0.01


WRONG = {
    "a pause": PauseNode(node=FIRST, begin_s=0.1, end_s=0.25),
    "servers apart": PartitionNetwork(groups=((FIRST, *WORKERS), (SECOND, THIRD)), begin_s=0.05, end_s=0.15),
    "workers divided": PartitionNetwork(
        groups=((FIRST, *WORKERS[:2]), (SECOND, THIRD, *WORKERS[2:])), begin_s=0.05, end_s=0.3
    ),
    "one way": CutOneWay(senders=(FIRST,), receivers=(SECOND,), begin_s=0.05, end_s=0.2),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("fields", [{}, {"local": LocalSteps(steps=2)}], ids=["", "local"])
def test_a_wrong_suspicion_costs_time_and_no_bit(name, fields):
    result = under(WRONG[name], **fields)

    assert result.outcome.parameters.tobytes() == alone(**fields)
    assert any(node != FIRST for node, _, _ in leads(result))
    assert result.ended_s >= under(**fields).ended_s
    terms = [term for _, term, _ in leads(result)]
    assert len(terms) == len(set(terms))
    assert all(SERVERS[term % 3] == node for node, term, _ in leads(result))


def test_whoever_serves_on_alone_hears_of_the_later_term_and_its_longer_history_stays():
    apart = PartitionNetwork(groups=((FIRST, *WORKERS), (SECOND, THIRD)), begin_s=0.05, end_s=0.15)
    result = under(apart, steps=40)
    (_, second, third, *_), (_, _, third_s, *_) = leads(result), [row["time_s"] for row in result.trace.rows("lead")]

    assert second[:2] == (SECOND, 1)
    # Training went on with the first meanwhile: who took over has its steps when it is heard again, in a new term.
    assert third[2] > second[2]
    assert third[1] > 1
    # It hears of them with the step that is complete first after a heartbeat, 10 ms each, and begins at once.
    assert third_s < 0.15 + 0.01 + 0.02
    assert result.outcome.parameters.tobytes() == parameters(steps=40).tobytes()


def test_all_at_once_begin_anew_or_from_what_was_kept():
    all_at_once = [CrashNode(node=server, begin_s=0.1, end_s=0.15) for server in SERVERS]
    anew, kept = under(*all_at_once), under(*all_at_once, recovery=Checkpoints(every=2))

    assert leads(anew)[-1] == (FIRST, 0, 0)
    assert list(kept.trace.rows("restore"))
    begun = [len(list(result.trace.rows("step"))) for result in (kept, anew)]
    assert begun[0] <= STEPS * len(WORKERS) + 3 * len(WORKERS) < begun[1]  # every second step was kept
    for result in (anew, kept):
        assert result.outcome.parameters.tobytes() == alone()


@pytest.mark.parametrize(
    "waiting", [BoundedStaleness(staleness=math.inf), BoundedStaleness(staleness=2), KSync(k=2), Ringmaster(delay=3)]
)
@pytest.mark.parametrize("name", ["gone for good", "the next one too"])
def test_training_that_does_not_wait_goes_on_too(waiting, name):
    result = under(*SCHEDULES[name][0], waiting=waiting)
    plain = finished(steps=STEPS, waiting=waiting)

    assert result.outcome.steps == STEPS
    assert result.outcome.loss == pytest.approx(plain.outcome.loss, rel=0.25)


def test_each_step_sends_every_backup_a_checkpoint():
    rows = [row for row in under().trace.rows("send") if row["message_kind"] == "training.state"]
    sent = [row["size_bytes"] for row in rows if row["source"] == FIRST and row["size_bytes"] > 8 * NUMBERS]

    assert len(sent) == 2 * (STEPS - 1)  # nobody has to know the last step
    assert all(8 * NUMBERS < size_bytes < 8 * NUMBERS + 400 for size_bytes in sent)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"servers": (FIRST, FIRST)}, "servers must differ, and be none of the workers, got"),
        ({"servers": (FIRST, "worker-0")}, "servers must differ, and be none of the workers, got"),
        ({"servers": (FIRST,)}, "servers"),
        ({"detector": None}, "detector"),
        ({"detector": "heartbeat"}, "kind must be one of"),
    ],
)
def test_servers_that_make_no_sense_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        training(exchange={"kind": "replicated_server", "servers": SERVERS, **fields})


def test_a_detector_of_workers_is_refused_for_no_server_stays():
    with pytest.raises(ValueError, match=r"detector must be None with replicated_server, .*; that of servers is"):
        training(exchange=REPLICATED, detector=Heartbeats())
    with pytest.raises(ValueError, match="detector must say who is gone where rows are replicated"):
        training(exchange=REPLICATED, sharding=Replicated())


def test_what_a_compression_has_left_out_is_not_lost_with_the_server():
    """The contributions that are on their way count at the next server, so that no worker does a step anew."""
    result = under(GONE, compression=TopK(share=0.4))

    assert not any(verdict.name == "forgotten" for verdict in result.verdicts)
    assert result.outcome.parameters.tobytes() == alone(compression=TopK(share=0.4))


def test_a_replicated_server_is_written_to_a_file_and_read_back(tmp_path):
    scenario = training(exchange=REPLICATED)
    save_scenario(tmp_path / "s.yaml", scenario)

    assert load_scenario(tmp_path / "s.yaml") == scenario


def ledger(before=(), deposed=lambda: False, **fields):
    env = Environment()
    whole = Training(training(**fields).job, 0, env.event(), Trace(env, ()))
    made = FencedLedger(whole, deposed)
    if before:
        made.restore(3, (), (3, 3, 3, 3), (whole.initial, np.empty(0), np.empty(0)), before)
    return made


def test_contributions_count_that_belong_to_the_history_and_no_others():
    found, something = ledger(before=((7, 2), (9, 5))), np.zeros((5, 3))

    assert not found.accept("worker-0", 3, something, (8, 0))  # a life that nobody here comes from
    assert not found.accept("worker-0", 3, something, (7, 3))  # one that went on otherwise
    assert not found.accept("worker-0", 2, something, (9, 5))
    assert found.accept("worker-0", 3, something, (9, 5))
    assert not found.accept("worker-0", 3, something, (9, 5))
    assert found.accept("worker-1", 3, something, (7, 2))
    assert found.accept("worker-2", 3, something, found.version)
    assert found.state()[-1] == ((7, 2), (9, 5), found.version)


def test_a_delay_is_counted_over_the_lives_of_servers():
    found, something = ledger(before=((7, 4), (9, 5)), waiting=Ringmaster(delay=2)), np.zeros((5, 3))

    assert not found.accept("worker-0", 3, something, (7, 2))  # three updates ago
    assert not found.accept("worker-0", 3, something, (8, 5))
    assert found.accept("worker-0", 3, something, (7, 4))


def test_who_is_deposed_completes_nothing():
    with pytest.raises(Deposed):
        ledger(deposed=lambda: True).due()


def test_a_worker_that_is_sent_to_and_fro_does_not_go_on_so_at_one_moment():
    env, asked = Environment(), []
    network = NetworkSpec(latency=Constant(value=0.0), bandwidth_bytes_per_s=None)
    cluster = Cluster(env, ClusterSpec(nodes=nodes("server", 3), network=network), 0, Trace(env, ()))

    def points_at(term):
        def program(node):
            while True:
                message = yield node.receive("step")
                asked.append(env.now)
                node.reply(message, term)

        return program

    cluster["server-0"].boot(points_at(1))
    cluster["server-1"].boot(points_at(3))
    cluster["server-2"].boot(lambda node: REPLICATED.asks("step")(node, None), "worker")
    env.run(until=1.0)

    assert 10 < len(asked) < 2 + 1.0 / REPLICATED.retry_s


def test_a_run_without_servers_does_not_end_and_says_so():
    faults = [CrashNode(node=server, begin_s=0.05) for server in SERVERS]
    result = run(training(faults, exchange=REPLICATED, steps=STEPS, horizon_s=2.0), 0)

    assert result.ended != "finished"
    assert result.verdicts
