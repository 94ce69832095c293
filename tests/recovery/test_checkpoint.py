"""A checkpoint is the old one or the new one, whenever the node crashes."""

import numpy as np
import pytest

from simcluster.cluster import Cluster, ClusterSpec, Corrupted, DiskFull, NodeSpec, StorageSpec
from simcluster.engine import Environment, Trace
from simcluster.recovery import Checkpoint

BYTES_PER_S = 1000.0
SAVES = 4


def cluster_of_one(**disk):
    env = Environment()
    storage = StorageSpec(**{"seek_s": 0.002, "bandwidth_bytes_per_s": BYTES_PER_S, "flush_s": 0.003, **disk})
    return Cluster(env, ClusterSpec(nodes=(NodeSpec(name="n", storage=storage),)), 0, Trace(env, ()))


class Watched:
    """A program that saves 1, 2, …, and what an onlooker knows of it: what was begun, acknowledged and restored."""

    def __init__(self):
        self.begun = self.acknowledged = 0
        self.faults = []
        self.restored = []

    def program(self, node):
        checkpoint = Checkpoint(node)
        state = yield from checkpoint.restore()
        number = 0 if state is None else state["number"]
        self.restored.append(number)
        if not self.acknowledged <= number <= self.begun:
            self.faults.append(f"{number} is not within {self.acknowledged} to {self.begun} at {node.env.now} s")
        if number and state["weights"].tolist() != [number] * 3:
            self.faults.append(f"the state of {number} is {state}")
        self.acknowledged = number
        while number < SAVES:
            number += 1
            self.begun = max(self.begun, number)
            yield from checkpoint.save({"number": number, "weights": np.full(3, float(number))})
            self.acknowledged = number


def run_with_crashes(*times_s, torn=False, kill=()):
    cluster, watched = cluster_of_one(torn_writes=torn), Watched()
    node = cluster["n"]
    node.boot(watched.program, "p")
    for time_s in times_s:
        cluster.env.run(until=time_s)
        if time_s in kill:
            node.kill("p")
            node.revive("p")
        else:
            node.crash()
            node.restart()
    cluster.env.run()
    return cluster.env.now, watched


END_S, _ = run_with_crashes()
MOMENTS_S = np.linspace(0.0005, END_S * 1.1, 90).tolist()
"""The head's times are whole milliseconds: none of these coincides with one, and several lie within each operation."""


@pytest.mark.parametrize("torn", [False, True], ids=["whole", "torn"])
def test_a_crash_at_any_moment_leaves_the_old_checkpoint_or_the_new_one(torn):
    for time_s in MOMENTS_S:
        _, watched = run_with_crashes(time_s, torn=torn)
        assert watched.faults == []
        assert watched.acknowledged == SAVES
        assert len(watched.restored) == 2


@pytest.mark.parametrize("torn", [False, True], ids=["whole", "torn"])
def test_a_second_crash_at_any_moment_does_not_either(torn):
    for first_s in MOMENTS_S[1::4]:
        for second_s in [time_s for time_s in MOMENTS_S if time_s > first_s][::3]:
            _, watched = run_with_crashes(first_s, second_s, torn=torn)
            assert watched.faults == []
            assert watched.acknowledged == SAVES


def test_what_a_killed_program_had_written_is_flushed_before_it_counts():
    for first_s in MOMENTS_S[1::4]:
        for second_s in [time_s for time_s in MOMENTS_S if time_s > first_s][::3]:
            _, watched = run_with_crashes(first_s, second_s, torn=True, kill={first_s})
            assert watched.faults == []


def test_a_save_writes_and_flushes_once():
    state_bytes = 8 + len("number") + 8 + len("weights") + 24  # with the number of the save

    assert run_with_crashes()[0] == pytest.approx(SAVES * (0.002 + state_bytes / BYTES_PER_S + 0.003))


class Aimed:
    """Draws that rot the first or the second of the copies."""

    def __init__(self, place):
        self._place = place

    def random(self, count):
        return np.full(count, 0.25 + 0.5 * self._place)


def restored_after(cluster, numbers, damaged=(), then=()):
    """What is restored once ``numbers`` have been saved and copies rotted, and once more after ``then``, or why not."""
    node, got = cluster["n"], []

    def save(node, numbers):
        checkpoint = Checkpoint(node)
        for number in numbers:
            try:
                yield from checkpoint.save(number)
            except DiskFull as error:
                got.append(error)

    def restore(node, numbers):
        checkpoint = Checkpoint(node)
        try:
            got.append((yield from checkpoint.restore()))
        except Corrupted as error:
            got.append(error)
        for number in numbers:
            yield from checkpoint.save(number)

    cluster.env.run(until=cluster.env.process(save(node, numbers)))
    for place in damaged:
        node.storage.rot(1, Aimed(place))
    cluster.env.run(until=cluster.env.process(restore(node, then)))
    if then:
        cluster.env.run(until=cluster.env.process(restore(node, ())))
    return got


@pytest.mark.parametrize("saves", [2, 3, 4])
@pytest.mark.parametrize("rotten", [0, 1])
def test_when_one_copy_rots_the_other_one_counts(saves, rotten):
    newest = (saves - 1) % 2  # odd numbers are in the first copy
    left = saves - 1 if rotten == newest else saves

    assert restored_after(cluster_of_one(), range(1, saves + 1), [rotten]) == [left]


@pytest.mark.parametrize("rotten", [0, 1])
def test_a_save_writes_over_the_copy_that_is_damaged(rotten):
    assert restored_after(cluster_of_one(), [1, 2], [rotten], then=[9])[-1] == 9


def test_a_single_copy_that_is_damaged_counts_as_the_beginning_of_a_save():
    assert restored_after(cluster_of_one(), [1], [0]) == [None]


def test_two_damaged_copies_are_said_to_be_and_the_next_save_counts():
    damaged, afterwards = restored_after(cluster_of_one(), [1, 2], [0, 1], then=[9])

    assert isinstance(damaged, Corrupted)
    assert afterwards == 9


def test_a_disk_that_is_full_leaves_the_checkpoint_before():
    full, restored = restored_after(cluster_of_one(capacity_bytes=20), [1, 2])

    assert isinstance(full, DiskFull)
    assert restored == 1
