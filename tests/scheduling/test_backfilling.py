"""Backfilling and gangs: begin times are those of small simulators of their own, and of examples by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.scheduling import ConservativeBackfilling, EasyBackfilling, GangScheduling
from tests.scheduling.ideal import Ideal, task, view


def gang(name, width, length_s, release_s=0.0, takes_s=None):
    """A rigid job of as many tasks of one core: how long it claims to take, and how long it does."""
    return [
        task(
            f"{name}.{place}", length_s if takes_s is None else takes_s, gang=f"{name}" if width > 1 else "",
            gang_size=width, estimate_s=length_s, release_s=release_s,
        )
        for place in range(width)
    ]  # fmt: skip


def begins(policy, jobs, cores):
    """When each job begins, on as many nodes of one core; (width, estimate, release, takes) each."""
    tasks = [each for name, job in jobs.items() for each in gang(name, *job)]
    began = Ideal(policy, [view(f"n-{place}") for place in range(cores)], tasks).run()
    found = {name: {began[f"{name}.{place}"] for place in range(job[0])} for name, job in jobs.items()}
    assert all(len(times) == 1 for times in found.values())  # together
    return {name: times.pop() for name, times in found.items()}


EXAMPLE = {"A": (3, 10.0), "B": (3, 2.0), "C": (4, 1.0), "D": (1, 20.0), "E": (1, 8.0)}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (GangScheduling(), {"A": 0.0, "B": 10.0, "C": 12.0, "D": 13.0, "E": 13.0}),
        # D needs no more than B leaves over, and delays C, which nothing was promised; E is over before that begins.
        (EasyBackfilling(), {"A": 0.0, "B": 10.0, "C": 20.0, "D": 0.0, "E": 12.0}),
        # D would delay C, which stands before it; E is over before A.
        (ConservativeBackfilling(), {"A": 0.0, "B": 10.0, "C": 12.0, "D": 13.0, "E": 0.0}),
    ],
    ids=repr,
)
def test_an_example_by_hand(policy, expected):
    """Four cores, and five jobs that come at once: A holds three cores for 10 s."""
    assert begins(policy, EXAMPLE, 4) == expected


JOB = st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(0, 20), st.floats(0.05, 1.0))


def drawn(jobs, *, exact=False):
    """Jobs in the order of their release, whose estimates may be too long but not too short."""
    ordered = sorted(jobs, key=lambda job: job[2])
    return {
        f"j{place}": (width, float(claims), float(comes), float(claims if exact else max(1, round(claims * part))))
        for place, (width, claims, comes, part) in enumerate(ordered)
    }


def easy(jobs, cores):
    """EASY, job by job as the papers tell it."""
    began, running, queue, coming = {}, set(), [], list(jobs)
    while coming or queue or running:
        events = [began[name] + jobs[name][3] for name in running] + [jobs[name][2] for name in coming]
        now = min(events)
        running = {name for name in running if began[name] + jobs[name][3] > now}
        queue += [name for name in coming if jobs[name][2] <= now]
        coming = [name for name in coming if jobs[name][2] > now]
        free = cores - sum(jobs[name][0] for name in running)

        first = []
        while queue and jobs[queue[0]][0] <= free:
            free -= jobs[queue[0]][0]
            first.append(queue.pop(0))
        began.update(dict.fromkeys(first, now))
        running |= set(first)
        if not queue:
            continue
        width, shadow, there = jobs[queue[0]][0], math.inf, free
        ends = sorted((began[name] + jobs[name][1], jobs[name][0]) for name in running)
        for end, _ in ends:
            there = free + sum(released for other, released in ends if other <= end)
            if there >= width:
                shadow = end
                break
        extra = there - width
        for name in list(queue[1:]):
            if jobs[name][0] > free:
                continue
            if now + jobs[name][1] > shadow:
                if jobs[name][0] > extra:
                    continue
                extra -= jobs[name][0]
            free -= jobs[name][0]
            began[name] = now
            running.add(name)
            queue.remove(name)
    return began


def conservative(jobs, cores):
    """Conservative backfilling on a chart of seconds, as all times are whole."""
    chart = [cores] * 2000
    began, planned, ends = {}, {}, {}

    def put(name, sign, begin, length):
        for second in range(int(begin), int(begin + length)):
            chart[second] -= sign * jobs[name][0]

    def place(name, now):
        width, length = jobs[name][:2]
        planned[name] = next(
            begin
            for begin in range(int(now), len(chart))
            if all(chart[second] >= width for second in range(begin, begin + int(length)))
        )
        put(name, 1, planned[name], length)

    for now in range(400):
        early = False
        for name in [name for name, end in ends.items() if end == now]:
            rest = began[name] + jobs[name][1] - now
            put(name, -1, now, rest)
            early |= rest > 0
            del ends[name]
        if early:
            for name in planned:
                put(name, -1, planned[name], jobs[name][1])
                place(name, now)
        for name in [name for name in jobs if jobs[name][2] == now]:
            place(name, now)
        for name in [name for name, begin in planned.items() if begin == now]:
            began[name], ends[name] = planned.pop(name), now + jobs[name][3]
    assert len(began) == len(jobs)
    return began


@settings(max_examples=150, deadline=None)
@given(st.lists(JOB, min_size=1, max_size=25), st.integers(5, 8))
def test_easy_begins_each_job_when_a_plain_simulator_does(jobs, cores):
    assert begins(EasyBackfilling(), drawn(jobs), cores) == easy(drawn(jobs), cores)


@settings(max_examples=100, deadline=None)
@given(st.lists(JOB, min_size=1, max_size=25), st.integers(5, 8))
def test_conservative_backfilling_begins_each_job_when_a_plain_simulator_does(jobs, cores):
    expected = conservative(drawn(jobs), cores)

    assert begins(ConservativeBackfilling(), drawn(jobs), cores) == expected
    assert begins(ConservativeBackfilling(depth=None), drawn(jobs), cores) == expected


@settings(max_examples=80, deadline=None)
@given(st.lists(JOB, min_size=1, max_size=25), st.integers(5, 8))
def test_with_exact_estimates_conservative_backfilling_delays_nobody(jobs, cores):
    """No job begins later than without backfilling, as each had its gap before any later one."""
    exact = drawn(jobs, exact=True)
    plain = begins(GangScheduling(), exact, cores)

    assert all(begin_s <= plain[name] for name, begin_s in begins(ConservativeBackfilling(), exact, cores).items())


@pytest.mark.parametrize("policy", [EasyBackfilling(), ConservativeBackfilling(), ConservativeBackfilling(depth=2)])
@settings(max_examples=40, deadline=None)
@given(st.lists(JOB, min_size=1, max_size=20), st.integers(5, 8))
def test_estimates_that_are_too_short_delay_but_lose_nothing(policy, jobs, cores):
    late = {name: (width, 1.0, comes, takes) for name, (width, _, comes, takes) in drawn(jobs).items()}

    assert set(begins(policy, late, cores)) == set(late)
