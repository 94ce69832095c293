import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.measurement.checkers import MODELS, linearizability, list_append, rw_register
from simcluster.measurement.histories import BadHistory, Events


def history_of(*transactions, status="ok"):
    """Transactions one after the other in records, each of a process of its own, all open together."""
    events = Events()
    for place, steps in enumerate(transactions):
        events.invoke(place + 1, 0.0, place, "txn", None, tuple((f, key, None if f == "r" else value)
                                                             for f, key, value in steps))  # fmt: skip
    for place, steps in enumerate(transactions):
        events.complete_of(place + 1, 1.0, place, "txn", status, tuple(steps))
    return events.history()


def names(found):
    return {each.name for each in found.anomalies}


def in_some_order(transactions, empty, write):
    """Whether the transactions did this one after the other, in some order."""
    for order in itertools.permutations(transactions):
        state, right = {}, True
        for steps in order:
            for f, key, value in steps:
                if f == "r":
                    right &= state.get(key, empty) == value
                else:
                    state[key] = write(state.get(key, empty), value)
        if right:
            return True
    return False


@st.composite
def lists(draw):
    """Transactions on two lists, and one that reads both at last, so that all versions are known in their order."""
    count, transactions, number = draw(st.integers(1, 4)), [], itertools.count(1)
    order = {"x": (), "y": ()}
    for _ in range(count):
        steps = []
        for _ in range(draw(st.integers(1, 3))):
            key = draw(st.sampled_from("xy"))
            f = draw(st.sampled_from(["append", "r"]))
            value = next(number) if f == "append" else None
            if f == "append":
                at = draw(st.integers(0, len(order[key])))
                order[key] = (*order[key][:at], value, *order[key][at:])
            steps.append((f, key, value))
        transactions.append(steps)
    read = [
        [(f, key, value if f == "append" else order[key][: draw(st.integers(0, len(order[key])))])
         for f, key, value in steps] for steps in transactions
    ]  # fmt: skip
    return [*read, [("r", "x", order["x"]), ("r", "y", order["y"])]]


@settings(max_examples=200, deadline=None)
@given(lists())
def test_lists_are_serializable_when_some_order_explains_them(transactions):
    found = list_append(history_of(*transactions))

    assert found.valid == in_some_order(transactions, (), lambda state, value: (*state, value))


@st.composite
def registers(draw):
    count, number = draw(st.integers(1, 4)), itertools.count(1)
    shapes = [[(draw(st.sampled_from("rw")), draw(st.sampled_from("xy"))) for _ in range(draw(st.integers(1, 3)))]
              for _ in range(count)]  # fmt: skip
    steps = [[(f, key, next(number) if f == "w" else None) for f, key in each] for each in shapes]
    written = {key: [None, *(v for each in steps for f, k, v in each if f == "w" and k == key)] for key in "xy"}
    return [[(f, k, v if f == "w" else draw(st.sampled_from(written[k]))) for f, k, v in each] for each in steps]


@settings(max_examples=100, deadline=None)
@given(registers())
def test_what_is_wrong_with_registers_no_order_explains(transactions):
    found = rw_register(history_of(*transactions))

    # The order of versions is known in part only, so that not all that is wrong is seen.
    assert found.valid or not in_some_order(transactions, None, lambda _, value: value)


def circle(*edges):
    """Transactions with these dependencies: each edge is a key of its own, of lists."""
    count = 1 + max(max(source, target) for source, target, _ in edges)
    steps = [[] for _ in range(count)]
    last = []
    for key, (source, target, kind) in enumerate(edges):
        if kind == "ww":
            steps[source].append(("append", key, 1))
            steps[target].append(("append", key, 2))
            last.append(("r", key, (1, 2)))
        elif kind == "wr":
            steps[source].append(("append", key, 1))
            steps[target].append(("r", key, (1,)))
        else:
            steps[source].append(("r", key, ()))
            steps[target].append(("append", key, 1))
            last.append(("r", key, (1,)))
    return history_of(*steps, *([[each] for each in last]))


CIRCLES = {
    "G0": [(0, 1, "ww"), (1, 0, "ww")],
    "G1c": [(0, 1, "ww"), (1, 0, "wr")],
    "G-single": [(0, 1, "rw"), (1, 2, "wr"), (2, 0, "ww")],
    "G-nonadjacent": [(0, 1, "rw"), (1, 2, "wr"), (2, 3, "rw"), (3, 0, "ww")],
    "G2": [(0, 1, "rw"), (1, 2, "rw"), (2, 0, "wr")],
}
LEVELS = ["read-uncommitted", "read-committed", "snapshot-isolation", "serializable"]
WEAKEST = {"G0": 0, "G1c": 1, "G-single": 2, "G-nonadjacent": 2, "G2": 3}


@pytest.mark.parametrize("name", CIRCLES)
def test_a_circle_has_the_name_of_what_it_is_made_of_and_its_edges_are_the_proof(name):
    found = list_append(circle(*CIRCLES[name]))

    assert names(found) == {name}
    assert found.anomalies[0].sentence.count("→") == len(CIRCLES[name])
    assert len(found.anomalies[0].operations) == len(CIRCLES[name])
    allowed = [list_append(circle(*CIRCLES[name]), level).valid for level in LEVELS]
    assert allowed == [place < WEAKEST[name] for place in range(4)]


