"""Studies and sweeps whose processes are killed lose no run, and repeat none that is done."""

import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from studying import how_long, scenario

from simcluster.study import Study, WorkerDied, grid, open_study

KILLED = """
import sys
from studying import how_long, scenario
from simcluster.study import Study, grid
if __name__ == "__main__":
    vary = grid({"job.steps": list(range(10))})
    study = Study(scenario(word="sleep"), range(20), how_long, vary=vary, path=sys.argv[1])
    study.run(2, progress=lambda far: print(far.done, flush=True))
"""


@pytest.mark.slow
def test_a_study_that_is_killed_again_and_again_ends_as_one_that_was_not(tmp_path):
    (tmp_path / "script.py").write_text(KILLED)
    path = tmp_path / "x.db"
    command = [sys.executable, str(tmp_path / "script.py"), str(path)]
    before = 0
    for _ in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
            for line in parent.stdout:
                if int(line) > before:
                    break
            parent.send_signal(signal.SIGKILL)
        stored = open_study(path)
        assert stored.store.counts(stored.key)[0] >= before
        before = stored.store.counts(stored.key)[0]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    whole = Study(scenario(word="sleep"), range(20), how_long, vary=grid({"job.steps": list(range(10))})).run(2)
    pd.testing.assert_frame_equal(open_study(path).frame(), whole.frame())


@pytest.mark.slow
def test_two_processes_share_the_runs_of_one_file(tmp_path):
    (tmp_path / "script.py").write_text(
        KILLED.replace("how_long, vary", "counting, vary").replace(
            "if __name__",
            "import os\ndef counting(result):\n    open(sys.argv[2], 'a').write(f'{os.getppid()}\\n')\n"
            "    return how_long(result)\nif __name__",
        )
    )
    path, told = tmp_path / "x.db", tmp_path / "told"
    command = [sys.executable, str(tmp_path / "script.py"), str(path), str(told)]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]

    lines = told.read_text().split()
    assert len(lines) == 200  # none twice
    assert len(open_study(path).frame()) == 200


def test_a_sweep_that_is_killed_is_found_again_and_leaves_nothing(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom studying import how_long, scenario\nfrom simcluster.sweep import sweep, workers\n"
        "cases = {steps: scenario(steps=steps, word='sleep') for steps in range(8)}\n"
        "with workers(2) as within:\n"
        "    tell = lambda done, n: print(done, flush=True)\n"
        "    table = sweep(cases, range(20), how_long, within=within, progress=tell)\n"
        "print(len(table), table['time_s'].sum())\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, cwd=tmp_path) as parent:
        for line in parent.stdout:
            if int(line) > 80 and (tmp_path / ".simcluster").exists():
                break
        time.sleep(0.2)
        parent.send_signal(signal.SIGKILL)
    again = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, check=True)
    lines = again.stdout.split("\n")

    assert int(lines[0]) > 20  # the first that was run had others before it
    assert lines[-2] == f"160 {sum(steps + seed for steps in range(8) for seed in range(20))}"
    assert not (tmp_path / ".simcluster").exists()


ON_DASK = """
from studying import how_long, scenario
from simcluster.study import Study, grid
vary = grid({"job.word": ["", "raise", "die", "x", "y", "z"]})
Study(scenario(), [3], lambda result: how_long(result), vary=vary, path="x.db").run(2, dask="local")
"""


@pytest.mark.slow
def test_rows_from_dask_are_those_of_this_process_though_a_run_kills_its_worker_and_the_program_is_no_file(tmp_path):
    pytest.importorskip("distributed")
    here = Study(scenario(), [3], how_long, vary=grid({"job.word": ["", "raise", "x", "y", "z"]})).run(1)

    subprocess.run([sys.executable, "-"], input=ON_DASK, text=True, cwd=tmp_path, check=True, timeout=300)

    made = open_study(tmp_path / "x.db")
    pd.testing.assert_frame_equal(made.frame(), here.frame())
    assert dict(zip(made.failures()["word"], made.failures()["error"].str.partition(":")[0], strict=True)) == {
        "raise": ValueError.__name__,
        "die": WorkerDied.__name__,
    }
