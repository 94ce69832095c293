import pytest

from simcluster.cluster import Failure
from simcluster.faults import CrashNode, FillDisk, LoseDisk, RotBits, SlowDisk, TearWrites


def outcomes(cluster, at, *steps):
    """Operate the disk of n-0 at given times; when each operation ended, with its value or the cause of its failure."""
    ended = []

    def watch(event):
        def program(node):
            try:
                value = yield event
            except Failure as failure:
                value = failure.cause
            except KeyError:
                value = "missing"
            ended.append((node.env.now, value))

        return program(cluster["n-0"])

    def start(operation, *arguments):
        cluster["n-0"].spawn(watch(getattr(cluster["n-0"].storage, operation)(*arguments)))

    for time_s, *operation in steps:
        at(cluster, time_s, start, *operation)
    cluster.env.run()
    return ended


DISK = {"storage": {"bandwidth_bytes_per_s": 10.0, "flush_s": 0.5}}


def test_a_lost_disk_has_nothing_on_it_and_is_used_again(make, at):
    cluster = make(LoseDisk(node="n-0", begin_s=5), **DISK)
    steps = [(0, "write", "k", 1.0, 10), (2, "flush"), (6, "read", "k"), (7, "write", "k", 2.0, 10), (9, "read", "k")]

    assert [value for _, value in outcomes(cluster, at, *steps)] == [None, None, "missing", None, 2.0]
    assert cluster.at_baseline


def test_a_slow_disk_takes_factor_times_as_long_and_factors_multiply(make, at):
    cluster = make(
        SlowDisk(node="n-0", factor=2, begin_s=10, end_s=40),
        SlowDisk(node="n-0", factor=3, begin_s=20, end_s=30),
        **DISK,
    )
    steps = [(time_s, "write", "k", 1.0, 10) for time_s in (0, 11, 21, 35, 50)]

    assert [time_s for time_s, _ in outcomes(cluster, at, *steps)] == pytest.approx([1, 13, 27, 37, 51])


def test_a_full_disk_refuses_what_needs_room_and_can_be_read(make, at):
    cluster = make(
        FillDisk(node="n-0", begin_s=2, end_s=6), FillDisk(node="n-0", begin_s=3, end_s=8), **DISK
    )
    steps = [(0, "write", "k", 1.0, 10), (4, "write", "m", 1.0, 10), (5, "read", "k"), (7, "write", "m", 1.0, 10)]
    steps += [(9, "write", "m", 1.0, 10)]

    assert [value for _, value in outcomes(cluster, at, *steps)] == [None, "disk_full", 1.0, "disk_full", None]


@pytest.mark.parametrize("torn", [True, False])
def test_a_crash_in_the_midst_of_a_write_leaves_a_part_only_where_writes_tear(make, at, torn):
    faults = [CrashNode(node="n-0", begin_s=4.5, end_s=6)]
    if torn:
        faults.append(TearWrites(node="n-0", begin_s=0, end_s=5))
    cluster = make(*faults, **DISK)
    steps = [(0, "write", "k", 1.0, 10), (2, "flush"), (4, "write", "k", 2.0, 10), (7, "read", "k")]

    assert outcomes(cluster, at, *steps)[-1][1] == ("corrupted" if torn else 1.0)
    assert cluster.at_baseline


def test_rotten_bits_are_noticed_when_they_are_read(make, at):
    cluster = make(RotBits(node="n-0", begin_s=5), **DISK)
    steps = [(0, "write", "k", 1.0, 10), (2, "flush"), (6, "read", "k")]

    assert [value for _, value in outcomes(cluster, at, *steps)] == [None, None, "corrupted"]


def test_another_fault_does_not_shift_which_bits_rot(make, at):
    def rotten(*faults):
        cluster = make(*faults, **DISK)
        writes = [(0, "write", f"k{place}", 1.0, 1) for place in range(40)]
        outcomes(cluster, at, *writes, (8, "flush"))
        return [key for key in cluster["n-0"].storage.keys() if not cluster["n-0"].storage.intact(key)]  # noqa: SIM118

    rot = RotBits(node="n-0", count=3, begin_s=20)
    assert len(rotten(rot)) in (2, 3)
    assert rotten(RotBits(node="n-1", begin_s=10), SlowDisk(node="n-0", factor=1.5, begin_s=1), rot) == rotten(rot)
