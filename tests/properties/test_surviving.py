"""Whoever is gone for good, whatever befalls those who recover: a run ends, and no bit changes where promised."""

import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import run
from simcluster.cluster import NetworkSpec
from simcluster.engine import Exponential
from simcluster.faults import CrashNode, DuplicateMessages, KillProgram
from simcluster.learning import Momentum
from simcluster.recovery import Adaptive, Checkpoints, Heartbeats, Lifeguard, Swim, Timeout
from simcluster.training import (
    BoundedStaleness,
    ElasticServer,
    KSync,
    LocalSteps,
    ParameterServer,
    Replicated,
    ReplicatedServer,
    Ringmaster,
)
from tests.built_ins import one, words
from tests.strategies import faults
from tests.training.exchanges import SERVERS, parameters, training

#: What lets a built-in notice in hundredths of a second, so that it has time to be right and wrong.
HASTY = {
    "heartbeats": {"period_s": 0.01, "suspicion": Timeout(after_s=0.05)},
    "health_checks": {"period_s": 0.01, "timeout_s": 0.004},
    "swim": {"period_s": 0.01, "timeout_s": 0.003, "suspicion_s": 0.03},
}
#: Every detector that is built in, at its usual pace and at that; heartbeats by every rule, SWIM with its guard.
DETECTORS = [one("Detector", word, **fields) for word in words("Detector") for fields in ({}, HASTY.get(word, {}))]
DETECTORS += [Heartbeats(period_s=0.01, suspicion=one("Suspicion", word)) for word in words("Suspicion")]
DETECTORS += [Swim(**HASTY["swim"], lifeguard=Lifeguard()), Swim(**{**HASTY["swim"], "suspicion_s": 0.0})]
WATCHED = st.sampled_from(DETECTORS)
WORKERS = tuple(f"worker-{place}" for place in range(4))
NETWORKS = [
    NetworkSpec(),
    NetworkSpec(latency=Exponential(mean=0.005), seed=99),
    NetworkSpec(latency=Exponential(mean=0.001), loss_probability=0.1, failures="reported"),
]
ONE = ParameterServer(server="server-0", retry_s=0.05)
REPLICATED = WATCHED.map(lambda detector: ReplicatedServer(servers=SERVERS, retry_s=0.05, detector=detector))
WORK = [{}, {"local": LocalSteps(steps=2), "optimiser": Momentum(learning_rate=0.05)}]
STEPS = 12


@st.composite
def schedules(draw, nodes, leave):
    """Faults that end, and some that do not: all of ``nodes`` but ``leave`` may be gone for good, at any time."""
    ending = draw(st.lists(faults(nodes=(*SERVERS, *WORKERS)), max_size=5))
    gone = draw(st.lists(st.sampled_from(nodes), max_size=len(nodes) - leave, unique=True))
    for node in gone:  # often soon after each other, so that who recovers is gone as it does
        ending.append(CrashNode(node=node, begin_s=draw(st.sampled_from([0.0, 0.03, 0.05, 0.081, 0.09, 0.1, 0.15]))))
    if draw(st.booleans()):
        node, begin_s = draw(st.sampled_from(nodes)), draw(st.floats(0, 0.2))
        program = "training.server" if node in SERVERS else "training.worker"
        ending.append(KillProgram(node=node, program=program, begin_s=begin_s, end_s=begin_s + 0.1))
    if draw(st.booleans()):
        ending.append(DuplicateMessages(probability=0.5, begin_s=0.0, end_s=0.2))
    return ending


@functools.cache
def plain(work=0, **fields):
    return parameters(steps=STEPS, exchange=ONE, **WORK[work], **fields)


def ended(schedule, **fields):
    """What a run of a schedule gives; it ends, and its invariants hold."""
    result = run(training(schedule, **{"steps": STEPS, **fields}), 0, check=True)
    assert result.ended == "finished"
    return result


