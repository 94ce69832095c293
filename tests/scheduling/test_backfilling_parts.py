"""What backfilling is made of: gaps in a profile, and the first in a queue that is short enough."""

import math

from hypothesis import given
from hypothesis import strategies as st

from simcluster.scheduling.policies.batch.jobs import RigidJobs
from simcluster.scheduling.policies.batch.profile import Profile
from simcluster.scheduling.policies.batch.shortlist import Shortlist
from tests.scheduling.ideal import task

WHOLE = st.integers(0, 12)


@given(st.lists(st.tuples(st.integers(1, 4), WHOLE, WHOLE)), st.integers(1, 8), st.integers(1, 6), WHOLE)
def test_a_gap_is_the_first_that_a_search_second_by_second_finds(taken, cores, duration_s, from_s):
    profile, free = Profile(8), {second: 8 for second in range(100)}
    for width, first, other in taken:
        begin_s, end_s = sorted((first, other))
        if all(free[second] >= width for second in range(begin_s, end_s)):
            profile.take(width, begin_s, end_s)
            free.update({second: free[second] - width for second in range(begin_s, end_s)})
    profile.forget(from_s)

    first = next(
        begin for begin in range(from_s, 100) if all(free[each] >= cores for each in range(begin, begin + duration_s))
    )
    assert profile.earliest_s(cores, duration_s, from_s) == first


@given(st.lists(st.tuples(st.integers(1, 4), WHOLE, WHOLE), max_size=20))
def test_what_is_taken_and_given_back_leaves_no_trace(taken):
    profile = Profile(3)
    for width, begin_s, end_s in taken:
        profile.take(width, begin_s, end_s)
    for width, begin_s, end_s in taken:
        profile.take(-width, begin_s, end_s)

    assert profile.earliest_s(3, math.inf, 1.0) == 1.0


def test_what_is_taken_for_good_never_comes_free():
    profile = Profile(3)
    profile.take(1, 2.0, math.inf)

    assert profile.earliest_s(3, 2.0, 0.0) == 0.0
    assert profile.earliest_s(3, 2.5, 0.0) == math.inf
    assert profile.earliest_s(2, math.inf, 1.0) == 1.0


LENGTHS = st.sampled_from([0.0, 1.0, 2.0, 3.5, 7.0, math.inf])


@given(st.lists(st.tuples(st.booleans(), LENGTHS), max_size=120), st.data())
def test_the_first_that_is_short_enough_is_that_of_a_list(steps, data):
    queue, reference = Shortlist(), {}
    for number, (adds, length) in enumerate(steps):
        if adds or not reference:
            queue.add(f"t-{number}", length)
            reference[f"t-{number}"] = length
        else:
            gone = data.draw(st.sampled_from(list(reference)))
            queue.remove(gone)
            del reference[gone]
        assert len(queue) == len(reference)
        for most in (0.0, 1.5, 3.5, math.inf):
            assert queue.first(most) == next((name for name, each in reference.items() if each <= most), None)


def test_what_is_forgotten_is_not_taken_from():
    profile = Profile(3)
    profile.take(1, 2.0, 4.0)
    profile.forget(3.0)
    profile.take(2, 0.0, 5.0)

    assert profile.earliest_s(1, 1.0, 3.0) == 4.0
    assert profile.earliest_s(3, 1.0, 3.0) == 5.0


def test_a_gang_waits_for_those_of_its_tasks_that_are_still_to_be_done():
    jobs = RigidJobs()
    first, second = (task(name, gang="g", gang_size=2) for name in ("a", "b"))
    assert jobs.ready(first) is None
    assert jobs.gone("a") == "g"
    assert jobs.ready(second) is None

    jobs.started(first)
    jobs.started(second)
    assert jobs.stopped(second, "lost") is None
    assert jobs.stopped(first, "done") is None
    assert jobs.ready(second._replace(gang_size=1)).tasks == (second._replace(gang_size=1),)


def test_who_waits_for_one_of_its_gang_that_runs_already_need_not_wait_when_that_is_done():
    jobs = RigidJobs()
    first, second = (task(name, gang="g", gang_size=3) for name in ("a", "b"))
    jobs.started(first)
    assert jobs.ready(second) is None  # and a third

    assert jobs.stopped(first, "done") is None
    jobs.started(task("c", gang="g", gang_size=2))
    assert jobs.stopped(task("c", gang="g", gang_size=2), "done").tasks == (second,)