def test_reads_of_what_was_aborted_or_is_not_all_there_are_anomalies():
    events = Events()
    events.invoke(1, 0, 0, "txn", None, (("append", "x", 1),))
    events.complete_of(2, 1, 0, "txn", "fail", None)
    events.invoke(3, 2, 0, "txn", None, (("append", "y", 1), ("append", "y", 2)))
    events.complete_of(4, 3, 0, "txn", "ok", (("append", "y", 1), ("append", "y", 2)))
    events.invoke(5, 4, 0, "txn", None, (("r", "x", None), ("r", "y", None)))
    events.complete_of(6, 5, 0, "txn", "ok", (("r", "x", (1,)), ("r", "y", (1,))))

    assert names(list_append(events.history())) >= {"G1a", "G1b"}


@pytest.mark.parametrize(
    ("steps", "name"),
    [
        ([[("append", "x", 1), ("append", "x", 2)], [("r", "x", (1, 2))], [("r", "x", (2,))]], "incompatible order"),
        ([[("append", "x", 1)], [("r", "x", (1, 1))]], "duplicate elements"),
        ([[("r", "x", (7,))]], "read from thin air"),
        ([[("append", "x", 1), ("r", "x", ())]], "internal"),
        ([[("r", "x", ()), ("append", "x", 1)], [("r", "x", ()), ("append", "x", 2)]], "lost update"),
    ],
)
def test_what_no_circle_shows_has_a_name_of_its_own(steps, name):
    assert name in names(list_append(history_of(*steps)))


@pytest.mark.parametrize(
    ("steps", "name"),
    [
        ([[("w", "x", 1), ("w", "x", 2)], [("r", "x", 1)]], "G1b"),
        ([[("r", "x", 7)]], "read from thin air"),
        ([[("w", "x", 1), ("r", "x", None)]], "internal"),
        ([[("r", "x", None), ("w", "x", 1)], [("r", "x", None), ("w", "x", 2)]], "lost update"),
        ([[("r", "x", 1), ("w", "x", 2)], [("r", "x", 2), ("w", "x", 1)]], "cyclic versions"),
        ([[("r", "x", None), ("w", "y", 1)], [("r", "y", None), ("w", "x", 1)]], "G2"),
        ([[("w", "x", 1), ("w", "y", 1)], [("r", "x", 1), ("r", "y", None)]], "G-single"),
        ([[("w", "x", 1), ("r", "y", 1)], [("r", "x", 1), ("w", "y", 1)]], "G1c"),
    ],
)
def test_an_anomaly_of_registers_has_its_name(steps, name):
    assert name in names(rw_register(history_of(*steps)))


def test_the_order_of_time_makes_a_circle_only_where_it_is_asked_for():
    events = Events()
    for place, steps in enumerate([[("append", "x", 1)], [("r", "x", ())], [("r", "x", (1,))]], 1):
        events.invoke(place, place, 0, "txn", None, tuple((f, key, value or None) for f, key, value in steps))
        events.complete_of(place, place + 0.5, 0, "txn", "ok", tuple(steps))
    history = events.history()

    assert list_append(history).valid
    assert names(list_append(history, realtime=True)) == {"G-single in time"}
    assert not list_append(history, "snapshot-isolation", realtime=True).valid


@settings(max_examples=60, deadline=None)
@given(lists(), st.randoms(use_true_random=False))
def test_in_the_order_of_time_only_orders_that_keep_it_count(transactions, random):
    events, times = Events(), []
    clock = 0
    waiting = list(range(len(transactions)))
    is_open = []
    while waiting or is_open:
        if waiting and (not is_open or random.random() < 0.5):
            each = waiting.pop(0)
            events.invoke(1, clock, each, "txn", None, tuple((f, k, None if f == "r" else v)
                                                             for f, k, v in transactions[each]))  # fmt: skip
            is_open.append(each)
        else:
            each = is_open.pop(random.randrange(len(is_open)))
            events.complete_of(1, clock, each, "txn", "ok", tuple(transactions[each]))
        clock += 1
    times = {each.process: (each.begin, each.deadline) for each in events.history()}
    orders = [order for order in itertools.permutations(range(len(transactions)))
              if all(times[b][1] > times[a][0] for a, b in itertools.combinations(order, 2))]  # fmt: skip

    def explains(order):
        state = {"x": (), "y": ()}
        for steps in (transactions[each] for each in order):
            for f, key, value in steps:
                if f == "r" and state[key] != value:
                    return False
                state[key] = (*state[key], value) if f == "append" else state[key]
        return True

    assert list_append(events.history(), realtime=True).valid == any(map(explains, orders))