KEPT = st.sampled_from([None, Checkpoints(every=2), Checkpoints(every=Adaptive(mttf_s=0.1))])


def one_server_is_enough(draw):
    """As long as one server stays, and others come back or not, no bit changes."""
    schedule, work = draw(schedules(SERVERS, 1)), draw(st.sampled_from(range(len(WORK))))
    network, recovery = draw(st.sampled_from(NETWORKS)), draw(KEPT)
    result = ended(schedule, exchange=draw(REPLICATED), network=network, recovery=recovery, **WORK[work])

    assert result.outcome.parameters.tobytes() == plain(work).tobytes()
    terms = [row["term"] for row in result.trace.rows("lead")]
    assert all(SERVERS[row["term"] % 3] == row["node"] for row in result.trace.rows("lead"))
    assert terms


WAITING = [BoundedStaleness(staleness=math.inf), BoundedStaleness(staleness=2), KSync(k=2), Ringmaster(delay=3)]


def one_server_is_enough_where_nobody_waits(draw):
    """Training that does not wait comes to its end."""
    schedule, waiting = draw(schedules(SERVERS, 1)), draw(st.sampled_from(WAITING))
    network = draw(st.sampled_from(NETWORKS))
    result = ended(schedule, exchange=draw(REPLICATED), network=network, waiting=waiting)

    assert result.outcome.steps == STEPS
    assert np.isfinite(result.outcome.parameters).all()


SPARES = ("server-1", "server-2")
STANDBY = [
    {},
    {"spares": SPARES},
    {"spares": SPARES, "standby": "hot"},
    {"spares": ("server-1",), "standby": "cold", "start_s": 0.03},
]


def every_step_has_all_rows(draw):
    """Elastic training has all rows in every step, and all bits where spares suffice."""
    schedule, standby = draw(schedules((*SPARES, *WORKERS), 3)), draw(st.sampled_from(STANDBY))
    network, recovery = draw(st.sampled_from(NETWORKS)), draw(KEPT)
    fields = draw(st.sampled_from([{}, {"batch_size": None}]))
    nobody = [fault for fault in schedule if not isinstance(fault, KillProgram) or fault.node in WORKERS]
    exchange = ElasticServer(server="server-0", retry_s=0.05, **standby)
    result = ended(nobody, exchange=exchange, detector=draw(WATCHED), network=network, recovery=recovery, **fields)
    found = result.outcome.parameters

    np.testing.assert_allclose(found, plain(**fields), rtol=0, atol=1e-10)
    if not any(row["shared"] for row in result.trace.rows("deal")):
        assert found.tobytes() == plain(**fields).tobytes()


def a_shard_is_recomputed_from_its_copies(draw):
    """Or training stops, and says so."""
    schedule, copies = draw(schedules(WORKERS, 1)), draw(st.sampled_from([2, 3, 4]))
    network = draw(st.sampled_from(NETWORKS))
    here = [fault for fault in schedule if not isinstance(fault, KillProgram) or fault.node in WORKERS]
    fields = {"sharding": Replicated(copies=copies), "detector": draw(WATCHED), "when_gone": "stop"}
    result = ended(here, exchange=ONE, network=network, **fields)

    if result.outcome.stopped is None:
        assert result.outcome.parameters.tobytes() == plain().tobytes()
    else:
        assert any(verdict.name == "stopped" for verdict in result.verdicts)


PROMISES = {
    each.__name__.replace("_", " "): each
    for each in (
        one_server_is_enough,
        one_server_is_enough_where_nobody_waits,
        every_step_has_all_rows,
        a_shard_is_recomputed_from_its_copies,
    )
}


@pytest.mark.parametrize("promise", PROMISES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_what_is_promised_holds_under_twenty_schedules(promise, data):
    PROMISES[promise](data.draw)


@pytest.mark.long
@pytest.mark.parametrize("promise", PROMISES)
@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_what_is_promised_holds_under_five_hundred_schedules(promise, data):
    PROMISES[promise](data.draw)
