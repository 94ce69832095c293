"""Small histories, drawn; and what is true of them, by trying every order."""

from hypothesis import strategies as st

from simcluster.measurement.histories import Events, Operation

VALUES = st.sampled_from([None, 0, 1, 2])
TEXTS = st.sampled_from(["a", "b"])
LISTS = st.lists(st.sampled_from([0, 1]), max_size=3).map(tuple)
TXN_STEP = st.tuples(st.sampled_from(["r", "w"]), st.sampled_from(["x", "y"]), st.sampled_from([0, 1]))
TXN_READ = st.tuples(st.just("r"), st.sampled_from(["x", "y"]), VALUES)
NOTHING = st.none()

#: Of each model the operations: f, its values, its results.
DRAWN = {
    "register": [("read", NOTHING, VALUES), ("write", VALUES, NOTHING)],
    "cas-register": [
        ("read", NOTHING, VALUES),
        ("write", VALUES, NOTHING),
        ("cas", st.tuples(VALUES, VALUES), NOTHING),
    ],
    "kv": [
        ("get", NOTHING, VALUES),
        ("put", VALUES, NOTHING),
        ("delete", NOTHING, NOTHING),
        ("cas", st.tuples(VALUES, VALUES), NOTHING),
    ],
    "kv-append": [
        ("get", NOTHING, st.sampled_from(["", "a", "b", "ab", "ba"])),
        ("put", TEXTS, NOTHING),
        ("append", TEXTS, NOTHING),
    ],
    "append": [("append", st.sampled_from([0, 1]), NOTHING), ("read", NOTHING, LISTS)],
    "queue": [("enqueue", st.sampled_from([0, 1]), NOTHING), ("dequeue", NOTHING, st.sampled_from([None, 0, 1]))],
    "set": [
        ("add", st.sampled_from([0, 1]), NOTHING),
        ("remove", st.sampled_from([0, 1]), NOTHING),
        ("read", NOTHING, LISTS),
        ("contains", st.sampled_from([0, 1]), st.booleans()),
    ],
    "mutex": [("acquire", NOTHING, NOTHING), ("release", NOTHING, NOTHING)],
    "counter": [("add", st.sampled_from([None, 1, 2, -1]), NOTHING), ("read", NOTHING, st.integers(-1, 3))],
    "multi-register": [
        ("txn", st.lists(TXN_STEP, min_size=1, max_size=2).map(tuple), NOTHING),
        ("txn", st.lists(TXN_READ, min_size=1, max_size=2).map(tuple), NOTHING),
    ],
}  # fmt: skip


@st.composite
def histories(draw, model, most=6, processes=3, statuses=("ok", "ok", "ok", "fail", "info"), keys=(None,)):
    """A history of at most so many operations; a process goes on after an operation of which nobody knows."""
    events, is_open, count = Events(), {}, 0
    for place in range(draw(st.integers(0, 2 * most))):
        process = draw(st.integers(0, processes - 1))
        if process in is_open:
            f, value, results = is_open.pop(process)
            status = draw(st.sampled_from(statuses))
            result = draw(results) if status == "ok" else None
            events.complete_of(place, float(place), process, f, status, result)
        elif count < most:
            f, values, results = draw(st.sampled_from(DRAWN[model]))
            value = draw(values)
            is_open[process], count = (f, value, results), count + 1
            events.invoke(place, float(place), process, f, draw(st.sampled_from(keys)), value)
    return events.history()


def some_order(model, operations, before):
    """Whether some order is right: of all that must have happened, and of some of what may have.

    ``before(a, b)``: whether a must come before b.
    """
    happened = [each for each in operations if model.happened(each)]

    def rest(left, state):
        if all(each.status == "info" for each in left):
            return True
        for place, each in enumerate(left):
            others = left[:place] + left[place + 1 :]
            if any(before(other, each) for other in others):
                continue
            may, then = model.step(state, each)
            if may and rest(others, then):
                return True
            if each.status == "info" and rest(others, state):
                return True
        return False

    return rest(happened, model.init())


def in_real_time(one: Operation, other: Operation) -> bool:
    """Whether one was over before the other began."""
    return one.deadline < other.begin
