import json
from pathlib import Path

import pytest

from simcluster import Result, load_scenario, run
from simcluster.cli.new import STARTERS, starter

SCENARIOS = Path(__file__).parents[2] / "experiments" / "scenarios"


@pytest.fixture
def scenario(folder):
    (folder / "scenario.yaml").write_text(starter("scenario"))
    return folder / "scenario.yaml"


def test_run_prints_the_result_that_python_gives(scenario, good):
    ended = good("run", "scenario.yaml", "--seed", "3")

    assert ended.out == f"{run(load_scenario(scenario), 3)!r}\n"


def test_options_may_stand_before_what_is_run(scenario, good):
    assert good("run", "--seed", "3", "scenario.yaml").out == good("run", "scenario.yaml", "--seed", "3").out


def test_run_says_as_json_what_a_program_asks(scenario, good):
    told, result = good("run", "scenario.yaml", "--json").json, run(load_scenario(scenario), 0)

    assert told["metrics"] == result.metrics
    assert (told["seed"], told["ended"], told["digest"]) == (0, "finished", result.digest)
    assert told["versions"] == result.versions


def test_what_run_keeps_is_read_and_replayed(scenario, good):
    good("run", "scenario.yaml", "--seed", "2", "--out", "kept.zip", "--quiet")

    assert Result.load("kept.zip").seed == 2
    assert good("replay", "kept.zip").out.endswith("the same run as before, to the last bit of its records\n")
    assert good("replay", "kept.zip", "--json").json["same"] is True


def test_what_is_there_is_not_written_over_but_by_force(scenario, call, good):
    (scenario.parent / "kept.zip").write_text("mine")

    refused = call("run", "scenario.yaml", "--out", "kept.zip")

    assert (refused.code, refused.out) == (2, "")
    assert (scenario.parent / "kept.zip").read_text() == "mine"
    good("run", "scenario.yaml", "--out", "kept.zip", "--force", "--quiet")
    assert Result.load("kept.zip").seed == 0


def test_a_run_that_fails_ends_with_code_1_one_line_and_for_its_author_the_traceback(odd, call, good):
    good("run", "odd.yaml", "--plugin", "odd_parts", "--seed", "2")

    failed = call("run", "odd.yaml", "--plugin", "odd_parts", "--seed", "1")

    assert (failed.code, failed.out) == (1, "")
    assert 'raise RuntimeError("odd' in failed.err
    assert failed.err.splitlines()[-1].startswith("failed: RuntimeError: odd \\x1b[31mseed (in ")
    assert "\x1b" not in failed.err
    told = call("run", "odd.yaml", "--plugin", "odd_parts", "--seed", "1", "--json")
    assert (told.code, told.json["failed"]) == (1, "RuntimeError")


def test_numbers_that_json_does_not_have_are_words_in_it(capsys):
    from simcluster.cli.options import print_json

    print_json({"a": [float("inf"), -float("inf"), float("nan")], "b\x1b": (None, True, 1, 0.5, "ü\x1b")})

    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"a": ["Infinity", "-Infinity", "NaN"], "b\x1b": [None, True, 1, 0.5, "ü\x1b"]}
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "error: Missing argument 'FILE'."),
        (["run", "none.yaml"], "error: none.yaml: it must be a file that can be read"),
        (["run", "odd.yaml"], "error: odd.yaml:1: job.kind: kind may name only a module that is allowed"),
        (["run", "odd.yaml", "--plugin", "nobodys"], "error: plugin: must be a module that can be imported, got 'nob"),
        (["run", "odd.yaml", "--plugin", "odd_parts", "--seed", "-1"], "error: seed must be at least 0, got -1"),
        (["run", "odd.yaml", "--sede", "1"], "error: No such option: --sede"),
        (["run", "odd.yaml", "--seed", "x"], "error: Invalid value for '--seed'"),
        (["run", "odd\x1b[2J.yaml"], "error: odd\\x1b[2J.yaml: it must"),
        (["replay", "none.zip"], "error: none.zip: No such file or directory"),
        (["replay", "odd.yaml"], "error: path: must be a result as Result.save writes it"),
        (["replay", "odd.yaml", "--seed", "1"], "error: study, cell, seed: must be those of a database"),
        (["new", "scenari"], "error: new: must be one of scenario, study, script, history, got 'scenari' (did you"),
        (["new", "script", "odd.yaml"], "error: path: must end with .py, got 'odd.yaml'"),
        (["new", "scenario", "odd.yaml"], "error: odd.yaml: must not be there yet"),
        (["new", "scenario", "nowhere/a.yaml"], "error: nowhere/a.yaml: No such file or directory"),
    ],
)
def test_what_a_user_gets_wrong_is_one_line(odd, call, arguments, said):
    ended = call(*arguments)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(said)
    assert ended.err.count("\n") == 1


def test_a_file_of_data_that_is_nowhere_is_what_a_user_got_wrong(scenario, call):
    text = scenario.read_text()
    scenario.write_text(text.replace("{kind: bundled, name: digits}", "{kind: csv, path: nowhere.csv, target: y}"))

    ended = call("run", "scenario.yaml")

    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "error: path must name a file that there is, got 'nowhere.csv'\n"


def test_a_broken_model_s_file_is_what_a_user_got_wrong_by_the_rule_that_it_breaks(folder, call):
    service = (SCENARIOS / "model_service.yaml").read_text()
    (folder / "s.yaml").write_text(service.replace("experiments/scenarios/iris_model.json", "broken.npz"))
    for content, rule in (
        (b"PK", "it must be a whole .npz file, got 2 bytes that are none, or that are cut off"),
        (b"\x93NUMPY", "it must be a .npz file, got one of a single array (.npy)"),
    ):
        (folder / "broken.npz").write_bytes(content)

        ended = call("run", "s.yaml")

        said = f"path: must be a model as save_model writes it, got 'broken.npz' ({rule})"
        assert (ended.code, ended.out, ended.err) == (2, "", f"error: s.yaml:11: job.service.path: {said}\n")


def test_each_broken_rule_of_a_file_has_its_line(folder, call):
    (folder / "bad.yaml").write_text(
        "horizon_s: -1\nfautls: []\ncluster: {nodes: [{name: a}]}\njob: {kind: tarining}\n"
    )

    ended = call("run", "bad.yaml")

    assert ended.code == 2
    assert {line.removeprefix("error: ").split(": ")[0] for line in ended.err.splitlines()} == {
        "bad.yaml:1", "bad.yaml:2", "bad.yaml:4"
    }  # fmt: skip


@pytest.mark.parametrize("what", STARTERS)
def test_new_writes_what_its_own_words_run(what, folder, good, monkeypatch, capsys):
    import runpy
    import shlex

    told = good("new", what).out
    program, *arguments = shlex.split(told.partition("run it with: ")[2])

    if arguments[0] == "check":
        assert good(*arguments).out == "valid: 5 operations\n"
    elif program == "simcluster":
        ended = good(*arguments, "--quiet", *(["--processes", "1", "--seeds", "1"] if what == "study" else []))
        assert ended.out == ""
    else:
        assert program == "python"
        monkeypatch.setattr("simcluster.study.running.execution.cores", lambda: 1)
        runpy.run_path(arguments[0], run_name="__main__")
        assert "ended_s" in capsys.readouterr().out


@pytest.mark.parametrize("what", STARTERS)
def test_a_starter_keeps_to_80_columns_or_little_more(what):
    assert max(map(len, starter(what).splitlines())) <= 120