def test_an_append_of_which_nobody_knows_and_that_nobody_saw_proves_nothing():
    events = Events()
    events.invoke(1, 0, 0, "txn", None, (("append", "x", 1), ("append", "y", 1)))
    events.complete_of(2, 1, 0, "txn", "info", None)
    events.invoke(3, 2, 1, "txn", None, (("r", "x", None),))
    events.complete_of(4, 3, 1, "txn", "ok", (("r", "x", ()),))

    assert list_append(events.history(), realtime=True).valid


@pytest.mark.parametrize("checker", [list_append, rw_register])
def test_what_is_no_transaction_is_refused_with_its_line(checker):
    events = Events()
    events.invoke(8, 0, 0, "txn", None, 5)
    with pytest.raises(BadHistory, match=r"line 8: a transaction must be a list of \[f, key, value\], got 5"):
        checker(events.history())
    with pytest.raises(BadHistory, match="a step must be one of"):
        checker(history_of([("drop", "x", 1)]))
    f = "append" if checker is list_append else "w"
    with pytest.raises(BadHistory, match=r"line 2: a value must be .* to a key once.*, got 1"):
        checker(history_of([(f, "x", 1)], [(f, "x", 1)]))
    with pytest.raises(ValueError, match=r"isolation must be one of read-uncommitted, .* got 'none'"):
        checker(history_of(), "none")


def test_what_nobody_has_read_comes_after_what_somebody_has():
    found = list_append(history_of([("append", "x", 1), ("r", "y", (1,))], [("append", "x", 2), ("append", "y", 1)],
                                   [("r", "x", (1,))]))  # fmt: skip

    assert names(found) >= {"G1c"}


def test_a_longer_circle_without_anti_dependencies_in_a_row_is_found_beside_a_shorter_one_with_them():
    assert names(list_append(circle(*CIRCLES["G-nonadjacent"], (1, 0, "rw")))) == {"G-nonadjacent", "G2"}


def with_unknown(known, unknown):
    """Transactions that are open together, and of those that come first nobody knows whether they happened."""
    events = Events()
    for place, steps in enumerate([*unknown, *known]):
        asked = tuple((f, key, None if f == "r" else value) for f, key, value in steps)
        events.invoke(place + 1, 0.0, place, "txn", None, asked)
    for place, steps in enumerate(known, len(unknown)):
        events.complete_of(place + 1, 1.0, place, "txn", "ok", tuple(steps))
    return events.history()


HALF = [("append", "x", 1), ("append", "x", 2)]
OTHER = [("append", "x", 3), ("r", "x", (1, 3))]


@pytest.mark.parametrize("known", [[OTHER], [OTHER, [("r", "x", (1, 3))]], [OTHER[:1], [("r", "x", (1, 3))]],
                                   [[("r", "x", (1,))]]])  # fmt: skip
def test_half_a_transaction_is_seen_wherever_in_the_list_it_stands(known):
    history = with_unknown(known, [HALF])

    assert names(list_append(history, "read-committed")) == {"G1b"}
    assert list_append(history, "read-uncommitted").valid


def test_who_reads_between_its_own_appends_sees_half_of_nobody_else():
    own = [("append", "x", 1), ("r", "x", (1,)), ("append", "x", 2)]

    assert list_append(with_unknown([own, [("r", "x", (1, 2))]], [])).valid
    assert names(list_append(with_unknown([[*own, ("r", "x", (1, 2, 3))]], [[("append", "x", 3), ("append", "x", 4)]]),
                             "read-committed")) >= {"G1b"}  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(lists(), st.integers(0, 2))
def test_lists_that_some_order_explains_are_serializable_whatever_became_of_others(transactions, count):
    unknown, known = transactions[:count], transactions[count:]
    subsets = [each for n in range(count + 1) for each in itertools.combinations(unknown, n)]
    # What those saw of which nobody knows is not known either: their appends count.
    blind = [[[step for step in steps if step[0] != "r"] for steps in each] for each in subsets]
    explained = any(in_some_order([*known, *each], (), lambda state, value: (*state, value)) for each in blind)

    assert list_append(with_unknown(known, unknown)).valid >= explained


@pytest.mark.parametrize("came", [[("w", "x", 2), ("r", "y", 1)], [("w", "x", 1)], [("r", "y", 1), ("w", "x", 1)],
                                  [("w", "x", 1), ("r", "z", 1)], []])  # fmt: skip
def test_what_came_back_is_of_the_steps_that_were_asked_for(came):
    asked = (("w", "x", 1), ("r", "y", None))

    def history(append):
        events = Events()
        steps = [tuple((append if f == "w" else f, *rest) for f, *rest in each) for each in (asked, came)]
        events.invoke(8, 0, 0, "txn", None, steps[0])
        events.complete_of(9, 1, 0, "txn", "ok", steps[1])
        return events.history()

    for check, append in ((list_append, "append"), (rw_register, "w"),
                          (lambda each: linearizability(each, MODELS["multi-register"]()), "w")):  # fmt: skip
        with pytest.raises(BadHistory, match="line 8: what came back must be of the steps"):
            check(history(append))


def test_an_initial_value_that_no_register_has_is_refused():
    with pytest.raises(ValueError, match=r"initial must be a number, text, .* got \[1\]"):
        rw_register(history_of(), initial=[1])
