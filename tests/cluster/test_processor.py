"""Cores share work as their discipline says."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.cluster.machine.processor import FirstComeFirstServed as PlainFirstComeFirstServed
from simcluster.cluster.machine.processor import ProcessorSharing
from simcluster.cluster.network.message_path import FirstComeFirstServed
from simcluster.engine import Environment, Trace


def completions(discipline, cores, submissions, speeds=(), also=None):
    """Completion time of each (time, seconds), in order of submission."""
    env = Environment()
    processor = discipline(env, "n", cores, 1.0, Trace(env, ()))
    times = {}

    def submit(i, seconds):
        done = env.event()
        done.callbacks.append(lambda _: times.setdefault(i, env.now))
        processor.submit(done, None, seconds)

    for i, (time_s, seconds) in enumerate(submissions):
        env.call_later(time_s, lambda _, i=i, seconds=seconds: submit(i, seconds))
    for time_s, speed in speeds:
        env.call_later(time_s, processor.set_speed, speed)
    if also is not None:
        also(processor, env)
    env.run()
    return [times[i] for i in range(len(submissions))]


def test_two_computations_share_one_core():
    assert completions(ProcessorSharing, 1, [(0, 1.0), (0, 2.0)]) == pytest.approx([2.0, 3.0])


def test_no_computation_is_faster_than_one_core():
    assert completions(ProcessorSharing, 4, [(0, 1.0), (0, 2.0)]) == pytest.approx([1.0, 2.0])


def test_a_late_arrival_takes_its_share():
    # Alone until 1, then half each: the first has 1 s of work left and ends at 3; the second then has 2 s left.
    assert completions(ProcessorSharing, 1, [(0, 2.0), (1, 3.0)]) == pytest.approx([3.0, 5.0])


def test_sharing_stands_still_at_speed_zero():
    assert completions(ProcessorSharing, 1, [(0, 2.0)], [(1, 0.0), (5, 1.0)]) == pytest.approx([6.0])


work = st.lists(st.tuples(st.floats(0, 10), st.floats(0.01, 5)), min_size=1, max_size=12)


@given(work, st.integers(1, 4))
def test_both_disciplines_do_the_same_work(submissions, cores):
    """On one core a busy period ends at the same time whatever the discipline (work conservation)."""
    ends = [max(completions(discipline, 1, submissions)) for discipline in (FirstComeFirstServed, ProcessorSharing)]

    assert ends[0] == pytest.approx(ends[1])
    for discipline in (FirstComeFirstServed, ProcessorSharing):
        for (begin_s, seconds), end_s in zip(submissions, completions(discipline, cores, submissions), strict=True):
            assert end_s >= begin_s + seconds - 1e-9


def test_a_computation_that_is_cancelled_has_had_its_share_until_then():
    # Two share one core until the first is cancelled at 1; the second has done half a second by then, not one.
    env = Environment()
    processor = ProcessorSharing(env, "n", 1, 1.0, Trace(env, ()))
    first, second, ended = env.event(), env.event(), []
    second.callbacks.append(lambda _: ended.append(env.now))
    owner = object()
    processor.submit(first, None, 2.0, owner)
    processor.submit(second, None, 2.0)
    env.call_later(1.0, processor.cancel, owner)
    env.run()

    assert ended == pytest.approx([2.5])


@pytest.mark.parametrize("discipline", [FirstComeFirstServed, PlainFirstComeFirstServed, ProcessorSharing])
def test_what_a_process_computes_is_its_own_to_give_up(discipline):
    env = Environment()
    processor = discipline(env, "n", 2, 1.0, Trace(env, ()))
    heard = []

    def program(result, seconds):
        heard.append(((yield processor.compute(result, seconds)), env.now))

    one, _ = env.process(program("one", 1.0)), env.process(program("two", 2.0))
    env.call_later(0.5, lambda _: processor.cancel(one))
    env.run()
    assert heard == [("two", 2.0)]
    assert processor.queue_length == 0


def occupied_s(submissions, ends_s, cores, until_s):
    """The integral of the cores that are occupied, of which there are as many as computations, if there are enough."""
    moments_s = sorted({0.0, until_s, *(moment_s for moment_s, _ in submissions), *ends_s})
    total_s = 0.0
    for begin_s, end_s in itertools.pairwise([moment_s for moment_s in moments_s if moment_s <= until_s]):
        there = [i for i, (arrival_s, _) in enumerate(submissions) if arrival_s <= begin_s and ends_s[i] >= end_s]
        total_s += min(cores, len(there)) * (end_s - begin_s)
    return total_s


@given(work, st.integers(1, 3), st.lists(st.floats(0.1, 20), min_size=1, max_size=4))
@pytest.mark.parametrize("discipline", [FirstComeFirstServed, PlainFirstComeFirstServed, ProcessorSharing])
def test_a_processor_knows_how_long_its_cores_have_been_occupied_and_asking_changes_nothing(
    discipline, submissions, cores, moments_s
):
    ends_s = completions(discipline, cores, submissions)
    asked = {}

    def ask(processor, env):
        for moment_s in moments_s:
            env.call_later(moment_s, lambda _: asked.setdefault(env.now, processor.busy_s))

    assert completions(discipline, cores, submissions, also=ask) == ends_s
    for moment_s, busy_s in asked.items():
        assert busy_s == pytest.approx(occupied_s(submissions, ends_s, cores, moment_s), abs=1e-6)


@pytest.mark.parametrize("discipline", [FirstComeFirstServed, PlainFirstComeFirstServed, ProcessorSharing])
@given(st.lists(st.floats(0.1, 5), min_size=1, max_size=4), st.lists(st.floats(0.5, 2), max_size=3))
def test_progress_is_the_share_of_the_work_that_the_speed_has_done(discipline, works, speeds):
    """On one core each: what is done of all is the integral of the speed, on no more than one core's worth each."""
    env = Environment()
    processor = discipline(env, "n", len(works), 1.0, Trace(env, ()))
    owners = [object() for _ in works]
    for owner, work_s in zip(owners, works, strict=True):
        processor.submit(env.event(), None, work_s, owner)
    done_s = 0.0
    for speed in [1.0, *speeds]:
        processor.set_speed(speed)
        env.run(until=env.now + 0.4)
        done_s += 0.4 * speed
        for owner, work_s in zip(owners, works, strict=True):
            if done_s > work_s * (1 + 1e-9):
                assert processor.progress(owner) is None
            elif done_s < work_s * (1 - 1e-9):
                assert processor.progress(owner) == pytest.approx(done_s / work_s)
    assert processor.progress(object()) is None


@pytest.mark.parametrize("discipline", [FirstComeFirstServed, PlainFirstComeFirstServed])
def test_who_waits_for_a_core_has_made_no_progress(discipline):
    env = Environment()
    processor = discipline(env, "n", 1, 1.0, Trace(env, ()))
    processor.submit(env.event(), None, 2.0, "first")
    processor.submit(env.event(), None, 2.0, "second")
    env.run(until=1.0)

    assert [processor.progress(owner) for owner in ("first", "second")] == [0.5, 0.0]
