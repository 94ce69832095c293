"""Each scheme keeps what it promises under any schedule of faults, and not what the next stronger one does."""

from typing import Any, NamedTuple

import pytest

from simcluster import run
from simcluster.faults import CutOneWay
from simcluster.measurement.checkers import MODELS, linearizability
from simcluster.measurement.checkers.clients.causal import causal
from simcluster.measurement.checkers.clients.sessions import GUARANTEES, sessions
from simcluster.replication import (
    Abd,
    Causal,
    Eventual,
    GCounter,
    LwwRegister,
    MvRegister,
    OrSet,
    PnCounter,
    Quorum,
)
from tests.replication.stores import closing, diverged, history_of, irregular, ran, scenario

# Checks: what is wrong with a run, or nothing.


def not_converged(result):
    return diverged(result)


def not_causal(result):
    judgement = causal(history_of(result))
    return None if judgement.valid else judgement


def no_sessions(result, guarantees=tuple(GUARANTEES)):
    judgement = sessions(history_of(result), guarantees)
    return None if judgement.valid else judgement


def not_regular(result):
    return irregular(history_of(result))


def not_linearizable(result):
    judgement = linearizability(history_of(result), MODELS["register"]())
    return None if judgement.valid else judgement


def elements_lost(result):
    """Elements whose addition was acknowledged and that nobody ever removed, and that are not there at the end."""
    operations = history_of(result).operations
    removed = {each.value for each in operations if each.f == "remove"}
    found = closing(result)
    return [
        each for each in operations
        if each.f == "add" and each.status == "ok" and each.value not in removed
        and any(each.value not in elements for elements in found.get(each.key, ()))
    ]  # fmt: skip


def miscounted(result):
    """Counts at the end that are less than what was acknowledged, or more than what was asked."""
    found, wrong = closing(result), []
    for key, operations in history_of(result).groups(lambda each: each.key).items():
        counted = [(each, 1 if each.f == "increment" else -1) for each in operations if each.f != "read"]
        sure = sum(sign for each, sign in counted if each.status == "ok")
        maybe = [sign for each, sign in counted if each.status == "info"]
        least, most = sure + sum(s for s in maybe if s < 0), sure + sum(s for s in maybe if s > 0)
        wrong += [(key, count, least, most) for count in found.get(key, ()) if not least <= count <= most]
    return wrong


class Promise(NamedTuple):
    """A scheme, what its runs must show, and what some run must break: what the next stronger one promises."""

    scheme: Any
    keeps: tuple[Any, ...]
    breaks: Any = None
    fields: dict[str, Any] = {}  # noqa: RUF012 - never changed


CLOSE: dict[str, Any] = {"keys": 1, "think_s": 0.004, "mix": {"read": 4, "write": 1}, "settle_s": 2.0}
FEW = {"operations": 25}
PROMISES = {
    "last writer wins": Promise(Eventual(), (not_converged,), not_causal),
    "by lamport's clock": Promise(Eventual(data=LwwRegister(clock="lamport")), (not_converged,), not_causal),
    "many values": Promise(Eventual(data=MvRegister()), (not_converged,), fields=FEW),
    "set": Promise(
        Eventual(data=OrSet()),
        (not_converged, elements_lost),
        fields={**FEW, "mix": {"read": 3, "add": 2, "remove": 1}},
    ),
    "growing counter": Promise(
        Eventual(data=GCounter()), (not_converged, miscounted), fields={**FEW, "mix": {"read": 1, "increment": 1}}
    ),
    "counter": Promise(
        Eventual(data=PnCounter()),
        (not_converged, miscounted),
        fields={**FEW, "mix": {"read": 1, "increment": 1, "decrement": 1}},
    ),
    "causal": Promise(Causal(), (not_converged, not_causal, no_sessions), not_regular),
    "causal at any copy": Promise(Causal(sticky=False), (not_converged, not_causal, no_sessions), not_regular),
    "partial quorum": Promise(Quorum(reads=1, writes=1), (), not_regular),
    "strict quorum": Promise(Quorum(), (not_regular, not_converged), not_linearizable, CLOSE),
    "atomic register": Promise(Abd(), (not_regular, not_linearizable, not_converged), fields=CLOSE),
    "sloppy quorum": Promise(Quorum(copies=2, sloppy=True), (not_converged,), not_linearizable, CLOSE),
}
FAST, DEFAULT, LONG = range(3), range(3, 100), range(100, 2000)


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(FAST, id="3 schedules"),
        pytest.param(DEFAULT, id="100 schedules", marks=pytest.mark.slow),
        pytest.param(LONG, id="2000 schedules", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("name", PROMISES)
def test_a_scheme_keeps_its_promise_under_any_schedule(name, seeds):
    promise = PROMISES[name]
    for seed in seeds:
        result = ran(promise.scheme, seed, **promise.fields)
        assert result.outcome["ok"] > 80
        assert [(seed, broken) for check in promise.keeps if (broken := check(result))] == []


EASY = ("last writer wins", "by lamport's clock", "causal", "causal at any copy", "partial quorum")


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=() if each in EASY else pytest.mark.slow)
             for each, promise in PROMISES.items() if promise.breaks]
)  # fmt: skip
def test_and_breaks_within_200_schedules_what_the_next_stronger_one_promises(name):
    promise = PROMISES[name]

    assert any(promise.breaks(ran(promise.scheme, seed, **promise.fields)) for seed in range(200))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "breaks", "fields"),
    [
        (Abd(writes_back=False), not_linearizable, CLOSE),
        (Abd(durable=False), not_regular, {}),
        (Quorum(clock="hybrid"), not_regular, {}),
        (Causal(sticky=False, read_your_writes=False), no_sessions, {"keys": 3, "think_s": 0.01}),
        (Causal(sticky=False, monotonic_reads=False), no_sessions, {"keys": 3, "think_s": 0.01}),
    ],
    ids=["no write-back", "no flush", "a hybrid clock", "no own writes", "no monotonic reads"],
)
def test_each_part_is_needed_for_what_it_promises(scheme, breaks, fields):
    assert any(breaks(ran(scheme, seed, **fields)) for seed in range(200))


#: One copy does not hear another, but the third hears both: what that tells may depend on what is missing.
ONE_WAY = (CutOneWay(senders=("r-0",), receivers=("r-2",), begin_s=0.0, end_s=5.0),)
OFTEN: dict[str, Any] = {
    "think_s": 0.005, "settle_s": None, "mix": {"read": 3, "write": 1}, "timeout_s": 9.0, "retry_s": 3.0,
}  # fmt: skip
STAYS = Causal(gossip_s=0.5, monotonic_reads=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "needs"),
    [
        (STAYS, "dependency_check"),
        (STAYS, "writes_follow_reads"),
        (Causal(sticky=False, gossip_s=0.5), "monotonic_writes"),
    ],
)
def test_no_copy_shows_an_effect_before_its_cause_but_for_a_guarantee_that_is_switched_off(scheme, needs):
    def found(scheme, seeds):
        return next((seed for seed in seeds if not_causal(run(scenario(scheme, ONE_WAY, **OFTEN), seed))), None)

    seed = found(scheme.replace(**{needs: False}), range(200))

    assert seed is not None
    assert found(scheme, [*range(5), seed]) is None
