import pytest

from simcluster import run
from simcluster.cluster import OutOfMemory
from simcluster.faults import CrashNode, DriftClock, ExhaustMemory, KillProgram, PauseNode, StepClock
from tests.strategies import training


def ticking(cluster):
    ticks = {}

    def ticker(node):
        while True:
            yield node.timer(1.0)
            ticks.setdefault("ticker", []).append(node.env.now)

    def other(node):
        while True:
            yield node.timer(1.0)
            ticks.setdefault("other", []).append(node.env.now)

    for program in (ticker, other):
        cluster["n-0"].boot(program)
    return ticks


def test_a_killed_program_starts_anew_and_its_neighbour_never_stops(make):
    cluster = make(KillProgram(node="n-0", program="ticker", begin_s=1.5, end_s=3.25))
    ticks = ticking(cluster)
    cluster.env.run(5)

    assert ticks == {"ticker": [1, 4.25], "other": [1, 2, 3, 4]}


def test_a_program_stays_dead_until_the_last_of_overlapping_kills_ends_whatever_the_node_does(make):
    cluster = make(
        KillProgram(node="n-0", program="ticker", begin_s=1.5, end_s=4),
        KillProgram(node="n-0", program="ticker", begin_s=2, end_s=6),
        CrashNode(node="n-0", begin_s=2.5, end_s=3),
        PauseNode(node="n-0", begin_s=5.5, end_s=7),
    )
    ticks = ticking(cluster)
    cluster.env.run(8.5)

    assert ticks["ticker"] == [1, 8]
    assert cluster.at_baseline


def test_a_program_that_no_node_boots_is_refused_before_the_run():
    with pytest.raises(ValueError, match=r"must be one that worker-0 boots, of \['training\.worker'\], got 'nobody'"):
        run(training([KillProgram(node="worker-0", program="nobody", begin_s=100)]), 0)


def test_memory_that_is_taken_makes_the_next_allocation_fail_and_comes_back(make, at):
    cluster = make(ExhaustMemory(node="n-0", size_bytes=60, begin_s=1, end_s=3))
    memory, seen = cluster["n-0"].memory, []

    def ask():
        try:
            with memory.allocate(50):
                seen.append("granted")
        except OutOfMemory as error:
            seen.append(error.cause)

    for time_s in (0, 2, 4):
        at(cluster, time_s, ask)
    cluster.env.run()

    assert seen == ["granted", "out_of_memory", "granted"]


def test_memory_without_end_cannot_be_exhausted():
    with pytest.raises(ValueError, match=r"needs nodes with memory_bytes, got 'worker-0' with memory_bytes=None"):
        run(training([ExhaustMemory(node="worker-0", begin_s=0)]), 0)


def test_a_clock_jumps_and_is_set_right(make):
    cluster = make(StepClock(node="n-0", step_s=-7.5, begin_s=1, end_s=2))
    errors = []
    for time_s in (0.5, 1.5, 2.5):
        cluster.env.run(time_s)
        errors.append([node.clock.now() - time_s for node in cluster.nodes.values()])

    assert errors == [[0, 0, 0], [-7.5, 0, 0], [0, 0, 0]]


def test_drifts_multiply_and_what_they_gained_stays(make):
    cluster = make(
        DriftClock(node="n-0", rate=0.5, begin_s=1, end_s=3), DriftClock(node="n-0", rate=-0.25, begin_s=2, end_s=4)
    )
    cluster.env.run(10)

    assert cluster["n-0"].clock.now() - 10 == pytest.approx(0.5 + (1.5 * 0.75 - 1) - 0.25)


@pytest.mark.parametrize(
    ("make_fault", "message"),
    [
        (lambda: StepClock(node="a", step_s=0, begin_s=0), "step_s must not be 0, got 0.0"),
        (lambda: DriftClock(node="a", rate=-1, begin_s=0), "rate: .*greater than -1"),
        (lambda: DriftClock(node="a", rate=1e9, begin_s=0), "rate: .*less than or equal to 1000"),
        (lambda: ExhaustMemory(node="a", size_bytes=0, begin_s=0), "size_bytes: .*greater than 0"),
    ],
)
def test_what_cannot_be_is_refused(make_fault, message):
    with pytest.raises(ValueError, match=message):
        make_fault()
