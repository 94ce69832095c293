"""Workers: whatever a run does to its process, its outcome is there, and so are all others."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from studying import how_long, scenario

from simcluster.study import Processes
from simcluster.study.plan import Here, Plan
from simcluster.study.running import processes


@pytest.fixture
def pool():
    made = Processes(2)
    yield made
    made.close()


def outcomes(pool, plan, tasks):
    return {(found.cell, found.seed): found for found in pool.outcomes(plan, tasks) if found is not None}


def rows(found):
    return {task: each.rows for task, each in found.items()}


def test_outcomes_are_those_of_this_process_bit_for_bit(pool):
    plan = Plan([scenario(steps=steps) for steps in (1, 2, 3)], how_long)
    tasks = [(cell, seed) for cell in range(3) for seed in range(20)]

    assert rows(outcomes(pool, plan, tasks)) == rows(outcomes(Here(), plan, tasks))


def test_lambdas_and_functions_of_the_seed_go_to_workers(pool):
    factor = 3
    plan = Plan([lambda seed: scenario(steps=seed + 1)], lambda result: {"t": factor * result.ended_s})

    found = outcomes(pool, plan, [(0, 4)])

    assert found[0, 4].rows[0]["t"] == 3 * 9


@pytest.mark.slow
def test_a_run_that_raises_leaves_or_dies_is_an_outcome_and_the_others_are_there(pool):
    words = ["", "raise", "leave", "die", ""]
    plan = Plan([scenario(word=word) for word in words], how_long)

    found = outcomes(pool, plan, [(cell, seed) for seed in range(3) for cell in range(5)])

    assert len(found) == 15
    assert all(found[cell, seed].error is None for cell in (0, 4) for seed in range(3))
    assert {type(found[1, seed].error).__name__ for seed in range(3)} == {"ValueError"}
    assert {type(found[2, seed].error).__name__ for seed in range(3)} == {"SystemExit"}
    assert {str(found[3, seed].error) for seed in range(3)} == {
        "the process that ran it ended with exit code 7, 2 times"
    }
    assert {found[3, seed].attempts for seed in range(3)} == {2}
    assert "as seed 2 says" in found[1, 2].traceback


@pytest.mark.slow
def test_an_endless_run_and_one_that_eats_memory_are_outcomes():
    pool = Processes(2, time_limit_s=3.0, memory_limit_bytes=2 * 10**9)
    plan = Plan([scenario(), scenario(word="endless"), scenario(word="hungry")], how_long)
    try:
        found = outcomes(pool, plan, [(cell, seed) for seed in range(2) for cell in (1, 2, 0)])
    finally:
        pool.close()

    assert [type(found[cell, 0].error).__name__ for cell in range(3)] == ["NoneType", "TimeLimit", "MemoryError"]
    assert found[0, 1].error is None


def test_an_error_that_cannot_leave_its_process_is_told_by_one_that_can(pool):
    class Strange(Exception):
        def __init__(self, one, two):
            super().__init__(one)

    def measure(result):
        raise Strange("so", 1)

    found = outcomes(pool, Plan([scenario()], measure), [(0, 0)])

    assert "Strange: so" in str(found[0, 0].error)


def test_ctrl_c_that_a_run_raises_itself_and_errors_of_a_script_are_outcomes(pool):
    def measure(result):
        if result.seed:
            raise KeyboardInterrupt("no")
        raise type("Own", (Exception,), {})("so")

    found = outcomes(pool, Plan([scenario()], measure), [(0, 0), (0, 1)])

    assert "so" in str(found[0, 0].error)
    assert str(found[0, 1].error) == "KeyboardInterrupt: no"
    assert found[0, 1].attempts == 1


def test_rows_that_cannot_leave_their_process_are_an_error_of_the_run(pool):
    found = outcomes(pool, Plan([scenario()], lambda result: {"f": (each for each in "ab")}), [(0, 0)])

    assert "measure must give what can leave its process" in str(found[0, 0].error)


def test_what_cannot_go_to_another_process_is_refused_with_its_name(pool):
    lock = threading.Lock()
    with pytest.raises(ValueError, match="measure must be able to go to another process"):
        outcomes(pool, Plan([scenario()], lambda result: {"lock": lock}), [(0, 0)])


def test_an_abandoned_plan_leaves_nothing_to_the_next(pool):
    first = pool.outcomes(Plan([scenario(word="sleep")], how_long), [(0, seed) for seed in range(50)])
    next(each for each in first if each is not None)
    first.close()

    found = outcomes(pool, Plan([scenario(steps=5)], how_long), [(0, 0)])

    assert found[0, 0].rows[0]["time_s"] == 5


@pytest.mark.parametrize("count", [0, -1, 1.5, True])
def test_a_number_of_processes_is_a_whole_one_above_none(count):
    with pytest.raises(ValueError, match="processes must be"):
        Processes(count)


def test_limits_are_above_nothing():
    with pytest.raises(ValueError, match="time_limit_s must be above 0, got 0"):
        Processes(1, time_limit_s=0)
    with pytest.raises(ValueError, match="memory_limit_bytes must be"):
        Processes(1, memory_limit_bytes=0)


SCRIPT = """
import os, sys
from studying import scenario
from simcluster.study import Processes
from simcluster.study.plan import Plan
pool = Processes(2)
print([found.rows[0]["n"] for found in pool.outcomes(Plan([scenario()], lambda result: {"n": 1}), [(0, 0)]) if found])
print(*(worker.started.process.pid for worker in pool._workers), flush=True)
for _ in pool.outcomes(Plan([scenario(word="endless")], lambda result: {}), [(0, seed) for seed in range(9)]):
    print(*(worker.started.process.pid for worker in pool._workers), flush=True)
