"""Each wrong file gets one clear message, soon, and takes little memory, however much is in it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simcluster import load_scenario
from simcluster.scenario import InvalidFile
from tests.scenario.bad_scenarios import SAID

HERE = Path(__file__).parent.parent / "bad_scenarios"
SECONDS, MEGABYTES = 1.0, 200
MANY = 1_000_000


def test_there_is_a_message_for_each_file():
    assert sorted(path.name for path in HERE.iterdir()) == sorted(SAID)


@pytest.mark.parametrize("name", SAID)
def test_a_wrong_file_gets_one_clear_message_that_names_it(name):
    with pytest.raises(InvalidFile) as caught:
        load_scenario(HERE / name)

    said = str(caught.value)
    first, *_ = lines = said.splitlines()
    assert all(re.match(rf"{re.escape(str(HERE / name))}:(\d+:)? \S", line) for line in lines)
    assert len(lines) == len(set(lines))
    assert all(line.isprintable() and len(line) <= 1300 for line in lines)
    assert all(part in first for part in SAID[name])
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("name", [name for name in SAID if re.match(r"\d+: [\w.]+: ", SAID[name][0])])
def test_the_line_that_is_named_holds_the_field_or_the_value_that_has_no_such_field(name):
    line, field, *_ = SAID[name][0].split(": ")
    text = (HERE / name).read_text(encoding="utf-8").splitlines()[int(line) - 1]
    field = next(part for part in reversed(field.split(".")) if not part.isdigit())
    missing = "must be given" in SAID[name][0]

    assert missing or field in text or field in ("kind", "jobs", "hardware", "nodes", "cluster", "faults", "workers")


HUGE = {
    "keys.yaml": lambda: "\n".join(f"k{place}: {place}" for place in range(MANY)),
    "keys.json": lambda: "{" + ",".join(f'"k{place}": 1' for place in range(MANY)) + "}",
    "items.yaml": lambda: "faults:\n" + "- 1\n" * MANY,
    "items.json": lambda: '{"faults": [' + "1," * MANY + "1]}",
    "brackets.yaml": lambda: "a: " + "[" * MANY,
    "brackets.json": lambda: '{"a": ' + "[" * MANY,
    "braces.yaml": lambda: "{a: " * MANY,
    "dashes.yaml": lambda: "- " * MANY,
    "questions.yaml": lambda: "? " * MANY,
    "anchors.yaml": lambda: "".join(f"- &a{place} 1\n" for place in range(MANY)),
    "text.yaml": lambda: "horizon_s: " + "x" * 15_000_000,
    "text.json": lambda: '{"horizon_s": "' + "\\n" * 7_000_000 + '"}',
    "word.yaml": lambda: "uncaught_failure: " + "rais" * 3_000_000,
    "key.yaml": lambda: '? "' + "x" * 15_000_000 + '"\n: 1',
    "kind.json": lambda: '{"job": {"kind": "' + "training" * 1_000_000 + '"}}',
    "lines.yaml": lambda: "\n" * 15_000_000 + "a: 1",
    "comments.yaml": lambda: "#\n" * 7_000_000,
    "long.yaml": lambda: "#" * 17_000_000,
    "wrong_fields.yaml": lambda: "".join(f"k{place}: 1\n" for place in range(40_000)),
    "wrong_nodes.yaml": lambda: "cluster:\n  nodes:\n" + "    - {name: n, cores: x}\n" * 15_000,
    "wrong_faults.yaml": lambda: "faults:\n" + "  - {kind: crash_node, node: n}\n" * 15_000,
    "escapes.json": lambda: '{"a": "' + "\\u001b" * 2_000_000 + '"}',
}


@pytest.mark.slow
def test_huge_files_are_refused_soon_and_without_their_weight_in_memory(tmp_path):
    paths = [tmp_path / name for name in HUGE]
    for path, text in zip(paths, HUGE.values(), strict=True):
        path.write_text(text(), encoding="utf-8")

    command = [sys.executable, HERE.with_name("scenario") / "measured.py", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    found = dict(zip(HUGE, map(json.loads, done.stdout.splitlines()), strict=True))
    # Of the processor, not of the clock; half as much again on one that others keep busy.
    assert {name: seconds for name, (seconds, _, _) in found.items() if seconds > 1.5 * SECONDS} == {}
    assert {name: megabytes for name, (_, megabytes, _) in found.items() if megabytes > MEGABYTES} == {}
    for path in paths:
        said = found[path.name][2]
        assert said.startswith(f"{path}:")
        assert len(said) < 30_000


def test_what_is_no_file_that_can_be_read_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    for name, rule in {
        "pipe.yaml": "it must be a file, got what is no regular file",
        "folder.yaml": "it must be a file, got a directory",
        "nowhere.yaml": "it must be a file that can be read, got: No such file or directory",
        "nul\0.yaml": "it must be a file that can be read, got: ",
        "x" * 300 + ".yaml": "it must be a file that can be read, got: File name too long",
        "\x1b[31m.json": r"\x1b[31m.json: it must be a file that can be read",
    }.items():
        with pytest.raises(InvalidFile) as caught:
            load_scenario(tmp_path / name)
        assert rule in str(caught.value)
        assert str(caught.value).isprintable()


def test_an_error_has_twenty_lines_and_says_how_many_more_there_are(tmp_path):
    (tmp_path / "many.yaml").write_text("".join(f"k{place}: 1\n" for place in range(98)), encoding="utf-8")

    with pytest.raises(InvalidFile) as caught:
        load_scenario(tmp_path / "many.yaml")

    assert len(str(caught.value).splitlines()) == 21
    assert str(caught.value).endswith("many.yaml: and 80 more broken rules")  # cluster and job are missing too
