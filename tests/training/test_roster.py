"""Who has whose rows: every row once, a shard stays whole as long as there is a spare, and nobody moves needlessly."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.training.exchange.surviving.roster import Roster

WORKERS, SPARES = ("w0", "w1", "w2", "w3", "w4"), ("s0", "s1")
CHANGES = st.lists(st.tuples(st.sampled_from([*WORKERS, *SPARES]), st.booleans()), max_size=30)


def shares(dealt):
    """How much of each shard is dealt out."""
    found = dict.fromkeys(range(len(WORKERS)), Fraction(0))
    for parts in dealt.values():
        for shard, _, pieces in parts:
            found[shard] += Fraction(1, pieces)
    return found


@settings(max_examples=50)
@given(CHANGES)
def test_whoever_is_there_every_piece_of_every_shard_is_dealt_out_once(changes):
    roster, there = Roster(WORKERS, SPARES), dict.fromkeys([*WORKERS, *SPARES], True)
    for name, is_there in changes:
        roster.set(name, is_there)
        there[name] = is_there
        before, dealt = roster.deal(), roster.deal()
        parts = [part for each in dealt.values() for part in each]

        assert dealt == before  # to ask again changes nothing
        assert all(there[each] for each in dealt)
        assert len(parts) == len(set(parts))
        assert all(0 <= piece < pieces for _, piece, pieces in parts)
        if any(there.values()):
            assert shares(dealt) == dict.fromkeys(range(len(WORKERS)), Fraction(1))
            assert [each[0][1:] for each in dealt.values()] == [(0, 1)] * len(dealt)  # a place of one's own first
            places = [each[0][0] for each in dealt.values()]
            assert places == sorted(places)
        else:
            assert dealt == {}
        for place, worker in enumerate(WORKERS):
            assert not there[worker] or dealt[worker][0] == (place, 0, 1)
        gone, left = sum(not there[worker] for worker in WORKERS), sum(there[spare] for spare in SPARES)
        assert max((len(each) for each in dealt.values()), default=1) - 1 == (
            max(0, gone - left) if dealt else 0
        )
        assert sum(spare in dealt for spare in SPARES) == min(gone, left)


@settings(max_examples=50)
@given(CHANGES)
def test_a_spare_keeps_the_place_that_it_has_as_long_as_both_are_as_they_were(changes):
    roster, there = Roster(WORKERS, SPARES), dict.fromkeys([*WORKERS, *SPARES], True)
    before = roster.deal()
    for name, is_there in changes:
        roster.set(name, is_there)
        there[name] = is_there
        dealt = roster.deal()
        for spare in SPARES:
            if spare in before and there[spare] and not there[WORKERS[before[spare][0][0]]]:
                assert dealt[spare][0] == before[spare][0]
        before = dealt


def test_rows_of_two_are_shared_out_among_the_three_that_are_left():
    roster = Roster(WORKERS, ())
    for name in ("w1", "w3"):
        roster.set(name, False)

    assert roster.deal() == {
        "w0": ((0, 0, 1), (1, 0, 3), (3, 0, 3)),
        "w2": ((2, 0, 1), (1, 1, 3), (3, 1, 3)),
        "w4": ((4, 0, 1), (1, 2, 3), (3, 2, 3)),
    }
    roster.set("w1", True)
    assert roster.deal()["w1"] == ((1, 0, 1), (3, 1, 4))


def test_spares_take_places_in_their_order():
    roster = Roster(WORKERS, SPARES)
    for name in ("w3", "w1"):
        roster.set(name, False)
        roster.deal()

    assert {name: parts[0][0] for name, parts in roster.deal().items() if name in SPARES} == {"s0": 3, "s1": 1}