"""


def gone(pid):
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stdin", "file"])
def test_workers_of_a_parent_that_is_killed_are_gone_soon_even_in_an_endless_run(how, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-"] if how == "stdin" else [sys.executable, str(tmp_path / "script.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        if how == "stdin":
            parent.stdin.write(SCRIPT)
        parent.stdin.close()
        assert parent.stdout.readline() == "[1]\n"
        parent.stdout.readline()
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.send_signal(signal.SIGKILL)
    for _ in range(100):
        if all(gone(pid) for pid in pids):
            return
        time.sleep(0.1)
    pytest.fail(f"{pids} still run")


def test_workers_run_the_plan_that_was_given_last(pool):
    for steps in (1, 5):
        found = outcomes(pool, Plan([scenario(steps=steps)], how_long), [(0, 0)])

        assert found[0, 0].rows[0]["time_s"] == steps
        assert found[0, 0].attempts == 1


def test_workers_that_cannot_start_are_an_error_and_not_tried_for_ever(pool, monkeypatch):
    begun, start = [], processes.start

    def counted(memory_bytes):
        begun.append(memory_bytes)
        assert len(begun) < 20
        return start(memory_bytes)

    monkeypatch.setattr(processes, "start", counted)
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(RuntimeError, match="workers end as they start, with code 1"):
        outcomes(pool, Plan([scenario()], how_long), [(0, 0)])


@pytest.mark.slow
def test_a_run_that_kills_its_worker_once_is_begun_again_and_its_attempts_are_said(pool, tmp_path):
    mark = tmp_path / "mark"

    def measure(result):
        if result.seed == 1 and not mark.exists():
            mark.touch()
            os._exit(7)
        return how_long(result)

    found = outcomes(pool, Plan([scenario()], measure), [(0, seed) for seed in range(3)])

    assert [found[0, seed].error for seed in range(3)] == [None] * 3
    assert [found[0, seed].attempts for seed in range(3)] == [1, 2, 1]


@pytest.mark.slow
def test_a_time_limit_is_for_each_run_and_not_for_all_that_a_worker_is_given():
    pool = Processes(2, time_limit_s=1.0)
    try:
        found = outcomes(pool, Plan([scenario(word="sleep")], how_long), [(0, seed) for seed in range(200)])
    finally:
        pool.close()

    assert [each.error for each in found.values()] == [None] * 200
    assert sum(each.elapsed_s for each in found.values()) > 2 * 1.0
