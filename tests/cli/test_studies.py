import os
import signal
import subprocess
import sys
import time

import pytest

from simcluster.cli.new import starter
from simcluster.study import Store, open_study

SLOW_PARTS = """
import time

class Slow:
    def start(self, cluster, seed):
        time.sleep(0.2)
        return cluster.env.timeout(1)
"""


def test_sweep_runs_a_study_and_says_how_to_look_at_it(studied, good):
    (studied / "study.db").unlink()

    ended = good("sweep", "study.yaml", "--processes", "1")

    assert ended.out == "6 of 6 runs are done\nlook at them with: simcluster results study.db\n"
    assert len(open_study("study.db").frame()) == 6


def test_what_is_done_is_not_run_again(studied, good, monkeypatch):
    monkeypatch.setattr("simcluster.study.plan.run", None)

    told = good("sweep", "study.yaml", "--processes", "1", "--json").json

    assert (told["done"], told["failed"], told["total"], told["failures"]) == (6, 0, 6, [])


def test_more_seeds_go_on_where_fewer_ended(studied, good):
    told = good("sweep", "study.yaml", "--processes", "1", "--seeds", "4", "--json").json

    assert (told["done"], told["total"]) == (8, 8)
    assert good("status", "study.db", "--json").json == [
        {"study": told["study"], "name": "study", "done": 8, "failed": 0, "total": 8, "version": told["version"]}
    ]


def test_a_study_runs_until_its_metric_is_precise(studied, good):
    with open("study.yaml", "a", encoding="utf-8") as file:
        file.write("until: {metric: steps, relative: 0.5, at_least: 2, at_most: 30}\n")

    ended = good("sweep", "study.yaml", "--processes", "1", "--seeds", "30", "--db", "until.db")

    assert ended.out.startswith("4 of at most 60 runs are done\n")  # both cells twice: every run has equally many steps


def test_the_database_may_be_another(studied, good):
    good("sweep", "study.yaml", "--processes", "1", "--db", "other.db", "--quiet")

    assert open_study("other.db").frame().equals(open_study("study.db").frame())


def test_status_shows_each_study_in_a_line(studied, good):
    head, line = good("status", "study.db").out.splitlines()

    assert head.split() == ["study", "name", "done", "failed", "total", "version"]
    assert line.split()[:5] == [open_study("study.db").key[:8], "study", "6", "0", "6"]


def test_failed_runs_are_told_with_what_runs_them_again(odd, call):
    ended = call("sweep", "study.yaml", "--processes", "1", "--plugin", "odd_parts")

    assert ended.code == 1
    assert ended.out.splitlines()[0] == "8 of 8 runs are done, 4 of them failed"
    assert ended.err.count("failed: RuntimeError: odd \\x1b[31mseed in ") == 3
    assert ended.err.splitlines()[-1] == "and 1 more failed"
    key = open_study("study.db").key[:8]
    again = f"replay study.db --study {key} --cell 0 --seed 1 --plugin odd_parts"
    assert f"  again: simcluster {again}\n" in ended.err
    assert "\x1b" not in ended.out + ended.err

    replayed = call(*again.split())

    assert replayed.code == 1
    assert replayed.out.startswith("It failed with RuntimeError: odd \\x1b[31mseed")
    assert "raise RuntimeError" in replayed.out
    assert replayed.err.splitlines()[-1].startswith("failed: RuntimeError")


def test_stop_on_error_ends_at_the_first_and_retry_failed_runs_it_again(odd, call, good):
    stopped = call("sweep", "study.yaml", "--processes", "1", "--plugin", "odd_parts", "--stop-on-error")

    assert stopped.code == 1
    assert stopped.err.startswith("stopped: RuntimeError: odd")
    assert Store("study.db", read=True).counts(open_study("study.db").key) == (2, 1)
    text = (odd / "odd_parts.py").read_text()
    (odd / "odd_parts.py").write_text(text.replace("if seed % 2", "if False"))
    sys.modules.pop("odd_parts")
    ended = call("sweep", "study.yaml", "--processes", "1", "--plugin", "odd_parts", "--retry-failed", "--json")
    assert ended.json["failed"] == 0


