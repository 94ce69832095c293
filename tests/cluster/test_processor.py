"""Cores share work as their discipline says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.cluster.message_path import FirstComeFirstServed
from simcluster.cluster.processor import ProcessorSharing
from simcluster.engine import Environment, Trace


def completions(discipline, cores, submissions, speeds=()):
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
