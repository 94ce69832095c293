"""Of calls it is counted how often each was sent, and why; of servers and guards, whom they turned away."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.engine import Trace
from simcluster.measurement.calls import call_metrics

WHY = ("retry", "hedge", "tied")


def trace(**kinds):
    """A trace of records of some kinds, each by what it says."""
    return Trace.of([dict(time_s=float(n), kind=kind, **row) for kind, rows in kinds.items() for n, row in rows])


def test_a_query_of_two_shards_is_two_calls_and_shares_are_of_calls():
    sent = [(0, 0, "first"), (0, 1, "first"), (0, 1, "retry"), (1, 0, "first"), (1, 0, "tied"), (1, 1, "first")]
    rows = [dict(query=query, shard=shard, node="s", why=why) for query, shard, why in sent]

    assert call_metrics(trace(attempt=enumerate(rows))) == {
        "amplification": 6 / 4, "retries_share": 1 / 4, "hedges_share": 1 / 4
    }  # fmt: skip


@given(st.lists(st.lists(st.sampled_from(WHY), max_size=4), min_size=1, max_size=12))
def test_amplification_is_one_and_the_shares_of_what_was_sent_beside_the_first(beside):
    sent = [(query, why) for query, more in enumerate(beside) for why in ("first", *more)]
    rows = (dict(query=query, shard=0, node="s", why=why) for query, why in sent)
    found = call_metrics(trace(attempt=enumerate(rows)))

    assert found["amplification"] == pytest.approx(1 + found["retries_share"] + found["hedges_share"])
    assert found["retries_share"] * len(beside) == pytest.approx(sum(more.count("retry") for more in beside))


@given(st.lists(st.sampled_from(["queue_full", "codel", "expired", "withdrawn"]), min_size=1))
def test_who_was_withdrawn_was_not_turned_away_but_forgotten(causes):
    counts = Counter(causes)
    found = call_metrics(trace(shed=enumerate(dict(node="s", message=0, cause=cause) for cause in causes)))

    assert found.get("requests_withdrawn", 0) == counts["withdrawn"]
    assert found.get("requests_shed", 0) == len(causes) - counts["withdrawn"]
    assert 0 not in found.values()


def test_a_breaker_opens_as_often_as_it_says_open():
    states = ("open", "half_open", "open", "half_open", "closed")

    found = call_metrics(trace(guard=enumerate(dict(node="s", state=state) for state in states)))
    assert found == {"breakers_opened": 2}