def test_replay_of_a_run_in_a_database_is_the_same_run(studied, good):
    told = good("replay", "study.db", "--cell", "1", "--seed", "2", "--json").json

    assert told["same"] is True
    assert told["digest"] == open_study("study.db").frame().query("staleness == 2 and seed == 2")["digest"].item()


def test_replay_says_when_it_is_another_run(studied, call):
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect("study.db")) as db, db:
        db.execute("UPDATE runs SET rows = replace(rows, '\"digest\": \"', '\"digest\": \"0')")
    db.close()

    ended = call("replay", "study.db", "--cell", "0", "--seed", "0")

    assert ended.code == 1
    assert ended.err.startswith("not the same: the run under seed 0 must have the digest 0")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "study.yaml"], "error: study.yaml: must be a scenario, got a study, which `simcluster sweep` runs"),
        (["sweep", "odd.yaml"], "error: odd.yaml: must be a study, got a scenario, which `simcluster run` runs"),
        (["sweep", "none.yaml"], "error: none.yaml: it must be a file that can be read"),
        (["sweep", "study.yaml", "--seeds", "0"], "error: seeds"),
        (["sweep", "study.yaml", "--processes", "0"], "error: processes must be at least 1, got 0"),
        (["sweep", "study.yaml", "--time-limit", "-1"], "error: time_limit_s must be above 0, got -1.0"),
        (["sweep", "study.yaml", "--db", "study.yaml"], "error: study.yaml: must be a database of studies"),
        (["sweep", "study.yaml", "--db", "study.yaml/s.db"], "error: study.yaml: File exists"),
        (["status", "none.db"], "error: none.db: must be a file that is there"),
        (["status", "study.yaml"], "error: study.yaml: must be a database of studies"),
        (["replay", "study.db"], "error: cell and seed: must be given of a run in a database"),
        (["replay", "study.db", "--cell", "9", "--seed", "0"], "error: study.db: there must be a run of this cell"),
        (["replay", "study.db", "--study", "x", "--cell", "0", "--seed", "0"], "error: study.db: study must be one of"),
    ],
)
def test_what_a_user_gets_wrong_is_one_line(studied, call, arguments, said):
    (studied / "odd.yaml").write_text(starter("scenario"))

    ended = call(*arguments)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(said)
    assert ended.err.count("\n") == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal there")
@pytest.mark.parametrize("processes", ["1", "2"])
def test_ctrl_c_ends_a_sweep_soon_keeps_what_is_done_and_says_how_to_go_on(folder, processes):
    (folder / "slow_parts.py").write_text(SLOW_PARTS)
    (folder / "slow study.yaml").write_text(
        "{scenario: {cluster: {nodes: [{name: a}]}, job: {kind: 'slow_parts:Slow'}}, seeds: 1000}"
    )
    arguments = ["sweep", "slow study.yaml", "--db", "slow.db", "--plugin", "slow_parts", "--processes", processes]
    running = subprocess.Popen(
        [sys.executable, "-m", "simcluster", *arguments], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    done = _wait_for_runs(folder / "slow.db", running)

    began_s = time.monotonic()
    os.kill(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=30)
    took_s = time.monotonic() - began_s

    assert (running.returncode, out) == (130, "")
    assert took_s < 5  # a second where nothing else runs
    again = f"simcluster sweep 'slow study.yaml' --db slow.db --plugin slow_parts --processes {processes}"
    kept = len(open_study("slow.db").frame())
    assert kept >= done
    assert err == f"interrupted after {kept} of 1000 runs, which are kept in slow.db; go on with: {again}\n"


def _wait_for_runs(path, running):
    """How many runs there are, once there is one."""
    for _ in range(600):
        assert running.poll() is None, running.stderr.read()
        if path.exists() and (studies := _studies(path)):
            done, _ = Store(path, read=True).counts(studies[0][0])
            if done:
                return done
        time.sleep(0.1)
    raise AssertionError("no run was kept within a minute")


def _studies(path):
    try:
        return Store(path, read=True).studies()
    except ValueError:  # of the moment when it is made
        return []
