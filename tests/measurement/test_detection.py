"""The quality of a detector: by hand, and beside a model that looks at every tick."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.engine import Trace
from simcluster.measurement import Detection, detection, detection_of, message_cost


def test_times_to_detection_and_mistakes_are_those_of_chen_toueg_and_aguilera():
    said = [(2.0, True), (2.5, False), (5.0, True), (5.5, False), (6.0, True), (9.0, False)]
    found = detection_of(said, [(4.0, 8.0)], 0.0, 10.0)

    assert found.detection_s == (2.0,)  # to the suspicion that stayed
    assert found.mistakes_s == (0.5,)  # what is said of one who is down is none, nor what nobody has taken back yet
    assert found.up_s == 4.0 + 1.0
    assert found.mistakes_per_s == 1 / 5
    assert found.accuracy == 1 - 0.5 / 5


def test_a_mistake_that_becomes_true_is_a_mistake_until_then_and_was_noticed_at_once():
    assert detection_of([(1.0, True)], [(3.0, 5.0)], 0.0, 5.0) == Detection((0.0,), 0, (2.0,), 3.0)


def test_an_outage_that_is_not_suspected_as_it_ends_was_missed():
    assert detection_of([(3.5, True), (3.7, False)], [(3.0, 5.0)], 0.0, 6.0) == Detection((), 1, (), 4.0)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40))
def test_it_agrees_with_a_model_that_looks_at_every_tick(ticks):
    """Bit 0 of a tick: it is down; bit 1: it is suspected. Each tick is a second."""
    down, suspected = [bool(tick & 1) for tick in ticks], [bool(tick & 2) for tick in ticks]
    changes = [at for at in range(len(ticks)) if suspected[at] != (at > 0 and suspected[at - 1])]
    edges = [at for at in range(len(ticks)) if down[at] != (at > 0 and down[at - 1])] + [len(ticks)] * down[-1]
    outages = list(zip(edges[::2], edges[1::2], strict=True))
    found = detection_of([(at, suspected[at]) for at in changes], outages, 0, len(ticks))

    detected, mistakes, missed, up, stale, run = [], [], 0, 0, False, 0
    for at in range(len(ticks)):
        before_suspected = at > 0 and suspected[at - 1]
        if at > 0 and down[at - 1] and not down[at]:
            stale = before_suspected
        stale = stale and suspected[at] and not down[at]
        if not down[at] and not stale:
            up += 1
        if suspected[at] and not down[at] and not stale:
            run += 1
        elif run:
            mistakes.append(run)
            run = 0
        if down[at] and (at + 1 == len(ticks) or not down[at + 1]):
            if suspected[at]:
                begin = max(begin for begin, _ in outages if begin <= at)
                first = at
                while first > begin and suspected[first - 1]:
                    first -= 1
                detected.append(first - begin)
            else:
                missed += 1
    if run:
        mistakes.append(run)

    assert found == Detection(tuple(detected), missed, tuple(mistakes), up)


@pytest.mark.parametrize(
    ("said", "outages", "message"),
    [
        ([(1.0, False)], [], "a detector must tell of changes only, got suspected = False again at 1.0 s"),
        ([(1.0, True), (2.0, True)], [], "a detector must tell of changes only, got suspected = True again at 2.0 s"),
        ([], [(2.0, 2.0)], "an outage must begin before it ends, got 2.0 and 2.0"),
    ],
)
def test_what_no_detector_can_have_said_is_refused(said, outages, message):
    with pytest.raises(ValueError, match=message):
        detection_of(said, outages, 0.0, 5.0)


ROWS = [
    {"time_s": 1.0, "kind": "node", "node": "a", "state": "paused", "speed": 0.0},
    {"time_s": 1.5, "kind": "suspect", "node": "a", "suspected": True},
    {"time_s": 2.0, "kind": "node", "node": "a", "state": "up", "speed": 1.0},
    {"time_s": 2.25, "kind": "suspect", "node": "a", "suspected": False},
    {"time_s": 3.0, "kind": "node", "node": "b", "state": "down", "speed": 0.0},
    {"time_s": 3.5, "kind": "suspect", "node": "b", "suspected": True},
    {"time_s": 3.5, "kind": "node", "node": "c", "state": "down", "speed": 0.0},
]


def test_of_a_trace_those_who_are_paused_are_suspected_by_mistake_and_those_who_are_down_are_not():
    found = detection(Trace.of(ROWS), ("a", "b"), 5.0)

    assert found == Detection((0.5,), 0, (0.75,), 5.0 + 3.0)
    assert found == detection(Trace.of(ROWS), "a", 5.0) + detection(Trace.of(ROWS), "b", 5.0)


def test_messages_are_counted_by_their_kind():
    sent = [("x.ack", 10.0), ("x.ping", 20.0), ("y.ping", 40.0)]
    rows = [
        {"time_s": 0.0, "kind": "send", "message": 0, "source": "a", "target": "b", "message_kind": kind,
         "size_bytes": size_bytes}
        for kind, size_bytes in sent
    ]  # fmt: skip

    assert message_cost(Trace.of(rows), lambda kind: kind.startswith("x."), 4.0) == (0.5, 7.5)
    with pytest.raises(ValueError, match="seconds must be finite and greater than 0, got 0"):
        message_cost(Trace.of(rows), bool, 0)
