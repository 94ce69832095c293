import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from command_line_page import PAGE, page
from small_experiments import BESIDE_THE_DEMO

import simcluster
from simcluster import cli
from simcluster.cli.app import COMMANDS
from simcluster.cli.demo import EXPERIMENTS, experiment
from simcluster.scenario import versions

ROOT = Path(__file__).parent.parent.parent


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["simcluster", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr()
    return end.value.code, said.out, said.err


def test_the_version_is_told(monkeypatch, capsys):
    assert run(monkeypatch, capsys, "--version") == (0, f"simcluster {simcluster.__version__}\n", "")


@pytest.mark.parametrize("command", [None, *(name for name, *_ in COMMANDS)])
def test_every_help_fits_in_80_columns_and_ends_with_an_example(command, monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, *([command] if command else []), "--help")

    assert (code, err) == (0, "")
    assert out.startswith("Usage:")
    *_, head, example = out.rstrip().splitlines()
    assert head.strip() == "Example:"
    assert example.strip().startswith(f"simcluster {command or 'new'} ")
    assert [line for line in out.splitlines() if len(line) > 80 and "Usage" not in line and line != example] == []


def test_the_page_on_the_command_line_is_what_help_says(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    said, wanted = PAGE.read_text(encoding="utf-8"), page()

    words = re.compile(r"^## .*|(?<!\w)--?[a-z][a-z-]*|[A-Z]?[a-z]{2,}", re.MULTILINE)
    # Word by word: how they are laid out is up to the version of typer. python tests/command_line_page.py writes it.
    assert words.findall(said) == words.findall(wanted)


def test_help_imports_nothing_that_takes_long():
    program = (
        "import runpy, sys\nsys.argv = ['simcluster', '--help']\n"
        "try:\n    runpy.run_module('simcluster', run_name='__main__')\n"
        "except SystemExit:\n    print(*sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    imported = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    slow = {"numpy", "pandas", "scipy", "sklearn", "matplotlib", "networkx", "pydantic", "simpy", "yaml", "distributed"}
    assert {"simcluster", "typer"} <= imported
    assert not imported & slow


def test_without_a_command_it_says_what_there_is_to_do_and_nothing_else(monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys)

    assert (code, err) == (0, "")
    assert all(word in out for word in ("Usage:", "demo", "info"))


def test_python_m_is_the_same_command():
    done = subprocess.run([sys.executable, "-m", "simcluster", "--version"], capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, f"simcluster {simcluster.__version__}\n")


def test_in_a_clone_the_experiments_are_those_beside_the_package(monkeypatch):
    found = importlib.util.find_spec  # which whatever is imported meanwhile takes for itself
    hide = lambda name: None if name == "simcluster.experiments" else found(name)  # noqa: E731
    monkeypatch.setattr("importlib.util.find_spec", hide)

    assert type(experiment("consistency")).__name__ == "Experiment"
    assert experiment("consistency").figure.__module__ == "experiments.consistency"


def test_info_names_what_a_result_depends_on(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "info")

    assert code == 0
    assert all(word in out for word in (simcluster.__version__, "SimPy", "numpy", "Python"))


def test_info_is_json_for_programs(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "info", "--json")

    assert code == 0
    assert json.loads(out).items() >= versions().items()


@pytest.mark.slow
def test_every_example_runs_where_the_starter_files_are(folder, good, monkeypatch):
    compare = lambda study, column, metric, lower_is_better: (column, metric)  # noqa: E731
    monkeypatch.setattr("simcluster.study.StoredStudy.compare", compare, raising=False)
    good("new", "study")
    good("new", "history")

    for _, _, example in sorted(COMMANDS, key=lambda each: each[0] != "new"):  # the others need what it writes
        program, *arguments = shlex.split(example.partition(" > ")[0])
        assert program == "simcluster"
        if arguments[0] == "sweep":
            arguments += ["--seeds", "4"]
        if arguments[0] != "demo":
            good(*arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo", "--out", "FILE/below"], "error: out: must be a folder that can be written, got 'FILE/below'"),
        (["demo", "--out", ""], "error: Invalid value for '--out': must name a folder ('.' is"),
        (["demo", "--format", "gif"], "error: format: must be one of png, pdf, svg, got 'gif'"),
        (["demo", "--width", "poster"], "error: width: must be one of slide, column, got 'poster'"),
        (["demo", "--seed", "-1"], "error: seed: must be at least 0, got -1"),
        (["demo", "--sede", "1"], "error: No such option: --sede"),
        (["dmeo"], "error: No such command 'dmeo'. Did you mean 'demo'?"),
    ],
)
def test_what_a_user_gets_wrong_is_told_in_one_line_with_code_2(
    arguments, said, monkeypatch, capsys, tmp_path
):
    monkeypatch.chdir(tmp_path)
    Path("FILE").write_text("")

    code, _, err = run(monkeypatch, capsys, *arguments)

    assert code == 2
    assert err.startswith(said)
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "name", [*EXPERIMENTS, *(pytest.param(each, marks=pytest.mark.slow) for each in BESIDE_THE_DEMO)]
)
def test_an_experiment_refuses_a_folder_that_cannot_be_written(name, tmp_path):
    (tmp_path / "file").write_text("")

    done = subprocess.run(
        [sys.executable, ROOT / "experiments" / f"{name}.py", "--out", tmp_path / "file"],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: out: must be a folder that can be written")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_demo_gives_five_answers_with_their_pictures_and_tables(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "simcluster", "demo", "--out", tmp_path],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert [line for line in done.stdout.splitlines() if len(line) > 80 and str(tmp_path) not in line] == []
    for name in EXPERIMENTS:
        assert experiment(name).question in done.stdout.splitlines()
        assert f"  {tmp_path / name}.png" in done.stdout.splitlines()
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000
        assert len(pd.read_csv(tmp_path / f"{name}.csv")) > 10


STOPPED_BY_CTRL_C = """
import dataclasses, os, signal
from simcluster.experiments.consistency import experiment

calls = []

def measure(result):
    calls.append(result)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGINT)
    return experiment.measure(result)

dataclasses.replace(experiment, measure=measure).main()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal there")
def test_ctrl_c_ends_with_one_line_and_what_was_done_is_kept(tmp_path):
    command = [sys.executable, "-c", STOPPED_BY_CTRL_C, "--seeds", "5", "--processes", "1", "--out", tmp_path]

    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == "interrupted; the runs that were done are kept"
    assert "Traceback" not in done.stderr
    assert pd.read_csv(tmp_path / "consistency.csv")["seed"].unique().tolist() == [0, 1]
