"""Whom Dask blames for the death of a worker: all that it had. Only who does it alone is told to have done it."""

import sys
from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studying import how_long, scenario

from simcluster.study import WorkerDied
from simcluster.study.plan import Plan
from simcluster.study.running.on_dask import OnDask

KILLERS = st.frozensets(st.integers(0, 11), max_size=4)


class KilledWorker(Exception):
    pass


class Future:
    def __init__(self, call):
        self.call, self.blamed = call, False

    def result(self):
        if self.blamed:
            raise KilledWorker
        function, *arguments = self.call
        return function(*(each.result() if isinstance(each, Future) else each for each in arguments))


class Cluster:
    """A scheduler with one worker, which takes what it has at once, and of which a killer takes all with it."""

    def __init__(self, killers, busiest):
        self.killers, self.threads, self.at_once = killers, {"worker": busiest}, []

    def nthreads(self):
        return self.threads

    def submit(self, function, *arguments, pure):
        return Future((function, *arguments))

    def cancel(self, futures):
        assert not futures

    def wait(self, futures, timeout, return_when):
        self.at_once.append(len(futures))
        killed = any(task[1] in self.killers for future in futures for task in future.call[2])
        for future in futures:
            future.blamed = killed
        return SimpleNamespace(done=futures if killed else futures[:1])


@given(KILLERS, st.integers(1, 3), st.sampled_from([1e-5, 0.02, 1.0]))
def test_a_run_is_told_to_have_killed_its_worker_when_it_has_and_each_run_has_one_outcome(killers, threads, run_s):
    cluster = Cluster(killers, threads)
    executor = OnDask.__new__(OnDask)
    executor._client, executor._run_s = cluster, run_s
    tasks = [(0, seed) for seed in range(12)]

    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "distributed", SimpleNamespace(wait=cluster.wait, KilledWorker=KilledWorker))
        found = list(executor.outcomes(Plan([scenario()], how_long), iter(tasks)))

    assert Counter((each.cell, each.seed) for each in found) == dict.fromkeys(tasks, 1)
    assert {each.seed for each in found if each.error is not None} == killers
    assert all(isinstance(each.error, WorkerDied) for each in found if each.error is not None)
    assert [each.rows[0]["time_s"] for each in sorted(found, key=lambda each: each.seed) if each.error is None] == [
        1.0 + seed for seed in range(12) if seed not in killers
    ]
